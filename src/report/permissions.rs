//! What roles lack and what is superfluous, as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::screen::{Column, Screen, left, right};
use tenantry_checks::permissions::{Cause, Checked, Count, Handler};

/// The counts of each role, then what each lacks and what it has too much.
pub fn text(roles: &[Checked], screen: Screen) -> String {
    const COLUMNS: [Column; 7] = [
        left("ROLE"),
        right("PERMISSIONS"),
        right("NEEDED"),
        right("GRANTED"),
        right("LACKING"),
        right("SUPERFLUOUS"),
        right("WIDER"),
    ];
    let rows = roles.iter().map(|role| {
        let counts =
            [role.permissions, role.needed, role.granted, role.lacking.len(), role.superfluous.len(), role.wide.len()];
        [vec![role.subject.to_owned()], counts.map(|count| count.to_string()).to_vec()].concat()
    });
    let mut text = screen.table(0, &COLUMNS, rows);
    for role in roles {
        let mut by_cause: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (permission, causes) in &role.lacking {
            for cause in causes {
                by_cause.entry(cause).or_default().push(permission.to_string());
            }
        }
        for (cause, permissions) in by_cause {
            let _ = writeln!(text, "{} lacks, for {cause}: {}", role.subject, permissions.join(", "));
        }
        if !role.superfluous.is_empty() {
            let _ = writeln!(text, "{} does not need: {}", role.subject, role.superfluous.join(", "));
        }
        for wide in &role.wide {
            let _ = writeln!(
                text,
                "{} allows more than needed: {} covers {} known actions, {} of them needed",
                role.subject, wide.pattern, wide.allows, wide.needed
            );
        }
    }
    let unknown = roles.iter().flat_map(|role| role.unknown.iter().cloned()).collect();
    text + &self::unknown(&unknown)
}

/// For each role and resource type, how many of the permissions that its handlers need are granted. What no handler needs is
/// counted as the role's own.
pub fn by_type(roles: &[Checked], screen: Screen) -> String {
    const COLUMNS: [Column; 8] = [
        left("ROLE"),
        left("NEEDED BY"),
        right("CREATE"),
        right("READ"),
        right("UPDATE"),
        right("DELETE"),
        right("LIST"),
        right("ITSELF"),
    ];
    let mut rows = Vec::new();
    for role in roles {
        for of in role.causes.keys().map(|cause| &cause.of).collect::<BTreeSet<_>>() {
            let cell = |handler| match role.causes.get(&Cause { of: of.clone(), handler }) {
                Some(Count { needed, granted }) if needed == granted => needed.to_string(),
                Some(Count { needed, granted }) => format!("{granted} of {needed}"),
                None => String::new(),
            };
            let counts = Handler::ALL.into_iter().map(Some).chain([None]).map(cell);
            rows.push([role.subject.to_owned(), of.clone()].into_iter().chain(counts).collect());
        }
    }
    format!("\n{}", screen.table(0, &COLUMNS, rows))
}

/// What nothing is known of.
pub fn unknown(unknown: &BTreeSet<String>) -> String {
    unknown.iter().map(|one| format!("# unknown: {one}\n")).collect()
}
