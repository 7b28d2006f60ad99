//! Reading an estate: every file, every problem of every file, then what only shows when they are seen together.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::check::Said;
use super::files::{Folder, related_authorities};
use super::flags::{self, Flags};
use super::places::Places;
use super::schema::{Break, Kind, Schemas};
use super::spec::{Fleet, TenantSpec};
use super::{Estate, Tenant, blueprint, check};
use crate::flags::Catalogue;
use tenantry_base::finding::{Code, Finding, Location, Severity, Source};
use tenantry_base::ids::TenantName;
use tenantry_base::{Document, document, files};
use tenantry_blueprint::Blueprint;

const FLEET: &str = "tenants/fleet.yaml";
const FLAGS: &str = "policies/flags.yaml";

/// Reads the estate below `root` (which holds `tenants/fleet.yaml`) and everything that is wrong with it. Without a
/// usable `fleet.yaml` or blueprint there is no estate; a tenant that cannot be used is left out, and a finding says why.
pub fn load(root: &Path) -> (Option<Estate>, Vec<Finding>) {
    if let Some(fault) = version_fault(root, VERSION) {
        // What another version reads, this one misreads: nothing else is worth saying.
        return (None, vec![fault]);
    }
    let (found, mut findings) = blueprint::load(root);
    let (files, misplaced) = tenant_files(root);
    findings.extend(misplaced);
    let estate = match found {
        Some(blueprint) => {
            let schemas = Schemas::of(&blueprint);
            let flags = catalogue(root, &schemas).unwrap_or_else(|found| {
                findings.extend(found);
                None
            });
            match read::<Fleet>(root, FLEET, &schemas, Kind::Fleet) {
                Ok((fleet, document)) => {
                    let fleet = (fleet, Arc::new(document));
                    Some(tenants(root, &files, fleet, flags, (blueprint, &schemas), &mut findings))
                }
                Err(found) => {
                    findings.extend(found);
                    None
                }
            }
        }
        None => None,
    };
    if estate.is_none() {
        findings.par_extend(files.par_iter().filter_map(|(name, path)| unparsable(name, path, root)));
    }
    findings.sort_by(|a, b| key(a).cmp(&key(b)));
    // What is wrong with the fleet's defaults shows with every tenant.
    findings.dedup_by(|a, b| same(a, b));
    (estate, findings)
}

/// The version of this tool.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// That `required_version` of `fleet.yaml` does not allow this version, or is not a requirement.
fn version_fault(root: &Path, version: &str) -> Option<Finding> {
    let document = Document::read(&root.join(FLEET), PathBuf::from(FLEET)).ok()?;
    let required = document.value.get("required_version")?.as_str()?;
    let say = |message: String, help: &str| {
        Finding::new(Code::TN1051, message).at(document.locate("required_version")).with_help(help)
    };
    let requirement = match required.parse::<semver::VersionReq>() {
        Ok(requirement) => requirement,
        Err(error) => {
            let help = "write it as Cargo does: `>=0.3, <0.5`";
            return Some(say(format!("`{required}` is not a version requirement: {error}"), help));
        }
    };
    let matches = version.parse().is_ok_and(|version| requirement.matches(&version));
    let message = || format!("the estate requires tenantry `{required}`, and this is {version}");
    (!matches).then(|| say(message(), "install a version that is allowed, or change `required_version` with the team"))
}

/// The schemas of the estate below `root`, of the default blueprint where its own cannot be used.
pub fn schemas(root: &Path) -> Option<Schemas> {
    let default = blueprint::built_in;
    blueprint::load(root).0.or_else(default).map(|blueprint| Schemas::of(&blueprint))
}

/// Copies of schemas in an estate that its blueprint and its fleet's defaults no longer give; see [`Schemas::stale`].
pub fn stale_schemas(estate: &Estate) -> Vec<Finding> {
    if !estate.root.join("schemas").is_dir() {
        return Vec::new();
    }
    Schemas::of(&estate.blueprint).stale(&estate.root, &estate.fleet.defaults)
}

