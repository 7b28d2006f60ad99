//! Digests as people and names of AWS see them: SHA-256 in lower case hexadecimal.

use ring::digest::{SHA256, digest};

/// SHA-256 of bytes, 64 digits. By ring, whose assembly is as fast in a build that is not optimised: functions' zips have
/// tens of megabytes.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex(digest(&SHA256, bytes.as_ref()))
}

/// Bytes as lower case hexadecimal digits, two each.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_one_that_everybody_computes() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(hex([0, 10, 255]), "000aff");
    }
}
