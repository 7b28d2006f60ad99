//! Checks of a blueprint's own: conditions, and messages with values inside.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{CORE_FIELDS, Reader};
use crate::codes;
use crate::document::below;
use crate::formula::{Name as ScopeName, Parsed, Scope};
use crate::model::{Check, Message, Part, Section};
use crate::nearest::nearest;
use crate::types::Type;
use tenantry_base::finding::Severity;

impl Reader<'_> {
    pub(super) fn checks(
        &mut self,
        scope: &Scope,
        (overrides, region): (&Section, &Section),
        sections: &[Section],
    ) -> Vec<Check> {
        let mut with_overrides = scope.clone();
        with_overrides.insert("overrides".to_owned(), ScopeName::Input(overrides.kind.clone()));
        let count = match self.value("checks") {
            None => 0,
            Some(Json::Array(checks)) => checks.len(),
            Some(_) => {
                self.report(codes::SHAPE, "checks", "`checks` must be a list", None);
                0
            }
        };
        let mut seen = BTreeSet::new();
        let known: BTreeSet<String> = sections
            .iter()
            .chain([overrides, region])
            .flat_map(|section| section.parameters.iter().map(|parameter| parameter.path.clone()))
            .chain(CORE_FIELDS.iter().map(|field| (*field).to_owned()))
            .chain(["network.cidr", "network.zones", "network.nat", "network.eni_model"].map(str::to_owned))
            .collect();
        let mut checks = Vec::new();
        for index in 0..count {
            let route = format!("checks[{index}]");
            if self.map(&route, &["code", "severity", "fails", "message", "help", "blame"]).is_none() {
                continue;
            }
            let code = self.required_text(&below(&route, "code"));
            if let Some(code) = &code {
                self.code(code, &below(&route, "code"), &mut seen);
            }
            let severity = match self.text(&below(&route, "severity")).as_deref() {
                None | Some("error") => Severity::Error,
                Some("warning") => Severity::Warning,
                Some(other) => {
                    let message = format!("`{other}` is not a severity: `error` or `warning`");
                    self.report(codes::SHAPE, &below(&route, "severity"), message, None);
                    Severity::Error
                }
            };
            if !self.has(&below(&route, "fails")) {
                self.report(codes::SHAPE, &route, "a check needs `fails`", None);
            }
            let fails = self.formula(&below(&route, "fails"));
            let fails = fails.map(|parsed| parsed.check(self.document, &with_overrides, &mut self.findings));
            if let Some(formula) = fails.as_ref().filter(|formula| formula.kind.unify(&Type::Bool).is_none()) {
                let message = format!("a check is true or false, not {}", formula.kind.named());
                self.report(codes::TYPE, &below(&route, "fails"), message, None);
            }
            let message = self.message(&below(&route, "message"), &with_overrides);
            let help = self.text(&below(&route, "help")).unwrap_or_default();
            let blame = self.texts(&below(&route, "blame"), false);
            let is_known = |path: &str| {
                let section = format!("{path}.");
                known.contains(path) || known.iter().any(|field| field.starts_with(&section))
            };
            for (at, path) in blame.iter().enumerate().filter(|(_, path)| !is_known(path)) {
                let help = nearest(path, known.iter().map(String::as_str));
                let route = format!("{route}.blame[{at}]");
                self.report(codes::UNDECLARED, &route, format!("`{path}` is not a field of the tenant"), help);
            }
            if let (Some(code), Some(fails), Some(message)) = (code, fails, message) {
                checks.push(Check { code, severity, fails, message, help, blame });
            }
        }
        checks
    }

    pub(super) fn code(&mut self, code: &str, route: &str, seen: &mut BTreeSet<String>) {
        let (letters, digits) = code.split_at(code.find(|found: char| found.is_ascii_digit()).unwrap_or(code.len()));
        let valid = (2..=4).contains(&letters.len())
            && letters.bytes().all(|byte| byte.is_ascii_uppercase())
            && digits.len() == 4
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !valid {
            let message =
                format!("`{code}` is not a code: two to four capital letters and four digits, such as BP2001");
            self.report(codes::SHAPE, route, message, None);
        } else if letters == "TN" {
            self.report(codes::NAME, route, "codes that begin with TN are the tool's own", None);
        }
        if !seen.insert(code.to_owned()) {
            self.report(codes::NAME, route, format!("the code `{code}` is used twice"), None);
        }
    }

    fn message(&mut self, route: &str, scope: &Scope) -> Option<Message> {
        let text = self.required_text(route)?;
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some(start) = rest.find("${") {
            let Some(end) = rest[start..].find('}').map(|end| start + end) else {
                self.report(codes::FORMULA, route, "a `${` of the message has no `}`", None);
                return None;
            };
            parts.push(Part::Text(rest[..start].to_owned()));
            let offset = text[..text.len() - rest.len() + start + 2].chars().count();
            match Parsed::parse(self.document, route, &rest[start + 2..end], offset) {
                Ok(parsed) => {
                    parts.push(Part::Formula(Box::new(parsed.check(self.document, scope, &mut self.findings))));
                }
                Err(findings) => self.findings.extend(findings),
            }
            rest = &rest[end + 1..];
        }
        parts.push(Part::Text(rest.to_owned()));
        Some(Message { parts })
    }
}
