//! The way back: tenants to the releases that they came from, rendered again from those releases' tags.

use std::collections::BTreeMap;
use std::path::Path;

use tokio::sync::watch;

use super::candidate::{Candidate, CandidateError};
use super::itinerary::may_be_release;
use super::manifest::Manifest;
use super::repository::Repository;
use super::store::Store;
use crate::deploy::apply::{self, Options, Tolerance};
use crate::deploy::events::{Event, Outcome};
use crate::deploy::{Action, Desired, Plan, UploadContent, prepare};
use tenantry_aws::cloud::{Cloud, Place, s3, with_causes};
use tenantry_spec::estate::Tenant;

/// What a way back needs.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    pub cloud: &'a Cloud,
    pub repository: &'a Repository,
    pub store: &'a Store,
    /// Where the functions' zips lie.
    pub zips: &'a Path,
}

/// Where a tenant should go, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// None: it did not exist before.
    pub to: Option<String>,
    pub at: Place,
    /// It has run that release before. Anything else is a roll.
    pub has_run: bool,
}

/// The ways that were found, and the tenants that have none.
#[derive(Debug, Default)]
pub struct Ways {
    /// What the stacks should be, by release.
    pub to: BTreeMap<String, Vec<Desired>>,
    /// Why a tenant cannot go back.
    pub stuck: BTreeMap<String, String>,
    /// Tenants that the earlier release does not have: they stay as they are, and are in nobody's way.
    pub kept: BTreeMap<String, String>,
}

/// Looks for the way of each tenant to a release. Changes nothing.
pub async fn find(means: Means<'_>, targets: &BTreeMap<String, Target>) -> Ways {
    let mut ways = Ways::default();
    let mut by_release: BTreeMap<&str, Vec<(&str, &Target)>> = BTreeMap::new();
    for (tenant, target) in targets {
        match &target.to {
            None => {
                ways.kept.insert(tenant.clone(), "it did not exist before this release and stays as it is".to_owned());
            }
            Some(release) => by_release.entry(release).or_default().push((tenant, target)),
        }
    }
    for (release, tenants) in by_release {
        if let Err(why) = to_release(means, release, &tenants, &mut ways).await {
            ways.stuck.extend(tenants.iter().map(|(tenant, _)| ((*tenant).to_owned(), why.clone())));
        }
    }
    ways
}

async fn to_release(
    means: Means<'_>,
    release: &str,
    tenants: &[(&str, &Target)],
    ways: &mut Ways,
) -> Result<(), String> {
    if !may_be_release(release) {
        return Err(format!("it came from `{release}`, which is not a tag"));
    }
    let candidate = Candidate::of_tag(means.repository, release).map_err(|error| with_causes(&error))?;
    let kept = means.store.manifest(release).await.map_err(|error| with_causes(&error))?;
    let kept = kept.map(|text| Manifest::parse(&text)).transpose()?;
    let is_wanted = |tenant: &&Tenant| tenants.iter().any(|(name, _)| *name == tenant.name.as_str());
    let known: Vec<_> = candidate.tenants().into_iter().filter(is_wanted).collect();
    let mut desired = candidate.desired(&known, means.zips).map_err(|error| with_causes(&error))?;
    let mut to = Vec::new();
    for (tenant, target) in tenants {
        let name = (*tenant).to_owned();
        let Some(one) = desired.remove(*tenant) else {
            ways.kept.insert(name, format!("release `{release}` does not have it, so it stays as it is"));
            continue;
        };
        let as_rolled = kept.as_ref().is_none_or(|kept| kept.tenants.get(*tenant) == Some(&one.digest));
        let why = if !target.has_run {
            Some(format!("it has not run `{release}` before: `tenantry release roll {release}` takes it there"))
        } else if one.place != target.at {
            let (was, is) = (&one.place, &target.at);
            Some(format!(
                "it has moved: release `{release}` has it in account {} in {}, its stack is in account {} in {}",
                was.account, was.region, is.account, is.region
            ))
        } else if as_rolled {
            gone(means.cloud, &one).await.err()
        } else {
            let tool = kept.as_ref().map_or("", |kept| kept.tool.as_str());
            Some(format!("`{release}` does not render as it was rolled (with tool {tool}); has its tag moved?"))
        };
        match why {
            Some(why) => drop(ways.stuck.insert(name, why)),
            None => to.push(one),
        }
    }
    ways.to.insert(release.to_owned(), to);
    Ok(())
}

