//! The files that a tenant's parameters name: read, held against what the blueprint says of them, and compared over the
//! fleet.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::certificate::{self, Authority, CaBundle, RevocationList};
use super::check::Said;
use super::{Estate, Tenant};
use tenantry_base::digest::sha256;
use tenantry_base::document::read_source;
use tenantry_base::finding::{Code, Finding};
use tenantry_blueprint::{Blueprint, FileFormat, FileRule};

/// A file that a parameter names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum File {
    Authority(CaBundle),
    Revocations(RevocationList),
    Any { text: String, sha256: String },
}

impl File {
    /// Its text; line ends of certificates are `\n`.
    pub fn text(&self) -> &str {
        match self {
            Self::Authority(bundle) => &bundle.pem,
            Self::Revocations(list) => &list.pem,
            Self::Any { text, .. } => text,
        }
    }

    /// SHA-256 of the text, in lower case hex.
    pub fn sha256(&self) -> &str {
        match self {
            Self::Authority(bundle) => &bundle.sha256,
            Self::Revocations(list) => &list.sha256,
            Self::Any { sha256, .. } => sha256,
        }
    }

    /// Key of its object in the artifacts bucket.
    pub fn key(&self) -> String {
        match self {
            Self::Authority(bundle) => bundle.key(),
            Self::Revocations(list) => list.key(),
            Self::Any { sha256, .. } => format!("files/{sha256}"),
        }
    }

    pub(super) fn authorities(&self) -> Option<&Arc<[Authority]>> {
        match self {
            Self::Authority(bundle) => Some(&bundle.authorities),
            Self::Revocations(_) | Self::Any { .. } => None,
        }
    }
}

/// Where a tenant's files lie, and what its file says.
#[derive(Clone, Copy)]
pub(super) struct Folder<'a> {
    /// The folder of the tenant's file.
    pub(super) folder: &'a Path,
    pub(super) root: &'a Path,
    pub(super) merged: &'a Value,
}

impl Folder<'_> {
    /// The files that a tenant's parameters name, and the route of each with what is wrong with it.
    pub(super) fn read(self, blueprint: &Blueprint) -> (BTreeMap<String, File>, Vec<(String, String)>) {
        let (mut files, mut faults) = (BTreeMap::new(), Vec::new());
        // Whose a revocation list is, is not known without the authority.
        let (lists, others): (Vec<_>, Vec<_>) =
            blueprint.files().partition(|rule| matches!(rule.format, FileFormat::Revocations { .. }));
        for rule in others.into_iter().chain(lists) {
            let pointer = format!("/{}", rule.path.replace('.', "/"));
            let Some(named) = self.merged.pointer(&pointer).and_then(Value::as_str) else { continue };
            match self.path(named).and_then(|path| self.one(rule, &path, &files)) {
                Ok(Some(file)) => drop(files.insert(rule.path.to_owned(), file)),
                Ok(None) => {}
                Err(fault) => faults.push((rule.path.to_owned(), fault)),
            }
        }
        (files, faults)
    }

    /// One file; none where the authority that it belongs to could not be read.
    fn one(self, rule: FileRule<'_>, path: &Path, read: &BTreeMap<String, File>) -> Result<Option<File>, String> {
        let shown = path.strip_prefix(self.root).unwrap_or(path).to_owned();
        Ok(Some(match rule.format {
            FileFormat::Authority { most, .. } => {
                let most = most.and_then(|most| usize::try_from(most).ok());
                File::Authority(certificate::bundle(path, shown, most)?)
            }
            FileFormat::Revocations { authority } => {
                let authority = authority.and_then(|path| read.get(path)).and_then(File::authorities);
                let Some(authorities) = authority else { return Ok(None) };
                File::Revocations(certificate::revocation_list(path, shown, authorities)?)
            }
            FileFormat::Any => {
                let text = read_source(path, shown).map_err(|finding| finding.message)?.text;
                let sha256 = sha256(&text);
                File::Any { text, sha256 }
            }
        }))
    }

    /// A file in the tenant's folder or below it.
    fn path(self, file: &str) -> Result<PathBuf, String> {
        if file.is_empty() {
            return Err("no file is named".to_owned());
        }
        if !Path::new(file).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(format!("`{file}` leads out of `tenants`; a tenant's files lie below it"));
        }
        Ok(self.folder.join(file))
    }
}

