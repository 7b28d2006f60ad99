//! A plan: for each stack what will happen and why, what it was made from, and what could not be seen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::change;
use super::cost::CostChange;
use super::desired::hash;
use super::gate::PlanFinding;
use super::ownership::Claim;
use tenantry_aws::cloud::Place;
use tenantry_aws::cloud::change_sets::{ChangeSetKind, Outcome, ResourceChange, Validation};
use tenantry_aws::cloud::cloudformation::Stack;
use tenantry_aws::cloud::hooks::Objection;
use tenantry_base::finding::Severity;

/// What a deploy will do, stack by stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// Release that the stacks will have: a git tag, or `unreleased`.
    pub release: String,
    /// SHA-256 over the digests of every stack of the plan.
    pub estate_digest: String,
    /// Created without reading AWS: every stack is planned as new, and the plan cannot be deployed.
    pub offline: bool,
    /// Sorted by tenant.
    pub stacks: Vec<StackPlan>,
    /// Stacks that could not be read.
    #[serde(rename = "unknown")]
    pub unseen: Vec<Unseen>,
    /// Findings and cost. A plan without a review cannot be deployed.
    #[serde(default)]
    pub review: Option<PlanReview>,
}

/// Findings on capacity and policies, and the cost of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanReview {
    /// Highest severity first.
    pub findings: Vec<PlanFinding>,
    /// Change of the monthly cost.
    pub cost: CostChange,
}

/// What will happen to one stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StackPlan {
    /// Name of the tenant; `(control plane)` for a control plane's stack.
    pub tenant: String,
    /// Release ring; null for a control plane.
    pub ring: Option<String>,
    /// Account and Region.
    pub place: Place,
    /// Name of the stack.
    pub stack: String,
    /// SHA-256 of the template that the stack will have, lower-case hexadecimal.
    pub digest: String,
    /// The stack when the plan was created; a deploy is refused if it changed since.
    pub baseline: Baseline,
    /// What the deploy does.
    pub action: Action,
    /// How this estate takes ownership of the stack; absent if it owns it already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// Warnings of CloudFormation's validation and of the tool's own checks of the stack.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// A warning about the change of a stack; it does not block it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// Name of the check.
    pub check: String,
    /// Why the change may fail.
    pub reason: String,
    /// The check was skipped, so its result is unknown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unchecked: bool,
}

impl From<Validation> for Warning {
    fn from(found: Validation) -> Self {
        // A path begins in the template or in the resource.
        let place = found.logical_id.map(|id| {
            let path = found.path.unwrap_or_default();
            let inside = path.strip_prefix(&format!("/Resources/{id}")).unwrap_or(&path);
            format!("{id}{inside}: ")
        });
        let place = place.unwrap_or_default();
        let unchecked = found.outcome == Outcome::Skipped;
        let skipped = if unchecked { "not checked: " } else { "" };
        let warned = if found.outcome == Outcome::Warned { ONLY_WARNS } else { "" };
        Self { check: found.check, reason: format!("{skipped}{place}{}{warned}", found.reason), unchecked }
    }
}

/// What is said of a check whose failure does not stop CloudFormation.
const ONLY_WARNS: &str = " (a warning of AWS)";

impl From<Objection> for Warning {
    fn from(found: Objection) -> Self {
        let target = found.target.map(|target| format!("{target}: ")).unwrap_or_default();
        let severity = found.severity.map(|severity| format!(" ({severity})")).unwrap_or_default();
        let rule = found.rule.map(|rule| format!("rule {rule}{severity}: ")).unwrap_or_default();
        let remedy = found.remedy.map(|remedy| format!("; what to do: {remedy}")).unwrap_or_default();
        let link = found.link.map(|link| format!(" ({link})")).unwrap_or_default();
        let warned = if found.warns { ONLY_WARNS } else { "" };
        let reason = format!("Hook {}: {target}{rule}{}{remedy}{link}{warned}", found.hook, found.reason);
        Self { check: "Hook".to_owned(), reason, unchecked: false }
    }
}

impl Warning {
    /// Whether AWS goes on in spite of it.
    pub(super) fn only_warns(&self) -> bool {
        self.reason.ends_with(ONLY_WARNS)
    }
}

/// State of a stack when the plan was created.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Baseline {
    /// CloudFormation stack status; null if the stack does not exist.
    pub status: Option<String>,
    /// Digest of the deployed template; null without a stack, and for a stack that another tool created.
    pub digest: Option<String>,
    /// Release of the stack; null without a stack, and for a stack that another tool created.
    pub release: Option<String>,
    /// Seconds since 1970.
    pub updated: Option<i64>,
    /// ARN of the stack; a name or an alias may refer to another stack later.
    #[serde(default)]
    pub id: Option<String>,
}

