//! Flags as text.

use serde_json::Value;

use tenantry_ops::deploy::flags::{Delivery, Pushed};

/// What AppConfig has beside git.
pub fn delivery(delivery: &Delivery) -> String {
    match delivery {
        Delivery::NotDeployed => "AppConfig has no flags of this tenant yet\n".to_owned(),
        Delivery::Unknown { why } => format!("AppConfig could not be read: {why}\n"),
        Delivery::Read(found) if found.differences.is_empty() => {
            format!("AppConfig has the same (version {}, {})\n", found.version, found.state)
        }
        Delivery::Read(found) => pushed(found),
    }
}

/// What AppConfig has in force otherwise than git, a line per flag.
fn pushed(pushed: &Pushed) -> String {
    let said = |value: &Option<Value>| match value {
        None => "nothing".to_owned(),
        Some(value) => format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
    };
    let line = |one: &tenantry_spec::flags::Difference| {
        let (live, git) = (said(&one.live), said(&one.git));
        format!("~ {}: AppConfig has {live} (version {}, {}), git has {git}\n", one.flag, pushed.version, pushed.state)
    };
    pushed.differences.iter().map(line).collect()
}
