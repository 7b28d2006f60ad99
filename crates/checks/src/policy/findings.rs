//! From verdicts and faults to findings: at the spec field that caused them, and then at the template's line.

use super::checks::shared_names::Use;
use super::checks::{Fault, SCHEMAS, SHARED_NAMES};
use super::guard::{GuardError, RuleFile, Status, Verdict};
use super::registry::{Entry, OWN, Rulings};
use super::{Owner, Stack};
use crate::schemas;
use tenantry_base::finding::{Code, Finding, Location};
use tenantry_template::render::Origin;

/// The findings on one stack.
pub(super) struct Findings<'a> {
    stack: &'a Stack<'a>,
    rulings: &'a Rulings,
    pub(super) all: Vec<Finding>,
}

impl<'a> Findings<'a> {
    pub(super) fn of(stack: &'a Stack<'a>, rulings: &'a Rulings) -> Self {
        Self { stack, rulings, all: Vec::new() }
    }

    /// Guard's verdict: one finding per rule and resource, and one per rule that had nothing to check.
    pub(super) fn verdict(&mut self, file: &RuleFile, verdict: &Verdict) {
        let mut last = None;
        for breach in verdict.breaches.iter().filter(|breach| !self.rulings.is_off(&breach.rule)) {
            let mut parts = breach.path.trim_start_matches('/').splitn(3, '/');
            let resource =
                parts.next().filter(|section| *section == "Resources").and_then(|_| parts.next()).unwrap_or("");
            let inside = parts.next().unwrap_or("");
            if last.replace((&breach.rule, resource)) == Some((&breach.rule, resource)) {
                continue;
            }
            let code = self.rulings.code(&breach.rule);
            let own = code == OWN;
            let said = match breach.message.as_deref() {
                Some(said) if own => format!("{said} (rule `{}`)", breach.rule),
                Some(said) => said.to_owned(),
                None if own => format!("the rule `{}` does not hold", breach.rule),
                None => code.explanation().title.to_owned(),
            };
            let message = match resource {
                "" => said,
                resource => format!("`{resource}`: {said}"),
            };
            let finding = self.placed(Finding::new(code, message), resource, inside);
            let rule = file.rules.iter().find(|rule| rule.name == breach.rule);
            self.all.push(match rule {
                Some(rule) if finding.location.is_none() => finding.at(rule.location.clone()),
                Some(rule) => finding.with_related(format!("the rule `{}`", rule.name), rule.location.clone()),
                None => finding,
            });
        }
        if let Owner::Tenant(_) = self.stack.owner {
            let skipped = verdict.rules.iter().filter(|(_, status)| *status == Status::Skip);
            for (name, _) in skipped.filter(|(name, _)| self.rulings.is_required(name)) {
                let finding = Finding::new(Code::TN4003, format!("the rule `{name}` found nothing to check"));
                self.all.push(self.named(finding));
            }
        }
    }

    pub(super) fn failed(&mut self, file: &RuleFile, error: &GuardError) {
        let finding = Finding::new(Code::TN4002, error.to_string()).at(Location::new(file.source.clone(), 0..0));
        self.all.push(self.named(finding));
    }

    pub(super) fn fault(&mut self, entry: Entry, fault: &Fault) {
        if self.rulings.is_off(entry.name) {
            return;
        }
        let finding = Finding::new(entry.code, format!("`{}`: {}", fault.resource, fault.message));
        self.all.push(self.placed(finding, &fault.resource, &fault.path));
    }

    /// What a schema says: at the spec field whose value is refused, else at the line of the template.
    pub(super) fn schema(&mut self, fault: &schemas::Fault) {
        let Some((_, entry)) = SCHEMAS.iter().find(|(kind, _)| *kind == fault.kind) else { return };
        if self.rulings.is_off(entry.name) {
            return;
        }
        let message = format!("`{}`: {}", fault.resource, fault.message);
        let finding = self.named(Finding::new(entry.code, message)).with_resource(&fault.resource);
        let origin = self.stack.template.form.provenance.resources.get(&fault.resource);
        let finding = match origin {
            Some(origin) => {
                let written = origin.place(&fault.path);
                // What is missing or has no such name is the template's, whatever value it would have.
                let of_value = origin.fields.get(&fault.path).filter(|_| fault.kind == schemas::Kind::Value);
                let field = of_value.and_then(|routes| routes.first());
                match (self.stack.owner, field) {
                    (Owner::Tenant(tenant), Some(route)) => {
                        finding.at(tenant.locate(route)).with_related("rendered by", written)
                    }
                    _ => finding.at(written),
                }
            }
            None => finding,
        };
        self.all.push(finding);
    }

    fn named(&self, finding: Finding) -> Finding {
        match self.stack.owner {
            Owner::Tenant(tenant) => finding.with_tenant(tenant.name.as_str()),
            Owner::ControlPlane { .. } => finding,
        }
    }

    fn placed(&self, finding: Finding, resource: &str, inside: &str) -> Finding {
        place(self.stack, self.named(finding), resource, inside)
    }
}

/// Puts a finding at the spec field behind a place in a resource, else at the line of the template.
fn place(stack: &Stack<'_>, finding: Finding, resource: &str, inside: &str) -> Finding {
    let finding = if resource.is_empty() { finding } else { finding.with_resource(resource) };
    let Some(origin) = stack.template.form.provenance.resources.get(resource) else { return finding };
    match (stack.owner, route(origin, inside)) {
        (Owner::Tenant(tenant), Some(route)) => {
            finding.at(tenant.locate(route)).with_related("rendered by", origin.location.clone())
        }
        _ => finding.at(origin.location.clone()),
    }
}

/// The first spec field that decided the value at a path inside a resource, or a value below it.
fn route<'o>(origin: &'o Origin, inside: &str) -> Option<&'o str> {
    if inside.is_empty() {
        return None;
    }
    let below = format!("{inside}/");
    let fields = origin.fields.iter().filter(|(path, _)| *path == inside || path.starts_with(&below));
    fields.flat_map(|(_, routes)| routes).map(String::as_str).next()
}

/// Two stacks that use one name.
pub(super) fn clash(stacks: &[Stack<'_>], first: &Use<'_>, second: &Use<'_>) -> Finding {
    let said = |used: &Use<'_>| match stacks[used.owner].owner {
        Owner::Tenant(tenant) => format!("tenant `{}`", tenant.name),
        Owner::ControlPlane { .. } => "the control plane".to_owned(),
    };
    let (kind, name) = (second.named.kind, &second.name);
    let message = format!("`{name}` ({kind}) belongs to {} already", said(first));
    let stack = &stacks[second.owner];
    let finding = match stack.owner {
        Owner::Tenant(tenant) => Finding::new(SHARED_NAMES.code, message)
            .with_tenant(tenant.name.as_str())
            .with_resource(&second.named.resource)
            .at(tenant.locate("")),
        Owner::ControlPlane { .. } => Finding::new(SHARED_NAMES.code, message).with_resource(&second.named.resource),
    };
    match stacks[first.owner].owner {
        Owner::Tenant(tenant) => finding.with_related("the other tenant", tenant.locate("")),
        Owner::ControlPlane { .. } => finding,
    }
}
