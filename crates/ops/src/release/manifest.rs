//! The manifest of a release: what its tag gives, digest by digest, as canonical JSON.
//!
//! The same tag gives the same bytes on any machine: nothing of the machine, the time or the person is in it.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::candidate::{Candidate, CandidateError, Folder};
use crate::deploy::stacks;
use tenantry_template::render::canonical;

/// Name and version of the stored format.
pub const SCHEMA: &str = "tenantry/manifest/v1";

/// Manifest of a release. Digests are SHA-256, lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name and version of the format.
    pub schema: String,
    /// Git tag.
    pub release: String,
    /// Commit of the tag.
    pub commit: String,
    /// Version of the tool that rendered it.
    pub tool: String,
    /// Digest of each template, by path.
    pub templates: BTreeMap<String, String>,
    /// Digest of each policy, by path.
    pub policies: BTreeMap<String, String>,
    /// Digest of the parsed flag catalogue.
    pub flags: String,
    /// Digest of `fleet.yaml`.
    pub fleet: String,
    /// Digest of each function's zip.
    pub functions: BTreeMap<String, String>,
    /// Digest of each tenant's rendered template, as in the outputs of its stack.
    pub tenants: BTreeMap<String, String>,
    /// Digest of each control plane's template by account and Region, without the link to the central sink, which is only
    /// known in a live central account.
    pub control_planes: BTreeMap<String, String>,
}

impl Manifest {
    /// The manifest of an opened release.
    pub fn of(candidate: &Candidate) -> Result<Self, CandidateError> {
        let name = &candidate.name;
        let digests = |folder| -> Result<BTreeMap<String, String>, CandidateError> {
            let sources = candidate.sources(folder);
            let sources = sources.map_err(|source| CandidateError::Files { release: name.clone(), source })?;
            let path = |path: &std::path::Path| path.to_string_lossy().replace('\\', "/");
            Ok(sources.iter().map(|source| (path(&source.path), sha256(source.text.as_bytes()))).collect())
        };
        let estate = &candidate.estate;
        let planes = stacks::control_planes(&candidate.renderer, &estate.fleet, &BTreeMap::new(), name)
            .map_err(|found| CandidateError::Findings { release: name.clone(), found })?;
        let planes = planes.into_iter().map(|plane| {
            let place = format!("{}/{}", plane.place.account, plane.place.region);
            (place, plane.digest)
        });
        let rendered = candidate.render(&candidate.tenants())?;
        let flags = serde_json::to_value(&estate.flags).unwrap_or_default();
        let functions = &candidate.functions;
        Ok(Self {
            schema: SCHEMA.to_owned(),
            release: name.clone(),
            commit: candidate.commit.as_ref().map(ToString::to_string).unwrap_or_default(),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            templates: digests(Folder::Templates)?,
            policies: digests(Folder::Rules)?,
            flags: sha256(canonical::to_string(&flags).as_bytes()),
            fleet: sha256(estate.fleet_source().text.as_bytes()),
            functions: functions
                .artifacts
                .iter()
                .map(|(function, artifact)| (function.clone(), artifact.sha256.clone()))
                .collect(),
            tenants: rendered.iter().map(|one| (one.tenant.name.to_string(), one.template.digest.clone())).collect(),
            control_planes: planes.collect(),
        })
    }

    /// Its bytes: canonical JSON and a line's end.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        Ok(format!("{}\n", canonical::to_string(&serde_json::to_value(self)?)))
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// A text that is no manifest of this version.
    pub fn parse(text: &str) -> Result<Self, String> {
        let manifest: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if manifest.schema == SCHEMA { Ok(manifest) } else { Err(format!("its schema is `{}`", manifest.schema)) }
    }

    /// What differs between what was cut (`self`) and what is rendered now, a line each; empty when nothing does.
    pub fn differences(&self, now: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let mut one = |what: &str, was: &str, is: &str| {
            if was != is {
                found.push(format!("{what}: `{was}` was cut, `{is}` is here"));
            }
        };
        one("release", &self.release, &now.release);
        one("commit (the tag has moved)", &self.commit, &now.commit);
        one("tool", &self.tool, &now.tool);
        one("flags", &self.flags, &now.flags);
        one("fleet.yaml", &self.fleet, &now.fleet);
        for (what, was, is) in [
            ("template", &self.templates, &now.templates),
            ("policy", &self.policies, &now.policies),
            ("function", &self.functions, &now.functions),
            ("tenant", &self.tenants, &now.tenants),
            ("control plane", &self.control_planes, &now.control_planes),
        ] {
            let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
            for name in names {
                let said =
                    |digests: &BTreeMap<String, String>| digests.get(name).cloned().unwrap_or("nothing".to_owned());
                one(&format!("{what} `{name}`"), &said(was), &said(is));
            }
        }
        found
    }
}

/// SHA-256 in lower case hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let one = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
        Manifest {
            schema: SCHEMA.to_owned(),
            release: "v1".to_owned(),
            commit: "c1".to_owned(),
            tool: "0.1.0".to_owned(),
            templates: one("templates/tenant.yaml.tera", "t"),
            policies: one("policies/a.guard", "p"),
            flags: "f".to_owned(),
            fleet: "e".to_owned(),
            functions: one("ingest", "i"),
            tenants: one("acme", "a"),
            control_planes: one("111122223333/eu-west-1", "k"),
        }
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written_and_its_keys_are_sorted() {
        let text = manifest().text().unwrap();
        assert_eq!(Manifest::parse(&text).unwrap(), manifest());
        assert!(text.starts_with(r#"{"commit":"c1","control_planes":"#) && text.ends_with("}\n"), "{text}");
        assert!(Manifest::parse(&text.replace("manifest/v1", "manifest/v9")).is_err());
        assert!(Manifest::parse(&text.replace("\"flags\"", "\"flag\"")).is_err());
    }

    #[test]
    fn every_part_that_differs_is_named() {
        assert_eq!(manifest().differences(&manifest()), Vec::<String>::new());
        let mut other = manifest();
        other.commit = "c2".to_owned();
        other.flags = "g".to_owned();
        other.tenants = [("bolt".to_owned(), "b".to_owned())].into();
        let found = manifest().differences(&other);
        assert_eq!(found.len(), 4, "{found:#?}");
        assert!(found[0].contains("moved") && found[3].contains("`bolt`: `nothing` was cut"), "{found:#?}");
    }
}
