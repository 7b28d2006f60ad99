//! `tenantry flags push`.

use std::path::Path;

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{Exit, Failure, Global, Output, flag, shown};
use crate::cli::guard;
use crate::cli::log::entry;
use crate::cli::opened::Opened;
use crate::cli::pace::Waiting;
use crate::cli::selection::tenant;
use tenantry_aws::cloud::{Cloud, Place};
use tenantry_ops::deploy::durations::Durations;
use tenantry_ops::deploy::events::Outcome;
use tenantry_ops::deploy::flags::{self as deliver, InForce, PushError};
use tenantry_ops::deploy::journal::{Journal, Planned, Record, SCHEMA};
use tenantry_ops::deploy::{Desired, ownership};
use tenantry_spec::estate::Tenant;
use tenantry_spec::flags::{
    Catalogue, Evaluation, Reads, Subject, Values, contradictions, evaluate, values_of, with_value,
};

/// Change a flag of a tenant's functions at once, without git and CloudFormation, in an emergency.
///
/// Creates a version of AppConfig's deployed configuration with this flag changed and deploys it to all targets at
/// once. No alarm rolls it back, because in an emergency one is in ALARM already. A pushed flag is shown as drift
/// (`flags show TENANT --live`) until the change is committed and deployed.
///
/// Exit code 0: the flag is deployed; 3: another flag or a deployment in progress forbids it; 4: the deployment is
/// still in progress.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry flags push acme verbose-logs true --reason \"runaway device\"")]
pub(super) struct Args {
    tenant: String,
    flag: String,
    value: String,
    /// Reason, recorded with the version, the deployment and in the journal.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    pace: Waiting,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct Answer {
    /// Name of the tenant.
    tenant: String,
    /// Key of the flag.
    flag: String,
    /// Value in AppConfig before; null if it had none.
    before: Option<Value>,
    /// Value in AppConfig now.
    after: Value,
    /// Number of the new configuration version; null if AppConfig already had the value.
    version: Option<String>,
    /// Number of the AppConfig deployment; null if none was started.
    deployment: Option<i32>,
    /// State of the AppConfig deployment, such as `COMPLETE`; null if none was started.
    state: Option<String>,
    /// Whether git has the same value.
    in_git: bool,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::without_broken(global, &[args.tenant.to_string()])?;
    let (tenant, flag) = (tenant(&opened.estate, &args.tenant)?, flag(&opened, &args.flag)?);
    if args.reason.trim().is_empty() {
        return Err(Failure::new("a push needs a reason"));
    }
    if flag.reads == Reads::Structural {
        let message = format!("flag `{}` changes the template and cannot be pushed", args.flag);
        let hint = format!("`tenantry flags set {} {} {}`, then deploy", args.tenant, args.flag, args.value);
        return Err(Failure::new(message).with_exit(Exit::Refused).with_hint(hint));
    }
    let value = flag.parse(&args.value).map_err(|fault| Failure::new(format!("{}: {fault}", args.flag)))?;
    let answer = super::super::wait(push(args, &opened, tenant, value))??;
    Output::new(global.output).show(&answer, text)?;
    Ok(Exit::Clean)
}

async fn push(args: &Args, opened: &Opened, tenant: &Tenant, value: Value) -> Result<Answer, Failure> {
    let (estate, key) = (&opened.estate, &args.flag);
    let flag = flag(opened, key)?;
    let cloud = Cloud::configure().await?;
    let session = deliver::session(&cloud, estate, tenant).await?;
    let stack = deliver::stack(estate, tenant);
    let identity = Desired::identity(&estate.fleet.organisation, &estate.fleet.identity(), tenant.name.as_str());
    ownership::owned(&session, &stack, &identity).await.map_err(Failure::ownership)?;
    let Some(now) = deliver::in_force(&session, &stack).await? else {
        return Err(Failure::new(format!("AppConfig has no flags of `{}` yet", args.tenant))
            .with_hint(format!("`tenantry deploy {}` makes them", args.tenant)));
    };
    let before = values_of(&now.document).remove(key);
    let mut answer = Answer {
        tenant: args.tenant.clone(),
        flag: key.clone(),
        before,
        in_git: estate.delivered(tenant).get(key) == Some(&value),
        after: value,
        version: None,
        deployment: None,
        state: None,
    };
    if answer.before.as_ref() == Some(&answer.after) {
        return Ok(answer);
    }
    allowed(&estate.flags, tenant, &now, key, &answer.after)?;
    let document = with_value(&now.document, key, flag, &answer.after);
    let mut journal = begun(&estate.root, args, tenant, &stack)?;
    let place = Place { account: tenant.spec.account.clone(), region: tenant.spec.region.clone() };
    let pushed = deliver::push(&session, &stack, &now, &document, &args.reason, args.pace.unwatched()).await;
    journal.write(&entry(match &pushed {
        Ok(deployment) => Record::Pushed {
            tenant: args.tenant.clone(),
            place,
            flag: key.clone(),
            before: answer.before.clone(),
            after: answer.after.clone(),
            reason: args.reason.clone(),
            version: deployment.version.clone(),
        },
        Err(error) => Record::Ended {
            tenant: args.tenant.clone(),
            place,
            outcome: Outcome::Broken { why: error.to_string(), hint: None },
            seconds: Durations::new(),
        },
    }))?;
    journal.write(&entry(Record::Finished))?;
    let deployment = pushed.map_err(refused)?;
    answer.version = Some(deployment.version);
    answer.deployment = Some(deployment.number);
    answer.state = Some(deployment.state);
    Ok(answer)
}