/// The flags, if they can be used, and their file; an estate may have none.
fn catalogue(root: &Path, schemas: &Schemas) -> Result<Option<(Catalogue, Option<Document>)>, Vec<Finding>> {
    match root.join(FLAGS).symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Some((Catalogue::default(), None))),
        _ => {
            read::<Catalogue>(root, FLAGS, schemas, Kind::Flags).map(|(flags, document)| Some((flags, Some(document))))
        }
    }
}

/// The file of the flag catalogue of the estate below `root`.
///
/// # Errors
/// The file cannot be read, or is no YAML.
pub fn flags_document(root: &Path) -> Result<Document, Finding> {
    Document::read(&root.join(FLAGS), PathBuf::from(FLAGS))
}

/// Reads every tenant and checks all of them together.
fn tenants(
    root: &Path,
    files: &[(TenantName, PathBuf)],
    (fleet, document): (Fleet, Arc<Document>),
    flags: Option<(Catalogue, Option<Document>)>,
    (blueprint, schemas): (Arc<Blueprint>, &Schemas),
    findings: &mut Vec<Finding>,
) -> Estate {
    findings.extend(check::fleet(&fleet, &document));
    findings.extend(check::freezes(&fleet, &document, files.iter().map(|(name, _)| name)));
    let catalogue = flags.as_ref().map(|(catalogue, document)| Flags { catalogue, document: document.as_ref() });
    findings.extend(catalogue.map(|flags| flags::catalogue(&fleet, flags)).unwrap_or_default());
    // What is wrong with a default is said once, not for each tenant.
    let defaults = json!({ "defaults": fleet.defaults });
    let wrong = schemas.breaks(Kind::Defaults, &defaults).into_iter();
    let wrong: Vec<Finding> = wrong.map(|found| found.finding(|found| in_document(&document, found))).collect();
    let reported: Vec<Option<Location>> = wrong.iter().map(|finding| finding.location.clone()).collect();
    findings.extend(wrong);
    let reading = Reading { root, blueprint: &blueprint, schemas, fleet: &fleet, document: &document };
    let read: Vec<Read> = files.par_iter().map(|(name, path)| reading.tenant(name, path)).collect();
    let (mut said, mut tenants) = (Vec::new(), BTreeMap::new());
    for (one, (name, _)) in read.into_iter().zip(files) {
        findings.extend(one.findings.into_iter().filter(|finding| !reported.contains(&finding.location)));
        said.extend(one.said);
        tenants.extend(one.tenant.map(|tenant| (name.clone(), tenant)));
    }
    findings.extend(check::tenants(&fleet, catalogue, &said));
    findings.extend(related_authorities(&blueprint, &said));
    let flags = flags.map(|(catalogue, _)| catalogue).unwrap_or_default();
    let has_old_templates = blueprint::has_old_templates(root);
    let fleet_document = document;
    Estate { root: root.to_owned(), fleet, fleet_document, tenants, flags, blueprint, has_old_templates }
}

/// What stops a tenant's file from being read at all.
fn unparsable(name: &TenantName, path: &Path, root: &Path) -> Option<Finding> {
    Document::read(path, relative(path, root)).err().map(|finding| finding.with_tenant(name.as_str()))
}

/// Findings in the order of files and lines.
fn key(finding: &Finding) -> (Option<(&Path, usize, usize)>, &str) {
    let place = finding.location.as_ref().map(|place| (place.source.path.as_path(), place.line, place.column));
    (place, finding.code.as_str())
}

/// Whether two findings say the same of the same place of `fleet.yaml`.
fn same(a: &Finding, b: &Finding) -> bool {
    let in_fleet = a.location.as_ref().is_some_and(|place| place.source.path == Path::new(FLEET));
    in_fleet && (&a.code, &a.message, &a.location) == (&b.code, &b.message, &b.location)
}

/// Reads one file into its type.
fn read<T: DeserializeOwned>(
    root: &Path,
    shown: &str,
    schemas: &Schemas,
    kind: Kind,
) -> Result<(T, Document), Vec<Finding>> {
    let document = Document::read(&root.join(shown), PathBuf::from(shown)).map_err(|finding| vec![finding])?;
    let value = typed(schemas, kind, &document.value, |found| in_document(&document, found))?;
    Ok((value, document))
}

