//! `tenantry flags retire`.

use std::sync::Arc;

use clap::Args as ClapArgs;

use super::change::catalogue;
use super::preview::{Edit, Preview};
use super::{Exit, Failure, Global, flag};
use crate::cli::opened::Opened;
use tenantry_base::finding::{Location, Source};
use tenantry_blueprint::Blueprint;
use tenantry_spec::estate::{Document, edit};
use tenantry_spec::flags::{Read, functions_reads, template_reads};
use tenantry_template::embedded;

/// Remove an unused flag: from the catalogue, with every override.
///
/// While a template or a function reads it, or another flag names it, nothing is changed and each reference is listed.
///
/// With `--plan`, exit codes are those of `tenantry plan`.
///
/// Exit code 0: the flag is removed; 3: it is still referenced.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry flags retire verbose-logs")]
pub(super) struct Args {
    flag: String,
    #[command(flatten)]
    preview: Preview,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::open(global)?;
    flag(&opened, &args.flag)?;
    let in_the_way = in_the_way(&opened, global, &args.flag)?;
    if !in_the_way.is_empty() {
        let message = format!("flag `{}` cannot be retired; first must go\n  {}", args.flag, in_the_way.join("\n  "));
        return Err(Failure::new(message).with_exit(Exit::Refused));
    }
    args.preview.apply(global, &opened, edits(&opened, global, &args.flag)?)
}

/// Everything that the estate's templates and functions read.
pub(super) fn reads(global: &Global, blueprint: &Blueprint) -> Result<Vec<Read>, Failure> {
    let mut reads: Vec<Read> = embedded::templates(&global.estate)?.iter().flat_map(template_reads).collect();
    if let Some(functions) = embedded::function_flags(&global.estate, blueprint)? {
        reads.extend(functions_reads(&functions).map_err(|finding| Failure::new(finding.message))?);
    }
    Ok(reads)
}

/// Every place that still needs the flag.
fn in_the_way(opened: &Opened, global: &Global, key: &str) -> Result<Vec<String>, Failure> {
    let at = |place: &Location| format!("{}:{}:{}", place.source.path.display(), place.line, place.column);
    let reads = reads(global, &opened.estate.blueprint)?.into_iter().filter(|read| read.flag == key);
    let mut found: Vec<String> = reads.map(|read| format!("{}: reads it", at(&read.location))).collect();
    let document = Document::parse(catalogue(global)?).map_err(|finding| Failure::new(finding.message))?;
    for (other, flag) in &opened.estate.flags.flags {
        for (list, keys) in [("requires", &flag.requires), ("conflicts", &flag.conflicts)] {
            if let Some(index) = keys.iter().position(|named| named == key) {
                let place = document.nearest(&format!("flags.{other}.{list}[{index}]"));
                found.push(format!("{}: flag `{other}` has it in `{list}`", at(&place)));
            }
        }
    }
    Ok(found)
}

/// The flag taken out of the catalogue, of the fleet's defaults and of every tenant's file.
fn edits(opened: &Opened, global: &Global, key: &str) -> Result<Vec<Edit>, Failure> {
    let (estate, route) = (&opened.estate, format!("flags.{key}"));
    let without = |source: &Arc<Source>, route: &str| -> Result<Edit, Failure> {
        Ok(Edit { source: Arc::clone(source), text: edit::unset(source, route)? })
    };
    let source = catalogue(global)?;
    // A catalogue says `flags`, even when there are none.
    let last = estate.flags.flags.len() == 1;
    let mut edits = vec![if last {
        Edit { text: edit::set(&source, "flags", &serde_json::json!({}))?, source }
    } else {
        without(&source, &route)?
    }];
    if estate.fleet.defaults.get("flags").and_then(|flags| flags.get(key)).is_some() {
        edits.push(without(estate.fleet_source(), &format!("defaults.{route}"))?);
    }
    for tenant in estate.tenants.values().filter(|tenant| tenant.spec.flags.contains_key(key)) {
        // Its value may stand in the fleet's defaults alone.
        match edit::unset(&tenant.source, &route) {
            Ok(text) => edits.push(Edit { source: Arc::clone(&tenant.source), text }),
            Err(edit::EditError::Absent { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(edits)
}
