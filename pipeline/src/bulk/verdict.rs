//! What an answer to a bulk request means for each of its items. Pure: every item is in exactly one set.
//!
//! The statuses are those of the OpenSearch documentation, "Bulk": an item has a status of its own, whatever the whole says.

use serde::Deserialize;

use crate::records::standardise::Reject;

/// What to do with the items of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Item by item; those in neither list are in the index.
    Items {
        rejected: Vec<(usize, Reject)>,
        again: Vec<usize>,
        /// Items that were in the index before.
        repeated: u64,
        /// Why the first of `again` was not taken.
        cause: String,
    },
    /// Nothing is known of any item, or none was taken: send all again, later.
    AllAgain(String),
    /// Too large: send it in halves.
    Halve,
    /// The domain does not take such a request, however often it is sent.
    Refused(String),
}

/// The part of an answer that is asked for (`filter_path`).
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    items: Vec<AnswerItem>,
}

#[derive(Debug, Deserialize)]
struct AnswerItem {
    create: ItemResult,
}

#[derive(Debug, Deserialize)]
struct ItemResult {
    status: u16,
    #[serde(default)]
    error: Option<ItemError>,
}

#[derive(Debug, Deserialize)]
struct ItemError {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    reason: String,
}

/// Fields of the answer that [`decide`] reads.
pub const FILTER_PATH: &str = "items.*.status,items.*.error.type,items.*.error.reason";

/// Characters of a reason that are kept.
const REASON_MAX: usize = 500;

/// Types of errors that are about the document itself: it would be refused again, however long one waits (OpenSearch's
/// source: what its mappers, its parsers and its limits on documents throw). Every other error of an item goes by, or a
/// person has to see to it: blocks, shard limits, closed or missing indices, permissions, a node that has too much to do.
const DOCUMENT_ERRORS: &[&str] = &[
    "mapper_parsing_exception",
    "document_parsing_exception",
    "strict_dynamic_mapping_exception",
    "parsing_exception",
    "parse_exception",
    "x_content_parse_exception",
    "json_parse_exception",
    "illegal_argument_exception",
    "max_bytes_length_exceeded_exception",
    "number_format_exception",
    "date_time_parse_exception",
];

/// Words of errors that bear a document's type and are about the index: it is full, or not there as it should be. Lucene's
/// limit of documents in a shard, the limit of shards, of fields, and of indices that may be made.
const ABOUT_THE_INDEX: &[&str] = &[
    "number of documents in the index",
    "number of documents in the shard",
    "maximum shards open",
    "maximum normal shards open",
    "limit of total fields",
    "limit of mapping depth",
    "no write index is defined",
    "auto_create_index",
    "automatic index creation",
];

/// Decides over the answer to a request with `sent` items.
pub fn decide(status: u16, answer: &[u8], sent: usize) -> Verdict {
    match status {
        200 | 201 => decide_items(answer, sent),
        413 => Verdict::Halve,
        // Not yet permitted, or no longer: permissions and credentials arrive and expire by themselves.
        401 | 403 | 408 | 429 => Verdict::AllAgain(format!("status {status}: {}", excerpt(answer))),
        400..=499 => Verdict::Refused(format!("status {status}: {}", excerpt(answer))),
        _ => Verdict::AllAgain(format!("status {status}: {}", excerpt(answer))),
    }
}

fn decide_items(answer: &[u8], sent: usize) -> Verdict {
    let items = match serde_json::from_slice::<Answer>(answer) {
        Ok(answer) => answer.items,
        Err(error) => return Verdict::AllAgain(format!("the answer cannot be read: {error}")),
    };
    if items.len() != sent {
        return Verdict::AllAgain(format!("the answer is about {} items, {sent} were sent", items.len()));
    }
    let (mut rejected, mut again, mut repeated, mut cause) = (Vec::new(), Vec::new(), 0, None);
    for (index, AnswerItem { create }) in items.into_iter().enumerate() {
        match create.status {
            200..=299 => {}
            // An earlier run created it.
            409 => repeated += 1,
            status if is_about_the_document(status, create.error.as_ref()) => {
                rejected.push((index, refused(status, create.error)));
            }
            status => {
                again.push(index);
                cause.get_or_insert_with(|| refused(status, create.error).to_string());
            }
        }
    }
    Verdict::Items { rejected, again, repeated, cause: cause.unwrap_or_default() }
}

/// Whether it would be refused each time: decided by the error's type, not by the status alone.
fn is_about_the_document(status: u16, error: Option<&ItemError>) -> bool {
    let Some(error) = error else { return false };
    let reason = error.reason.to_lowercase();
    (status == 413)
        || status == 400
            && DOCUMENT_ERRORS.contains(&error.kind.as_str())
            && !ABOUT_THE_INDEX.iter().any(|words| reason.contains(words))
}

