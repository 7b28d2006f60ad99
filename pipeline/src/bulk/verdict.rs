//! What an answer to a bulk request means for each of its items. Pure: every item is in exactly one set.
//!
//! The statuses are those of the OpenSearch documentation, "Bulk": an item has a status of its own, whatever the whole says.

use serde::Deserialize;

use crate::records::standardise::Reject;

/// What to do with the items of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Item by item; those in neither list are in the index.
    Items { rejected: Vec<(usize, Reject)>, again: Vec<usize> },
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
    let (mut rejected, mut again) = (Vec::new(), Vec::new());
    for (index, AnswerItem { create }) in items.into_iter().enumerate() {
        match create.status {
            // 409: an earlier run created it.
            200..=299 | 409 => {}
            408 | 429 | 500.. => again.push(index),
            status => rejected.push((index, refused(status, create.error))),
        }
    }
    Verdict::Items { rejected, again }
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
        let expected = Verdict::Items { rejected: vec![(2, refused)], again: vec![3, 4] };
        assert_eq!(decide(200, &answer(&[201, 409, 400, 429, 503]), 5), expected);
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
            let Verdict::Items { rejected, again } = decide(200, &answer(&statuses), statuses.len()) else {
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
