//! The identity of a record: what it says, where in which key. The same record gets the same id each time it is seen, in
//! whichever upload, part or retry: a repeated or a growing upload under one key adds only what is new. A different record
//! gets another id, whatever else is equal.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// Bytes of an id: 128 bits. OpenSearch stores ids that are base64url without padding as the bytes they encode.
const BYTES: usize = 16;

/// Identities of the records of one key.
#[derive(Debug, Clone)]
pub struct Identity(Sha256);

impl Identity {
    /// Identities below `key`: a source's key behind its prefix.
    pub fn of(key: &str) -> Self {
        let mut digest = Sha256::new();
        digest.update(key.as_bytes());
        digest.update([0]);
        Self(digest)
    }

    /// Appends the id of the record at byte `offset` of its source: 22 characters.
    pub fn write(&self, offset: u64, record: &[u8], out: &mut Vec<u8>) {
        let mut digest = self.0.clone();
        digest.update(offset.to_be_bytes());
        digest.update(record);
        let digest = digest.finalize();
        let mut text = [0; BYTES.div_ceil(3) * 4];
        let bytes = digest.get(..BYTES).unwrap_or_default();
        let length = URL_SAFE_NO_PAD.encode_slice(bytes, &mut text).unwrap_or_default();
        out.extend_from_slice(text.get(..length).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_depends_on_key_place_and_content_and_on_nothing_else() {
        let id = |key: &str, offset, record: &[u8]| {
            let mut out = Vec::new();
            Identity::of(key).write(offset, record, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(id("a", 3, b"x"), id("a", 3, b"x"));
        for other in [id("b", 3, b"x"), id("a", 4, b"x"), id("a", 3, b"y")] {
            assert_ne!(id("a", 3, b"x"), other);
        }
        assert_eq!(id("a", 3, b"x").len(), 22);
    }
}
