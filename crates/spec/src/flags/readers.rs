//! Who reads which flag: the templates, by their own text, and the functions, by the list of keys that comes with them.

use std::sync::Arc;

use super::Reads;
use tenantry_base::Document;
use tenantry_base::finding::{Finding, Location, Source};

/// A place that reads a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    pub flag: String,
    /// Templates see structural flags, functions see those of run time.
    pub sees: Reads,
    pub location: Location,
}

/// What a template writes before a flag's key.
const PATH: &str = "shape.flags";

/// Every place of a template that reads a flag: `shape.flags["extended-retry"]` or `shape.flags.beta`.
pub fn template_reads(source: &Arc<Source>) -> Vec<Read> {
    let text = source.text.as_str();
    let found = text.match_indices(PATH).filter_map(|(at, _)| {
        let start = at + PATH.len();
        let (key, length) = key(&text[start..])?;
        let location = Location::new(Arc::clone(source), at..start + length);
        Some(Read { flag: key.to_owned(), sees: Reads::Structural, location })
    });
    found.collect()
}

/// The key at the start of what follows a path, and how long it is with its brackets.
fn key(rest: &str) -> Option<(&str, usize)> {
    let quote = |quote: char| {
        let inside = rest.strip_prefix('[')?.strip_prefix(quote)?;
        let key = inside.split(quote).next()?;
        Some((key, key.len() + 4))
    };
    let dotted = || {
        let inside = rest.strip_prefix('.')?;
        let length = inside.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inside.len());
        (length > 0).then(|| (&inside[..length], length + 1))
    };
    quote('"').or_else(|| quote('\'')).or_else(dotted)
}

/// The flags of the functions' list (`pipeline/flags.json`, a JSON list of keys).
///
/// # Errors
/// TN1002 when the text is no such list.
pub fn functions_reads(source: &Arc<Source>) -> Result<Vec<Read>, Finding> {
    let document = Document::parse(Arc::clone(source))?;
    let keys = document.value.as_array().map(|keys| keys.iter().map(serde_json::Value::as_str).collect());
    let keys: Option<Option<Vec<&str>>> = keys;
    let Some(keys) = keys.flatten() else {
        let message = format!("`{}` is no list of flags' keys", source.path.display());
        return Err(Finding::new(tenantry_base::finding::Code::TN1002, message).at(document.nearest("")));
    };
    let read = |(index, key): (usize, &str)| Read {
        flag: key.to_owned(),
        sees: Reads::Runtime,
        location: document.nearest(&format!("[{index}]")),
    };
    Ok(keys.into_iter().enumerate().map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Arc<Source> {
        Arc::new(Source { path: "t".into(), text: text.to_owned() })
    }

    #[test]
    fn a_template_reads_by_brackets_and_by_dots() {
        let text = "{% if shape.flags[\"a-b\"] %}\n  {% if shape.flags['c'] and shape.flags.d_e %}{{ shape.flags }}";
        let reported: Vec<(String, usize, usize)> = template_reads(&source(text))
            .into_iter()
            .map(|read| (read.flag, read.location.line, read.location.column))
            .collect();
        let said = |flag: &str, line, column| (flag.to_owned(), line, column);
        assert_eq!(reported, [said("a-b", 1, 7), said("c", 2, 9), said("d_e", 2, 30)]);
    }

    #[test]
    fn the_functions_list_is_a_list_of_texts() {
        let reads = functions_reads(&source("[\n  \"one\",\n  \"two\"\n]\n")).unwrap();
        assert_eq!(reads.iter().map(|read| read.flag.as_str()).collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(reads[1].location.line, 3);
        assert_eq!(functions_reads(&source("[1]")).unwrap_err().code.as_str(), "TN1002");
        assert_eq!(functions_reads(&source("{}")).unwrap_err().code.as_str(), "TN1002");
    }
}
