//! What roles lack and what is superfluous, as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use tenantry_checks::permissions::Checked;

/// The counts of each role, then what each lacks and what it has too much.
pub fn text(roles: &[Checked]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["ROLE", "PERMISSIONS", "NEEDED", "GRANTED", "LACKING", "SUPERFLUOUS", "WIDER"]);
    for role in roles {
        let counts =
            [role.permissions, role.needed, role.granted, role.lacking.len(), role.superfluous.len(), role.wide.len()];
        table.add_row([vec![role.subject.to_owned()], counts.map(|count| count.to_string()).to_vec()].concat());
    }
    for column in 1..7 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text: String = table.lines().map(|line| format!("{}\n", line.trim())).collect();
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

/// What nothing is known of.
pub fn unknown(unknown: &BTreeSet<String>) -> String {
    unknown.iter().map(|one| format!("# unknown: {one}\n")).collect()
}
