//! `tenantry quotas`.

use std::collections::BTreeMap;

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;

use super::fit::{self, Fit, Look};
use super::opened::Release;
use super::pace::Poll;
use super::{Exit, Failure, Global, Output, Selection};
use crate::report::capacity as report;
use crate::report::screen::Screen;
use tenantry_aws::cloud::servicequotas::IncreaseRequest;
use tenantry_aws::cloud::{Cloud, Place};
use tenantry_checks::capacity::Assessment;
use tenantry_ops::survey::increases::{self, Outcome, Wish};

/// Show the usage of quotas in each account and region, now and after a deploy of the selected tenants.
///
/// Adds the demand of the templates to the current usage and to what deployments in progress will still create, and
/// compares it with the limits that AWS reports, with the source of each.
///
/// Exit code 0: all quotas are ok; 2: a limit is near or exceeded; 4: something is unknown.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry quotas
  tenantry quotas acme --what-if tenants+=50:like=acme@eu-west-1
  tenantry quotas --all --request --watch")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    release: Release,
    #[command(flatten)]
    look: Look,
    /// Show every quota, also those far from their limit.
    #[arg(long)]
    full: bool,
    /// Request an increase of every limit that should be higher. Open requests are found and not repeated.
    #[arg(long, conflicts_with = "offline")]
    pub(super) request: bool,
    /// Follow open requests until AWS has decided them, or until Ctrl-C.
    #[arg(long, conflicts_with = "offline")]
    watch: bool,
    #[command(flatten)]
    pace: Poll,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer<'a> {
    /// Changes of `--what-if`, as given.
    what_if: Vec<String>,
    /// One assessment per account and Region, and one per account for global quotas.
    places: &'a [Assessment],
    /// Increase requests; only with `--request`.
    requests: &'a [Wish],
    /// Final state of the requests; only with `--watch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    watched: Option<&'a Watched>,
}

/// State of the open increase requests.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Watched {
    /// Requests with the account and Region they are for.
    requests: Vec<(Place, IncreaseRequest)>,
    /// Whether the watch ended before all requests were decided.
    interrupted: bool,
    /// Requests whose state could not be read, each with the reason.
    unseen: Vec<String>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let fit = fit::fit(global, &args.selection, &args.release, &args.look)?;
    let (wishes, watched) = super::wait(follow(args, &fit))??;
    let answer = Answer {
        what_if: args.look.what_if.iter().map(ToString::to_string).collect(),
        places: &fit.assessments,
        requests: &wishes,
        watched: watched.as_ref(),
    };
    Output::new(global.output).show(&answer, |answer| {
        let tables = answer.places.iter().map(|place| report::quotas(place, args.full, Screen::current()));
        let mut text: String = tables.collect::<Vec<_>>().join("\n");
        text += &report::wishes(answer.requests);
        if let Some(watched) = answer.watched {
            text +=
                &watched.requests.iter().map(|(place, request)| report::request(place, request)).collect::<String>();
        }
        Screen::current().wrapped(&text)
    })?;
    let failed = wishes.iter().any(|wish| matches!(wish.outcome, Outcome::Failed { .. }));
    let asked = if failed { Exit::Error } else { Exit::Clean };
    Ok(fit::exit(&fit.assessments).max(asked).max(watched.as_ref().map_or(Exit::Clean, exit)))
}

/// Asks and follows, as far as that was said.
async fn follow(args: &Args, fit: &Fit) -> Result<(Vec<Wish>, Option<Watched>), Failure> {
    if !args.request && !args.watch {
        return Ok((Vec::new(), None));
    }
    let cloud = Cloud::configure().await?;
    let wishes = if args.request { increases::file(&cloud, &fit.assessments, &fit.places).await } else { Vec::new() };
    let watched = if args.watch { Some(watch(&cloud, fit, &args.pace).await?) } else { None };
    Ok((wishes, watched))
}

/// Looks again until no request is open. Each change is a line on standard error.
async fn watch(cloud: &Cloud, fit: &Fit, pace: &Poll) -> Result<Watched, Failure> {
    let places: BTreeMap<Place, _> =
        fit.assessments.iter().filter_map(|assessment| increases::place(assessment, &fit.places)).collect();
    let mut followed: BTreeMap<(Place, String), IncreaseRequest> = BTreeMap::new();
    loop {
        let mut watched = Watched::default();
        for (place, access) in &places {
            match increases::all(cloud, place, access).await {
                Ok(requests) => {
                    for request in requests {
                        let key = (place.clone(), request.id.clone());
                        let before = followed.get(&key);
                        if before.is_none() && !request.is_open() {
                            continue;
                        }
                        if before.is_none_or(|before| before.status != request.status) {
                            anstream::eprint!("{}", report::request(place, &request));
                        }
                        followed.insert(key, request);
                    }
                }
                Err(error) => watched.unseen.push(error.to_string()),
            }
        }
        watched.requests = followed.iter().map(|((place, _), request)| (place.clone(), request.clone())).collect();
        if !watched.unseen.is_empty() || !followed.values().any(IncreaseRequest::is_open) {
            return Ok(watched);
        }
        tokio::select! {
            () = tokio::time::sleep(pace.pause()) => {}
            signal = tokio::signal::ctrl_c() => {
                signal?;
                watched.interrupted = true;
                return Ok(watched);
            }
        }
    }
}

fn exit(watched: &Watched) -> Exit {
    if !watched.unseen.is_empty() || watched.interrupted {
        Exit::Incomplete
    } else if watched.requests.iter().all(|(_, request)| request.is_approved()) {
        Exit::Clean
    } else {
        Exit::Changes
    }
}
