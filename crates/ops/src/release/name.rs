//! Names of releases. They become tags, file names, keys of objects and outputs of stacks, so one rule holds for all.

/// The release of what is deployed from a work tree without a name.
pub const UNRELEASED: &str = "unreleased";

/// Names that the tool uses itself: what is deployed without a release, and the record of the latest roll, which lies
/// beside the releases' manifests.
const RESERVED: [&str; 2] = [UNRELEASED, "roll"];

/// A text that cannot be the name of a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRelease {
    #[error(
        "`{0}` is not a release name: up to 64 letters, digits, `.`, `-`, `_` and `+`, a letter or digit first, no `..`, \
         and neither `.` nor `.lock` last"
    )]
    Characters(String),
    #[error("`{0}` is a name that the tool uses itself")]
    Reserved(String),
}

/// Checks the name of a release that is a tag.
///
/// # Errors
/// Which part of the rule the name breaks.
pub fn tag(name: &str) -> Result<(), InvalidRelease> {
    // A subset of what git accepts. Source: git-check-ref-format(1).
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte);
    let valid = name.len() <= 64
        && name.bytes().all(allowed)
        && name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
        && !name.contains("..")
        && !name.ends_with('.')
        && !name.ends_with(".lock");
    if !valid {
        return Err(InvalidRelease::Characters(name.to_owned()));
    }
    // A file system that ignores case would mix them up as well.
    if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(InvalidRelease::Reserved(name.to_owned()));
    }
    Ok(())
}

/// Checks the name under which something is rendered: a tag's, or [`UNRELEASED`].
///
/// # Errors
/// As [`tag`].
pub fn rendered(name: &str) -> Result<(), InvalidRelease> {
    if name == UNRELEASED { Ok(()) } else { tag(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_of_a_tag_a_file_and_a_key_at_once() {
        for name in ["v1.4.0", "2026-11-24", "v1.0.0-rc.1+build", "a"] {
            assert_eq!((tag(name), rendered(name)), (Ok(()), Ok(())), "{name}");
        }
        for name in ["", "-v1", "../v1", "v1/2", "v1..2", "v 1", ".v1", "v1.", "v1.lock", "a\"b", "ä", "a\nb", "roll"]
        {
            assert!(tag(name).is_err() && rendered(name).is_err(), "{name}");
        }
        assert!(tag(&"v".repeat(65)).is_err());
        assert_eq!(rendered(UNRELEASED), Ok(()));
        for name in [UNRELEASED, "roll", "Roll"] {
            assert_eq!(tag(name), Err(InvalidRelease::Reserved(name.to_owned())));
        }
    }
}
