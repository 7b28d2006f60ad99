//! What a blueprint says of a stack beside its numbers: names, artifacts, what is watched, the workload for cost.

use std::collections::BTreeMap;

use super::Reader;
use crate::document::below;
use crate::finding::{codes, nearest};
use crate::model::{Artifacts, Derived, Name, Redrive, Watch, Workload};

/// Alarms that CloudFormation takes as rollback triggers.
/// Source: AWS CloudFormation User Guide, "Roll back your CloudFormation stack on alarm breach".
const MOST_TRIGGERS: usize = 5;

/// Names that the tool gives: of the stack, and of the parameter in which it records its release.
const OWN_NAMES: [&str; 2] = ["stack", "parameter"];

impl Reader<'_> {
    pub(super) fn names(&mut self, longest: &dyn Fn(&str) -> Option<usize>) -> Vec<Name> {
        let mut names: Vec<Name> = Vec::new();
        for name in self.named("names") {
            let route = below("names", &name);
            if OWN_NAMES.contains(&name.as_str()) {
                let message = format!("the tool itself gives `{name}`: {}", OWN_NAMES.join(", "));
                self.report(codes::NAME, &route, message, None);
            }
            if self.map(&route, &["value", "type", "longest"]).is_none() {
                continue;
            }
            let Some(value) = self.required_text(&below(&route, "value")) else { continue };
            let known = ["organisation", "tenant", "account", "region"];
            for part in value.split("${").skip(1) {
                let used = part.split('}').next().unwrap_or(part);
                if !known.contains(&used) && !names.iter().any(|earlier| earlier.name == used) {
                    let earlier = names.iter().map(|earlier| earlier.name.as_str());
                    let help = nearest(used, known.into_iter().chain(earlier));
                    let message = format!("`{used}` is not a part of names or an earlier name");
                    self.report(codes::UNDECLARED, &below(&route, "value"), message, help);
                }
            }
            let resource_type = self.text(&below(&route, "type"));
            let given = self.has(&below(&route, "longest"));
            let own = self.whole(&below(&route, "longest"), 10..=4096, 255);
            let known = resource_type.as_deref().and_then(longest);
            if let Some(kind) = resource_type.as_ref().filter(|_| !given && known.is_none()) {
                let message = format!("how long a name of `{kind}` may be is not known");
                let help = "give `longest`, or add a row to policies/resources.yaml".to_owned();
                self.report(codes::UNDECLARED, &below(&route, "type"), message, Some(help));
            }
            let longest = if given { usize::try_from(own).ok() } else { known };
            names.push(Name { name, value, resource_type, longest });
        }
        names
    }

    pub(super) fn artifacts(&mut self) -> Artifacts {
        if !self.has("artifacts") || self.map("artifacts", &["lock", "functions", "flags", "images"]).is_none() {
            return Artifacts::default();
        }
        let images = self.named("artifacts.images");
        let images = images
            .into_iter()
            .filter_map(|name| {
                let image = self.required_text(&below("artifacts.images", &name))?;
                Some((name, image))
            })
            .collect();
        let artifacts = Artifacts {
            lock: self.text("artifacts.lock"),
            flags: self.text("artifacts.flags"),
            functions: self.texts("artifacts.functions", false),
            images,
        };
        if artifacts.lock.is_none() && !artifacts.functions.is_empty() {
            self.report(codes::SHAPE, "artifacts", "functions need `lock`: the file with their digests", None);
        }
        artifacts
    }

    pub(super) fn watch(&mut self) -> Watch {
        let words = ["rollback_triggers", "queues", "composite", "ignored_alarms"];
        if !self.has("watch") || self.map("watch", &words).is_none() {
            return Watch::default();
        }
        let rollback_triggers = self.texts("watch.rollback_triggers", false);
        if rollback_triggers.len() > MOST_TRIGGERS {
            let message = format!("CloudFormation takes {MOST_TRIGGERS} rollback triggers at most");
            self.report(codes::SHAPE, "watch.rollback_triggers", message, None);
        }
        let queues = self.named("watch.queues");
        let queues = queues
            .into_iter()
            .filter_map(|name| {
                let logical_id = self.required_text(&below("watch.queues", &name))?;
                Some((name, logical_id))
            })
            .collect();
        let ignored_alarms = self.texts("watch.ignored_alarms", false);
        Watch { rollback_triggers, queues, composite: self.text("watch.composite"), ignored_alarms }
    }

    pub(super) fn redrive(&mut self) -> BTreeMap<String, Redrive> {
        let mut found = BTreeMap::new();
        for name in self.named("redrive") {
            let route = below("redrive", &name);
            if self.map(&route, &["queue", "targets"]).is_none() {
                continue;
            }
            let targets = self.texts(&below(&route, "targets"), true);
            if let Some(queue) = self.required_text(&below(&route, "queue")) {
                found.insert(name, Redrive { queue, targets });
            }
        }
        found
    }

    pub(super) fn workload(&mut self, derived: &[Derived]) -> Workload {
        if !self.has("workload") || self.map("workload", &["arrivals", "functions"]).is_none() {
            return Workload::default();
        }
        let arrivals = self.quantities("workload.arrivals", derived);
        let mut functions = BTreeMap::new();
        if self.has("workload.functions") && self.any_map("workload.functions").is_some() {
            for logical_id in self.document.keys("workload.functions").to_vec() {
                let route = below("workload.functions", &logical_id);
                let quantities = self.quantities(&route, derived);
                functions.insert(logical_id, quantities);
            }
        }
        Workload { arrivals, functions }
    }

    fn quantities(&mut self, route: &str, derived: &[Derived]) -> BTreeMap<String, String> {
        let mut quantities = BTreeMap::new();
        for quantity in self.named(route) {
            let route = below(route, &quantity);
            let Some(name) = self.required_text(&route) else { continue };
            match derived.iter().find(|known| known.name == name) {
                Some(found) if found.formula.kind.is_number() => drop(quantities.insert(quantity, name)),
                Some(found) => {
                    let message = format!("`{name}` is {}, a quantity is a number", found.formula.kind.named());
                    self.report(codes::TYPE, &route, message, None);
                }
                None => {
                    let help = nearest(&name, derived.iter().map(|known| known.name.as_str()));
                    self.report(codes::UNDECLARED, &route, format!("`{name}` is not a derived value"), help);
                }
            }
        }
        quantities
    }
}
