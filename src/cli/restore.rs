//! What `tenantry drift --fix` does in front of a person: show everything, ask once, restore, and look again.

use super::guard;
use super::judge::Judge;
use super::log::{Intent, Log};
use super::pace::Pace;
use super::run::{self, Consent, Execution, Site};
use super::{Exit, Failure, Output};
use crate::report;
use tenantry_aws::cloud::Cloud;
use tenantry_base::finding::Finding;
use tenantry_ops::deploy::journal::{Planned, Record};
use tenantry_ops::deploy::{Desired, Plan, prepare};
use tenantry_ops::drift::StackDrift;
use tenantry_ops::drift::restore::{self, Call, Restoration};

/// What restoring needs to know.
pub(super) struct Restore<'a> {
    pub site: Site<'a>,
    pub release: &'a str,
    pub desired: &'a [Desired],
    /// Judges what is restored as it judges a deploy.
    pub judge: &'a Judge,
    pub policies: &'a [Finding],
    pub execution: &'a Execution,
    pub pace: &'a Pace,
    pub output: Output,
}

impl Restore<'_> {
    /// Plans and shows the restoration, asks, and carries it out by the same execution as a deploy.
    pub(super) async fn run(&self, cloud: &Cloud, drifts: &[StackDrift]) -> Result<Exit, Failure> {
        let found = restore::plan(cloud, self.desired, drifts, self.pace.wait()).await;
        self.show(&found)?;
        if found.is_empty() {
            return Ok(if found.left.is_empty() { Exit::Clean } else { Exit::Changes });
        }
        let steps = found.direct.len() + found.first_step.len() + found.deploy.len();
        let question = format!("Restore by {steps} change sets and {} direct calls?", found.calls.len());
        if !self.execution.consent.yes && !run::confirmed(&question, "yes")? {
            return Err(Failure::new("not confirmed, nothing was restored").with_exit(Exit::Refused));
        }
        let consent = Consent { yes: true, ..self.execution.consent.clone() };
        let execution = Execution { consent, ..self.execution.clone() };
        let direct = Restoration::plan(self.release, found.direct);
        let mut worst = self.execute(cloud, direct, self.desired, &execution).await?;
        let calls = found.calls;
        let (plans, adapted): (Vec<_>, Vec<_>) = found.first_step.into_iter().unzip();
        let first = Restoration::plan(self.release, plans);
        worst = worst.max(self.execute(cloud, first, &adapted, &execution).await?);
        if !found.deploy.is_empty() {
            let (wait, width) = (self.pace.wait(), self.pace.concurrency());
            let plan = prepare::plan(cloud, self.release, &found.deploy, wait, width).await;
            worst = worst.max(self.execute(cloud, plan, &found.deploy, &execution).await?);
        }
        if calls.is_empty() {
            return Ok(worst);
        }
        let stacks = calls.iter().map(|(desired, _)| Planned {
            tenant: desired.tenant.clone(),
            place: desired.place.clone(),
            stack: desired.stack.clone(),
            action: "call".to_owned(),
        });
        let intent = Intent { command: "drift --fix", release: self.release, plan: "-", stacks: stacks.collect() };
        let log = Log::open(self.site.root, &guard::run_name(), intent, &[])?;
        worst = worst.max(make_calls(cloud, &calls, &log).await);
        log.finish()?;
        Ok(worst)
    }

    fn show(&self, found: &Restoration) -> Result<(), Failure> {
        let stacks = found.direct.iter().chain(found.first_step.iter().map(|(plan, _)| plan)).cloned().collect();
        let mut text = report::plan::text(&Restoration::plan(self.release, stacks));
        for (desired, call) in &found.calls {
            text.push_str(&format!("direct call for {}: {}\n", desired.tenant, call.shown()));
        }
        for desired in &found.deploy {
            text.push_str(&format!("{}: a deploy of {} ends it\n", desired.tenant, self.release));
        }
        for (tenant, what, why) in &found.left {
            text.push_str(&format!("left to a person: {what} of {tenant}: {why}\n"));
        }
        self.output.text(&text)
    }

    async fn execute(
        &self,
        cloud: &Cloud,
        plan: Plan,
        desired: &[Desired],
        execution: &Execution,
    ) -> Result<Exit, Failure> {
        if plan.stacks.is_empty() && plan.unseen.is_empty() {
            return Ok(Exit::Clean);
        }
        let plan = self.judge.live(cloud, plan, self.desired, self.policies, self.pace.concurrency()).await;
        run::execute(cloud, self.site, &plan, desired, execution, self.pace, self.output).await
    }
}

async fn make_calls(cloud: &Cloud, calls: &[(Desired, Call)], log: &Log) -> Exit {
    let mut worst = Exit::Clean;
    for (what, end) in restore::make(cloud, calls).await {
        log.write(Record::Called { call: what.to_string(), failed: end.as_ref().err().map(ToString::to_string) });
        match end {
            Ok(()) => anstream::eprintln!("{what}: done"),
            Err(why) => {
                anstream::eprintln!("{what}: {why}");
                worst = Exit::Error;
            }
        }
    }
    worst
}
