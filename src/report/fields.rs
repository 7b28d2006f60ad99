//! What another blueprint changes in the fields of tenants' files, as text.

use tenantry_spec::estate::Field;

/// Tenants named for a field; the rest is counted.
const MOST_NAMED: usize = 4;

/// A line for each field, with the tenants whom it concerns; nothing where no field changes.
pub fn text(fields: &[Field]) -> String {
    let mut text = String::new();
    if !fields.is_empty() {
        text.push_str("fields of tenants' files:\n");
    }
    for Field { field, change, tenants } in fields {
        let count = tenants.len();
        let s = if count == 1 { "" } else { "s" };
        let more = if count > MOST_NAMED { format!(" and {} more", count - MOST_NAMED) } else { String::new() };
        let named: Vec<&str> = tenants.iter().take(MOST_NAMED).map(String::as_str).collect();
        let whose =
            if count == 0 { String::new() } else { format!(" ({count} tenant{s}: {}{more})", named.join(", ")) };
        text.push_str(&format!("  `{field}`: {change}{whose}\n"));
    }
    text
}
