//! Checks of flags: the catalogue's file, each tenant's own values, and what the two give together.

use super::check::{Said, unknown};
use super::spec::Fleet;
use crate::flags::{self, Catalogue, Evaluation, Subject, Values};
use tenantry_base::Document;
use tenantry_base::finding::{Code, Finding, Location};

/// The catalogue with the file that it stands in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flags<'a> {
    pub(super) catalogue: &'a Catalogue,
    /// None where an estate has no catalogue.
    pub(super) document: Option<&'a Document>,
}

/// Everything wrong in the catalogue's own file.
pub(super) fn catalogue(fleet: &Fleet, flags: Flags<'_>) -> Vec<Finding> {
    let Some(document) = flags.document else { return Vec::new() };
    let at = |route: &str| document.locate(route);
    let faults = flags::faults(flags.catalogue).into_iter().map(|fault| {
        let place = if fault.on_key { document.nearest(&fault.route) } else { at(&fault.route) };
        Finding::new(Code::TN1023, fault.message).at(place)
    });
    let mut findings: Vec<Finding> = faults.collect();
    for (key, flag) in &flags.catalogue.flags {
        let mut say = |code, group: &str, name: &String, message: String| {
            let place = document.nearest(&format!("flags.{key}.rules.{group}.{name}"));
            findings.push(Finding::new(code, message).at(place));
        };
        for name in flag.rules.rings.keys().filter(|name| fleet.rings.iter().all(|ring| ring.name.as_str() != *name)) {
            say(Code::TN1016, "rings", name, unknown("ring", name, fleet.rings.iter().map(|ring| &ring.name)));
        }
        let known = |name: &&String| fleet.accounts.keys().all(|account| account.as_str() != **name);
        for name in flag.rules.accounts.keys().filter(known) {
            say(Code::TN1014, "accounts", name, unknown("account", name, fleet.accounts.keys()));
        }
        let known = |name: &&String| fleet.regions.keys().all(|region| region.as_str() != **name);
        for name in flag.rules.regions.keys().filter(known) {
            say(Code::TN1015, "regions", name, unknown("region", name, fleet.regions.keys()));
        }
    }
    findings
}

/// Flags of a tenant that the catalogue must know, with values that it allows, and that go together.
pub(super) fn tenant(flags: Flags<'_>, tenant: &Said) -> Vec<Finding> {
    let catalogue = flags.catalogue;
    let fault = |(key, value): (&String, &serde_json::Value)| match catalogue.flags.get(key) {
        None => Some((key.clone(), unknown("flag", key, catalogue.flags.keys()))),
        Some(flag) => {
            let fault = flag.fault_of(value)?;
            Some((key.clone(), format!("`{value}` is no value of flag `{key}`: it {fault}")))
        }
    };
    let faults = tenant.flags.iter().filter_map(fault);
    let mut findings: Vec<Finding> =
        faults.map(|(key, message)| tenant.finding(Code::TN1017, &format!("flags.{key}"), message)).collect();
    findings.extend(together(flags, tenant));
    findings
}

/// Dependencies and conflicts after evaluation, each at what turned the flag on.
fn together(flags: Flags<'_>, tenant: &Said) -> Vec<Finding> {
    let related = flags.catalogue.flags.values().any(|flag| !flag.requires.is_empty() || !flag.conflicts.is_empty());
    let Some(subject) = tenant.subject().filter(|_| related) else { return Vec::new() };
    let answers: Vec<Evaluation> =
        flags.catalogue.flags.keys().map(|key| flags::evaluate(flags.catalogue, key, &subject)).collect();
    let place = |answer: &Evaluation| cause(flags, tenant, &subject, answer);
    let finding = |found: flags::Contradiction<'_>| {
        let (flag, other) = (&found.flag.flag_key, &found.other.flag_key);
        let (message, is) = if found.wanted_on {
            (format!("flag `{flag}` is on and requires `{other}`, which is off"), "off")
        } else {
            (format!("flags `{flag}` and `{other}` are in conflict and both on"), "on")
        };
        let finding = Finding::new(Code::TN1024, message).with_tenant(tenant.name.as_str()).at(place(found.flag));
        finding.with_related(format!("`{other}` is {is} because of this"), place(found.other))
    };
    flags::contradictions(flags.catalogue, &answers).into_iter().map(finding).collect()
}

/// The place of what decided a flag.
fn cause(flags: Flags<'_>, tenant: &Said, subject: &Subject<'_>, answer: &Evaluation) -> Location {
    let route = answer.step.map(|step| (step, step.route(&answer.flag_key, subject)));
    match (route, flags.document) {
        (Some((flags::Step::Tenant, route)), _) => tenant.places.locate(&route),
        (Some((_, route)), Some(document)) => document.locate(&route),
        _ => tenant.places.locate("flags"),
    }
}

impl Said {
    /// Who asks for flags; None while its account, region or ring cannot be read.
    fn subject(&self) -> Option<Subject<'_>> {
        Some(Subject {
            tenant: self.name.as_str(),
            ring: self.ring.as_ref()?.as_str(),
            account: self.account.as_ref()?.as_str(),
            region: self.region.as_ref()?.as_str(),
            overrides: &self.flags,
        })
    }
}

/// The values that a tenant's merged file gives to flags.
pub(super) fn said(value: &serde_json::Value) -> Values {
    let flags = value.get("flags").and_then(serde_json::Value::as_object).into_iter().flatten();
    flags.map(|(key, value)| (key.clone(), value.clone())).collect()
}
