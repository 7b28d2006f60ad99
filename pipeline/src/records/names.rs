//! Names within values: hosts with ports, distinguished names, and what Zeek and DNS call a thing as ECS calls it.

use std::borrow::Cow;

/// In lower case.
pub(super) fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) { text.to_ascii_lowercase().into() } else { text.into() }
}

/// A host and its port, of `example.org:8080`, `[2001:db8::1]:8080` and either alone.
pub(super) fn host_and_port(text: &str) -> (&str, Option<u16>) {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        return (host, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (text, None),
        },
        _ => (text, None),
    }
}

/// The parts of a URI of SIP (RFC 3261, section 19.1).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SipUri<'a> {
    pub scheme: &'a str,
    pub user: Option<&'a str>,
    pub host: &'a str,
    pub port: Option<u16>,
}

impl<'a> SipUri<'a> {
    /// Reads `sip:user@host:port;parameters?headers`.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        if !matches!(scheme, "sip" | "sips") {
            return None;
        }
        let (user, rest) = rest.split_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
        let end = rest.find([';', '?']).unwrap_or(rest.len());
        let (host, port) = host_and_port(rest.get(..end)?);
        // What stands behind a colon is a password.
        let user = user.map(|user| user.split(':').next().unwrap_or(user));
        (!host.is_empty()).then_some(Self { scheme, user, host, port })
    }
}

/// ECS's names of a distinguished name's attributes (RFC 4519).
const ATTRIBUTES: &[(&str, &str)] = &[
    ("C", "country"),
    ("CN", "common_name"),
    ("L", "locality"),
    ("O", "organization"),
    ("OU", "organizational_unit"),
    ("ST", "state_or_province"),
    ("S", "state_or_province"),
];

/// The values of a distinguished name (RFC 4514) by ECS's names, in the order of the text; attributes that ECS has no name
/// for are left out.
pub(super) fn distinguished(text: &str) -> Vec<(&'static str, Vec<String>)> {
    let mut parts: Vec<(&'static str, Vec<String>)> = Vec::new();
    for attribute in split_unescaped(text) {
        let Some((name, value)) = attribute.split_once('=') else { continue };
        let name = name.trim();
        let Some((_, part)) = ATTRIBUTES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else { continue };
        let value = unescaped(value.trim());
        match parts.iter_mut().find(|(known, _)| known == part) {
            Some((_, values)) if values.contains(&value) => {}
            Some((_, values)) => values.push(value),
            None => parts.push((part, vec![value])),
        }
    }
    parts
}

fn split_unescaped(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut is_escaped) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b',' | b'+' => {
                parts.push(text.get(from..at).unwrap_or_default());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(from..).unwrap_or_default());
    parts
}

/// Without the backslashes before special characters; pairs of hexadecimal digits stay as they are.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' || characters.peek().is_some_and(char::is_ascii_hexdigit) {
            out.push(character);
        } else if let Some(next) = characters.next() {
            out.push(next);
        }
    }
    out
}

/// The name of a class of DNS (IANA, "DNS CLASSes") by its number.
pub(super) fn dns_class(number: &str) -> Option<&'static str> {
    match number {
        "1" => Some("IN"),
        "3" => Some("CH"),
        "4" => Some("HS"),
        "254" => Some("NONE"),
        "255" => Some("ANY"),
        _ => None,
    }
}

/// The name that Go's `crypto/x509`, which ECS recommends, has for OpenSSL's.
pub(super) fn signature_algorithm(openssl: &str) -> Option<&'static str> {
    match openssl {
        "md2WithRSAEncryption" => Some("MD2-RSA"),
        "md5WithRSAEncryption" => Some("MD5-RSA"),
        "sha1WithRSAEncryption" | "sha-1WithRSAEncryption" => Some("SHA1-RSA"),
        "sha256WithRSAEncryption" => Some("SHA256-RSA"),
        "sha384WithRSAEncryption" => Some("SHA384-RSA"),
        "sha512WithRSAEncryption" => Some("SHA512-RSA"),
        "dsaWithSHA1" | "dsaWithSha1" => Some("DSA-SHA1"),
        "dsa_with_SHA256" | "dsaWithSha256" => Some("DSA-SHA256"),
        "ecdsa-with-SHA1" => Some("ECDSA-SHA1"),
        "ecdsa-with-SHA256" => Some("ECDSA-SHA256"),
        "ecdsa-with-SHA384" => Some("ECDSA-SHA384"),
        "ecdsa-with-SHA512" => Some("ECDSA-SHA512"),
        "ED25519" | "id-Ed25519" => Some("Ed25519"),
        _ => None,
    }
}

/// ECS `threat.indicator.type` (STIX 2.0) of a type of Zeek's Intelligence Framework, and where the indicator goes.
pub(super) fn indicator(zeek: &str, is_ipv6: bool) -> Option<(&'static str, Option<&'static str>)> {
    match zeek {
        "Intel::ADDR" if is_ipv6 => Some(("ipv6-addr", Some("threat.indicator.ip"))),
        "Intel::ADDR" => Some(("ipv4-addr", Some("threat.indicator.ip"))),
        "Intel::DOMAIN" => Some(("domain-name", Some("threat.indicator.url.domain"))),
        "Intel::URL" => Some(("url", Some("threat.indicator.url.full"))),
        "Intel::EMAIL" => Some(("email-addr", Some("threat.indicator.email.address"))),
        "Intel::FILE_NAME" => Some(("file", Some("threat.indicator.file.name"))),
        "Intel::FILE_HASH" => Some(("file", None)),
        "Intel::CERT_HASH" => Some(("x509-certificate", None)),
        "Intel::USER_NAME" => Some(("user-account", None)),
        "Intel::SOFTWARE" => Some(("software", None)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_from_their_ports() {
        for (text, host, port) in [
            ("example.org", "example.org", None),
            ("example.org:8080", "example.org", Some(8080)),
            ("example.org:x", "example.org:x", None),
            ("[2001:db8::1]:80", "2001:db8::1", Some(80)),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("2001:db8::1", "2001:db8::1", None),
            ("", "", None),
        ] {
            assert_eq!(host_and_port(text), (host, port), "{text}");
        }
    }

    #[test]
    fn uris_of_sip_have_parts() {
        let uri = SipUri { scheme: "sip", user: Some("a"), host: "b.example", port: Some(5060) };
        assert_eq!(SipUri::parse("sip:a:secret@b.example:5060;transport=udp?x=y"), Some(uri));
        let uri = SipUri { scheme: "sips", user: None, host: "b.example", port: None };
        assert_eq!(SipUri::parse("sips:b.example"), Some(uri));
        assert_eq!((SipUri::parse("tel:1"), SipUri::parse("sip:"), SipUri::parse("")), (None, None, None));
    }

    #[test]
    fn distinguished_names_have_parts_with_escapes_and_repetitions() {
        let text = r"CN=*.example.org,O=Example\, Inc.,OU=a+OU=b,DC=x,emailAddress=y,C=US,CN";
        let expected = [
            ("common_name", vec!["*.example.org"]),
            ("organization", vec!["Example, Inc."]),
            ("organizational_unit", vec!["a", "b"]),
            ("country", vec!["US"]),
        ];
        let found = distinguished(text);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for ((part, values), expected) in found.iter().zip(expected) {
            assert_eq!((*part, values.iter().map(String::as_str).collect::<Vec<_>>()), expected);
        }
        assert_eq!(distinguished(""), []);
        assert_eq!(distinguished(r"CN=a\"), [("common_name", vec!["a".to_owned()])]);
    }
}
