//! Names of parts. A name says which bytes of which object a part holds, so that a second run overwrites and never
//! duplicates, and so that every record has an identity: (object, byte).

use sha2::{Digest as _, Sha256};

use super::cutter::Reason;

/// Digits of an identity: 80 bits.
const IDENTITY_DIGITS: usize = 20;

/// S3 allows 1,024 bytes in a key (Amazon S3 User Guide, "Naming Amazon S3 objects").
const REST_MAX: usize = 900;

/// An object that is split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The key behind the source prefix; where that is too long for a part's key, a digest of it.
    rest: String,
    /// A digest of the key and the entity tag: each upload has parts of its own, so that one never overwrites those of
    /// another. That its records are the same as another's is for [`crate::records::identity`] to say.
    pub identity: String,
}

impl Source {
    /// The source with this `key`, of which `rest` is behind the prefix, and this entity tag.
    pub fn new(key: &str, rest: &str, etag: &str) -> Self {
        let mut digest = Sha256::new();
        digest.update(key.as_bytes());
        digest.update([0]);
        digest.update(etag.as_bytes());
        let rest = if rest.len() > REST_MAX { hex(&Sha256::digest(rest), 64) } else { rest.to_owned() };
        Self { rest, identity: hex(&digest.finalize(), IDENTITY_DIGITS) }
    }

    /// Key of the part that begins at byte `start`.
    pub fn part_key(&self, prefix: &str, start: u64) -> String {
        format!("{prefix}{}/{}-{start:012x}", self.rest, self.identity)
    }

    /// Key of what was set aside from byte `start`.
    pub fn aside_key(&self, prefix: &str, start: u64, reason: Reason) -> String {
        format!("{prefix}{}/{}-{start:012x}-{}", self.rest, self.identity, reason.as_str())
    }
}

/// What a part's key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartName {
    /// The source's key behind its prefix.
    pub rest: String,
    pub identity: String,
    /// Byte of the source, after decompression, at which the part begins.
    pub start: u64,
}

impl PartName {
    /// Reads the key of a part; `None` if it is none.
    pub fn parse(prefix: &str, key: &str) -> Option<Self> {
        let (rest, name) = key.strip_prefix(prefix)?.rsplit_once('/')?;
        let (identity, start) = name.split_once('-')?;
        let sound = identity.len() == IDENTITY_DIGITS && identity.bytes().all(|byte| byte.is_ascii_hexdigit());
        let start = u64::from_str_radix(start, 16).ok()?;
        sound.then(|| Self { rest: rest.to_owned(), identity: identity.to_owned(), start })
    }

    /// The source's key behind its prefix, or a digest of it where that was too long.
    pub fn source(&self) -> &str {
        &self.rest
    }

    /// The first directory of the source's key: the sensor that uploaded it.
    pub fn sensor(&self) -> Option<&str> {
        self.rest.split_once('/').map(|(sensor, _)| sensor)
    }
}

fn hex(bytes: &[u8], digits: usize) -> String {
    let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.truncate(digits);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_name_is_read_back() {
        let source = Source::new("in/probe-1/conn.log.gz", "probe-1/conn.log.gz", "\"abc\"");
        let key = source.part_key("parts/", 0x1234);
        let name = PartName::parse("parts/", &key).unwrap();
        assert_eq!(
            (name.identity.as_str(), name.start, name.sensor()),
            (source.identity.as_str(), 0x1234, Some("probe-1"))
        );
        for other in ["in/a/b", "parts/a", "parts/a/b-0", "parts/a/0123456789abcdef0123-xyz"] {
            assert_eq!(PartName::parse("parts/", other), None, "{other}");
        }
    }

    #[test]
    fn each_upload_has_parts_of_its_own() {
        let source = |key, etag| Source::new(key, "x", etag).identity;
        assert_eq!(source("a", "1"), source("a", "1"));
        assert_ne!(source("a", "1"), source("b", "1"));
        assert_ne!(source("a", "1"), source("a", "2"));
    }

    #[test]
    fn a_key_stays_within_the_limit_of_s3() {
        let long = "x".repeat(1000);
        assert!(Source::new(&long, &long, "").aside_key("aside/", u64::MAX, Reason::Undecodable).len() <= 1024);
    }
}
