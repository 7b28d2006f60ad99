//! Writing an edit of YAML, and showing what follows from it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{Exit, Failure, Global, Output, shown};
use crate::cli::opened::{Opened, Release};
use crate::cli::pace::Pace;
use crate::report::groups::named;
use crate::report::plan::{FLAGS_ONLY, text as plan_text};
use tenantry_aws::cloud::Cloud;
use tenantry_base::atomic;
use tenantry_base::finding::Source;
use tenantry_ops::deploy::{Plan, change, prepare};
use tenantry_spec::estate::Tenant;
use tenantry_spec::flags::{Reason, evaluate};
use tenantry_template::render::difference::{Difference, Kind, difference};

/// Tenants that are reported one by one before the rest is only counted.
const MOST_TENANTS: usize = 20;

/// How what follows is shown.
#[derive(Debug, Clone, ClapArgs)]
pub(super) struct Preview {
    /// Also plan the tenants that change against AWS, with the exit codes of `tenantry plan`.
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    release: Release,
    #[command(flatten)]
    pace: Pace,
}

/// The new text of a file of the estate.
#[derive(Debug)]
pub(super) struct Edit {
    pub(super) source: Arc<Source>,
    pub(super) text: String,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct Answer {
    /// Files that were changed, or would be with `--dry-run`.
    files: Vec<PathBuf>,
    /// Number of tenants that were evaluated.
    tenants: usize,
    /// Tenants for which a flag changes.
    changed: Vec<Effect>,
    /// Plan of the changed tenants; null if it was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
}

/// Effect of the edit on a tenant.
#[derive(Serialize, JsonSchema)]
struct Effect {
    /// Name of the tenant.
    tenant: String,
    /// Flags whose value changes.
    flags: Vec<Turn>,
    /// Resources of the rendered template that change.
    resources: Vec<Difference>,
}

/// A flag whose value changes.
#[derive(Serialize, JsonSchema)]
struct Turn {
    /// Key of the flag.
    flag: String,
    /// Value before the change; null if the flag did not exist.
    before: Option<Value>,
    /// Value after the change; null if the flag no longer exists.
    after: Option<Value>,
    /// OpenFeature's reason for the new value; null if the flag no longer exists.
    reason: Option<Reason>,
}

impl Preview {
    /// Writes the edits, holds the estate against its checks (what they refuse is taken back) and tells what changes.
    pub(super) fn apply(&self, global: &Global, before: &Opened, edits: Vec<Edit>) -> Result<Exit, Failure> {
        let edits: Vec<Edit> = edits.into_iter().filter(|edit| edit.text != edit.source.text).collect();
        let files: Vec<PathBuf> = edits.iter().map(|edit| edit.source.path.clone()).collect();
        let write = |new: bool| -> Result<(), Failure> {
            for edit in &edits {
                let path = global.estate.join(&edit.source.path);
                let text = if new { &edit.text } else { &edit.source.text };
                atomic::replace(&path, text.as_bytes())?;
            }
            Ok(())
        };
        write(true)?;
        let after = match Opened::open(global).and_then(|after| Ok((effects(before, &after)?, after))) {
            Ok(after) => after,
            Err(failure) => {
                write(false)?;
                return Err(failure.with_hint("nothing was changed"));
            }
        };
        let (changed, after) = after;
        let plan = if self.plan && !changed.is_empty() { Some(self.planned(&after, &changed)?) } else { None };
        let exit = plan.as_ref().map_or(Exit::Clean, crate::cli::plan::exit);
        let answer = Answer { files, tenants: after.estate.tenants.len(), changed, plan };
        Output::new(global.output).show(&answer, text)?;
        Ok(exit)
    }

