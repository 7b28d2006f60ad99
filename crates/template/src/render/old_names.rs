//! Values by the names that templates of estates without a blueprint call them: `compat/v1/names.yaml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use tenantry_spec::estate::spec::put;

/// The name of then, and today's; what is not taken from today's blueprint, by its name of then.
#[derive(Debug, Default, Deserialize)]
struct Names {
    fixed: BTreeMap<String, String>,
    values: BTreeMap<String, String>,
    shape: BTreeMap<String, String>,
}

/// A test renders an estate of then, and so keeps the table readable.
static NAMES: LazyLock<Names> =
    LazyLock::new(|| serde_yaml::from_str(include_str!("../../../../compat/v1/names.yaml")).unwrap_or_default());

/// Adds the names of then.
pub(super) fn add(shape: &mut Map<String, Value>, values: &mut Map<String, Value>) {
    for (old, value) in &NAMES.fixed {
        put(values, old, Value::String(value.clone()));
    }
    for (names, map) in [(&NAMES.values, values), (&NAMES.shape, shape)] {
        for (old, new) in names {
            let mut steps = new.split('.');
            let first = steps.next().and_then(|step| map.get(step));
            let found = steps.try_fold(first, |value, step| Some(value?.get(step))).flatten().cloned();
            if let Some(value) = found {
                put(map, old, value);
            }
        }
    }
}
