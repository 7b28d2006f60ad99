//! The way back: tenants to the releases that they came from, rendered again from those releases' tags.

use std::collections::BTreeMap;
use std::path::Path;

use tokio::sync::watch;

use super::candidate::{Candidate, CandidateError};
use super::itinerary::may_be_release;
use super::manifest::Manifest;
use super::repository::Repository;
use super::store::Store;
use crate::cloud::{Cloud, s3, with_causes};
use crate::deploy::apply::{self, Options, Tolerance};
use crate::deploy::events::{Event, Outcome};
use crate::deploy::{Action, Desired, UploadContent, prepare};

/// What a way back needs.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    pub cloud: &'a Cloud,
    pub repository: &'a Repository,
    pub store: &'a Store,
    /// Where the functions' zips lie.
    pub zips: &'a Path,
}

/// The ways that were found, and the tenants that have none.
#[derive(Debug, Default)]
pub struct Ways {
    /// What the stacks should be, by release.
    pub to: BTreeMap<String, Vec<Desired>>,
    /// Why a tenant cannot go back.
    pub stuck: BTreeMap<String, String>,
}

/// Looks for the way of each tenant to a release; None is no release at all. Changes nothing.
pub async fn find(means: Means<'_>, targets: &BTreeMap<String, Option<String>>) -> Ways {
    let mut ways = Ways::default();
    let mut by_release: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (tenant, release) in targets {
        match release {
            None => {
                ways.stuck.insert(tenant.clone(), "it did not exist before this release".to_owned());
            }
            Some(release) => by_release.entry(release).or_default().push(tenant),
        }
    }
    for (release, tenants) in by_release {
        match to_release(means, release, &tenants).await {
            Ok((desired, stuck)) => {
                ways.stuck.extend(stuck);
                ways.to.insert(release.to_owned(), desired);
            }
            Err(why) => ways.stuck.extend(tenants.iter().map(|tenant| ((*tenant).to_owned(), why.clone()))),
        }
    }
    ways
}

type Found = (Vec<Desired>, BTreeMap<String, String>);

async fn to_release(means: Means<'_>, release: &str, tenants: &[&str]) -> Result<Found, String> {
    if !may_be_release(release) {
        return Err(format!("it came from `{release}`, which is no tag"));
    }
    let candidate = Candidate::of_tag(means.repository, release).map_err(|error| with_causes(&error))?;
    let kept = means.store.manifest(release).await.map_err(|error| with_causes(&error))?;
    let kept = kept.map(|text| Manifest::parse(&text)).transpose()?;
    let known: Vec<_> = candidate.tenants().into_iter().filter(|t| tenants.contains(&t.name.as_str())).collect();
    let mut desired = candidate.desired(&known, means.zips).map_err(|error| with_causes(&error))?;
    let mut stuck = BTreeMap::new();
    for tenant in tenants {
        let Some(one) = desired.get(*tenant) else {
            stuck.insert((*tenant).to_owned(), format!("release `{release}` does not know it"));
            continue;
        };
        let as_rolled = kept.as_ref().is_none_or(|kept| kept.tenants.get(*tenant) == Some(&one.digest));
        let why = if as_rolled {
            gone(means.cloud, one).await.err()
        } else {
            let tool = kept.as_ref().map_or("", |kept| kept.tool.as_str());
            Some(format!("`{release}` does not render as it was rolled (with tool {tool}); has its tag moved?"))
        };
        if let Some(why) = why {
            stuck.insert((*tenant).to_owned(), why);
            desired.remove(*tenant);
        }
    }
    Ok((desired.into_values().collect(), stuck))
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

/// Takes tenants back. Gives for each the release that it has now, or why it has not.
pub async fn take(
    cloud: &Cloud,
    ways: Ways,
    options: &Options,
    stop: &watch::Receiver<bool>,
    events: &(dyn Fn(Event) + Sync),
) -> BTreeMap<String, Result<String, String>> {
    let mut results: BTreeMap<String, Result<String, String>> =
        ways.stuck.into_iter().map(|(tenant, why)| (tenant, Err(why))).collect();
    // One that fails is no reason to leave the others where they are.
    let options = Options { tolerance: Tolerance::Failures(usize::MAX), ..options.clone() };
    for (release, desired) in ways.to {
        let plan = prepare::plan(cloud, &release, &desired, options.pace, options.concurrency).await;
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
                    results.insert(tenant, failure(&outcome).map_or_else(|| Ok(release.clone()), Err));
                }
            }
        }
    }
    results
}

/// Why a deploy of one stack did not end well; None when it did.
pub(super) fn failure(outcome: &Outcome) -> Option<String> {
    Some(match outcome {
        Outcome::Done => return None,
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
    pub fn findings(&self) -> &[crate::finding::Finding] {
        match self {
            Self::Findings { found, .. } => found,
            _ => &[],
        }
    }
}
