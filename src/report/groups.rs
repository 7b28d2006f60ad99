//! Stacks that a plan changes in the same way, so that five hundred of them read as one.
//!
//! Two stacks change alike when the same action does the same to the same resources and properties. Values may differ:
//! a property shows each value that it gets with the number of stacks, and only how many there are when they are many.

use std::collections::BTreeMap;

use super::screen::Tone;
use super::values;
use tenantry_aws::cloud::change_sets::{PropertyChange, ResourceChange};
use tenantry_checks::resources;
use tenantry_ops::deploy::ownership::Claim;
use tenantry_ops::deploy::{Action, ESTATE_ID_TAG, Plan, StackPlan, Unseen, change};

/// Different values of a property that are still shown one by one.
const MOST_VALUES: usize = 3;
/// Names that are shown before the rest is only counted.
const MOST_NAMES: usize = 4;

/// Stacks with the same change, in the order of the plan.
#[derive(Debug)]
pub(super) struct Group<'p> {
    pub stacks: Vec<&'p StackPlan>,
}

/// Every stack with something to do, in groups; the group of the first stack comes first.
pub(super) fn of<'p>(stacks: impl Iterator<Item = &'p StackPlan>) -> Vec<Group<'p>> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut groups: Vec<Group<'p>> = Vec::new();
    for stack in stacks.filter(|stack| stack.action != Action::Nothing) {
        let index = *places.entry(signature(stack)).or_insert_with(|| {
            groups.push(Group { stacks: Vec::new() });
            groups.len() - 1
        });
        groups[index].stacks.push(stack);
    }
    groups
}

/// What two stacks have in common when the same is done to them.
fn signature(stack: &StackPlan) -> String {
    let action = &stack.action;
    let mut text = match action {
        Action::Blocked { why, remedy } => format!("blocked\n{why}\n{remedy}\n"),
        Action::Apply { makes, .. } => format!("{} {makes:?}\n", action.name()),
        Action::Clear { what, retain, .. } => format!("clear {what:?} {retain:?}\n"),
        Action::Recover { by } => format!("recover {by:?}\n"),
        _ => format!("{}\n", action.name()),
    };
    text.push_str(&format!("{:?}\n", stack.claim));
    for change in action.changes() {
        let ResourceChange { action, logical_id, resource_type, replacement, policy_action, .. } = change;
        text.push_str(&format!("{action} {logical_id} {resource_type} {replacement:?} {policy_action:?}\n"));
        for PropertyChange { path, requires_recreation, source, cause, .. } in &change.properties {
            text.push_str(&format!("  {path} {requires_recreation:?} {source:?} {cause:?}\n"));
        }
    }
    text
}

impl<'p> Group<'p> {
    /// The action of all of them; of the first, since they do the same.
    pub(super) fn action(&self) -> Option<&'p Action> {
        self.stacks.first().map(|stack| &stack.action)
    }

    /// `acme (111122223333 in eu-west-1)`, or `2 tenants: acme, bolt (2 accounts, 1 region)`.
    pub(super) fn title(&self) -> String {
        if let [only] = self.stacks[..] {
            return format!("{} ({} in {})", only.tenant, only.place.account, only.place.region);
        }
        let names: Vec<&str> = self.stacks.iter().map(|stack| stack.tenant.as_str()).collect();
        let accounts = distinct(self.stacks.iter().map(|stack| stack.place.account.as_str()));
        let regions = distinct(self.stacks.iter().map(|stack| stack.place.region.as_str()));
        format!("{} ({}, {})", named(&names), counted(accounts, "account"), counted(regions, "region"))
    }

    /// How the stacks become this estate's, where they are not yet.
    pub(super) fn claim(&self) -> Option<String> {
        Some(match self.stacks.first()?.claim.as_ref()? {
            Claim::Id => format!("claimed: tagged by version 0.1.0; the deploy adds the tag `{ESTATE_ID_TAG}`"),
            Claim::Adopted { why } => {
                format!("adopted: not owned by this estate ({why}); every resource that it loses must be named")
            }
        })
    }

    /// `~ UploadsBucket AWS::S3::Bucket`.
    pub(super) fn resource(&self, change: &ResourceChange) -> String {
        format!("{} {}", Sign::of(change).text(), self.named(change))
    }

    /// `UploadsBucket AWS::S3::Bucket (perhaps replaced)`.
    pub(super) fn named(&self, change: &ResourceChange) -> String {
        let replacement = match (change.action.as_str(), change.replacement.as_deref()) {
            ("Import", _) => " (imported: it exists)",
            (_, Some("Conditional")) => " (perhaps replaced)",
            _ => "",
        };
        let guard = match self.stacks.first().map(|stack| &stack.claim) {
            _ if !self.endangers(change) => "",
            Some(Some(Claim::Adopted { .. })) => " (not ours: needs --allow-replace)",
            _ => " (holds state: needs --allow-replace)",
        };
        format!("{} {}{replacement}{guard}", change.logical_id, change.resource_type)
    }

    /// Whether a change must be allowed by name.
    pub(super) fn endangers(&self, change: &ResourceChange) -> bool {
        self.stacks.first().is_some_and(|stack| stack.is_endangered_by(change))
    }

    /// What differs in a property, as `path: before -> after`; each with the number of stacks where they differ.
    pub(super) fn differences(&self, resource: usize, property: usize) -> Vec<String> {
        let mut found: BTreeMap<Vec<String>, usize> = BTreeMap::new();
        let mut path = "";
        for stack in &self.stacks {
            let change = stack.action.changes().get(resource).and_then(|change| change.properties.get(property));
            if let Some(change) = change {
                path = &change.path;
                let (before, after) = (change.before.as_deref(), change.after.as_deref());
                *found.entry(values::differences(path, before, after)).or_default() += 1;
            }
        }
        match found.len() {
            0 | 1 => found.into_keys().flatten().collect(),
            2..=MOST_VALUES => {
                let counted = |line: String, count: usize| format!("{line} ({count} tenants)");
                let lines = found.into_iter().map(|(lines, count)| (lines.into_iter(), count));
                lines.flat_map(|(lines, count)| lines.map(move |line| counted(line, count))).collect()
            }
            many => vec![format!("{path}: {many} different values")],
        }
    }

    /// What is said about them, each with the number of stacks.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut said: BTreeMap<String, usize> = BTreeMap::new();
        for warning in self.stacks.iter().flat_map(|stack| &stack.warnings) {
            *said.entry(format!("{}: {}", warning.check, warning.reason)).or_default() += 1;
        }
        let all = self.stacks.len();
        let text = |(text, count)| if all == 1 { text } else { format!("{text} ({count} of {all} tenants)") };
        said.into_iter().map(text).collect()
    }
}

