//! Every rule by name: the code of its findings, whether it must find something to check, whether it is on.

use std::collections::{BTreeMap, BTreeSet};

use tenantry_base::finding::Code;
use tenantry_blueprint::Rules;

/// One rule or check of the registry.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Name of the Guard rule, or of the check in [`super::checks`].
    pub name: &'static str,
    pub code: Code,
}

const fn entry(code: Code, name: &'static str) -> Entry {
    Entry { name, code }
}

/// Guard rules of `policies/*.guard`.
pub const RULES: &[Entry] = &[
    entry(Code::TN4101, "bucket_encrypted"),
    entry(Code::TN4102, "queue_encrypted"),
    entry(Code::TN4103, "topic_encrypted"),
    entry(Code::TN4104, "log_group_encrypted"),
    entry(Code::TN4105, "domain_encrypted"),
    entry(Code::TN4106, "function_environment_encrypted"),
    entry(Code::TN4107, "key_rotates"),
    entry(Code::TN4201, "bucket_blocks_public_access"),
    entry(Code::TN4202, "resource_policy_names_principals"),
    entry(Code::TN4203, "domain_inside_network"),
    entry(Code::TN4204, "subnet_gives_no_public_address"),
    entry(Code::TN4205, "task_has_no_public_address"),
    entry(Code::TN4206, "invocation_names_its_source"),
    entry(Code::TN4207, "ingress_from_anywhere_only_to_listener"),
    entry(Code::TN4209, "security_group_egress_is_narrow"),
    entry(Code::TN4303, "required_tags"),
    entry(Code::TN4304, "flow_log_records_everything"),
    entry(Code::TN4401, "function_in_network"),
    entry(Code::TN4402, "function_bounded_concurrency"),
    entry(Code::TN4403, "function_has_dead_letter_target"),
    entry(Code::TN4404, "event_source_bounded"),
    entry(Code::TN4502, "alarm_pages"),
    entry(Code::TN4503, "no_alarm_on_logs"),
    entry(Code::TN4601, "log_group_retention"),
    entry(Code::TN4702, "bucket_versioned"),
    entry(Code::TN4801, "bucket_policy_requires_tls"),
    entry(Code::TN4802, "queue_policy_requires_tls"),
    entry(Code::TN4803, "topic_policy_requires_tls"),
    entry(Code::TN4804, "domain_requires_tls"),
    entry(Code::TN4805, "listener_requires_client_certificate"),
    entry(Code::TN4806, "target_group_encrypted"),
    entry(Code::TN4808, "subscription_encrypted"),
    entry(Code::TN4901, "role_actions_are_named"),
    entry(Code::TN4902, "role_resources_are_named"),
    entry(Code::TN4903, "role_trusts_named_principals"),
    entry(Code::TN4904, "role_has_own_policies"),
];

/// The code of a rule that an estate brought along itself, unless its blueprint gives it another.
pub(super) const OWN: Code = Code::TN4004;

/// What the blueprint of an estate says of rules.
#[derive(Debug, Default)]
pub(super) struct Rulings {
    /// Rules that must find something to check in every tenant's stack.
    required: BTreeSet<String>,
    /// Rules that are switched off, with the reason.
    pub(super) off: BTreeMap<String, String>,
    codes: BTreeMap<String, Code>,
}

impl Rulings {
    /// What a blueprint says of the rules of some files, by the file's stem and the rule's name; and the routes that name no
    /// rule.
    pub(super) fn of<'r>(said: &Rules, known: impl Iterator<Item = (&'r str, &'r str)> + Clone) -> (Self, Vec<String>) {
        let checks = super::checks::entries().map(|entry| entry.name);
        let is_rule = |name: &str| known.clone().any(|(_, rule)| rule == name);
        let is_known = |name: &str| is_rule(name) || checks.clone().any(|check| check == name);
        let is_file = |name: &str| known.clone().any(|(file, _)| file == name);
        let required = known
            .clone()
            .filter(|(file, rule)| said.require.iter().any(|name| name == file || name == rule))
            .map(|(_, rule)| rule.to_owned())
            .filter(|rule| !said.optional.contains(rule));
        let listed = |list: &'static str, names: &[String], known: &dyn Fn(&str) -> bool| {
            let unknown = names.iter().enumerate().filter(|(_, name)| !known(name));
            unknown.map(|(index, _)| format!("rules.{list}[{index}]")).collect::<Vec<_>>()
        };
        let mut unknown = listed("require", &said.require, &|name| is_rule(name) || is_file(name));
        unknown.extend(listed("optional", &said.optional, &is_rule));
        unknown.extend(said.off.keys().filter(|name| !is_known(name)).map(|name| format!("rules.off.{name}")));
        unknown.extend(said.codes.keys().filter(|name| !is_rule(name)).map(|name| format!("rules.codes.{name}")));
        let codes = said.codes.iter().map(|(name, code)| (name.clone(), Code::of(code))).collect();
        (Self { required: required.collect(), off: said.off.clone(), codes }, unknown)
    }

    /// The code of a Guard rule's findings.
    pub(super) fn code(&self, rule: &str) -> Code {
        let own = || self.codes.get(rule).copied().unwrap_or(OWN);
        RULES.iter().find(|entry| entry.name == rule).map_or_else(own, |entry| entry.code)
    }

    pub(super) fn is_required(&self, rule: &str) -> bool {
        self.required.contains(rule) && !self.is_off(rule)
    }

    pub(super) fn is_off(&self, rule: &str) -> bool {
        self.off.contains_key(rule)
    }
}
