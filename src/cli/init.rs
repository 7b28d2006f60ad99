//! `tenantry init`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, ValueEnum};
use include_dir::Dir;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Exit, Failure, Global, Output};
use tenantry_base::digest::sha256;
use tenantry_base::{atomic, files};
use tenantry_spec::estate::blueprint;
use tenantry_spec::estate::schema::{Kind, Schemas};
use tenantry_template::embedded::{self, File};

/// Write a complete working estate: fleet, blueprint, templates, policies, schemas and sample tenants.
///
/// The directory may exist and contain other files, such as a git repository. Nothing is overwritten: if a file exists,
/// nothing is written at all, except that an existing `.gitignore` is kept. An interrupted run can be repeated.
///
/// Exit code 0: the estate is written; 2: with `--upgrade`, a conflict or an error is to be resolved.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry init metanet
  tenantry init shop --blueprint web-app --ci github
  tenantry init metanet --upgrade")]
pub(super) struct Args {
    /// Directory of the new estate; created if it does not exist.
    dir: PathBuf,
    /// Blueprint of the estate: a pipeline for network metadata, a web application, or the smallest stack to start from.
    #[arg(long, value_name = "NAME", default_value = embedded::DEFAULT_BLUEPRINT, value_parser = known)]
    blueprint: String,
    /// Upgrade the templates and rules of an existing estate to those of this version. Changes of the estate are kept;
    /// where both sides changed the same lines, the file gets conflict markers. Lists the changed fields of tenants'
    /// files.
    #[arg(long, conflicts_with_all = ["blueprint", "ci"])]
    upgrade: bool,
    /// Also write CI files: scripts for any runner and, with `github`, the workflows that call them.
    /// An existing estate gets only the missing files.
    #[arg(long, value_enum)]
    ci: Option<Ci>,
}

