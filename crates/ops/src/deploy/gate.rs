//! The gate between a plan and its execution: what was found about the plan, and who accepted what of it.
//!
//! In: findings on capacity, policies and money, and the acceptances that a person gave. Out: what is refused, what is
//! accepted, and which acceptances nothing asked for. Pure; an error that nobody accepted stops a deploy, what is
//! unknown never counts as passed.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use tenantry_base::finding::{Finding, Severity, codes, explain};

/// A finding about a plan, in a form that is saved with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanFinding {
    /// Code of the finding, such as `TN4807`.
    pub code: String,
    /// `error` blocks a deploy; `unknown` makes the plan incomplete.
    pub level: Severity,
    /// Lower case, without a period.
    pub message: String,
    /// Name of the tenant; absent if the finding is about the account or the estate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Logical ID in the rendered template; absent if the finding is not about one resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// `tenants/acme.yaml:8:3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// How to fix it; absent if the message says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl From<&Finding> for PlanFinding {
    fn from(finding: &Finding) -> Self {
        let place = finding.location.as_ref();
        Self {
            code: finding.code.to_string(),
            level: finding.severity,
            message: finding.message.clone(),
            tenant: finding.tenant.clone(),
            resource: finding.resource.clone(),
            place: place.map(|at| format!("{}:{}:{}", at.source.path.display(), at.line, at.column)),
            help: finding.help.clone(),
        }
    }
}

/// Verdicts from findings, the worst first.
pub fn verdicts<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Vec<PlanFinding> {
    let mut verdicts: Vec<PlanFinding> = findings.into_iter().map(PlanFinding::from).collect();
    verdicts.sort_by(|a, b| {
        b.level.cmp(&a.level).then_with(|| (&a.code, &a.tenant, &a.message).cmp(&(&b.code, &b.tenant, &b.message)))
    });
    verdicts
}

/// What a person accepts, and why: `TN2101=the increase is granted`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    pub code: String,
    pub reason: String,
}

/// Why an acceptance is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcceptanceError {
    #[error("`{0}` is not of the form CODE=REASON")]
    Form(String),
    #[error("there is no code `{code}`{hint}")]
    UnknownCode { code: String, hint: String },
    #[error("overriding {0} needs a reason")]
    NoReason(String),
}

impl FromStr for Acceptance {
    type Err = AcceptanceError;

    fn from_str(text: &str) -> Result<Self, AcceptanceError> {
        let (code, reason) = text.split_once('=').ok_or_else(|| AcceptanceError::Form(text.to_owned()))?;
        let (code, reason) = (code.trim(), reason.trim());
        let Some(known) = explain(code) else {
            let near =
                codes().map(|entry| (strsim::jaro_winkler(entry.code.as_str(), &code.to_uppercase()), entry.code));
            let best = near.max_by(|(a, _), (b, _)| a.total_cmp(b)).filter(|(score, _)| *score > 0.8);
            let hint = best.map(|(_, code)| format!(", did you mean `{code}`?")).unwrap_or_default();
            return Err(AcceptanceError::UnknownCode { code: code.to_owned(), hint });
        };
        if reason.is_empty() {
            return Err(AcceptanceError::NoReason(known.code.to_string()));
        }
        Ok(Self { code: known.code.to_string(), reason: reason.to_owned() })
    }
}

/// An overridden finding, as the journal records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// Overridden code, such as `TN2101`.
    pub code: String,
    /// Reason given with `--override CODE=REASON`.
    pub reason: String,
    /// The findings that were overridden.
    pub verdicts: Vec<PlanFinding>,
}

/// What comes of verdicts and acceptances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Errors that nobody accepted.
    pub refused: Vec<PlanFinding>,
    pub accepted: Vec<Accepted>,
    /// Codes that were accepted though no error has them.
    pub idle: Vec<String>,
}

/// Holds acceptances against verdicts.
pub fn decide(verdicts: &[PlanFinding], acceptances: &[Acceptance]) -> Decision {
    let mut decision = Decision::default();
    let errors = || verdicts.iter().filter(|verdict| verdict.level == Severity::Error);
    for acceptance in acceptances {
        let own: Vec<PlanFinding> = errors().filter(|verdict| verdict.code == acceptance.code).cloned().collect();
        if own.is_empty() {
            decision.idle.push(acceptance.code.clone());
        } else {
            let (code, reason) = (acceptance.code.clone(), acceptance.reason.clone());
            decision.accepted.push(Accepted { code, reason, verdicts: own });
        }
    }
    let accepted = |verdict: &&PlanFinding| acceptances.iter().any(|acceptance| acceptance.code == verdict.code);
    decision.refused = errors().filter(|verdict| !accepted(verdict)).cloned().collect();
    decision
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenantry_base::finding::Code;

    fn accept(text: &str) -> Acceptance {
        text.parse().unwrap()
    }

    #[test]
    fn red_is_refused_unless_its_code_is_accepted_with_a_reason() {
        let found = [Code::TN2101, Code::TN2101, Code::TN2102, Code::TN2103, Code::TN2104]
            .map(|code| Finding::new(code, "full"));
        let verdicts = verdicts(&found);
        let levels: Vec<Severity> = verdicts.iter().map(|verdict| verdict.level).collect();
        assert_eq!(levels, [Severity::Error, Severity::Error, Severity::Error, Severity::Unknown, Severity::Warning]);
        assert_eq!(decide(&verdicts, &[]).refused.len(), 3);
        let decision = decide(&verdicts, &[accept("tn2101=granted by phone"), accept("TN2103=soon")]);
        assert_eq!(decision.refused.iter().map(|verdict| verdict.code.as_str()).collect::<Vec<_>>(), ["TN2102"]);
        assert_eq!((decision.accepted[0].code.as_str(), decision.accepted[0].verdicts.len()), ("TN2101", 2));
        assert_eq!(decision.accepted[0].reason, "granted by phone");
        assert_eq!(decision.idle, ["TN2103"]);
        assert!(decide(&verdicts, &[accept("TN2101=a"), accept("TN2102=b")]).refused.is_empty());
    }

    #[test]
    fn an_acceptance_names_a_code_that_exists_and_a_reason() {
        let said = |text: &str| text.parse::<Acceptance>().unwrap_err().to_string();
        assert_eq!(said("TN2101"), "`TN2101` is not of the form CODE=REASON");
        assert_eq!(said("TN2101= "), "overriding TN2101 needs a reason");
        assert_eq!(said("=why"), "there is no code ``");
        assert_eq!(said("TN21O1=why"), "there is no code `TN21O1`, did you mean `TN2101`?");
        assert_eq!(accept("TN2101=a=b").reason, "a=b");
    }

    #[test]
    fn a_verdict_survives_being_saved() {
        let verdict = PlanFinding::from(&Finding::new(Code::TN4101, "open").with_tenant("acme").with_resource("Key"));
        let text = serde_json::to_string(&verdict).unwrap();
        assert_eq!(serde_json::from_str::<PlanFinding>(&text).unwrap(), verdict);
    }
}
