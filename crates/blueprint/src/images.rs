//! Images of containers as blueprints name them. Source: OCI Distribution Specification, "Pulling manifests", for what names,
//! tags and digests are made of.

use std::fmt;
use std::str::FromStr;

/// `public.ecr.aws/docker/library/caddy:2.10-alpine@sha256:…`: a repository, and what of it. With a digest the tag says to
/// people what that is, and to machines nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// With the registry's host, if it is named.
    pub repository: String,
    pub tag: Option<String>,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: Option<String>,
}

impl Image {
    /// What a task definition takes: repository and digest, else as it is named. Source: Amazon ECS Developer Guide, "Task
    /// definition parameters", `image`, which has no form with both a tag and a digest.
    pub fn reference(&self) -> String {
        match &self.digest {
            Some(digest) => format!("{}@{digest}", self.repository),
            None => self.to_string(),
        }
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

impl FromStr for Image {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return Err("a digest is `sha256:` and 64 hexadecimal digits in lower case");
        }
        // A colon before the last slash belongs to the registry's port.
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            _ => (name, None),
        };
        let of = |text: &str, more: &str| text.chars().all(|one| one.is_ascii_alphanumeric() || more.contains(one));
        let named = repository.split('/').all(|part| !part.is_empty()) && of(repository, "._-/:");
        if !named || repository.rsplit('/').next().is_some_and(|last| last.chars().any(|one| one.is_ascii_uppercase()))
        {
            return Err("an image is named as `registry.example/repository:tag`");
        }
        if tag.is_some_and(|tag| tag.is_empty() || tag.len() > 128 || tag.starts_with(['.', '-']) || !of(tag, "._-")) {
            return Err("a tag has up to 128 letters, digits, `_`, `.` and `-`");
        }
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Ok(Self { repository: repository.to_owned(), tag: owned(tag), digest: owned(digest) })
    }
}

/// Whether a text is a digest as registries give them.
fn is_digest(text: &str) -> bool {
    let hex = |hex: &str| hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    text.strip_prefix("sha256:").is_some_and(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_taken_apart_and_referred_to_by_its_digest() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let check = |text: &str, repository: &str, tag: Option<&str>, reference: &str| {
            let image: Image = text.parse().unwrap();
            assert_eq!((image.repository.as_str(), image.tag.as_deref()), (repository, tag), "{text}");
            assert_eq!((image.to_string().as_str(), image.reference().as_str()), (text, reference));
        };
        check("caddy", "caddy", None, "caddy");
        check("registry.example:5000/a/b", "registry.example:5000/a/b", None, "registry.example:5000/a/b");
        check("registry.example:5000/a/b:1", "registry.example:5000/a/b", Some("1"), "registry.example:5000/a/b:1");
        check(&format!("r.example/a@{digest}"), "r.example/a", None, &format!("r.example/a@{digest}"));
        check(
            &format!("r.example/a:2.10-alpine@{digest}"),
            "r.example/a",
            Some("2.10-alpine"),
            &format!("r.example/a@{digest}"),
        );
    }

    #[test]
    fn what_no_registry_takes_is_refused() {
        for text in [
            "",
            "a b",
            "a/",
            "/a",
            "r.example/Upper",
            "a:",
            "a:-1",
            "a@sha256:12",
            "a@md5:1",
            "a:1@sha256:",
            "a:t{{ x }}",
        ] {
            assert!(text.parse::<Image>().is_err(), "{text}");
        }
        assert!(format!("a@sha256:{}", "0A".repeat(32)).parse::<Image>().is_err());
    }
}
