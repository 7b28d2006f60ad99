//! What a blueprint says of a stack beside its numbers: names, artifacts, what is watched, the workload for cost.

use std::collections::{BTreeMap, BTreeSet};

use super::Reader;
use crate::codes;
use crate::document::below;
use crate::model::{Artifacts, Name, Redrive, Rejects, Rules, Watch};
use crate::nearest::nearest;

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
        if !self.has("artifacts")
            || self.map("artifacts", &["lock", "functions", "flags", "flags_need", "images"]).is_none()
        {
            return Artifacts::default();
        }
        let images = self.named("artifacts.images");
        let images = images
            .into_iter()
            .filter_map(|name| {
                let route = below("artifacts.images", &name);
                match self.required_text(&route)?.parse() {
                    Ok(image) => Some((name, image)),
                    Err(why) => {
                        self.report(codes::SHAPE, &route, why, None);
                        None
                    }
                }
            })
            .collect();
        let artifacts = Artifacts {
            lock: self.text("artifacts.lock"),
            flags: self.text("artifacts.flags"),
            flags_need: self.text("artifacts.flags_need"),
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
            if self.map(&route, &["queue", "targets", "by_key"]).is_none() {
                continue;
            }
            let targets = self.texts(&below(&route, "targets"), true);
            let mut by_key = BTreeMap::new();
            let keys = below(&route, "by_key");
            if self.has(&keys) && self.any_map(&keys).is_some() {
                for prefix in self.document.keys(&keys).to_vec() {
                    let place = below(&keys, &prefix);
                    let Some(target) = self.required_text(&place) else { continue };
                    if !targets.contains(&target) {
                        let help = nearest(&target, targets.iter().map(String::as_str));
                        self.report(codes::UNDECLARED, &place, format!("`{target}` is none of the targets"), help);
                    }
                    by_key.insert(prefix, target);
                }
            }
            if let Some(queue) = self.required_text(&below(&route, "queue")) {
                found.insert(name, Redrive { queue, targets, by_key });
            }
        }
        found
    }

    pub(super) fn rejects(&mut self) -> Option<Rejects> {
        if !self.has("rejects") {
            return None;
        }
        self.map("rejects", &["bucket", "prefix", "source", "queue"])?;
        let [bucket, prefix, source, queue] =
            ["bucket", "prefix", "source", "queue"].map(|word| self.required_text(&below("rejects", word)));
        Some(Rejects { bucket: bucket?, prefix: prefix?, source: source?, queue: queue? })
    }

    pub(super) fn rules(&mut self) -> Rules {
        if !self.has("rules") || self.map("rules", &["require", "optional", "off", "codes"]).is_none() {
            return Rules::default();
        }
        let mut texts = |route: &str| -> BTreeMap<String, String> {
            let names = self.named(route);
            names
                .into_iter()
                .filter_map(|name| Some((name.clone(), self.required_text(&below(route, &name))?)))
                .collect()
        };
        let (off, codes) = (texts("rules.off"), texts("rules.codes"));
        let mut seen = BTreeSet::new();
        for (name, code) in &codes {
            self.code(code, &format!("rules.codes.{name}"), &mut seen);
        }
        Rules { require: self.texts("rules.require", false), optional: self.texts("rules.optional", false), off, codes }
    }
}
