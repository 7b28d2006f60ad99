//! `tenantry release diff`.

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::{Exit, Failure, Global, Output};
use crate::report::{self, release as text};
use tenantry_ops::release::diff::{Change, TenantDiff, between, functions};
use tenantry_ops::release::repository::Distance;
use tenantry_ops::release::{Candidate, Manifest};
use tenantry_spec::estate::{Field, field_changes};

/// Show what differs between two releases: resources with their properties, flags, functions, and the fields of
/// tenants' files where the blueprint changed.
///
/// Exit code 0: nothing differs; 2: something differs.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry release diff v1.1.0 v1.2.0
  tenantry release diff v1.2.0 --tenant acme --unified")]
pub(super) struct Args {
    /// The earlier tag.
    #[arg(value_parser = crate::cli::tag_name)]
    from: String,
    /// The later tag. Default: the work tree.
    #[arg(value_parser = crate::cli::tag_name)]
    to: Option<String>,
    /// Only this tenant.
    #[arg(long, value_name = "NAME")]
    tenant: Vec<String>,
    /// Also compare the templates line by line.
    #[arg(long, short)]
    unified: bool,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct Answer {
    /// First release: a tag, or the reference given.
    from: String,
    /// Second release: a tag, or the reference given.
    to: String,
    /// Commits and files between the two; null if git cannot tell.
    distance: Option<Distance>,
    /// Functions whose zips differ, with their digests.
    functions: Vec<Change>,
    /// Templates, policies, flags and fleet file that differ.
    files: Vec<String>,
    /// Changes of the second release's blueprint in the fields of tenants' files.
    fields: Vec<Field>,
    /// Tenants whose template or flags differ.
    tenants: Vec<TenantDiff>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let repository = super::repository(global)?;
    let before = super::candidate(&repository, &args.from)?;
    let after = match &args.to {
        Some(tag) => super::candidate(&repository, tag)?,
        None => Candidate::of_work_tree(&global.estate, "work tree").map_err(super::of_candidate)?,
    };
    let known = |name: &str| {
        [&before, &after].iter().any(|side| side.estate.tenants.keys().any(|tenant| tenant.as_str() == name))
    };
    if let Some(unknown) = args.tenant.iter().find(|name| !known(name)) {
        return Err(Failure::new(format!("neither `{}` nor `{}` knows tenant `{unknown}`", before.name, after.name)));
    }
    let wanted = |name: &tenantry_base::ids::TenantName| {
        args.tenant.is_empty() || args.tenant.iter().any(|wanted| wanted == name.as_str())
    };
    let distance = match (&before.commit, &after.commit) {
        (Some(from), Some(to)) => Some(repository.distance(from, to).map_err(super::of_git)?),
        _ => None,
    };
    let manifests = (Manifest::of(&before), Manifest::of(&after));
    let (was, is) = (manifests.0.map_err(super::of_candidate)?, manifests.1.map_err(super::of_candidate)?);
    let parts = ["template `", "policy `", "flags:", "fleet.yaml:"];
    let files = was.differences(&is).into_iter().filter(|line| parts.iter().any(|part| line.starts_with(part)));
    let answer = Answer {
        from: before.name.clone(),
        to: after.name.clone(),
        distance,
        functions: functions(&before.functions, &after.functions),
        files: files.filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect(),
        fields: field_changes(&before.estate, &after.estate.blueprint, Some(&after.estate)),
        tenants: between(&before, &after, wanted).map_err(super::of_candidate)?,
    };
    Output::new(global.output).show(&answer, |answer| text_of(answer, args.unified))?;
    Ok(if answer.tenants.is_empty() && answer.functions.is_empty() { Exit::Clean } else { Exit::Changes })
}

fn text_of(answer: &Answer, unified: bool) -> String {
    let mut lines = match &answer.distance {
        Some(distance) => {
            let back = match distance.behind {
                None | Some(0) => String::new(),
                Some(behind) => format!(" and without {}", text::count(behind, "commit")),
            };
            let (ahead, files) = (text::commits(distance.ahead), text::count(distance.files.len(), "file"));
            format!("{} to {}: {ahead}{back}, {files}\n", answer.from, answer.to)
        }
        None => format!("{} to the {}\n", answer.from, answer.to),
    };
    lines.extend(answer.files.iter().map(|file| format!("changed: {file}\n")));
    lines.push_str(&report::fields::text(&answer.fields));
    lines.extend(answer.functions.iter().map(|function| format!("function {}\n", text::change(function))));
    lines.extend(answer.tenants.iter().map(|tenant| text::tenant_diff(tenant, unified)));
    if answer.tenants.is_empty() {
        lines.push_str("no tenant's template differs\n");
    }
    lines
}
