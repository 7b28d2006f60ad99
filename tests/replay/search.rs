//! A search domain in memory: each document once, or nobody there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tenantry_pipeline::bulk::send::{NoAnswer, Search};

#[derive(Clone, Default)]
pub(crate) struct Domain {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    documents: BTreeMap<(String, String), Value>,
    down: bool,
}

impl Domain {
    pub(crate) fn set_down(&self, down: bool) {
        self.state.lock().unwrap().down = down;
    }

    /// How often the record with each `event.id` is in an index.
    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for document in self.state.lock().unwrap().documents.values() {
            *counts.entry(document["event.id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        counts
    }
}

impl Search for Domain {
    async fn bulk(&self, body: &[&[u8]]) -> Result<(u16, bytes::Bytes), NoAnswer> {
        let body = body.concat();
        let mut state = self.state.lock().unwrap();
        if state.down {
            return Ok((503, "down".into()));
        }
        let lines: Vec<Value> =
            body.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        let items = lines.chunks(2).map(|pair| {
            let text = |name: &str| pair[0]["create"][name].as_str().unwrap().to_owned();
            let known = state.documents.insert((text("_index"), text("_id")), pair[1].clone()).is_some();
            json!({ "create": { "status": if known { 409 } else { 201 } } })
        });
        let items: Vec<Value> = items.collect();
        Ok((200, json!({ "items": items }).to_string().into()))
    }
}