/// The place of what is wrong with a document.
fn in_document(document: &Document, found: &Break) -> Location {
    let exact = if found.is_on_key() { document.place_of_key(&found.route) } else { document.place(&found.route) };
    exact.unwrap_or_else(|| document.nearest(&found.route))
}

/// A value as its type, or everything that its schema says against it.
fn typed<T: DeserializeOwned>(
    schemas: &Schemas,
    kind: Kind,
    value: &Value,
    place: impl Fn(&Break) -> Location,
) -> Result<T, Vec<Finding>> {
    let findings: Vec<Finding> = schemas.breaks(kind, value).into_iter().map(|found| found.finding(&place)).collect();
    if !findings.is_empty() {
        return Err(findings);
    }
    // What a pattern cannot say, such as the length of a whole name.
    serde_path_to_error::deserialize(value).map_err(|error| {
        let route = error.path().to_string();
        let route = if route == "." { String::new() } else { route };
        let found = Break { code: Code::TN1007, route, message: error.inner().to_string(), help: None };
        vec![found.finding(place)]
    })
}

/// The tenants' files by name, in order, and findings about files that are none.
fn tenant_files(root: &Path) -> (Vec<(TenantName, PathBuf)>, Vec<Finding>) {
    let folder = root.join("tenants");
    let paths = match files::list(&folder) {
        Ok(paths) => paths,
        Err(error) => return (Vec::new(), vec![Finding::new(Code::TN1000, error.to_string())]),
    };
    let mut findings = Vec::new();
    let mut files: BTreeMap<TenantName, PathBuf> = BTreeMap::new();
    for path in paths {
        if let Some(finding) = misplaced(&path, root, 0) {
            findings.extend(finding);
            continue;
        }
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if !is_yaml || path.is_dir() || path == root.join(FLEET) {
            continue;
        }
        let shown = relative(&path, root);
        match stem.to_lowercase().parse::<TenantName>() {
            Err(error) => {
                let message = format!("`{}` is no tenant's file: {}", shown.display(), error.rule);
                findings.push(Finding::new(Code::TN1009, message).at(file_start(shown)));
            }
            Ok(name) => {
                if let Some(other) = files.get(&name) {
                    let message =
                        format!("tenant `{name}` has two files, `{}` and this one", relative(other, root).display());
                    let finding = Finding::new(Code::TN1008, message).with_tenant(name.as_str());
                    findings.push(finding.at(file_start(shown)));
                } else if stem != name.as_str() {
                    let message = format!("`{}` must be `{name}.yaml`: {}", shown.display(), TenantName::RULE);
                    findings.push(Finding::new(Code::TN1009, message).at(file_start(shown)));
                } else {
                    files.insert(name, path);
                }
            }
        }
    }
    (files.into_iter().collect(), findings)
}

/// How deep folders below `tenants` are looked through.
const DEEPEST_FOLDER: usize = 8;

/// What looks like a tenant's file and is not read as one: in a folder, or with another ending. None for what is nothing of the
/// kind, or where the file is read.
fn misplaced(path: &Path, root: &Path, depth: usize) -> Option<Vec<Finding>> {
    let ending = path.extension().map(|extension| extension.to_string_lossy().into_owned()).unwrap_or_default();
    let is_read = matches!(ending.as_str(), "yaml" | "yml");
    let shown = relative(path, root);
    let name = path.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
    let say = |why: &str| {
        let message = format!("`{}` is not read: {why}", shown.display());
        Some(vec![Finding::new(Code::TN1009, message).at(file_start(shown.clone()))])
    };
    if path.is_dir() {
        if is_read {
            return say("it is a folder");
        }
        let inside = files::list(path).ok().filter(|_| depth < DEEPEST_FOLDER)?;
        let found: Vec<Finding> = inside.iter().filter_map(|path| misplaced(path, root, depth + 1)).flatten().collect();
        return (!found.is_empty()).then_some(found);
    }
    let is_like = is_read || matches!(ending.to_lowercase().as_str(), "yaml" | "yml" | "json");
    if !is_like || is_read && depth == 0 {
        return None;
    }
    // A tenant may name files of its own, which lie below `tenants`, too.
    let says = |text: &str, key: &str| {
        text.lines().any(|line| {
            line.trim_start()
                .trim_start_matches('"')
                .strip_prefix(key)
                .is_some_and(|rest| rest.trim_start_matches('"').starts_with(':'))
        })
    };
    let source = document::read_source(path, shown.clone());
    let is_tenant = source.is_ok_and(|source| ["account", "region"].iter().all(|key| says(&source.text, key)));
    if !is_tenant {
        return None;
    }
    match depth {
        0 => say(&format!("a tenant's file is `{name}.yaml`")),
        _ => say(&format!("tenants' files lie in `tenants` itself, as `tenants/{name}.yaml`")),
    }
}

