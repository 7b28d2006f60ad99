//! Zeek's tab-separated logs: a header of `#` lines, then one line of columns for each record (Zeek documentation, "Zeek
//! Log Formats"). Each line becomes the JSON object that Zeek's own JSON writer makes of the same record.

use std::borrow::Cow;

use super::json;

/// What the header says so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tabular {
    separator: u8,
    set_separator: u8,
    empty: Vec<u8>,
    unset: Vec<u8>,
    path: Option<String>,
    fields: Vec<String>,
    types: Vec<String>,
}

impl Default for Tabular {
    fn default() -> Self {
        Self {
            separator: b'\t',
            set_separator: b',',
            empty: b"(empty)".to_vec(),
            unset: b"-".to_vec(),
            path: None,
            fields: Vec::new(),
            types: Vec::new(),
        }
    }
}

/// Whether a line begins a header.
pub fn begins_header(line: &[u8]) -> bool {
    line.starts_with(b"#separator") || line.starts_with(b"#fields")
}

impl Tabular {
    /// Takes a line that begins with `#`. Lines that say nothing about columns (`#open`, `#close`) change nothing.
    pub fn directive(&mut self, line: &[u8]) {
        if let Some(rest) = line.strip_prefix(b"#separator ") {
            self.separator = unescaped(rest).first().copied().unwrap_or(b'\t');
            return;
        }
        let mut words = line.split(|byte| *byte == self.separator);
        let (name, mut values) = (words.next().unwrap_or_default(), words);
        let texts = |values: &mut dyn Iterator<Item = &[u8]>| -> Vec<String> {
            values.map(|value| String::from_utf8_lossy(value).into_owned()).collect()
        };
        match name {
            b"#set_separator" => {
                self.set_separator = values.next().and_then(|value| value.first().copied()).unwrap_or(b',');
            }
            b"#empty_field" => self.empty = values.next().unwrap_or_default().to_vec(),
            b"#unset_field" => self.unset = values.next().unwrap_or_default().to_vec(),
            b"#path" => self.path = texts(&mut values).into_iter().next(),
            b"#fields" => {
                self.fields = texts(&mut values);
                self.types.clear();
            }
            b"#types" => self.types = texts(&mut values),
            _ => {}
        }
    }

    /// Whether there are columns to read lines with.
    pub fn has_fields(&self) -> bool {
        !self.fields.is_empty()
    }

    /// Appends the JSON object of a line.
    ///
    /// # Errors
    /// The line has more or fewer columns than the header.
    pub fn write(&self, line: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let columns = memchr::memchr_iter(self.separator, line).count() + 1;
        if columns != self.fields.len() {
            return Err(format!("the line has {columns} columns, its `#fields` header {}", self.fields.len()));
        }
        out.push(b'{');
        if let Some(path) = &self.path {
            out.extend_from_slice(b"\"_path\":");
            json::string(path, out);
        }
        for (index, value) in line.split(|byte| *byte == self.separator).enumerate() {
            if value == self.unset {
                continue;
            }
            let (Some(name), kind) = (self.fields.get(index), self.types.get(index).map_or("string", String::as_str))
            else {
                continue;
            };
            if out.last() != Some(&b'{') {
                out.push(b',');
            }
            json::string(name, out);
            out.push(b':');
            self.value(kind, value, out);
        }
        out.push(b'}');
        Ok(())
    }

    /// Columns whose names are hidden by `hides`, told the dataset and the column.
    pub fn hidden(&self, hides: impl Fn(&str, &str) -> bool) -> Vec<usize> {
        let path = self.path.as_deref().unwrap_or_default();
        let hidden = self.fields.iter().enumerate().filter(|(_, field)| hides(path, field));
        hidden.map(|(index, _)| index).collect()
    }

