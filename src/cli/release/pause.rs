//! `tenantry release pause`.

use clap::Args as ClapArgs;

use super::super::{Exit, Failure, Global, Output, guard, opened};
use tenantry_aws::cloud::Cloud;
use tenantry_ops::release::record::{Pause, Record, Refusal, Step};

/// Pause the rollout: every runner ends at its next poll, and no wave is started until `resume`.
///
/// Operations that AWS has started continue.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry release pause --why \"investigating latency in ring canary\"")]
pub(super) struct Args {
    /// Reason, shown while the rollout is paused.
    #[arg(long, value_name = "REASON")]
    why: String,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let fleet = fleet(global)?;
    let who = guard::who();
    let record = super::super::wait(async {
        let store = super::store(&Cloud::configure().await?, &fleet).await?;
        let pause = |before: Option<Record>, now| {
            let mut record = before.filter(|record| !record.is_over()).ok_or(Refusal::NoRoll(None))?;
            record.pause = Some(Pause { by: who.clone(), why: args.why.clone(), at: now });
            record.note(now, &who, Step::Paused { why: args.why.clone() });
            Ok(record)
        };
        store.update(pause).await.map_err(super::of_store)
    })??;
    Output::new(global.output).show(&record, |record| {
        format!("release {} is paused: {}\n`tenantry release resume` goes on\n", record.release, args.why)
    })?;
    Ok(Exit::Clean)
}

/// The fleet as the work tree says it: where the shared state lies.
pub(super) fn fleet(global: &Global) -> Result<tenantry_spec::estate::spec::Fleet, Failure> {
    let (estate, found) = opened::load(&global.estate)?;
    estate.map(|estate| estate.fleet).ok_or_else(|| opened::refused(&found, "the estate"))
}
