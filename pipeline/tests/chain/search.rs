//! A search domain that answers as OpenSearch's documentation says: bulk with a status for each item, index templates,
//! lifecycle policies; and that is busy, slow, silent or down when told to.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Reply, Request, serve};

/// What happens to the next bulk requests, one each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Busy,
    /// Every second item is refused for now.
    HalfBusy,
    Slow,
    /// All is done, and the connection is closed without an answer.
    Silent,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) documents: BTreeMap<(String, String), Value>,
    /// How often an item was created that was there already.
    pub(crate) conflicts: usize,
    pub(crate) moods: Vec<Mood>,
    pub(crate) down: bool,
    pub(crate) settings: BTreeMap<String, Value>,
    /// Whether each request was signed for the service `es`.
    pub(crate) signed: Vec<bool>,
    /// Documents are only counted: for what is about the functions' time alone.
    pub(crate) counted: Option<usize>,
}

#[derive(Clone, Default)]
pub(crate) struct SearchDomain {
    pub(crate) state: Arc<Mutex<State>>,
}

impl SearchDomain {
    /// Starts it; its port.
    pub(crate) fn start(&self) -> u16 {
        let domain = self.clone();
        serve(move |request| domain.answer(&request))
    }

    fn answer(&self, request: &Request) -> Option<Reply> {
        let mut state = self.state.lock().unwrap();
        let signed = request.header("authorization").is_some_and(|value| {
            value.starts_with("AWS4-HMAC-SHA256")
                && value.contains("/eu-west-1/es/aws4_request")
                && value.contains("x-amz-content-sha256")
        });
        state.signed.push(signed);
        if state.down {
            return Some(Reply::new(503, "{\"error\":\"down\"}"));
        }
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", path) if path.starts_with("/_bulk?filter_path=") => bulk(state, request),
            ("GET", path) => {
                Some(state.settings.get(path).map_or(Reply::new(404, "{}"), |found| Reply::new(200, found.to_string())))
            }
            ("POST", path) if path.starts_with("/_plugins/_ism/") => Some(Reply::new(200, "{\"updated_indices\":0}")),
            ("PUT", path) => {
                let document = serde_json::from_slice(&request.body).unwrap();
                let path = path.split('?').next().unwrap().to_owned();
                state.settings.insert(path, document);
                Some(Reply::new(200, "{\"acknowledged\":true}"))
            }
            _ => Some(Reply::new(405, "{}")),
        }
    }
}

fn bulk(mut state: std::sync::MutexGuard<'_, State>, request: &Request) -> Option<Reply> {
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    let mut body = String::new();
    flate2::read::GzDecoder::new(&*request.body).read_to_string(&mut body).unwrap();
    let mood = state.moods.pop();
    if mood == Some(Mood::Busy) {
        return Some(Reply::new(429, "{\"error\":\"busy\"}"));
    }
    if let Some(counted) = &mut state.counted {
        let items = memchr::memchr_iter(b'\n', body.as_bytes()).count() / 2;
        *counted += items;
        let created = vec!["{\"create\":{\"status\":201}}"; items];
        return Some(Reply::new(200, format!("{{\"items\":[{}]}}", created.join(","))));
    }
    let lines: Vec<&str> = body.lines().collect();
    let items: Vec<Value> = lines
        .chunks(2)
        .enumerate()
        .map(|(index, pair)| {
            let busy = mood == Some(Mood::HalfBusy) && index % 2 == 1;
            let result = if busy {
                json!({ "status": 429, "error": { "type": "rejected_execution_exception" } })
            } else {
                create(&mut state, pair)
            };
            json!({ "create": result })
        })
        .collect();
    drop(state);
    match mood {
        Some(Mood::Slow) => thread::sleep(Duration::from_millis(300)),
        Some(Mood::Silent) => return None,
        _ => {}
    }
    Some(Reply::new(200, json!({ "items": items }).to_string()))
}

fn create(state: &mut State, pair: &[&str]) -> Value {
    let action: Value = serde_json::from_str(pair[0]).unwrap();
    let document: Value = serde_json::from_str(pair[1]).unwrap();
    let text = |name: &str| action["create"][name].as_str().unwrap().to_owned();
    if document.pointer("/unmapped/poison").is_some() {
        return json!({ "status": 400, "error": { "type": "mapper_parsing_exception", "reason": "failed to parse field [unmapped]" } });
    }
    if state.documents.insert((text("_index"), text("_id")), document).is_some() {
        state.conflicts += 1;
        return json!({ "status": 409, "error": { "type": "version_conflict_engine_exception", "reason": "exists" } });
    }
    json!({ "status": 201 })
}