    /// The plan of the tenants that change.
    fn planned(&self, after: &Opened, changed: &[Effect]) -> Result<Plan, Failure> {
        let is_changed = |tenant: &&Tenant| changed.iter().any(|effect| effect.tenant == tenant.name.as_str());
        let tenants: Vec<&Tenant> = after.estate.tenants.values().filter(is_changed).collect();
        let desired = after.desired(&tenants, &self.release)?;
        super::super::wait(async {
            let cloud = Cloud::configure().await?.reading();
            let (release, wait) = (&self.release.release, self.pace.wait());
            Ok(prepare::plan(&cloud, release, &desired, wait, self.pace.concurrency()).await)
        })?
    }
}

/// What changes for each tenant between two states of an estate.
fn effects(before: &Opened, after: &Opened) -> Result<Vec<Effect>, Failure> {
    let mut turned = Vec::new();
    for (name, tenant) in &after.estate.tenants {
        let Some(old) = before.estate.tenants.get(name) else { continue };
        let turns = turns(before, old, after, tenant);
        if !turns.is_empty() {
            turned.push((old, tenant, turns));
        }
    }
    let olds: Vec<&Tenant> = turned.iter().map(|(old, ..)| *old).collect();
    let news: Vec<&Tenant> = turned.iter().map(|(_, new, _)| *new).collect();
    let (olds, news) = (before.render(&olds, "unreleased")?, after.render(&news, "unreleased")?);
    let effect = |(((_, tenant, flags), old), new): (((_, &Tenant, Vec<Turn>), _), _)| {
        let (old, new): (
            &tenantry_template::render::RenderedTenant<'_>,
            &tenantry_template::render::RenderedTenant<'_>,
        ) = (old, new);
        let resources = difference(&old.template.tree(), &new.template.tree());
        Effect { tenant: tenant.name.to_string(), flags, resources }
    };
    Ok(turned.into_iter().zip(&olds).zip(&news).map(effect).collect())
}

/// The flags that get another value for a tenant.
fn turns(before: &Opened, old: &Tenant, after: &Opened, new: &Tenant) -> Vec<Turn> {
    let (old_flags, new_flags) = (&before.estate.flags, &after.estate.flags);
    let mut keys: Vec<&String> = old_flags.flags.keys().chain(new_flags.flags.keys()).collect();
    keys.sort();
    keys.dedup();
    let turn = |key: &String| {
        let was = old_flags.flags.contains_key(key).then(|| evaluate(old_flags, key, &old.subject()));
        let is = new_flags.flags.contains_key(key).then(|| evaluate(new_flags, key, &new.subject()));
        let (before, after) = (was.map(|was| was.value), is.as_ref().map(|is| is.value.clone()));
        (before != after).then(|| Turn { flag: key.clone(), before, after, reason: is.map(|is| is.reason) })
    };
    keys.into_iter().filter_map(turn).collect()
}

fn text(answer: &Answer) -> String {
    let files: Vec<String> = answer.files.iter().map(|file| file.display().to_string()).collect();
    let mut out = match files.as_slice() {
        [] => "nothing to change: it says so already\n".to_owned(),
        files => {
            format!("changed {}: {} of {} tenants differ\n", files.join(", "), answer.changed.len(), answer.tenants)
        }
    };
    for effect in answer.changed.iter().take(MOST_TENANTS) {
        let turns: Vec<String> = effect.flags.iter().map(turn_text).collect();
        out.push_str(&format!("  {}: {}\n", effect.tenant, turns.join(", ")));
    }
    if let Some(more) = answer.changed.len().checked_sub(MOST_TENANTS).filter(|more| *more > 0) {
        out.push_str(&format!("  and {more} more\n"));
    }
    // Most tenants differ in the same resources.
    let mut alike: BTreeMap<&[Difference], Vec<&str>> = BTreeMap::new();
    for effect in answer.changed.iter().filter(|effect| !effect.resources.is_empty()) {
        alike.entry(&effect.resources).or_default().push(&effect.tenant);
    }
    for (resources, tenants) in alike {
        out.push_str(&format!("in the templates of {}\n", named(&tenants)));
        let named = resources.iter().map(|one| (one.logical_id.as_str(), one.resource_type.as_str()));
        if change::delivers_flags_only(named) {
            out.push_str(&format!("  {FLAGS_ONLY}\n"));
        }
        out.extend(resources.iter().map(resource_text));
    }
    match &answer.plan {
        Some(plan) => out.push_str(&plan_text(plan, false)),
        None if answer.changed.is_empty() => {}
        None => out.push_str("next: `tenantry plan` and `tenantry deploy` these tenants\n"),
    }
    out
}

fn turn_text(turn: &Turn) -> String {
    let said = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), shown);
    let reason = turn.reason.and_then(|reason| serde_json::to_value(reason).ok());
    let reason = reason.map(|reason| format!(" ({})", shown(&reason))).unwrap_or_default();
    format!("{} {} -> {}{reason}", turn.flag, said(&turn.before), said(&turn.after))
}

fn resource_text(one: &Difference) -> String {
    let sign = match one.kind {
        Kind::Added => '+',
        Kind::Removed => '-',
        Kind::Changed => '~',
    };
    let paths = if one.paths.is_empty() { String::new() } else { format!(": {}", one.paths.join(", ")) };
    format!("  {sign} {} {}{paths}\n", one.logical_id, one.resource_type)
}