impl StackPlan {
    /// Whether CloudFormation skipped one of its own checks of this change.
    pub fn has_unchecked(&self) -> bool {
        self.warnings.iter().any(|warning| warning.unchecked)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Action {
    Nothing,
    /// Execute the plan's change set.
    Apply {
        /// ARN of the change set; null in an offline plan.
        change_set: Option<String>,
        /// Type of the change set.
        makes: ChangeSetKind,
        /// Resources that change.
        changes: Vec<ResourceChange>,
    },
    /// Delete a stack with its remaining resources. The next plan creates it again: no change set can exist for it as
    /// long as the old stack exists.
    Clear {
        /// Why the stack is deleted.
        #[serde(default)]
        what: Left,
        /// Resources that are deleted.
        changes: Vec<ResourceChange>,
        /// Logical IDs of resources that the deletion retains although the template does not.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        retain: Vec<String>,
    },
    /// Recover a stack that accepts no ordinary change set.
    Recover {
        /// Operation that recovers the stack.
        by: Recovery,
    },
    /// An earlier run started exactly this change: wait for its end, then enable termination protection.
    Follow,
    /// Blocked until the operator, or another run, has acted.
    Blocked {
        /// What blocks the stack.
        why: String,
        /// How to unblock it.
        remedy: String,
    },
}

/// What has left the stack that is deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Left {
    #[default]
    FailedCreation,
    FailedImport,
    FailedDeletion,
    /// A change set that was not executed: the stack holds nothing.
    Shell,
    /// The tenant is offboarded: its stack is deleted.
    Offboarding,
}

/// An operation that recovers a stack from a failed update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Recovery {
    /// ContinueUpdateRollback with skipped resources.
    ContinueRollback {
        /// Logical IDs of the resources that the rollback skips.
        skip: Vec<String>,
    },
    /// ContinueUpdateRollback with ForceRollback: skips every resource at which the rollback fails.
    ForceRollback,
    /// RollbackStack.
    RollBack,
    /// UpdateStack with git's template in EXPRESS mode, in which the stack failed.
    Replay,
}

impl Recovery {
    /// Whether resources are called complete that no rollback has brought back.
    pub fn skips(&self) -> bool {
        match self {
            Self::ContinueRollback { skip } => !skip.is_empty(),
            Self::ForceRollback => true,
            Self::RollBack | Self::Replay => false,
        }
    }
}

/// A stack that the plan could not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unseen {
    /// Name of the tenant.
    pub tenant: String,
    /// Why the stack could not be read.
    pub why: String,
    /// How to fix it; absent if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Baseline {
    /// The baseline under a stack; an empty shell for a change set is no baseline.
    pub fn of(stack: Option<&Stack>) -> Self {
        match stack {
            Some(stack) if stack.status != "REVIEW_IN_PROGRESS" => Self {
                status: Some(stack.status.clone()),
                digest: stack.outputs.get("TenantryDigest").cloned(),
                release: stack.outputs.get("TenantryRelease").cloned(),
                updated: Some(stack.updated),
                id: Some(stack.id.clone()),
            },
            _ => Self::default(),
        }
    }
}

impl StackPlan {
    /// Whether a change must be allowed by name.
    pub fn is_endangered_by(&self, change: &ResourceChange) -> bool {
        match self.claim {
            Some(Claim::Adopted { .. }) => change::may_lose(change),
            _ => change::endangers_state(change),
        }
    }
}

impl Action {
    /// Every change of resources.
    pub fn changes(&self) -> &[ResourceChange] {
        match self {
            Self::Apply { changes, .. } | Self::Clear { changes, .. } => changes,
            Self::Nothing | Self::Follow | Self::Recover { .. } | Self::Blocked { .. } => &[],
        }
    }
}

impl Action {
    /// The action in a word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Apply { .. } => "apply",
            Self::Clear { .. } => "clear",
            Self::Recover { .. } => "recover",
            Self::Follow => "follow",
            Self::Blocked { .. } => "blocked",
        }
    }
}

impl Plan {
    /// Stacks on which something is done.
    pub fn work(&self) -> impl Iterator<Item = &StackPlan> {
        self.stacks.iter().filter(|stack| !matches!(stack.action, Action::Nothing | Action::Blocked { .. }))
    }

    /// Whether a stack is only made ready: its creation needs another plan after this one.
    pub fn needs_another(&self) -> bool {
        self.stacks.iter().any(|stack| match &stack.action {
            Action::Clear { .. } | Action::Recover { .. } => true,
            Action::Apply { makes, .. } => *makes == ChangeSetKind::Import,
            _ => false,
        })
    }

    /// Nothing to do, nothing blocked and nothing unseen.
    pub fn is_empty(&self) -> bool {
        self.unseen.is_empty() && self.stacks.iter().all(|stack| stack.action == Action::Nothing)
    }

    /// SHA-256 of the plan: names it in the journal and in locks.
    ///
    /// # Errors
    /// A plan that cannot be written as JSON; none is known.
    pub fn digest(&self) -> Result<String, serde_json::Error> {
        Ok(hash(&[&serde_json::to_string(self)?], 64))
    }

    /// Changes that lose data or a place in the network and are not allowed by name, by tenant. Of a stack that is
    /// adopted, everything that it loses counts.
    pub fn refused<'p>(&'p self, allowed: &[String]) -> Vec<(&'p str, &'p ResourceChange)> {
        let of = |stack: &'p StackPlan| {
            let changes = stack.action.changes().iter();
            changes.filter(|change| stack.is_endangered_by(change)).map(|change| (stack.tenant.as_str(), change))
        };
        self.stacks.iter().flat_map(of).filter(|(_, change)| !allowed.contains(&change.logical_id)).collect()
    }

    /// Something about it could not be checked.
    pub fn is_uncertain(&self) -> bool {
        let verdicts = self.review.iter().flat_map(|review| &review.findings);
        let unknown = verdicts.into_iter().any(|verdict| verdict.level == Severity::Unknown);
        !self.unseen.is_empty() || unknown || self.stacks.iter().any(StackPlan::has_unchecked)
    }

    /// Stacks on which nothing can be done now.
    pub fn blocked(&self) -> impl Iterator<Item = &StackPlan> {
        self.stacks.iter().filter(|stack| matches!(stack.action, Action::Blocked { .. }))
    }
}
