//! `tenantry rejects`: records that the tenant's functions could not use, by reason, and their way back.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};

use clap::Args;
use flate2::read::MultiGzDecoder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::replay::{Live, agreed, of_call, since, tenant_of};
use super::{Exit, Failure, Global, Output};
use tenantry_aws::cloud::s3::{self, Version};
use tenantry_aws::cloud::{CallError, sqs};
use tenantry_base::ids::TenantName;
use tenantry_blueprint::Rejects as Declared;
use tenantry_spec::estate::{self, Estate, Tenant};

/// Show rejected records by reason, and process their objects again once the fault is fixed.
///
/// Exit code 0: no objects are left; 2: objects with rejected records are left; 4: with `--replay`, some could not be
/// processed again or read.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tenantry rejects acme
  tenantry rejects acme --since 2h --replay")]
pub(super) struct Rejects {
    /// The tenant whose records were rejected.
    #[arg(value_name = "TENANT")]
    tenant: TenantName,
    /// Only files of rejects written since then: a timestamp (`2026-11-24T09:00:00Z`) or a duration ago (`2h`, `3d`).
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Maximum number of files of rejects to read in one run.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    limit: usize,
    /// Process the objects of the rejected records again. They are shown first.
    #[arg(long)]
    replay: bool,
    /// Redrive without asking for approval.
    #[arg(long, short, requires = "replay")]
    yes: bool,
}

/// Why records were rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
struct Reason {
    /// Code of the reject.
    code: String,
    /// Number of rejected records.
    records: usize,
    /// Reason of one of the records.
    example: String,
}

/// A source object with rejected records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
struct Origin {
    /// Object key of the source object.
    object: String,
    /// Number of rejected records.
    records: usize,
    /// Time of the latest rejection, RFC 3339.
    newest: String,
    /// Number of rejected records, by code.
    by_code: BTreeMap<String, usize>,
    /// Whether the object still exists.
    present: bool,
    /// Whether an event for the object was sent, so that it is processed again.
    replayed: bool,
    #[serde(skip)]
    files: Vec<Version>,
}

/// What the command answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Answer<'a> {
    /// Name of the tenant.
    tenant: &'a str,
    /// Rejected records by code.
    reasons: Vec<Reason>,
    /// Rejected records by source object.
    objects: Vec<Origin>,
    /// Number of reject files that were not read.
    unread: usize,
}

/// A line of a file of rejects.
#[derive(Debug, Deserialize)]
struct Line {
    code: String,
    #[serde(default)]
    reason: String,
}

/// Code of a line, or of a file, that cannot be read.
const UNREADABLE: &str = "unreadable";

/// Most bytes of one file of rejects, decompressed: some bulk requests.
const FILE_MAX: u64 = 256 << 20;

impl Rejects {
    /// Shows what was rejected and, where that is asked for, puts it back.
    pub(super) fn run(&self, global: &Global) -> Result<Exit, Failure> {
        let (estate, _) = estate::load(&global.estate);
        let (estate, tenant) = tenant_of(estate.as_ref(), &self.tenant)?;
        let since = since(self.since.as_deref())?;
        super::wait(self.rejects(estate, tenant, since, Output::new(global.output)))?
    }

    async fn rejects(
        &self,
        estate: &Estate,
        tenant: &Tenant,
        since: Option<jiff::Timestamp>,
        output: Output,
    ) -> Result<Exit, Failure> {
        let declared = estate.blueprint.rejects.as_ref().ok_or_else(|| {
            Failure::new("the blueprint does not say where rejected records are")
                .with_hint("declare it in `rejects` of templates/blueprint.yaml")
        })?;
        let live = Live::of(estate, tenant).await?;
        let bucket = live.need("bucket", &declared.bucket)?;
        let files = s3::versions(&live.session, &bucket, &declared.prefix).await.map_err(of_call)?;
        let files = files.into_iter().filter(|file| since.is_none_or(|since| file.modified >= since.as_second()));
        let (mut reasons, mut objects, mut read, mut unread) = (BTreeMap::new(), Vec::new(), 0, 0);
        for (object, files) in by_origin(files, declared) {
            // An object's files are read together, so that what is put back is what was shown.
            if read > 0 && read + files.len() > self.limit {
                unread += files.len();
                continue;
            }
            read += files.len();
            objects.push(origin(&live, &bucket, object, files, &mut reasons).await.map_err(of_call)?);
        }
        let mut reasons: Vec<Reason> = reasons.into_values().collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.records));
        let mut answer = Answer { tenant: tenant.name.as_str(), reasons, objects, unread };
        let (mut tried, mut failed) = (self.replay, None);
        if self.replay && answer.objects.iter().any(|object| object.present) {
            let queue = live.need("queue", &declared.queue)?;
            tried = agreed(self.yes, &format!("{}\nhave these objects processed again? [y/N] ", table(&answer)))?;
            if tried {
                failed = put_back(&live, &bucket, &queue, &mut answer.objects).await.err();
            }
        }
        output.show(&answer, text)?;
        failed.map_or_else(|| Ok(exit(&answer, tried)), |error| Err(of_call(error)))
    }
}

