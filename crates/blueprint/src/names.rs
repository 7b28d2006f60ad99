//! Names that a stack gives to what it makes, within each service's limit.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use std::sync::Arc;
use tenantry_base::finding::{Location, Source};

use crate::model::Blueprint;

/// Hexadecimal digits of the hash at the end of a shortened name.
const HASH_DIGITS: usize = 8;

/// Whose names they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner<'a> {
    pub organisation: &'a str,
    pub tenant: &'a str,
    pub account: &'a str,
    pub region: &'a str,
}

impl Blueprint {
    /// The bytes of the file at which a route stands, or the nearest thing around it.
    pub fn span(&self, route: &str) -> std::ops::Range<usize> {
        self.document.nearest(route).span
    }

    /// The text of the file.
    pub fn text(&self) -> &str {
        &self.document.source.text
    }

    /// The file, as findings show it.
    pub fn source(&self) -> Arc<Source> {
        Arc::clone(&self.document.source)
    }

    /// Where a route (`watch.composite`) stands in the file, or the nearest part of it that does.
    pub fn place(&self, route: &str) -> Location {
        self.document.nearest(route)
    }

    /// Every name of a tenant's stack.
    pub fn names(&self, owner: Owner<'_>) -> BTreeMap<String, String> {
        let mut values = BTreeMap::from(
            [
                ("organisation", owner.organisation),
                ("tenant", owner.tenant),
                ("account", owner.account),
                ("region", owner.region),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let mut names = BTreeMap::new();
        for name in &self.names {
            let whole = filled_in(&name.value, &values);
            let value = name.longest.map_or_else(|| whole.clone(), |longest| fit(&whole, longest));
            values.insert(name.name.clone(), value.clone());
            names.insert(name.name.clone(), value);
        }
        names
    }
}

fn filled_in(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut parts = text.split("${");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        filled.push_str(values.get(name).map_or("", String::as_str));
        filled.push_str(rest);
    }
    filled
}

/// `name`, or its beginning and a hash of the whole where it is longer than `longest`: stable and unique.
pub fn fit(name: &str, longest: usize) -> String {
    if name.len() <= longest {
        return name.to_owned();
    }
    let mut end = longest.saturating_sub(HASH_DIGITS + 1);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let hash = Sha256::digest(name.as_bytes()).iter().take(HASH_DIGITS / 2).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    format!("{}-{hash}", name[..end].trim_end_matches('-'))
}
