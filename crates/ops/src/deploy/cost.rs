//! The change of the monthly cost by a plan: what each stack costs by its deployed template, and by its new one.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ByStack, Desired, Plan};
use tenantry_aws::cloud::{Cloud, Place, cloudformation};
use tenantry_checks::cost::{Bill, Prices, Total, bill};

/// The change of the monthly cost by a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostChange {
    /// Date of the price table, `YYYY-MM-DD`.
    pub prices_of: String,
    /// Stacks that the plan changes.
    pub stacks: Vec<StackCost>,
}

/// What one stack costs in a month, before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StackCost {
    /// Name of the tenant.
    pub tenant: String,
    /// Account and Region.
    pub place: Place,
    /// Monthly cost of the deployed stack.
    pub before: Before,
    /// Monthly cost of the planned template, USD.
    pub after: Total,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Before {
    /// There is no stack yet.
    Nothing,
    Known {
        /// Monthly cost, USD.
        total: Total,
    },
    Unknown {
        /// Why the cost of the deployed stack could not be computed.
        why: String,
    },
}

impl StackCost {
    /// What the plan adds to the bill; None where one of the two is unknown.
    pub fn change(&self) -> Option<tenantry_checks::cost::Load> {
        let before = match &self.before {
            Before::Nothing => Total::default(),
            Before::Known { total } => total.clone(),
            Before::Unknown { .. } => return None,
        };
        // A price that is missing on both sides says nothing about the difference.
        (before.missing.is_empty() && self.after.missing.is_empty()).then(|| self.after.usd - before.usd)
    }
}

/// Live templates by tenant and place, or why there is none to be seen.
pub type Live = BTreeMap<(String, Place), Result<String, String>>;

/// Asks for the templates of the stacks that a plan changes; at most `concurrency` at once.
pub async fn live(cloud: &Cloud, plan: &Plan, desired: &[Desired], concurrency: usize) -> Live {
    let desired = ByStack::of(desired);
    let standing = plan.work().filter(|stack| stack.baseline.status.is_some());
    let asked = standing.filter_map(|stack| desired.get(&stack.place, &stack.stack));
    let looks = asked.map(|desired| async move {
        let template = async {
            let session = cloud.session(&desired.place, &desired.access).await?;
            cloudformation::template(&session, &desired.stack).await
        };
        let seen = template.await.map_err(|error| error.to_string());
        ((desired.tenant.clone(), desired.place.clone()), seen)
    });
    let looks: Vec<_> = looks.collect();
    stream::iter(looks).buffer_unordered(concurrency.max(1)).collect().await
}

/// Returns the cost change of a plan, and the bill of each stack after it.
pub fn change(plan: &Plan, desired: &[Desired], live: &Live, prices: &Prices) -> (CostChange, Vec<(String, Bill)>) {
    let mut bills = Vec::new();
    let mut stacks = Vec::new();
    let desired = ByStack::of(desired);
    for stack in plan.work() {
        let Some(own) = desired.get(&stack.place, &stack.stack) else { continue };
        let region = stack.place.region.as_str();
        let of = |body: &str| {
            serde_json::from_str::<Value>(body)
                .map(|template| bill(&template, region, prices))
                .map_err(|e| e.to_string())
        };
        let Ok(after) = of(&own.body) else { continue };
        let before = match (live.get(&(stack.tenant.clone(), stack.place.clone())), &stack.baseline.status) {
            (_, None) => Before::Nothing,
            (Some(Ok(body)), _) => match of(body) {
                Ok(bill) => Before::Known { total: bill.total() },
                Err(why) => Before::Unknown { why },
            },
            (Some(Err(why)), _) => Before::Unknown { why: why.clone() },
            (None, Some(_)) => Before::Unknown { why: "the deployed template was not read".to_owned() },
        };
        let (tenant, place) = (stack.tenant.clone(), stack.place.clone());
        stacks.push(StackCost { tenant, place, before, after: after.total() });
        bills.push((stack.tenant.clone(), after));
    }
    (CostChange { prices_of: prices.date.clone(), stacks }, bills)
}