fn refused(status: u16, error: Option<ItemError>) -> Reject {
    match error {
        Some(ItemError { kind, mut reason }) if !kind.is_empty() => {
            truncate(&mut reason, REASON_MAX);
            Reject::Refused { kind, reason }
        }
        _ => Reject::Refused { kind: format!("status_{status}"), reason: String::new() },
    }
}

fn excerpt(answer: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(answer).into_owned();
    truncate(&mut text, REASON_MAX);
    text
}

/// Cuts a text to at most `bytes`, between characters.
pub fn truncate(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        let end = (0..=bytes).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn answer(statuses: &[u16]) -> Vec<u8> {
        let item = |status: &u16| match status {
            200..=299 => json!({ "create": { "status": status } }),
            _ => {
                json!({ "create": { "status": status, "error": { "type": "mapper_parsing_exception", "reason": "failed" } } })
            }
        };
        json!({ "items": statuses.iter().map(item).collect::<Vec<_>>() }).to_string().into_bytes()
    }

    #[test]
    fn each_item_has_its_own_verdict() {
        let refused = Reject::Refused { kind: "mapper_parsing_exception".to_owned(), reason: "failed".to_owned() };
        let cause = "mapper_parsing_exception: failed".to_owned();
        let expected = Verdict::Items { rejected: vec![(2, refused)], again: vec![3, 4], repeated: 1, cause };
        assert_eq!(decide(200, &answer(&[201, 409, 400, 429, 503]), 5), expected);
    }

    /// Statuses, types and reasons as OpenSearch 2.19 words them.
    #[test]
    fn what_goes_by_is_sent_again_and_only_a_documents_own_error_is_a_reject() {
        for (status, kind, reason, rejects) in [
            (400, "mapper_parsing_exception", "failed to parse field [source.ip] of type [ip]", true),
            (400, "illegal_argument_exception", "Document contains at least one immense term in field", true),
            (400, "strict_dynamic_mapping_exception", "mapping set to strict, dynamic introduction", true),
            (403, "cluster_block_exception", "index [zeek-conn] blocked by: [FORBIDDEN/8/index write (api)];", false),
            (403, "security_exception", "no permissions for [indices:data/write/bulk]", false),
            (
                400,
                "validation_exception",
                "this action would add [2] total shards, but this cluster currently has [1000]/[1000] maximum shards open;",
                false,
            ),
            (400, "illegal_argument_exception", "Number of documents in the index can't exceed [2147483519]", false),
            (400, "illegal_argument_exception", "Limit of total fields [2000] has been exceeded", false),
            (404, "index_not_found_exception", "no such index [zeek-conn]", false),
            (400, "index_closed_exception", "closed", false),
            (400, "an_exception_of_tomorrow", "?", false),
            (400, "", "", false),
            (500, "mapper_parsing_exception", "?", false),
        ] {
            let body =
                json!({ "items": [{ "create": { "status": status, "error": { "type": kind, "reason": reason } } }] });
            let Verdict::Items { rejected, again, .. } = decide(200, body.to_string().as_bytes(), 1) else {
                panic!("no verdict over the item");
            };
            assert_eq!((rejected.len(), again.len()), if rejects { (1, 0) } else { (0, 1) }, "{kind}: {reason}");
        }
    }

    #[test]
    fn an_answer_that_says_nothing_of_an_item_is_no_success() {
        let again = |verdict| assert!(matches!(verdict, Verdict::AllAgain(_)), "{verdict:?}");
        again(decide(200, &answer(&[201]), 2));
        again(decide(200, b"{\"items\":[{\"create\":{\"status\":201}}", 1));
        again(decide(200, b"{}", 1));
        again(decide(200, b"<html>", 1));
        again(decide(429, b"", 1));
        again(decide(502, b"", 1));
        again(decide(403, b"", 1));
    }

    #[test]
    fn what_would_be_refused_again_is_not_sent_again() {
        assert_eq!(decide(413, b"", 9), Verdict::Halve);
        assert!(matches!(decide(400, b"malformed", 9), Verdict::Refused(why) if why.contains("malformed")));
        assert!(matches!(decide(404, b"", 9), Verdict::Refused(_)));
    }

    proptest! {
        #[test]
        fn every_item_is_in_exactly_one_set(statuses in prop::collection::vec(100u16..600, 0..50)) {
            let Verdict::Items { rejected, again, .. } = decide(200, &answer(&statuses), statuses.len()) else {
                return Err(TestCaseError::fail("no verdict over the items"));
            };
            for (index, status) in statuses.iter().enumerate() {
                let sets = usize::from(rejected.iter().any(|(item, _)| *item == index)) + usize::from(again.contains(&index));
                let done = usize::from((200..300).contains(status) || *status == 409);
                prop_assert_eq!(sets + done, 1, "status {}", status);
            }
        }

        #[test]
        fn no_answer_makes_it_fall_over(status in any::<u16>(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            decide(status, &bytes, 3);
        }
    }
}