/// Whether everything that a stack names can be had: in the artifacts bucket, or here.
///
/// # Errors
/// A sentence that names what is gone or could not be looked for.
pub async fn gone(cloud: &Cloud, desired: &Desired) -> Result<(), String> {
    let Some(bucket) = &desired.artifacts else { return Ok(()) };
    let session = cloud.session(&desired.place, &desired.access).await.map_err(|error| with_causes(&error))?;
    for upload in &desired.uploads {
        let UploadContent::File(path) = &upload.content else { continue };
        if !path.exists() && !s3::exists(&session, bucket, &upload.key).await.map_err(|error| with_causes(&error))? {
            let (key, release) = (&upload.key, &desired.release);
            return Err(format!("release `{release}` needs `{key}`, which is gone from `{bucket}` and is not here"));
        }
    }
    Ok(())
}

/// The plans of a way back, one for each release.
#[derive(Debug, Default)]
pub struct Plans {
    pub plans: Vec<(Plan, Vec<Desired>)>,
    stuck: BTreeMap<String, String>,
}

/// Plans the way back. With `leaving`, stacks that have neither that release nor the earlier one were deployed by hand
/// since, and stay as they are.
pub async fn plan(cloud: &Cloud, ways: &Ways, options: &Options, leaving: Option<&str>) -> Plans {
    let mut plans = Plans { plans: Vec::new(), stuck: ways.stuck.clone() };
    for (release, desired) in ways.to.iter().filter(|(_, desired)| !desired.is_empty()) {
        let mut plan = prepare::plan(cloud, release, desired, options.pace, options.concurrency).await;
        plan.stacks.retain(|stack| {
            let has = stack.baseline.release.as_ref();
            let by_hand = leaving.is_some_and(|leaving| has.is_some_and(|has| has != leaving && has != release));
            if let Some(has) = has.filter(|_| by_hand) {
                plans.stuck.insert(stack.tenant.clone(), format!("it has release `{has}`, which was deployed by hand"));
            }
            !by_hand
        });
        plans.plans.push((plan, desired.clone()));
    }
    plans
}

/// Takes tenants back. Gives for each the release that it has now, or why it has not.
pub async fn take(
    cloud: &Cloud,
    plans: Plans,
    options: &Options,
    stop: &watch::Receiver<bool>,
    events: &(dyn Fn(Event) + Sync),
) -> BTreeMap<String, Result<String, String>> {
    let mut results: BTreeMap<String, Result<String, String>> =
        plans.stuck.into_iter().map(|(tenant, why)| (tenant, Err(why))).collect();
    // One that fails is no reason to leave the others where they are.
    let options = Options { tolerance: Tolerance::Failures(usize::MAX), ..options.clone() };
    for (plan, desired) in plans.plans {
        let release = &plan.release;
        for unseen in &plan.unseen {
            results.insert(unseen.tenant.clone(), Err(unseen.why.clone()));
        }
        for stack in &plan.stacks {
            let result = match &stack.action {
                Action::Nothing => Ok(release.clone()),
                Action::Blocked { why, .. } => Err(why.clone()),
                _ => Err("it was not tried".to_owned()),
            };
            results.insert(stack.tenant.clone(), result);
        }
        match apply::apply(cloud, &plan, &desired, &options, stop.clone(), events).await {
            Err(refused) => {
                let tried = plan.stacks.iter().filter(|stack| stack.action != Action::Nothing);
                results.extend(tried.map(|stack| (stack.tenant.clone(), Err(refused.to_string()))));
            }
            Ok(outcomes) => {
                for ((tenant, _), outcome) in outcomes {
                    let result = match outcome {
                        Outcome::Cleared => Err("what was left of the stack is deleted; there is none".to_owned()),
                        Outcome::Imported => Err("only what was retained is imported: run it again".to_owned()),
                        outcome => failure(&outcome).map_or_else(|| Ok(release.clone()), Err),
                    };
                    results.insert(tenant, result);
                }
            }
        }
    }
    results
}

/// Why a deploy of one stack did not end well; None when it did.
pub(super) fn failure(outcome: &Outcome) -> Option<String> {
    Some(match outcome {
        Outcome::Done | Outcome::Cleared | Outcome::Recovered { .. } | Outcome::Imported => return None,
        Outcome::Failed { status, resource, reason, .. } => match resource {
            Some(resource) => format!("{status}: `{resource}`: {reason}"),
            None => format!("{status}: {reason}"),
        },
        Outcome::Broken { why, .. } | Outcome::Stale { why } => why.clone(),
        Outcome::NotStarted => "it was not started".to_owned(),
        Outcome::StillRunning => "the run was stopped; AWS goes on".to_owned(),
    })
}

impl CandidateError {
    /// The findings that a person must see.
    pub fn findings(&self) -> &[tenantry_base::finding::Finding] {
        match self {
            Self::Findings { found, .. } => found,
            _ => &[],
        }
    }
}
