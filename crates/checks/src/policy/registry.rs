//! Every rule by name: the code of its findings, and what it means when a tenant's stack has nothing for it.

use tenantry_base::finding::Code;

/// What it means that a rule finds nothing to look at in a tenant's stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// A tenant's stack may be without what the rule is about.
    Fine,
    /// Every tenant's stack has it, so a rule that finds none has not checked anything.
    NotChecked,
}

/// One rule or check of the registry.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Name of the Guard rule, or of the check in [`super::checks`].
    pub name: &'static str,
    pub code: Code,
    pub absent: Absent,
}

const fn every(code: &'static str, name: &'static str) -> Entry {
    Entry { name, code: Code(code), absent: Absent::NotChecked }
}

/// A rule about the dashboards, which a tenant without an authority for investigators does not have.
const fn dashboards(code: &'static str, name: &'static str) -> Entry {
    Entry { name, code: Code(code), absent: Absent::Fine }
}

/// Guard rules of `policies/*.guard`.
pub const RULES: &[Entry] = &[
    every("TN4101", "bucket_encrypted"),
    every("TN4102", "queue_encrypted"),
    every("TN4103", "topic_encrypted"),
    every("TN4104", "log_group_encrypted"),
    every("TN4105", "domain_encrypted"),
    every("TN4106", "function_environment_encrypted"),
    every("TN4107", "key_rotates"),
    every("TN4201", "bucket_blocks_public_access"),
    every("TN4202", "resource_policy_names_principals"),
    every("TN4203", "domain_inside_network"),
    every("TN4204", "subnet_gives_no_public_address"),
    dashboards("TN4205", "task_has_no_public_address"),
    every("TN4206", "invocation_names_its_source"),
    every("TN4207", "ingress_from_anywhere_only_to_listener"),
    every("TN4209", "security_group_egress_is_narrow"),
    every("TN4303", "required_tags"),
    every("TN4304", "flow_log_records_everything"),
    every("TN4401", "function_in_network"),
    every("TN4402", "function_bounded_concurrency"),
    every("TN4403", "function_has_dead_letter_target"),
    every("TN4404", "event_source_bounded"),
    every("TN4502", "alarm_pages"),
    every("TN4503", "no_alarm_on_logs"),
    every("TN4601", "log_group_retention"),
    every("TN4702", "bucket_versioned"),
    every("TN4801", "bucket_policy_requires_tls"),
    every("TN4802", "queue_policy_requires_tls"),
    every("TN4803", "topic_policy_requires_tls"),
    every("TN4804", "domain_requires_tls"),
    dashboards("TN4805", "listener_requires_client_certificate"),
    dashboards("TN4806", "target_group_encrypted"),
    every("TN4808", "subscription_encrypted"),
    every("TN4901", "role_actions_are_named"),
    every("TN4902", "role_resources_are_named"),
    every("TN4903", "role_trusts_named_principals"),
    every("TN4904", "role_has_own_policies"),
];

/// A rule that an estate brought along itself.
const OWN: Entry = Entry { name: "", code: Code("TN4004"), absent: Absent::Fine };

/// The entry of a Guard rule; rules that are not in the registry are the estate's own.
pub(super) fn rule(name: &str) -> Entry {
    RULES.iter().find(|entry| entry.name == name).copied().unwrap_or(OWN)
}
