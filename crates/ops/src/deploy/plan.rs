//! A plan: for each stack what will happen and why, what it was made from, and what could not be seen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::change;
use super::cost::CostChange;
use super::desired::hash;
use super::gate::{Level, PlanFinding};
use super::ownership::Claim;
use tenantry_aws::cloud::Place;
use tenantry_aws::cloud::change_sets::{ChangeSetKind, Outcome, ResourceChange, Validation};
use tenantry_aws::cloud::cloudformation::Stack;
use tenantry_aws::cloud::hooks::Objection;

/// What a deploy will do, stack by stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    pub release: String,
    /// SHA-256 over the digests of every stack of the plan.
    pub estate_digest: String,
    /// Made without looking at AWS: everything counts as new, and it cannot be deployed.
    pub offline: bool,
    /// Sorted by tenant.
    pub stacks: Vec<StackPlan>,
    /// Stacks that could not be read.
    #[serde(rename = "unknown")]
    pub unseen: Vec<Unseen>,
    /// What was found about it; a plan without a review cannot be deployed.
    #[serde(default)]
    pub review: Option<PlanReview>,
}

/// What was found about a plan: whether it fits, keeps the rules, and what it costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanReview {
    /// The worst first.
    pub findings: Vec<PlanFinding>,
    pub cost: CostChange,
}

/// What will happen to one stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StackPlan {
    pub tenant: String,
    pub ring: Option<String>,
    pub place: Place,
    pub stack: String,
    /// Digest that the stack will have.
    pub digest: String,
    pub baseline: Baseline,
    pub action: Action,
    /// How the stack becomes this estate's, where it is not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// What may go wrong with it, as CloudFormation and our own look at its guards say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// Something to know before a stack is changed; it stops nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// Name of the check that says it.
    pub check: String,
    pub reason: String,
    /// The check was skipped, so that what it looks for is unknown.
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

/// What a stack was when the plan was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Baseline {
    pub status: Option<String>,
    pub digest: Option<String>,
    pub release: Option<String>,
    /// Seconds since 1970.
    pub updated: Option<i64>,
    /// ARN of the stack: a name, or an alias, may lead to another stack later.
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
    /// Execute a change set that exists; offline there is none.
    Apply {
        change_set: Option<String>,
        makes: ChangeSetKind,
        changes: Vec<ResourceChange>,
    },
    /// Delete a stack with what is left in it. A creation is another plan's: there is no change set for it as long as
    /// that stack exists.
    Clear {
        #[serde(default)]
        what: Left,
        changes: Vec<ResourceChange>,
        /// Logical IDs of what the deletion leaves behind although its template does not retain it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        retain: Vec<String>,
    },
    /// Bring the stack out of a state in which it takes no ordinary change set.
    Recover {
        by: Recovery,
    },
    /// An earlier run started exactly this: follow it to its end and protect the stack.
    Follow,
    /// Nothing can be done before a person or somebody else's run has.
    Blocked {
        why: String,
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
    /// A tenant that leaves: the whole stack goes.
    Offboarding,
}

/// An operation that leads out of a failed update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Recovery {
    /// ContinueUpdateRollback without these resources, by logical ID.
    ContinueRollback { skip: Vec<String> },
    /// ContinueUpdateRollback with ForceRollback: without whatever the rollback fails at.
    ForceRollback,
    /// RollbackStack.
    RollBack,
    /// UpdateStack to the template of git in EXPRESS mode, in which the stack has failed.
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

/// Something that the plan could not look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unseen {
    pub tenant: String,
    pub why: String,
    /// What a person can do about it, where that is known.
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
        let unknown = verdicts.into_iter().any(|verdict| verdict.level == Level::Unknown);
        !self.unseen.is_empty() || unknown || self.stacks.iter().any(StackPlan::has_unchecked)
    }

    /// Stacks on which nothing can be done now.
    pub fn blocked(&self) -> impl Iterator<Item = &StackPlan> {
        self.stacks.iter().filter(|stack| matches!(stack.action, Action::Blocked { .. }))
    }
}
