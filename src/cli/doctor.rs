//! `tenantry doctor`.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;

use super::opened::{self, Opened, Release};
use super::review::Reviewer;
use super::{Exit, Failure, Global, Output, Selection, bootstrap, fit};
use crate::report::doctor as report;
use crate::report::screen::Screen;
use tenantry_aws::cloud::{Access, Cloud, Place, Session, s3, with_causes};
use tenantry_base::ids::{AccountId, Region};
use tenantry_checks::capacity::{Assessment, Level, Tables, check};
use tenantry_ops::deploy::zips::ZipError;
use tenantry_ops::deploy::{Desired, stacks, zips};
use tenantry_ops::release::Repository;
use tenantry_ops::survey::readiness::{self, Check, Needs};
use tenantry_ops::survey::{self, Wanted};
use tenantry_template::render::RenderedTenant;

/// Check everything that a first deploy of the selected tenants needs, with a remedy for each failed check.
///
/// On this machine: git, the functions' zips, credentials. In each account: the deploy and the reading role, the
/// control plane, service-linked roles, hosted zones and their delegation, prefix lists, layers, the Region,
/// Availability Zones, instance types, quotas and names. Changes nothing.
///
/// Exit code 0: all checks are ok; 1: no account could be read; 2: there are warnings or errors; 4: a check is unknown.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry doctor --role OrganizationAccountAccessRole   # before `bootstrap`
  tenantry doctor acme
  tenantry doctor -o json | jq '.checks[] | select(.level != \"ok\")'")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    release: Release,
    /// Assume this role in the accounts, instead of the control plane's roles.
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// Show passed checks too, instead of counting them.
    #[arg(long)]
    full: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer {
    /// One entry per check and place.
    checks: Vec<Check>,
}

/// What is asked of AWS.
struct Asked<'e> {
    opened: &'e Opened,
    reviewer: &'e Reviewer,
    tables: &'e Tables,
    wanted: Vec<Wanted>,
    desired: Vec<Desired>,
    needs: BTreeMap<Place, Needs>,
    args: &'e Args,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::selected(global, &args.selection)?;
    let chosen = args.selection.select(&opened.estate)?;
    let tables = opened::tables(&global.estate)?;
    let reviewer = Reviewer::open(&global.estate, &opened.estate.blueprint)?;
    let rendered = opened.render(&chosen, &args.release.release)?;
    let mut checks = vec![git(global)];
    let asked = Asked {
        opened: &opened,
        reviewer: &reviewer,
        tables: &tables,
        wanted: fit::wanted(&opened, &tables, &rendered, |_| true),
        desired: rendered.iter().map(|one| opened.stack(one, &args.release)).collect(),
        needs: needs(&opened, &rendered),
        args,
    };
    drop(rendered);
    let (found, unasked) = super::wait(accounts(&asked))?;
    checks.extend(found);
    let exit = match unasked {
        true => Exit::Error,
        false => checks.iter().map(|check| check.level.into()).max().unwrap_or(Exit::Clean),
    };
    Output::new(global.output)
        .show(&Answer { checks }, |answer| report::text(&answer.checks, args.full, Screen::current()))?;
    Ok(exit)
}