    /// The line with these columns masked.
    pub fn masked<'l>(&self, line: &'l [u8], hidden: &[usize]) -> Cow<'l, [u8]> {
        if hidden.is_empty() {
            return Cow::Borrowed(line);
        }
        let columns = line.split(|byte| *byte == self.separator).enumerate();
        let columns: Vec<&[u8]> = columns
            .map(|(index, value)| if hidden.contains(&index) && value != self.unset { b"(masked)" } else { value })
            .collect();
        Cow::Owned(columns.join(&self.separator))
    }

    fn value(&self, kind: &str, value: &[u8], out: &mut Vec<u8>) {
        let inner = kind.strip_prefix("set[").or_else(|| kind.strip_prefix("vector["));
        let Some(inner) = inner.and_then(|inner| inner.strip_suffix(']')) else {
            return self.scalar(kind, value, out);
        };
        out.push(b'[');
        if value != self.empty {
            for (index, item) in value.split(|byte| *byte == self.set_separator).enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                if item == self.unset {
                    out.extend_from_slice(b"null");
                } else {
                    self.scalar(inner, item, out);
                }
            }
        }
        out.push(b']');
    }

    fn scalar(&self, kind: &str, value: &[u8], out: &mut Vec<u8>) {
        match kind {
            "bool" if value == b"T" => out.extend_from_slice(b"true"),
            "bool" if value == b"F" => out.extend_from_slice(b"false"),
            "time" | "interval" | "double" | "count" | "int" | "port" if json::is_number(value) => {
                out.extend_from_slice(value);
            }
            // JSON has no infinity and nothing that is not a number.
            "interval" | "double" if matches!(value, b"nan" | b"-nan" | b"inf" | b"-inf") => {
                out.extend_from_slice(b"null");
            }
            _ if value == self.empty => out.extend_from_slice(b"\"\""),
            _ => {
                let bytes = unescaped(value);
                match std::str::from_utf8(&bytes) {
                    Ok(text) => json::string(text, out),
                    Err(_) => json::string(&String::from_utf8_lossy(value), out),
                }
            }
        }
    }
}

/// Zeek writes bytes that would break a line as `\x09`.
fn unescaped(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', value).is_none() {
        return Cow::Borrowed(value);
    }
    let (mut out, mut rest) = (Vec::with_capacity(value.len()), value);
    while let Some((first, tail)) = rest.split_first() {
        let code = (*first == b'\\' && tail.first() == Some(&b'x')).then(|| tail.get(1..3)).flatten();
        let coded = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        let byte;
        (byte, rest) = match coded {
            Some(byte) => (byte, tail.get(3..).unwrap_or_default()),
            None if *first == b'\\' && tail.first() == Some(&b'\\') => (b'\\', tail.get(1..).unwrap_or_default()),
            None => (*first, tail),
        };
        out.push(byte);
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn tabular(header: &str) -> Tabular {
        let mut tabular = Tabular::default();
        header.lines().for_each(|line| tabular.directive(line.as_bytes()));
        tabular
    }

    fn read(header: &str, line: &str) -> Value {
        let mut out = Vec::new();
        tabular(header).write(line.as_bytes(), &mut out).unwrap();
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_line_becomes_what_zeeks_json_writer_makes_of_it() {
        let header = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tdns\n\
            #fields\tts\tuid\tport\tAA\tanswers\tTTLs\tnote\trtt\tquery\n#types\ttime\tstring\tport\tbool\tvector[string]\tvector[interval]\tstring\tinterval\tstring";
        let line = "1795859415.857497\tC1\t53\tT\ta.example,b\\x2cc\t1.5,-\t(empty)\t-\t\\xc3\\xa9\"\\\\";
        let expected = json!({ "_path": "dns", "ts": 1_795_859_415.857_497_f64, "uid": "C1", "port": 53, "AA": true,
            "answers": ["a.example", "b,c"], "TTLs": [1.5, null], "note": "", "query": "é\"\\" });
        assert_eq!(read(header, line), expected);
        assert_eq!(read("#fields\ta\tb\n#types\tset[addr]\tdouble", "(empty)\tnan"), json!({ "a": [], "b": null }));
        assert_eq!(read("#separator ,\n#fields,a,b", "x,y"), json!({ "a": "x", "b": "y" }));
        assert_eq!(read("#fields\ta", "\\xff\\x"), json!({ "a": "\\xff\\x" }));
    }

    #[test]
    fn a_line_of_other_columns_says_so() {
        let error = tabular("#fields\ta\tb").write(b"x", &mut Vec::new()).unwrap_err();
        assert_eq!(error, "the line has 1 columns, its `#fields` header 2");
    }
}
