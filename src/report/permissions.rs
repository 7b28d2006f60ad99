//! What roles lack and what is superfluous, as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use tenantry_checks::permissions::{Cause, Checked, Count, Handler};

/// The counts of each role, then what each lacks and what it has too much.
pub fn text(roles: &[Checked]) -> String {
    let mut table = table(1, &["ROLE", "PERMISSIONS", "NEEDED", "GRANTED", "LACKING", "SUPERFLUOUS", "WIDER"]);
    for role in roles {
        let counts =
            [role.permissions, role.needed, role.granted, role.lacking.len(), role.superfluous.len(), role.wide.len()];
        table.add_row([vec![role.subject.to_owned()], counts.map(|count| count.to_string()).to_vec()].concat());
    }
    let mut text = lines(&table);
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
pub fn by_type(roles: &[Checked]) -> String {
    let handlers = Handler::ALL.map(|handler| handler.name().to_uppercase());
    let header: Vec<&str> =
        ["ROLE", "NEEDED BY"].into_iter().chain(handlers.iter().map(String::as_str)).chain(["ITSELF"]).collect();
    let mut table = table(2, &header);
    for role in roles {
        for of in role.causes.keys().map(|cause| &cause.of).collect::<BTreeSet<_>>() {
            let cell = |handler| match role.causes.get(&Cause { of: of.clone(), handler }) {
                Some(Count { needed, granted }) if needed == granted => needed.to_string(),
                Some(Count { needed, granted }) => format!("{granted} of {needed}"),
                None => String::new(),
            };
            let counts = Handler::ALL.into_iter().map(Some).chain([None]).map(cell);
            table.add_row([role.subject.to_owned(), of.clone()].into_iter().chain(counts));
        }
    }
    format!("\n{}", lines(&table))
}

/// A table whose first columns are texts and whose others are numbers.
fn table(texts: usize, header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    for column in table.column_iter_mut().skip(texts) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn lines(table: &Table) -> String {
    table.lines().map(|line| format!("{}\n", line.trim())).collect()
}

/// What nothing is known of.
pub fn unknown(unknown: &BTreeSet<String>) -> String {
    unknown.iter().map(|one| format!("# unknown: {one}\n")).collect()
}
