//! Reviewing a plan: whether it fits, whether it keeps the rules, what it costs.

use std::collections::BTreeSet;
use std::path::Path;

use super::Failure;
use super::opened;
use tenantry_aws::cloud::Cloud;
use tenantry_base::finding::{Code, Finding};
use tenantry_blueprint::Blueprint;
use tenantry_checks::capacity::{Assessment, Tables};
use tenantry_checks::cost::Prices;
use tenantry_checks::policy::{Checker, Stack};
use tenantry_ops::deploy::cost::{self, Live};
use tenantry_ops::deploy::plan::PlanReview;
use tenantry_ops::deploy::{Desired, Plan, gate};
use tenantry_ops::survey;
use tenantry_template::embedded;

/// What plans are reviewed with: the estate's policies and its tables of quotas, regions and prices.
#[derive(Debug)]
pub(super) struct Reviewer {
    checker: Checker,
    tables: Tables,
    pub(super) prices: Prices,
}

impl Reviewer {
    pub(super) fn open(root: &Path, blueprint: &Blueprint) -> Result<Self, Failure> {
        let checker = Checker::new(embedded::rules(root)?, blueprint);
        let checker = checker.map_err(|found| opened::refused(&found, "the policies"))?;
        let tables = opened::tables(root)?;
        // What an account may have raised is weighed against its own limits.
        let checker = checker.with_limits(tables.quotas.iter().filter(|quota| quota.is_single() && !quota.adjustable));
        Ok(Self { checker, tables, prices: opened::prices(root)? })
    }

    /// What the policies say of stacks.
    pub(super) fn policies(&self, stacks: &[Stack<'_>]) -> Vec<Finding> {
        self.checker.check(stacks)
    }

    /// Reviews a plan that was made without looking at AWS: by the tables.
    pub(super) fn offline(&self, plan: Plan, desired: &[Desired], policies: &[Finding]) -> Plan {
        let assessments = survey::offline(&self.tables, &survey::wanted(&self.tables, &busy(&plan, desired)));
        self.reviewed(plan, desired, policies, &findings(&assessments), &Live::new())
    }

    /// Reviews a plan by what stands in its accounts and regions.
    pub(super) async fn live(
        &self,
        cloud: &Cloud,
        plan: Plan,
        desired: &[Desired],
        policies: &[Finding],
        concurrency: usize,
    ) -> Plan {
        let busy = busy(&plan, desired);
        if busy.is_empty() {
            return self.reviewed(plan, desired, policies, &[], &Live::new());
        }
        let wanted = survey::wanted(&self.tables, &busy);
        let (assessments, zones, live) = futures::join!(
            survey::live(cloud, &self.tables, &wanted),
            survey::zones::delegations(cloud, &plan, &busy),
            cost::live(cloud, &plan, &busy, concurrency)
        );
        let seen = [findings(&assessments), zones].concat();
        self.reviewed(plan, desired, policies, &seen, &live)
    }

    fn reviewed(&self, plan: Plan, desired: &[Desired], policies: &[Finding], seen: &[Finding], live: &Live) -> Plan {
        let (cost, bills) = cost::change(&plan, desired, live, &self.prices);
        let working: BTreeSet<&str> = plan.work().map(|stack| stack.tenant.as_str()).collect();
        // What is wrong with a stack that stays as it is stops nobody.
        let concerns = |finding: &&Finding| match &finding.tenant {
            Some(tenant) => working.contains(tenant.as_str()),
            None => !working.is_empty(),
        };
        let unpriced = bills.iter().flat_map(|(tenant, bill)| {
            bill.findings().into_iter().map(move |finding| finding.with_tenant(tenant.as_str()))
        });
        let unpriced: Vec<Finding> = unpriced.collect();
        // A name in use by what the plan imports is in nobody's way.
        let imported: BTreeSet<(&str, &str)> = plan
            .work()
            .flat_map(|stack| stack.action.changes().iter().map(move |change| (stack.tenant.as_str(), change)))
            .filter(|(_, change)| change.action == "Import")
            .map(|(tenant, change)| (tenant, change.logical_id.as_str()))
            .collect();
        let seen = seen.iter().filter(|finding| {
            let tenant = finding.tenant.as_deref().unwrap_or_default();
            let resource = finding.resource.as_deref().unwrap_or_default();
            finding.code != Code::TN2402 || !imported.contains(&(tenant, resource))
        });
        let verdicts = gate::verdicts(policies.iter().filter(concerns).chain(seen).chain(&unpriced));
        Plan { review: Some(PlanReview { findings: verdicts, cost }), ..plan }
    }
}

/// What assessments found.
fn findings(assessments: &[Assessment]) -> Vec<Finding> {
    assessments.iter().flat_map(Assessment::findings).collect()
}

/// The stacks that a plan changes, as they should be.
fn busy(plan: &Plan, desired: &[Desired]) -> Vec<Desired> {
    let changed =
        |desired: &&Desired| plan.work().any(|stack| stack.stack == desired.stack && stack.place == desired.place);
    desired.iter().filter(changed).cloned().collect()
}
