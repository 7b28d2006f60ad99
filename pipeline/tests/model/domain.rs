//! A search domain in memory, with faults: busy, refusing, silent after it took everything.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::{Value, json};
use tenantry_pipeline::bulk::send::{NoAnswer, Search};

use crate::tally::TALLY;

#[derive(Clone)]
pub(crate) struct Domain {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    documents: BTreeMap<(String, String), Value>,
    random: fastrand::Rng,
    /// Faults in a thousand requests, and in a thousand items.
    faults: u32,
    down: bool,
}

impl Domain {
    pub(crate) fn new(seed: u64, faults: u32) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self { inner: Arc::new(Mutex::new(Inner { documents: BTreeMap::new(), random, faults, down: false })) }
    }

    pub(crate) fn heal(&self) {
        self.inner.lock().unwrap().faults = 0;
    }

    pub(crate) fn down(&self, down: bool) {
        self.inner.lock().unwrap().down = down;
    }

    pub(crate) fn documents(&self) -> Vec<Value> {
        self.inner.lock().unwrap().documents.values().cloned().collect()
    }
}

impl Search for Domain {
    async fn bulk(&self, body: &[&[u8]]) -> Result<(u16, Bytes), NoAnswer> {
        let body = body.concat();
        let mut inner = self.inner.lock().unwrap();
        if inner.down {
            return Ok((503, Bytes::new()));
        }
        let fault = TALLY.fault(inner.random.u32(0..1000) < inner.faults);
        let which = inner.random.u32(0..6);
        match (fault, which) {
            (true, 0) => return Ok((429, Bytes::new())),
            // One record alone is never too large here: two runs would differ over it.
            (true, 1) if body.iter().filter(|byte| **byte == b'\n').count() > 2 => return Ok((413, Bytes::new())),
            (true, 2) => return Err(NoAnswer("reset".to_owned())),
            (true, 3) => return Ok((404, Bytes::from_static(b"no such thing, for now"))),
            _ => {}
        }
        let items = inner.take(&body);
        match (fault, which) {
            // It took everything, and nobody heard.
            (true, 4) => Err(NoAnswer("reset after the work".to_owned())),
            (true, _) => Ok((200, Bytes::from_static(b"{\"items\":[{\"create\":"))),
            (false, _) => Ok((200, Bytes::from(json!({ "items": items }).to_string()))),
        }
    }
}

impl Inner {
    fn take(&mut self, body: &[u8]) -> Vec<Value> {
        let mut lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let mut items = Vec::new();
        while let (Some(action), Some(document)) = (lines.next(), lines.next()) {
            let action: Value = serde_json::from_slice(action).expect("an action is JSON");
            let document: Value = serde_json::from_slice(document).expect("a document is JSON");
            items.push(json!({ "create": self.create(&action["create"], document) }));
        }
        assert!(lines.next().is_none(), "lines come in pairs");
        items
    }

    fn create(&mut self, action: &Value, document: Value) -> Value {
        let text = |name: &str| action[name].as_str().expect("an action names index and id").to_owned();
        let place = (text("_index"), text("_id"));
        if document.pointer("/unmapped/poison").is_some() {
            return json!({ "status": 400, "error": { "type": "mapper_parsing_exception", "reason": "poison" } });
        }
        if TALLY.fault(self.random.u32(0..1000) < self.faults) {
            return json!({ "status": 429, "error": { "type": "rejected_execution_exception", "reason": "busy" } });
        }
        if self.documents.contains_key(&place) {
            return json!({ "status": 409, "error": { "type": "version_conflict_engine_exception", "reason": "exists" } });
        }
        self.documents.insert(place, document);
        json!({ "status": 201 })
    }
}
