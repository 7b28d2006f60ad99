//! What a shell is offered beside the words of the command line: the tenants, rings, accounts, regions, flags and releases of the
//! estate at hand. Only the files that hold them are read, so a key stroke is answered at once in a fleet of any size.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::{Arg, Command, CommandFactory};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use serde_yaml::Value;

use super::{Cli, FLEET, nearest};
use tenantry_base::files;
use tenantry_ops::release::repository::Repository;

/// The variable with which a shell asks for words; the scripts of `tenantry completions` set it.
pub const VARIABLE: &str = "TENANTRY_COMPLETE";

/// The command line with what each argument takes.
pub fn command() -> Command {
    with_candidates(Cli::command())
}

fn with_candidates(command: Command) -> Command {
    command.mut_args(offer).mut_subcommands(with_candidates)
}

/// An argument says by the names of its values, or by its own, what it takes.
fn offer(arg: Arg) -> Arg {
    let own = arg.get_id().as_str().to_uppercase();
    let named = arg.get_value_names().map(|names| names.iter().map(|name| name.to_string()).collect());
    let sources: Vec<Source> = named.unwrap_or_else(|| vec![own]).iter().filter_map(|name| source(name)).collect();
    if sources.is_empty() || !arg.get_action().takes_values() {
        return arg;
    }
    arg.add(ArgValueCandidates::new(move || {
        let named = std::env::var_os("TENANTRY_ESTATE").filter(|named| !named.is_empty());
        let root = nearest(named.map_or_else(|| ".".into(), PathBuf::from));
        let words = sources.iter().filter_map(|source| source(&root)).flatten();
        words.map(CompletionCandidate::new).collect::<Vec<CompletionCandidate>>()
    }))
}

/// Reads the words of an estate; None where the file that holds them cannot be read.
type Source = fn(&Path) -> Option<Vec<String>>;

fn source(name: &str) -> Option<Source> {
    Some(match name {
        "TENANT" => tenants,
        "RING" => |root| Some(texts(&yaml(root, FLEET)?["rings"], "name")),
        "ACCOUNT" => |root| Some(keys(&yaml(root, FLEET)?["accounts"])),
        "REGION" => |root| Some(keys(&yaml(root, FLEET)?["regions"])),
        "FLAG" => |root| Some(keys(&yaml(root, "policies/flags.yaml")?["flags"])),
        "RELEASE" => |root| Some(Repository::open(root).ok()?.tags()),
        _ => return None,
    })
}

/// The names of the tenants' files.
fn tenants(root: &Path) -> Option<Vec<String>> {
    let found = files::list(&root.join("tenants")).ok()?;
    let specs =
        found.iter().filter(|path| path.extension() == Some(OsStr::new("yaml")) && !path.ends_with("fleet.yaml"));
    Some(specs.filter_map(|path| path.file_stem()?.to_str().map(str::to_owned)).collect())
}

fn yaml(root: &Path, path: &str) -> Option<Value> {
    serde_yaml::from_str(&files::read_to_string(&root.join(path)).ok()?).ok()
}

fn keys(map: &Value) -> Vec<String> {
    map.as_mapping().into_iter().flat_map(|map| map.keys()).filter_map(|key| key.as_str().map(str::to_owned)).collect()
}

fn texts(list: &Value, field: &str) -> Vec<String> {
    let items = list.as_sequence().into_iter().flatten();
    items.filter_map(|item| item[field].as_str().map(str::to_owned)).collect()
}