/// Files of rejects by the object that their records came from. A file's key is `<prefix><key of the object behind the
/// source's prefix>/<name>`.
fn by_origin(files: impl Iterator<Item = Version>, declared: &Declared) -> BTreeMap<String, Vec<Version>> {
    let mut found: BTreeMap<String, Vec<Version>> = BTreeMap::new();
    for file in files {
        let rest = file.key.strip_prefix(&declared.prefix).unwrap_or(&file.key);
        let object = rest.rsplit_once('/').map_or(rest, |(object, _)| object);
        found.entry(format!("{}{object}", declared.source)).or_default().push(file);
    }
    found
}

/// Reads an object's files of rejects, and whether the object is still there.
async fn origin(
    live: &Live,
    bucket: &str,
    object: String,
    files: Vec<Version>,
    reasons: &mut BTreeMap<String, Reason>,
) -> Result<Origin, CallError> {
    let mut by_code: BTreeMap<String, usize> = BTreeMap::new();
    for file in &files {
        // What has expired since it was listed has nothing to show.
        let Some(bytes) = s3::read_version(&live.session, bucket, file).await? else { continue };
        for Line { code, reason } in lines(&bytes) {
            *by_code.entry(code.clone()).or_default() += 1;
            let of_code = reasons.entry(code.clone());
            of_code.or_insert_with(|| Reason { code, records: 0, example: reason }).records += 1;
        }
    }
    let newest = files.iter().map(|file| file.modified).max().unwrap_or_default();
    let newest = jiff::Timestamp::from_second(newest).map(|at| at.to_string()).unwrap_or_default();
    let there = s3::versions(&live.session, bucket, &object).await?;
    let present = there.iter().any(|version| version.key == object);
    let records = by_code.values().sum();
    Ok(Origin { object, records, newest, by_code, present, replayed: false, files })
}

/// The lines of a file of rejects; one that cannot be read is a reject, too.
fn lines(bytes: &[u8]) -> Vec<Line> {
    let unreadable = |error: String| Line { code: UNREADABLE.to_owned(), reason: error };
    let mut found = Vec::new();
    for line in BufReader::new(MultiGzDecoder::new(bytes).take(FILE_MAX)).split(b'\n') {
        match line {
            Ok(line) => found.push(serde_json::from_slice(&line).unwrap_or_else(|error| unreadable(error.to_string()))),
            Err(error) => {
                found.push(unreadable(error.to_string()));
                break;
            }
        }
    }
    found
}

/// Has objects processed again: a message as of the bucket's event goes to the queue, then the files that were shown are
/// deleted. What is rejected again is written again, under versions of its own; what was indexed before is there once.
async fn put_back(live: &Live, bucket: &str, queue: &str, objects: &mut [Origin]) -> Result<(), CallError> {
    for object in objects.iter_mut().filter(|object| object.present) {
        sqs::send(&live.session, queue, &event(bucket, &object.object)).await?;
        object.replayed = true;
        for file in &object.files {
            s3::delete_version(&live.session, bucket, file).await?;
        }
    }
    Ok(())
}

/// The event of a bucket about an object. Source: Amazon S3 User Guide, "Event message structure": keys are URL-encoded.
fn event(bucket: &str, key: &str) -> String {
    let key: String = url::form_urlencoded::byte_serialize(key.as_bytes()).collect();
    json!({ "Records": [{ "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": { "bucket": { "name": bucket }, "object": { "key": key } } }] })
    .to_string()
}

/// `tried`: they were to be put back.
fn exit(answer: &Answer<'_>, tried: bool) -> Exit {
    let left = answer.unread > 0 || answer.objects.iter().any(|object| !object.replayed);
    match (left, tried) {
        (false, _) => Exit::Clean,
        (true, true) => Exit::Incomplete,
        (true, false) => Exit::Changes,
    }
}