/// A place in a file whose text is not needed to show it.
fn file_start(path: PathBuf) -> Location {
    Location::new(Arc::new(Source { path, text: String::new() }), 0..0)
}

fn relative(path: &Path, root: &Path) -> PathBuf {
    path.strip_prefix(root).unwrap_or(path).to_owned()
}

/// What reading one tenant's file gave.
#[derive(Default)]
struct Read {
    /// The tenant, if nothing is wrong with its file and the files that it names.
    tenant: Option<Tenant>,
    /// What the file says, as far as it can be understood; the other checks need no more.
    said: Option<Said>,
    findings: Vec<Finding>,
}

/// What every tenant's file is read against.
#[derive(Clone, Copy)]
struct Reading<'a> {
    root: &'a Path,
    blueprint: &'a Blueprint,
    schemas: &'a Schemas,
    fleet: &'a Fleet,
    document: &'a Arc<Document>,
}

impl Reading<'_> {
    fn tenant(self, name: &TenantName, path: &Path) -> Read {
        let own = match Document::read(path, relative(path, self.root)) {
            Ok(own) => own,
            Err(finding) => return Read { findings: vec![finding.with_tenant(name.as_str())], ..Read::default() },
        };
        let source = Arc::clone(&own.source);
        let mut merged = merge(&self.fleet.defaults, &own.value);
        if let Value::Object(merged) = &mut merged {
            merged.entry("apiVersion").or_insert_with(|| json!(self.fleet.api_version));
        }
        let places = Places::new(Arc::clone(&source), Arc::clone(self.document));
        let place = |found: &Break| match found.code {
            // What is missing is missing from the tenant's file, whatever the defaults say around it.
            Code::TN1006 => places.locate_own(&found.route),
            _ if found.is_on_key() => places.locate_key(&found.route),
            _ => places.locate(&found.route),
        };
        let mut findings = Vec::new();
        let spec = typed::<TenantSpec>(self.schemas, Kind::Tenant, &merged, place);
        let spec = spec.map_err(|found| findings.extend(found)).ok();
        let folder = Folder { folder: path.parent().unwrap_or(self.root), root: self.root, merged: &merged };
        let (files, faults) = folder.read(self.blueprint);
        let mut said = Said::of(name.clone(), &merged, places.clone(), self.blueprint);
        let usable = faults.is_empty();
        findings.extend(faults.into_iter().map(|(route, fault)| said.finding(Code::TN1020, &route, fault)));
        let authorities = files.iter().filter_map(|(path, file)| Some((path.clone(), Arc::clone(file.authorities()?))));
        said.authorities = authorities.collect();
        let tenant = spec.filter(|_| usable).map(|mut spec| {
            spec.parameters = self.blueprint.parameters(&merged).into_sections();
            Tenant { name: name.clone(), spec, source, files, places: Some(places) }
        });
        let findings = findings.into_iter().map(|found| found.with_tenant(name.as_str())).collect();
        Read { tenant, said: Some(said), findings }
    }
}

/// A tenant's value over the fleet's defaults: maps are merged field by field, anything else is replaced.
fn merge(defaults: &Map<String, Value>, own: &Value) -> Value {
    let Value::Object(own) = own else { return own.clone() };
    let mut merged = defaults.clone();
    for (key, value) in own {
        let value = match (merged.get(key), value) {
            (Some(Value::Object(below)), Value::Object(_)) => merge(below, value),
            _ => value.clone(),
        };
        merged.insert(key.clone(), value);
    }
    Value::Object(merged)
}

/// Whether findings forbid to go on.
pub fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}
