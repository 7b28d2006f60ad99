//! Pieces of JSON text.

/// Appends a string with its quotation marks.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if bytes.iter().all(|byte| plain(*byte)) {
        out.extend_from_slice(bytes);
    } else {
        for byte in bytes {
            match byte {
                b'"' | b'\\' => out.extend([b'\\', *byte]),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                byte if *byte < b' ' => {
                    let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or(b'0');
                    out.extend_from_slice(b"\\u00");
                    out.extend([digit(byte >> 4), digit(byte & 15)]);
                }
                byte => out.push(*byte),
            }
        }
    }
    out.push(b'"');
}

/// Whether the bytes are a number of JSON's grammar.
pub(super) fn is_number(bytes: &[u8]) -> bool {
    let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || whole > 1 && bytes.get(at) == Some(&b'0') {
        return false;
    }
    at += whole;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return false;
        }
        at += 1 + fraction;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at);
        if exponent == 0 {
            return false;
        }
        at += exponent;
    }
    at == bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn strings_are_read_back(text in "[ -~é\u{0}-\u{1f}\"\\\\]{0,30}") {
            let mut out = Vec::new();
            string(&text, &mut out);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }

        #[test]
        fn numbers_are_those_of_json(text in "-?[0-9]{0,3}(\\.[0-9]{0,3})?([eE][+-]?[0-9]{0,2})?") {
            let expected = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok() && !text.is_empty();
            prop_assert_eq!(is_number(text.as_bytes()), expected, "{}", text);
        }
    }
}