fn table(answer: &Answer<'_>) -> String {
    let mut text = String::new();
    for Reason { code, records, example } in &answer.reasons {
        let _infallible = writeln!(text, "{records:>9}  {code}\n           {example}");
    }
    text.push('\n');
    for object in &answer.objects {
        let codes: Vec<String> = object.by_code.iter().map(|(code, records)| format!("{records} {code}")).collect();
        let end = match (object.present, object.replayed) {
            (_, true) => "; put back",
            (true, false) => "",
            (false, false) => "; the object is gone, so they cannot be put back",
        };
        let _infallible = writeln!(text, "{}  {}  {}{end}", object.newest, object.object, codes.join(", "));
    }
    text
}

fn text(answer: &Answer<'_>) -> String {
    if answer.objects.is_empty() && answer.unread == 0 {
        return format!("no record of {} is rejected\n", answer.tenant);
    }
    let records: usize = answer.objects.iter().map(|object| object.records).sum();
    let replayed: usize = answer.objects.iter().filter(|object| object.replayed).map(|object| object.records).sum();
    let end = if replayed == 0 { "; `--replay` puts them back" } else { "" };
    let mut text = table(answer);
    if answer.unread > 0 {
        let _infallible = writeln!(text, "{} more files of rejects were not read (`--limit`)", answer.unread);
    }
    let _infallible = writeln!(
        text,
        "\n{records} rejected records of {} in {} objects, {replayed} put back{end}",
        answer.tenant,
        answer.objects.len()
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn file(key: &str) -> Version {
        Version { key: key.to_owned(), id: "1".to_owned(), modified: 1_796_000_000 }
    }

    fn declared() -> Declared {
        let text = |text: &str| text.to_owned();
        Declared { bucket: text("B"), prefix: text("rejects/"), source: text("in/"), queue: text("Q") }
    }

    #[test]
    fn files_belong_to_the_object_that_their_key_names() {
        let files = ["rejects/s/conn.log/0a-00.jsonl.gz", "rejects/s/conn.log/0a-ff.jsonl.gz", "rejects/odd"].map(file);
        let found = by_origin(files.into_iter(), &declared());
        let found: Vec<_> = found.iter().map(|(object, files)| (object.as_str(), files.len())).collect();
        assert_eq!(found, [("in/odd", 1), ("in/s/conn.log", 2)]);
    }

    #[test]
    fn what_cannot_be_read_is_counted_as_such() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"{\"code\":\"no-time\",\"reason\":\"no ts\",\"offset\":7}\nno json\n").unwrap();
        let whole = encoder.finish().unwrap();
        let codes = |bytes: &[u8]| lines(bytes).into_iter().map(|line| line.code).collect::<Vec<_>>();
        assert_eq!(codes(&whole), ["no-time", UNREADABLE]);
        assert!(codes(&whole[..whole.len() - 9]).contains(&UNREADABLE.to_owned()));
        assert_eq!(codes(b"no gzip"), [UNREADABLE]);
    }

    #[test]
    fn an_event_names_its_object_as_s3_does() {
        let event: serde_json::Value = serde_json::from_str(&event("b", "in/a b+c/conn.log")).unwrap();
        assert_eq!(event.pointer("/Records/0/s3/object/key"), Some(&json!("in%2Fa+b%2Bc%2Fconn.log")));
    }

    #[test]
    fn the_exit_code_says_whether_something_is_left() {
        let origin = |present, replayed| Origin {
            object: "in/a".to_owned(),
            records: 3,
            newest: String::new(),
            by_code: BTreeMap::new(),
            present,
            replayed,
            files: Vec::new(),
        };
        let answer = |objects, unread| Answer { tenant: "acme", reasons: Vec::new(), objects, unread };
        assert_eq!(exit(&answer(vec![], 0), true), Exit::Clean);
        assert_eq!(exit(&answer(vec![origin(true, false)], 0), false), Exit::Changes);
        assert_eq!(exit(&answer(vec![origin(true, true)], 0), true), Exit::Clean);
        assert_eq!(exit(&answer(vec![origin(true, true), origin(false, false)], 0), true), Exit::Incomplete);
        assert_eq!(exit(&answer(vec![origin(false, false)], 0), true), Exit::Incomplete);
        assert_eq!(exit(&answer(vec![origin(true, true)], 2), true), Exit::Incomplete);
    }
}
