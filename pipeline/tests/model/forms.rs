//! Logs in every form that objects have: all of a log's records become documents or rejects, the same in each form, and no
//! field has two types. `FORMS_RECORDS` names a folder of gzipped logs; a table is printed of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};

use serde_json::Value;
use tenantry_pipeline::records::kinds::{self, Kind};

use crate::cases::{IN_2026, Outcome, Stack};

/// Records of three kinds; one of them has no time.
fn made() -> Vec<(String, Vec<u8>)> {
    let conn = |n: u32| {
        format!(
            r#"{{"ts":1700000000.{n:06},"uid":"C{n}","id.orig_h":"10.0.0.1","id.orig_p":{n},"id.resp_h":"192.0.2.1","id.resp_p":53,"proto":"udp"}}"#
        )
    };
    let dns = |n: u32| {
        let time = if n == 7 { "" } else { r#""ts":"2023-11-14T22:13:20.5Z","# };
        format!(r#"{{{time}"uid":"C{n}","query":"{n}.example","answers":["192.0.2.{}"],"note":{n}}}"#, n % 250)
    };
    let notice = |n: u32| format!(r#"{{"_path":"notice","ts":170000000{},"note":"Scan","x":[{n}]}}"#, n % 10);
    let lines = |line: &dyn Fn(u32) -> String| (1..300).map(|n| line(n) + "\n").collect::<String>().into_bytes();
    vec![("conn".to_owned(), lines(&conn)), ("dns".to_owned(), lines(&dns)), ("x".to_owned(), lines(&notice))]
}

fn given(folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let mut text = Vec::new();
        flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut text).unwrap();
        (path.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_owned(), text)
    };
    paths.iter().map(read).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn forms(text: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let (first, second) = text.split_at(text.len() / 2);
    let lines = || text.split_inclusive(|byte| *byte == b'\n');
    vec![
        ("plain", text.to_vec()),
        ("gzip", gzip(text)),
        ("37 gzip members", text.chunks(text.len() / 37 + 1).flat_map(gzip).collect()),
        ("zstd", zstd::encode_all(text, 3).unwrap()),
        ("two zstd frames", [first, second].iter().flat_map(|half| zstd::encode_all(*half, 3).unwrap()).collect()),
        ("CRLF", lines().flat_map(|line| [line.strip_suffix(b"\n").unwrap_or(line), b"\r\n"].concat()).collect()),
        ("no last line end", text.strip_suffix(b"\n").unwrap_or(text).to_vec()),
    ]
}

/// The type that a value has in JSON, that of its elements if it is a list; none for what fits every field.
fn type_of(value: &Value) -> Option<&'static str> {
    match value {
        Value::Null => None,
        Value::Bool(_) => Some("bool"),
        Value::Number(_) => Some("number"),
        Value::String(_) => Some("text"),
        Value::Array(values) => values.iter().find_map(type_of),
        Value::Object(_) => Some("object"),
    }
}

/// What a search domain would refuse, or type by chance: members that the index template does not know, and members of more
/// than one type.
fn conflicts(types: &BTreeMap<String, BTreeSet<&'static str>>) -> Vec<String> {
    let known: BTreeMap<String, Kind> = kinds::all().collect();
    let unknown =
        types.keys().filter(|name| !known.contains_key(*name)).map(|name| format!("{name}: not in the template"));
    let mixed = types.iter().filter(|(_, types)| types.len() > 1).map(|(name, types)| format!("{name}: {types:?}"));
    unknown.chain(mixed).collect()
}

fn texts(outcome: &Outcome) -> Vec<String> {
    let mut texts: Vec<String> = outcome.documents.iter().map(Value::to_string).collect();
    texts.sort_unstable();
    texts
}

#[tokio::test]
async fn in_every_form_records_are_documents_and_rejects_and_no_field_has_two_types() {
    let logs = std::env::var("FORMS_RECORDS").map_or_else(|_| made(), |folder| given(&folder));
    let mut types: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    let mut sums = [0; 4];
    println!("{:<16} {:>8} {:>10} {:>8} in each form", "kind", "records", "documents", "rejects");
    for (kind, text) in logs {
        let records =
            text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#")).count();
        let mut of_first: Option<(Vec<String>, usize)> = None;
        for (form, body) in forms(&text) {
            let mut stack = Stack::new();
            stack.retention_days = 36_500;
            let outcome = stack.put(&format!("probe-1/{kind}.log"), body, IN_2026).await;
            let (documents, rejects) = (outcome.documents.len(), outcome.rejects.len());
            assert_eq!(documents + rejects, records, "{kind}, {form}");
            let documents = texts(&outcome);
            match &of_first {
                None => {
                    for (name, value) in outcome.documents.iter().filter_map(Value::as_object).flatten() {
                        if !matches!(name.as_str(), "unmapped" | "overlong") {
                            types.entry(name.clone()).or_default().extend(type_of(value));
                        }
                    }
                    of_first = Some((documents, rejects));
                }
                Some(first) => assert_eq!((&documents, rejects), (&first.0, first.1), "{kind}, {form}"),
            }
        }
        let (documents, rejects) = of_first.map(|(documents, rejects)| (documents.len(), rejects)).unwrap();
        println!("{kind:<16} {records:>8} {documents:>10} {rejects:>8}");
        sums = [sums[0] + records, sums[1] + documents, sums[2] + rejects, sums[3] + 1];
    }
    let conflicts = conflicts(&types);
    println!("{:<16} {:>8} {:>10} {:>8}", format!("{} kinds", sums[3]), sums[0], sums[1], sums[2]);
    println!("{} fields, {} conflicts: {conflicts:?}", types.len(), conflicts.len());
    assert!(std::env::var("FORMS_RECORDS").is_ok() || conflicts.is_empty(), "{conflicts:?}");
}