/// What the chosen stacks need, by account and Region. Every deploy needs the central control plane, too.
fn needs(opened: &Opened, rendered: &[RenderedTenant<'_>]) -> BTreeMap<Place, Needs> {
    let mut found = BTreeMap::from([(stacks::central(&opened.estate.fleet), Needs::default())]);
    for one in rendered {
        let spec = &one.tenant.spec;
        let place = Place { account: spec.account.clone(), region: spec.region.clone() };
        found.entry(place).or_default().add(&one.template.tree(), one.template.control_plane());
    }
    found
}

/// The estate is committed: a release is a tag.
fn git(global: &Global) -> Check {
    const CHECK: &str = "git";
    let found =
        Repository::open(&global.estate).and_then(|repository| Ok((repository.head().is_ok(), repository.dirty()?)));
    match found {
        Ok((false, _)) => Check::new(CHECK, Level::Warning, "the repository has no commit")
            .with_help("`git add . && git commit` the estate; `tenantry release` rolls out tags"),
        Ok((true, dirty)) if dirty.is_empty() => Check::new(CHECK, Level::Ok, "every file of the estate is committed"),
        Ok((true, dirty)) => {
            let message = format!("{} files differ from the commit, `{}` first", dirty.len(), dirty[0]);
            Check::new(CHECK, Level::Warning, message).with_help("commit them: `tenantry release` rolls out tags")
        }
        Err(error) => {
            let found = Check::new(CHECK, Level::Warning, error.to_string());
            Check { help: error.hint(), ..found }
        }
    }
}

/// Everything that AWS is asked, and whether it could be asked nothing at all.
async fn accounts(asked: &Asked<'_>) -> (Vec<Check>, bool) {
    const CHECK: &str = "credentials";
    let home = stacks::central(&asked.opened.estate.fleet);
    let error = |message: String, help: Option<String>| Check { help, ..Check::new(CHECK, Level::Error, message) };
    let clouds = async { Ok((Cloud::configure().await?, Cloud::configure().await?.reading())) };
    let (changing, reading) = match clouds.await {
        Ok(clouds) => clouds,
        Err::<_, tenantry_aws::cloud::ConfigureError>(failed) => {
            let found = vec![error(failed.to_string(), Some(failed.hint())), functions(asked, None).await];
            return (found, true);
        }
    };
    let mut found = match changing.caller(&home).await {
        Ok(caller) => {
            let who = caller.arn.as_deref().unwrap_or("credentials");
            vec![Check::new(CHECK, Level::Ok, format!("{who} of account {}", caller.account))]
        }
        Err(failed) => {
            let found = vec![error(with_causes(&failed), failed.hint()), functions(asked, None).await];
            return (found, true);
        }
    };
    // With a role of the caller's choice everything is asked as that role.
    let cloud = if asked.args.role.is_some() { &changing } else { &reading };
    found.push(functions(asked, Some(cloud)).await);
    found.extend(roles(asked, &changing, &reading).await);
    let facts = facts(asked);
    let planes = planes(asked, cloud).await;
    let nothing = BTreeMap::new();
    let places = asked.needs.iter().map(|(place, needs)| {
        let plane = planes.iter().find(|plane| plane.place == *place);
        let (facts, access) = (facts.get(&place.region).unwrap_or(&nothing), access(asked, &place.account));
        async move { readiness::place(cloud, place, &access, needs, plane, facts, asked.args.role.as_deref()).await }
    });
    found.extend(readiness::all(places).await);
    let wanted: Vec<Wanted> =
        asked.wanted.iter().map(|one| Wanted { access: access(asked, &one.place.account), ..one.clone() }).collect();
    let assessments = check(asked.tables, &survey::look(cloud, asked.tables, &wanted).await);
    found.extend(assessments.iter().flat_map(of_assessment));
    (found, false)
}

/// How an account is entered: with the role of the caller's choice, else as `fleet.yaml` says.
fn access(asked: &Asked<'_>, account: &AccountId) -> Access {
    match &asked.args.role {
        Some(role) => Access { role: Some(role.clone()), external_id: None },
        None => stacks::access(&asked.opened.estate.fleet, account),
    }
}

/// The accounts of the chosen stacks, each in one of their Regions, and the central account.
fn entrances(asked: &Asked<'_>) -> BTreeMap<AccountId, Place> {
    let home = stacks::central(&asked.opened.estate.fleet);
    let mut found: BTreeMap<AccountId, Place> =
        asked.needs.keys().map(|place| (place.account.clone(), place.clone())).collect();
    found.insert(home.account.clone(), home);
    found
}

/// The roles under which the accounts are entered: the deploy and the reading role, or the one that was given.
async fn roles(asked: &Asked<'_>, changing: &Cloud, reading: &Cloud) -> Vec<Check> {
    let entrances = entrances(asked);
    let checks = entrances.values().map(|place| {
        let access = access(asked, &place.account);
        async move {
            if asked.args.role.is_some() || access.role.is_none() {
                return vec![readiness::entered(changing, "role", place, &access, false).await];
            }
            let (deploy, read) = futures::join!(
                readiness::entered(changing, "deploy-role", place, &access, true),
                readiness::entered(reading, "reading-role", place, &access, true)
            );
            vec![deploy, read]
        }
    });
    readiness::all(checks).await
}

/// The control planes of the chosen stacks as today's templates have them; none where they cannot be rendered.
async fn planes(asked: &Asked<'_>, cloud: &Cloud) -> Vec<Desired> {
    let mut found = Vec::new();
    for account in asked.needs.keys().map(|place| &place.account).collect::<BTreeSet<_>>() {
        let places = |place: &Place| place.account == *account && asked.needs.contains_key(place);
        let access = access(asked, account);
        let planes =
            bootstrap::planes(cloud, asked.opened, asked.reviewer, &access, &asked.args.release.release, places).await;
        found.extend(planes.map(|(planes, _)| planes).unwrap_or_default());
    }
    found
}

/// The texts that `fleet.yaml` has of each Region, by the names of their facts.
fn facts(asked: &Asked<'_>) -> BTreeMap<Region, BTreeMap<String, String>> {
    let regions = asked.opened.estate.fleet.regions.iter();
    let texts = regions.map(|(region, spec)| {
        let facts = spec.facts.iter().filter_map(|(fact, value)| Some((fact.clone(), value.as_str()?.to_owned())));
        (region.clone(), facts.collect())
    });
    texts.collect()
}

/// Each function's zip is here as the lock names it, or in the artifacts bucket of every account and Region.
async fn functions(asked: &Asked<'_>, cloud: Option<&Cloud>) -> Check {
    const CHECK: &str = "functions";
    let (locked, folder) = (&asked.opened.functions, &asked.args.release.functions);
    let shown = folder.display();
    let faults = zips::verify(locked, folder);
    let count = locked.artifacts.len();
    if faults.is_empty() {
        return Check::new(CHECK, Level::Ok, format!("{count} zips in `{shown}` are as the lock names them"));
    }
    let other = faults.iter().find(|fault| matches!(fault, ZipError::Different { .. }));
    if let Some(fault) = other {
        return Check::new(CHECK, Level::Error, fault.to_string())
            .with_help("delete the file and run `tenantry functions fetch`");
    }
    let missing = zips::missing(locked, folder).join(", ");
    let lacking = format!("`{shown}` has no zip of {missing}");
    let help = "run `tenantry functions fetch`, or name their directory with `--functions`";
    match cloud {
        Some(cloud) if stored(asked, cloud).await => {
            Check::new(CHECK, Level::Ok, format!("{lacking}, and every artifacts bucket has them"))
        }
        _ => Check::new(CHECK, Level::Error, format!("{lacking}, and the artifacts buckets lack them or are unknown"))
            .with_help(help),
    }
}

/// Whether the artifacts bucket of every chosen stack has the functions' zips.
async fn stored(asked: &Asked<'_>, cloud: &Cloud) -> bool {
    for stack in &asked.desired {
        let Some(bucket) = &stack.artifacts else { continue };
        let Ok(session) = cloud.session(&stack.place, &access(asked, &stack.place.account)).await else { return false };
        for artifact in asked.opened.functions.artifacts.values() {
            if !has(&session, bucket, &artifact.key()).await {
                return false;
            }
        }
    }
    true
}

async fn has(session: &Session, bucket: &str, key: &str) -> bool {
    s3::exists(session, bucket, key).await.unwrap_or(false)
}

/// Quotas, subnets, Region, zones, instance types and names of a place: what is not ok, and how many quotas are.
fn of_assessment(assessment: &Assessment) -> Vec<Check> {
    let place = Some(assessment.ground());
    let mut found: Vec<Check> = assessment
        .findings()
        .iter()
        .map(|finding| {
            let check = match finding.code.as_str().get(..4) {
                Some("TN21") => "quotas",
                Some("TN22") => "subnets",
                Some("TN23") => "region",
                _ => "names",
            };
            let of = readiness::of_finding(check, finding);
            let help = match (&of.help, check) {
                (None, "quotas") => Some("`tenantry quotas --full` shows all of them".to_owned()),
                (help, _) => help.clone(),
            };
            Check { place: place.clone(), help, ..of }
        })
        .collect();
    let met =
        |check: &'static str, message: String| Check { place: place.clone(), ..Check::new(check, Level::Ok, message) };
    let fitting = assessment.quotas.iter().filter(|quota| quota.level == Level::Ok).count();
    if fitting > 0 {
        found.push(met("quotas", format!("{fitting} quotas suffice")));
    }
    if assessment.region.is_some() && assessment.offer.is_empty() {
        found.push(met("region", "enabled, with every Availability Zone, service and instance type".to_owned()));
    }
    if assessment.region.is_some() && assessment.names.is_empty() {
        found.push(met("names", "no name of a new resource is in use".to_owned()));
    }
    found
}
