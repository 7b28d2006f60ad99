//! What `tenantry drift --fix` does in front of a person: show everything, ask once, restore, and look again.

use std::collections::BTreeSet;

use super::guard;
use super::log::{Intent, Log};
use super::pace::Pace;
use super::review::Reviewer;
use super::run::{self, Consent, Execution, Site};
use super::{Exit, Failure, Output};
use crate::report;
use tenantry_aws::cloud::Cloud;
use tenantry_base::finding::Finding;
use tenantry_ops::deploy::apply::Outcomes;
use tenantry_ops::deploy::events::Outcome;
use tenantry_ops::deploy::journal::{Planned, Record};
use tenantry_ops::deploy::prepare::Pace as Wait;
use tenantry_ops::deploy::{Desired, Plan, prepare};
use tenantry_ops::drift::StackDrift;
use tenantry_ops::drift::restore::{self, Call, Failed, Restoration};

/// What restoring needs to know.
pub(super) struct Restore<'a> {
    pub site: Site<'a>,
    pub release: &'a str,
    pub desired: &'a [Desired],
    /// Reviews what is restored as it reviews a deploy.
    pub reviewer: &'a Reviewer,
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
        // Direct calls first: no rollback of a change set undoes them.
        let mut worst = self.call(cloud, &found.calls).await?;
        let direct = Restoration::plan(self.release, found.direct);
        worst = worst.max(self.isolating(cloud, direct, drifts, &found.calls, &execution).await?);
        let (plans, adapted): (Vec<_>, Vec<_>) = found.first_step.into_iter().unzip();
        let first = Restoration::plan(self.release, plans);
        worst = worst.max(self.execute(cloud, first, &adapted, &execution).await?.0);
        if !found.deploy.is_empty() {
            let (wait, width) = (self.pace.wait(), self.pace.concurrency());
            let plan = prepare::plan(cloud, self.release, &found.deploy, wait, width).await;
            worst = worst.max(self.execute(cloud, plan, &found.deploy, &execution).await?.0);
        }
        Ok(worst)
    }

    /// Executes the change sets that restore. Of a stack that was rolled back, everything is restored but the resource that
    /// failed, which is left to a person; and so on, until nothing fails.
    async fn isolating(
        &self,
        cloud: &Cloud,
        plan: Plan,
        drifts: &[StackDrift],
        calls: &[(Desired, Call)],
        execution: &Execution,
    ) -> Result<Exit, Failure> {
        let (mut failed, mut made) = (BTreeSet::new(), calls.to_vec());
        let (mut worst, mut outcomes) = self.execute(cloud, plan, self.desired, execution).await?;
        loop {
            let before = failed.len();
            let mut stuck = Vec::new();
            for ((tenant, place), outcome) in &outcomes {
                let Outcome::Failed { status, resource: Some(resource), reason, .. } = outcome else { continue };
                let (tenant, place) = (tenant.clone(), place.clone());
                let own = self.desired.iter().find(|one| one.tenant == tenant && one.place == place);
                if let Some(desired) = own.filter(|_| status == "UPDATE_ROLLBACK_FAILED") {
                    // It takes no change set before its rollback has ended.
                    stuck.push((desired.clone(), Call::EndRollback { stack: desired.stack.clone() }));
                }
                failed.insert(Failed { tenant, place, resource: resource.clone(), reason: reason.clone() });
            }
            worst = worst.max(self.call(cloud, &stuck).await?);
            // Each turn leaves out one resource more of a stack, so that it ends.
            if failed.len() == before {
                for ((tenant, _), outcome) in &outcomes {
                    if let Outcome::Failed { reason, .. } = outcome {
                        let why = format!("left to a person: all else of {tenant}: its change set fails: {reason}\n");
                        self.output.text(&why)?;
                    }
                }
                return Ok(worst);
            }
            let found = restore::without(cloud, self.desired, drifts, &failed, &made, self.pace.wait()).await;
            self.show(&found)?;
            worst = worst.max(self.call(cloud, &found.calls).await?);
            made.extend(found.calls);
            let (plans, adapted): (Vec<_>, Vec<_>) = found.first_step.into_iter().unzip();
            let others = Restoration::plan(self.release, plans);
            let ended = self.execute(cloud, others, &adapted, execution).await?;
            (worst, outcomes) = (worst.max(ended.0), ended.1);
        }
    }

    /// Makes the direct calls, each in the journal.
    async fn call(&self, cloud: &Cloud, calls: &[(Desired, Call)]) -> Result<Exit, Failure> {
        if calls.is_empty() {
            return Ok(Exit::Clean);
        }
        let stacks = calls.iter().map(|(desired, _)| Planned {
            tenant: desired.tenant.clone(),
            place: desired.place.clone(),
            stack: desired.stack.clone(),
            action: "call".to_owned(),
        });
        let intent = Intent { command: "drift --fix", release: self.release, plan: "-", stacks: stacks.collect() };
        let log = Log::open(self.site.root, &guard::run_name(), intent, &[])?;
        let worst = make_calls(cloud, calls, self.pace.wait(), &log).await;
        log.finish()?;
        Ok(worst)
    }

    fn show(&self, found: &Restoration) -> Result<(), Failure> {
        let stacks = found.direct.iter().chain(found.first_step.iter().map(|(plan, _)| plan)).cloned().collect();
        let mut text = report::plan::text(&Restoration::plan(self.release, stacks), true);
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
    ) -> Result<(Exit, Outcomes), Failure> {
        if plan.stacks.is_empty() && plan.unseen.is_empty() {
            return Ok((Exit::Clean, Outcomes::new()));
        }
        let plan = self.reviewer.live(cloud, plan, self.desired, self.policies, self.pace.concurrency()).await;
        run::execute(cloud, self.site, &plan, desired, execution, self.pace, self.output).await
    }
}

async fn make_calls(cloud: &Cloud, calls: &[(Desired, Call)], pace: Wait, log: &Log) -> Exit {
    let mut worst = Exit::Clean;
    for (what, end) in restore::make(cloud, calls, pace).await {
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
