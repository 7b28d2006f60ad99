//! What a stack should be, and the names that follow from it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Ground;
use crate::cloud::{Access, Place};
use crate::digest::sha256;

/// One stack as git says it.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The tenant's name, or `control-plane`.
    pub tenant: String,
    pub ring: Option<String>,
    pub place: Place,
    pub access: Access,
    /// Name of the stack.
    pub stack: String,
    /// The template, canonical JSON.
    pub body: String,
    pub digest: String,
    pub release: String,
    /// Tags of the stack: identity only, since they propagate to every resource.
    pub tags: BTreeMap<String, String>,
    /// The bucket that holds what templates name; the first control plane has none yet.
    pub artifacts: Option<String>,
    /// What the template names in that bucket.
    pub uploads: Vec<Upload>,
}

/// An object that must exist before the stack does; its key names its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    pub key: String,
    pub content: UploadContent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadContent {
    Text(String),
    File(PathBuf),
}

impl Desired {
    /// Tags of a tenant's stack.
    pub fn identity(organisation: &str, tenant: &str) -> BTreeMap<String, String> {
        [("tenantry:estate", organisation), ("tenantry:tenant", tenant), ("tenantry:tool", "tenantry")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    /// How the names of all change sets to this release and digest start.
    pub fn change_set_prefix(&self) -> String {
        format!("tenantry-{}", hash(&[&self.release, &self.digest], 20))
    }

    /// Name of the change set from `ground` to this: the same for the same two, so that a run that was killed finds it.
    /// `triggers` are the alarms that guard it.
    pub fn change_set_name(&self, ground: &Ground, triggers: &str) -> String {
        let updated = ground.updated.map(|seconds| seconds.to_string()).unwrap_or_default();
        let tags: String = self.tags.iter().map(|(key, value)| format!("{key}={value};")).collect();
        format!("{}-{}", self.change_set_prefix(), hash(&[&updated, &tags, triggers], 8))
    }

    /// Key of the template in the artifacts bucket.
    pub fn template_key(&self) -> String {
        format!("templates/{}.json", hash(&[&self.body], 64))
    }
}

/// The first `digits` of the SHA-256 of texts, each ended by a zero.
pub(super) fn hash(texts: &[&str], digits: usize) -> String {
    let mut digest = sha256(texts.iter().flat_map(|text| [text, "\0"]).collect::<String>());
    digest.truncate(digits);
    digest
}