/// The name of a blueprint that there is.
fn known(name: &str) -> Result<String, String> {
    let all = embedded::blueprints();
    if all.iter().any(|one| one == name) { Ok(name.to_owned()) } else { Err(format!("there are {}", all.join(", "))) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ci {
    Github,
    Shell,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer {
    /// Directory of the estate.
    estate: PathBuf,
    /// Files that were written, relative to the estate.
    files: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    if args.upgrade {
        return super::upgrade::run(&args.dir, global);
    }
    let files = missing(&args.dir, &args.blueprint, args.ci)?;
    atomic::create_all(&args.dir, &files).map_err(|error| Failure::new(format!("nothing was written: {error}")))?;
    let files = files.into_iter().map(|(path, _)| path).collect();
    Output::new(global.output).show(&Answer { estate: args.dir.clone(), files }, |answer| {
        let (count, dir) = (answer.files.len(), answer.estate.display());
        if count == 0 {
            return format!("{dir} has all its files already\n");
        }
        format!(
            "{count} files in {dir}\nnext: put your accounts into {dir}/tenants/fleet.yaml, then `tenantry -C {dir} validate`\n"
        )
    })?;
    Ok(Exit::Clean)
}

/// The files of a new estate that `dir` does not have. Those that make it an estate to other commands come last.
fn missing(dir: &Path, blueprint: &str, ci: Option<Ci>) -> Result<Vec<File>, Failure> {
    let kept = embedded::blueprint_files(blueprint)
        .ok_or_else(|| Failure::new(format!("there is no blueprint `{blueprint}`")))?;
    // What the estate was made from, for `--upgrade`.
    let origin = kept.iter().map(|(path, bytes)| (Path::new(ORIGIN).join(path), bytes.clone()));
    let mut all: Vec<File> = kept.clone();
    all.extend(origin);
    let sample = embedded::sample(blueprint);
    all.extend(schemas(&kept, &defaults(&sample))?);
    if let Some(ci) = ci {
        all.extend(of_ci(ci));
    }
    all.extend(sample.into_iter().map(|(path, bytes)| identified(dir, path, bytes)));
    if files::is_folder(dir)? == Some(false) {
        return Err(Failure::new(format!("`{}` is no directory", dir.display())));
    }
    let (mut absent, mut in_the_way) = (Vec::new(), Vec::new());
    for (path, bytes) in all {
        let whole = dir.join(&path);
        match files::read(&whole) {
            Err(error) if error.kind() == ErrorKind::NotFound => absent.push((path, bytes)),
            Ok(there) if without_id(&there) == without_id(&bytes) || path == Path::new(".gitignore") => {}
            _ => in_the_way.push(whole.display().to_string()),
        }
    }
    if in_the_way.is_empty() {
        return Ok(absent);
    }
    Err(Failure::new(format!("nothing was written, these are in the way: {}", in_the_way.join(", "))))
}

/// The folder with what an estate was made from.
pub(super) const ORIGIN: &str = ".blueprint";

/// The JSON Schemas of an estate's files, for editors, by the blueprint among its files.
/// That of a tenant knows the fleet's defaults.
pub(super) fn schemas(files: &[File], defaults: &Map<String, Value>) -> Result<Vec<File>, Failure> {
    let text = files.iter().find(|(path, _)| path == Path::new(blueprint::PATH));
    let text = text.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
    let (blueprint, findings) = blueprint::parse(text);
    let blueprint = blueprint.ok_or_else(|| super::opened::refused(&findings, "the blueprint"))?;
    let schemas = Schemas::of(&blueprint);
    let kinds = [("fleet", Kind::Fleet), ("tenant", Kind::Tenant), ("flags", Kind::Flags)];
    let file = |(name, kind): (&str, Kind)| {
        let schema = match kind {
            Kind::Tenant => schemas.tenant_schema(defaults),
            _ => schemas.schema(kind).clone(),
        };
        let mut text = serde_json::to_vec_pretty(&schema).map_err(|error| Failure::new(error.to_string()))?;
        text.push(b'\n');
        Ok((PathBuf::from(format!("schemas/{name}.json")), text))
    };
    kinds.into_iter().map(file).collect()
}

/// The defaults of the fleet among the files of a sample.
fn defaults(files: &[File]) -> Map<String, Value> {
    let fleet = files.iter().find(|(path, _)| path.ends_with("fleet.yaml"));
    let read = fleet.and_then(|(_, bytes)| serde_yaml::from_slice::<Value>(bytes).ok());
    read.and_then(|fleet| fleet.get("defaults")?.as_object().cloned()).unwrap_or_default()
}

/// Key of the estate's id in `fleet.yaml`.
const ID: &str = "estate_id: ";

/// The fleet's file with an id of its own, so that the stacks of no other estate are taken for those of this one.
fn identified(dir: &Path, path: PathBuf, bytes: Vec<u8>) -> (PathBuf, Vec<u8>) {
    if !path.ends_with("fleet.yaml") {
        return (path, bytes);
    }
    let place = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let drawn = format!("{} {} {}", jiff::Timestamp::now().as_nanosecond(), std::process::id(), place.display());
    let id = &sha256(drawn)[..ID_DIGITS];
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let lines = text.lines().map(|line| match line.starts_with("organisation: ") {
        true => format!("{line}\n{ID}\"{id}\" # in the tags of every stack; never changed\n"),
        false => format!("{line}\n"),
    });
    (path, lines.collect::<String>().into_bytes())
}

/// Hexadecimal digits of a new estate's id.
const ID_DIGITS: usize = 16;

/// A file as it is but for the estate's id, which no two have alike.
fn without_id(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(ID.as_bytes())).collect()
}

/// Scripts, and the workflows where GitHub looks for them.
fn of_ci(ci: Ci) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = |below: &str, dir: &Dir<'static>| -> Vec<(PathBuf, Vec<u8>)> {
        let name = |path: &Path| Path::new(below).join(path.file_name().unwrap_or_default());
        dir.files().map(|file| (name(file.path()), file.contents().to_vec())).collect()
    };
    let mut files = folder("ci", &embedded::CI);
    files.retain(|(path, _)| path.extension().is_some_and(|extension| extension == "sh"));
    if ci == Ci::Github
        && let Some(workflows) = embedded::CI.get_dir("github")
    {
        files.extend(folder(".github/workflows", workflows));
    }
    files
}
