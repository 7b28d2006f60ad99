//! How far documents agree with those of another mapping: `agreement FOLDER`, with files `<kind>/…<kind>….log` of Zeek's
//! records, one JSON object a line, and beside each a `….log-expected.json` with an array of documents. Prints a row for
//! each kind, and below it every field that differs. What is compared is what a search finds: with the other names and
//! the copies of the index template.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool of the command line")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tenantry_pipeline::records::dataset::Naming;
use tenantry_pipeline::records::identity::Identity;
use tenantry_pipeline::records::schema::searched;
use tenantry_pipeline::records::standardise::{Origin, Standard};
use tenantry_pipeline::records::timestamp::Timestamp;

/// Fields that need a database of places, networks or browsers, that hold the raw record, or that the other side names as
/// it likes.
const LEFT_OUT: &[&str] = &[
    ".geo.",
    ".as.",
    "user_agent.name",
    "user_agent.version",
    "user_agent.device.",
    "user_agent.os.",
    "event.original",
    "event.dataset",
    "event.ingested",
    "event.created",
    "ecs.version",
];

/// First parts of names that are not of the Elastic Common Schema, or of the other side's shipper.
const FOREIGN: &[&str] = &["zeek", "log", "input", "fileset", "service", "tags", "agent", "host", "cloud"];

fn main() {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let mut sums = (0, 0);
    for log in logs(Path::new(&folder)) {
        match compare(&log) {
            Ok((same, all, differences)) => {
                sums = (sums.0 + same, sums.1 + all);
                println!("{:60} {same:5} of {all:5}", log.display());
                differences.iter().for_each(|difference| println!("    {difference}"));
            }
            Err(cause) => eprintln!("{}: {cause}", log.display()),
        }
    }
    println!("{} of {} values agree", sums.0, sums.1);
}

fn logs(folder: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut logs = Vec::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "log") {
                logs.push(path);
            }
        }
    }
    logs.sort();
    logs
}

/// Values that agree, all values, and what differs.
fn compare(log: &Path) -> Result<(usize, usize, Vec<String>), String> {
    let expected = format!("{}-expected.json", log.display());
    let expected = std::fs::read(&expected).map_err(|error| format!("{expected}: {error}"))?;
    let expected: Value = serde_json::from_slice(&expected).map_err(|error| error.to_string())?;
    let expected = expected.get("expected").unwrap_or(&expected).as_array().cloned().unwrap_or_default();
    let records = std::fs::read_to_string(log).map_err(|error| error.to_string())?;
    let name = dataset(log);
    let (mut same, mut all, mut differences) = (0, 0, BTreeSet::new());
    for (record, expected) in records.lines().filter(|line| !line.trim().is_empty()).zip(expected) {
        let found = document(record, &name)?;
        let mut wanted = BTreeMap::new();
        flatten("", &expected, &mut wanted);
        for (field, wanted) in wanted {
            let first = field.split('.').next().unwrap_or_default();
            if FOREIGN.contains(&first) || LEFT_OUT.iter().any(|part| field.contains(part)) {
                continue;
            }
            all += 1;
            let found = found.get(&field).map(values).unwrap_or_default();
            if found == values(&wanted) {
                same += 1;
            } else {
                differences.insert(format!("{field}: {found:?}, expected {:?}", values(&wanted)));
            }
        }
    }
    Ok((same, all, differences.into_iter().collect()))
}

/// Zeek's name of a kind of log, of the folder that names it otherwise.
fn dataset(log: &Path) -> String {
    let names = log.iter().rev().filter_map(|part| part.to_str()).skip(1);
    let folder = names.into_iter().find(|part| !matches!(*part, "test" | "pipeline" | "_dev")).unwrap_or_default();
    match folder {
        "connection" => "conn".to_owned(),
        "signature" => "signatures".to_owned(),
        other => other.to_owned(),
    }
}

fn document(record: &str, dataset: &str) -> Result<BTreeMap<String, Value>, String> {
    let origin = Origin {
        identity: Identity::of("x"),
        sensor: None,
        names: Naming::default().of_key(dataset),
        written: 0,
        ingested: 0,
        oldest: i64::MIN,
        newest: i64::MAX,
    };
    let mut body = Vec::new();
    let written = Standard::new("acme").write(record.as_bytes(), record.as_bytes(), 0, &origin, &mut body);
    written.map_err(|reject| format!("{reject}: {record}"))?;
    let line = body.split(|byte| *byte == b'\n').nth(1).unwrap_or_default();
    let members: BTreeMap<String, Value> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    Ok(searched(members))
}

fn flatten(prefix: &str, value: &Value, out: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&path, value, out);
            }
        }
        // Lists of objects are searched by the values of each member.
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for item in items {
                let mut members = BTreeMap::new();
                flatten(prefix, item, &mut members);
                for (path, value) in members {
                    match out.entry(path).or_insert_with(|| Value::Array(Vec::new())) {
                        Value::Array(all) => all.push(value),
                        other => *other = value,
                    }
                }
            }
        }
        value => {
            out.insert(prefix.to_owned(), value.clone());
        }
    }
}

/// A field's values as a set; times to the millisecond, numbers by their value.
fn values(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(values).collect(),
        Value::Object(_) => {
            let mut members = BTreeMap::new();
            flatten("", value, &mut members);
            members.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
        }
        Value::String(text) => {
            let is_time = text.len() > 18 && text.contains('T');
            let time = is_time.then(|| Timestamp::parse(&format!("\"{text}\""))).flatten();
            let text = time.map_or_else(|| text.clone(), |time| format!("{}.{:03}", time.seconds, time.micros / 1000));
            BTreeSet::from([text])
        }
        Value::Number(number) => BTreeSet::from([number.as_f64().unwrap_or_default().to_string()]),
        other => BTreeSet::from([other.to_string()]),
    }
}