/// Tenants that share an authority which each should have for itself: whoever it certifies may pass for the other's. One
/// finding for each authority, at the second tenant.
pub fn shared_authorities(estate: &Estate) -> Vec<Finding> {
    let own = estate.blueprint.files().filter(|rule| matches!(rule.format, FileFormat::Authority { own: true, .. }));
    own.flat_map(|rule| shared(estate, rule.path)).collect()
}

fn shared(estate: &Estate, path: &str) -> Vec<Finding> {
    let mut seen: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut groups: Vec<(&Authority, Vec<&Tenant>)> = Vec::new();
    for tenant in estate.tenants.values() {
        for authority in tenant.files.get(path).and_then(File::authorities).into_iter().flat_map(|all| all.iter()) {
            // Authorities are related by a key or by a name, so only those that share one are compared.
            let near = authority.marks().into_iter().filter_map(|mark| seen.get(mark)).flatten().copied();
            let group = near.filter(|group| groups[*group].0.is_related_to(authority)).min();
            let group = group.unwrap_or_else(|| {
                groups.push((authority, Vec::new()));
                groups.len() - 1
            });
            if groups[group].1.last().is_none_or(|last| last.name != tenant.name) {
                groups[group].1.push(tenant);
            }
            for mark in authority.marks() {
                let known = seen.entry(mark).or_default();
                if !known.contains(&group) {
                    known.push(group);
                }
            }
        }
    }
    let shared = groups.into_iter().filter_map(|(authority, tenants)| match tenants[..] {
        [first, second, ref rest @ ..] => {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            let message = format!(
                "tenants `{}` and `{}`{more} have one certificate authority as `{path}`: {}",
                first.name, second.name, authority.subject
            );
            let label = format!("`{path}` of tenant `{}`", first.name);
            let finding = Finding::new(Code::TN1038, message).with_tenant(second.name.as_str());
            Some(finding.at(second.locate(path)).with_related(label, first.locate(path)))
        }
        _ => None,
    });
    shared.collect()
}

/// Authorities that must have nothing to do with those of another parameter and are related to one, at whatever tenant: who
/// is certified by the one would pass for who is certified by the other.
pub(super) fn related_authorities(blueprint: &Blueprint, tenants: &[Said]) -> Vec<Finding> {
    let rules = blueprint.files().filter_map(|rule| match rule.format {
        FileFormat::Authority { apart_from: Some(other), .. } => Some((rule.path, other)),
        _ => None,
    });
    rules.flat_map(|(path, other)| related(path, other, tenants)).collect()
}

fn related(path: &str, other_path: &str, tenants: &[Said]) -> Vec<Finding> {
    // Authorities are related by a key or by a name, so only those that share one are compared.
    let mut marked: BTreeMap<&str, Vec<(&Said, &Authority)>> = BTreeMap::new();
    for tenant in tenants {
        for authority in tenant.authorities.get(other_path).into_iter().flat_map(|all| all.iter()) {
            for mark in authority.marks() {
                marked.entry(mark).or_default().push((tenant, authority));
            }
        }
    }
    let mut findings = Vec::new();
    for tenant in tenants {
        for authority in tenant.authorities.get(path).into_iter().flat_map(|all| all.iter()) {
            let near = authority.marks().into_iter().filter_map(|mark| marked.get(mark)).flatten();
            let of = |(other, _): &&(&Said, &Authority)| (other.name != tenant.name, other.name.clone());
            let found = near.filter(|(_, other)| other.is_related_to(authority)).min_by_key(of).copied();
            let Some((other, theirs)) = found else { continue };
            let (one, two) = (&authority.subject, &theirs.subject);
            let message = match authority.key == theirs.key {
                true => format!("the authority of `{path}` is an authority of `{other_path}`: {one}"),
                false => format!("the authorities of `{path}` and `{other_path}` are of one chain: {one}, {two}"),
            };
            let label = format!("`{other_path}` of tenant `{}`", other.name);
            let finding = tenant.finding(Code::TN1035, path, message);
            findings.push(finding.with_related(label, other.places.locate(other_path)));
        }
    }
    findings
}