/// The journal of this push: that it was begun, by whom and why.
fn begun(root: &Path, args: &Args, tenant: &Tenant, stack: &str) -> Result<Journal, Failure> {
    let mut journal = Journal::create(root, &guard::run_name())?;
    let planned = Planned {
        tenant: args.tenant.clone(),
        place: Place { account: tenant.spec.account.clone(), region: tenant.spec.region.clone() },
        stack: stack.to_owned(),
        action: "push".to_owned(),
    };
    journal.write(&entry(Record::Begun {
        schema: SCHEMA.to_owned(),
        by: guard::who(),
        command: format!("flags push {} {}: {}", args.flag, args.value, args.reason),
        release: "-".to_owned(),
        plan: "-".to_owned(),
        stacks: vec![planned],
    }))?;
    Ok(journal)
}

/// What would be in force must keep the flags' dependencies and conflicts.
fn allowed(catalogue: &Catalogue, tenant: &Tenant, now: &InForce, key: &str, value: &Value) -> Result<(), Failure> {
    let mut overrides: Values = tenantry_spec::flags::values(catalogue, &tenant.subject());
    overrides.extend(values_of(&now.document));
    overrides.insert(key.to_owned(), value.clone());
    let subject = Subject { overrides: &overrides, ..tenant.subject() };
    let answers: Vec<Evaluation> = catalogue.flags.keys().map(|key| evaluate(catalogue, key, &subject)).collect();
    let about = |flag: &Evaluation| flag.flag_key == key;
    match contradictions(catalogue, &answers).into_iter().find(|found| about(found.flag) || about(found.other)) {
        None => Ok(()),
        Some(found) => {
            let wanted = if found.wanted_on { "requires" } else { "conflicts with" };
            let message = format!("flag `{}` {wanted} `{}`", found.flag.flag_key, found.other.flag_key);
            Err(Failure::new(message).with_exit(Exit::Refused).with_hint("push the other flag first"))
        }
    }
}

fn refused(error: PushError) -> Failure {
    match error {
        PushError::UnderWay { .. } => Failure::new(error).with_exit(Exit::Refused).with_hint(
            "wait until AppConfig has completed it (minutes after a deploy), or stop it in AppConfig, then push again",
        ),
        PushError::Late { .. } => Failure::new(error).with_exit(Exit::Incomplete),
        PushError::Undone { .. } => Failure::new(error).with_hint("look at the tenant's alarms"),
        PushError::Call { .. } | PushError::Unguarded { .. } => Failure::new(error),
    }
}

fn text(answer: &Answer) -> String {
    let (tenant, flag, after) = (&answer.tenant, &answer.flag, shown(&answer.after));
    let Some((version, state)) = answer.version.as_ref().zip(answer.state.as_ref()) else {
        return format!("{tenant}: AppConfig has {flag} as `{after}` already\n");
    };
    let before = answer.before.as_ref().map_or_else(|| "nothing".to_owned(), shown);
    let mut out = format!("{tenant}: {flag} {before} -> {after}, in force as version {version} ({state})\n");
    if !answer.in_git {
        out.push_str(&format!(
            "  shows as drift until git says so: `tenantry flags set {tenant} {flag} {after}`, commit, deploy\n"
        ));
    }
    out
}