/// What becomes of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    Create,
    Import,
    Update,
    Replace,
    Delete,
}

impl Sign {
    pub(super) const ALL: [Self; 5] = [Self::Create, Self::Import, Self::Update, Self::Replace, Self::Delete];

    pub(super) fn of(change: &ResourceChange) -> Self {
        match (change.action.as_str(), change.replacement.as_deref()) {
            ("Add", _) => Self::Create,
            ("Import", _) => Self::Import,
            ("Remove", _) => Self::Delete,
            (_, Some("True")) => Self::Replace,
            _ => Self::Update,
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Import => "<=",
            Self::Update => "~",
            Self::Replace => "-/+",
            Self::Delete => "-",
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Import => "import",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
        }
    }

    pub(super) fn tone(self) -> Tone {
        match self {
            Self::Create | Self::Import => Tone::Good,
            Self::Update => Tone::Warning,
            Self::Replace => Tone::Danger,
            Self::Delete => Tone::Bad,
        }
    }
}

/// Indexes of changes in the order in which they are read: what may be lost or replaced, then other data, then the rest, each
/// by the group of its type.
pub(super) fn order(group: &Group<'_>, changes: &[ResourceChange]) -> Vec<usize> {
    let table = resources::table();
    let rank = |change: &ResourceChange| {
        let may_go = !matches!(change.replacement.as_deref(), None | Some("False"));
        match Sign::of(change) {
            Sign::Replace | Sign::Delete => 0,
            _ if may_go || group.endangers(change) => 0,
            _ if table.is_stateful(&change.resource_type) => 1,
            _ => 2,
        }
    };
    let mut indexes: Vec<usize> = (0..changes.len()).collect();
    indexes.sort_by_cached_key(|index| {
        let change = &changes[*index];
        (rank(change), table.group(&change.resource_type), change.logical_id.clone())
    });
    indexes
}

/// How many resources of each group, in the order of the groups.
pub(crate) fn counts<'t>(types: impl Iterator<Item = &'t str>) -> Vec<(String, usize)> {
    let mut groups: BTreeMap<(usize, String), usize> = BTreeMap::new();
    for kind in types {
        *groups.entry(resources::table().group(kind)).or_default() += 1;
    }
    groups.into_iter().map(|((_, name), count)| (name, count)).collect()
}

/// `154 resources: network 61, functions 18`, in the order of the groups.
pub(super) fn summary(changes: &[ResourceChange]) -> String {
    let groups = counts(changes.iter().map(|change| change.resource_type.as_str()));
    let groups: Vec<String> = groups.into_iter().map(|(name, count)| format!("{name} {count}")).collect();
    format!("{}: {}", counted(changes.len(), "resource"), groups.join(", "))
}

/// Whether an action delivers flags and does nothing else.
pub(super) fn flags_only(action: &Action) -> bool {
    let changes = action.changes().iter();
    change::delivers_flags_only(changes.map(|found| (found.logical_id.as_str(), found.resource_type.as_str())))
}

/// `acme`, or `500 tenants: acme, bolt, cube, dune and 496 more`.
pub fn named(tenants: &[&str]) -> String {
    if let [only] = tenants {
        return (*only).to_owned();
    }
    let shown = tenants.len().min(MOST_NAMES);
    let more = tenants.len() - shown;
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{} tenants: {}{more}", tenants.len(), tenants[..shown].join(", "))
}

/// What could not be seen, each reason once with its tenants, in the order of the plan. Reasons that differ only in the
/// tenant's own names are not the same.
pub(super) fn unseen(plan: &Plan) -> Vec<(&Unseen, Vec<&str>)> {
    let mut found: Vec<(&Unseen, Vec<&str>)> = Vec::new();
    for unseen in &plan.unseen {
        match found.iter_mut().find(|(first, _)| first.why == unseen.why) {
            Some((_, tenants)) => tenants.push(&unseen.tenant),
            None => found.push((unseen, vec![&unseen.tenant])),
        }
    }
    found
}

/// `because of Queue`, where a change has a cause.
pub(super) fn cause(change: &PropertyChange) -> String {
    change.cause.as_ref().map(|cause| format!(" because of {cause}")).unwrap_or_default()
}

fn distinct<'t>(texts: impl Iterator<Item = &'t str>) -> usize {
    texts.collect::<std::collections::BTreeSet<_>>().len()
}

/// `1 region`, `2 regions`.
pub fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
