//! What a template may decide on: values of which there are few.

use serde_json::{Value as Json, json};

use super::{Reader, ZONES, optional_path};
use crate::codes;
use crate::formula::{Name as ScopeName, Scope};
use crate::model::{Decision, Derived, Section};
use crate::nearest::nearest;
use crate::types::Type;

/// Values that one decision of the shape may have.
const MOST_VALUES: usize = 16;
/// Forms that all decisions together may make.
const MOST_FORMS: usize = 100_000;

impl Reader<'_> {
    pub(super) fn shape(&mut self, scope: &Scope, sections: &[Section], derived: &[Derived]) -> Vec<Decision> {
        let mut shape = Vec::new();
        for (index, name) in self.texts("shape", false).into_iter().enumerate() {
            let route = format!("shape[{index}]");
            match self.decision(&name, &route, scope, sections, derived) {
                Some(values) if values.len() <= MOST_VALUES => shape.push(Decision { name, values }),
                Some(values) => {
                    let message =
                        format!("`{name}` has {} values, the shape takes {MOST_VALUES} at most", values.len());
                    self.report(codes::FINITE, &route, message, None);
                }
                None => {}
            }
        }
        let forms = shape.iter().map(|decision| decision.values.len()).fold(1_usize, usize::saturating_mul);
        if forms > MOST_FORMS {
            let message = format!("the shape makes up to {forms} forms, at most {MOST_FORMS} are allowed");
            self.report(codes::FINITE, "shape", message, None);
        }
        shape
    }

    /// Every value of what the shape names.
    fn decision(
        &mut self,
        name: &str,
        route: &str,
        scope: &Scope,
        sections: &[Section],
        derived: &[Derived],
    ) -> Option<Vec<Json>> {
        let both = || vec![json!(false), json!(true)];
        if let Some(path) = optional_path(name) {
            let optional = sections.iter().any(|section| section.name == path && section.optional)
                || sections
                    .iter()
                    .flat_map(|section| &section.parameters)
                    .any(|parameter| parameter.path == path && parameter.may_be_absent)
                || region_fact(scope, path);
            if optional {
                return Some(both());
            }
            self.report(
                codes::UNDECLARED,
                route,
                format!("`{path}` is not something that a tenant may leave out"),
                None,
            );
            return None;
        }
        match name {
            "zones" => return Some(ZONES.map(Json::from).collect()),
            "network.nat" => return Some(vec![json!("per-zone"), json!("single")]),
            "network.eni_model" => return Some(vec![json!("hyperplane"), json!("per-execution")]),
            _ => {}
        }
        if let Some(found) = derived.iter().find(|known| known.name == name) {
            return self.finite(name, route, &found.formula.kind, found.bounds, None);
        }
        let parameter = sections.iter().flat_map(|section| &section.parameters).find(|known| known.path == name);
        if let Some(parameter) = parameter {
            let bounds = parameter.range().map_or((None, None), |(low, high)| (Some(low), Some(high)));
            let members = parameter.schema.get("enum").and_then(Json::as_array).cloned();
            return self.finite(name, route, &parameter.kind, bounds, members);
        }
        let known = sections.iter().flat_map(|section| section.parameters.iter().map(|known| known.path.as_str()));
        let help = nearest(name, known.chain(derived.iter().map(|known| known.name.as_str())));
        self.report(codes::UNDECLARED, route, format!("`{name}` is not declared"), help);
        None
    }

    fn finite(
        &mut self,
        name: &str,
        route: &str,
        kind: &Type,
        bounds: (Option<f64>, Option<f64>),
        members: Option<Vec<Json>>,
    ) -> Option<Vec<Json>> {
        match (members, kind, bounds) {
            (Some(members), ..) => Some(members),
            (None, Type::Bool, _) => Some(vec![json!(false), json!(true)]),
            #[expect(clippy::cast_possible_truncation, reason = "few whole numbers, or they are refused")]
            (None, Type::Int, (Some(low), Some(high))) if high - low < 1_000.0 => {
                Some((low as i64..=high as i64).map(Json::from).collect())
            }
            (None, Type::Unknown, _) => None,
            (None, kind, _) => {
                let help = "name a boolean, an enumeration or a whole number with narrow bounds".to_owned();
                self.report(
                    codes::FINITE,
                    route,
                    format!("`{name}` is {} without an end of values", kind.named()),
                    Some(help),
                );
                None
            }
        }
    }
}

/// Whether a fact of the Region may be absent.
fn region_fact(scope: &Scope, path: &str) -> bool {
    let Some(ScopeName::Input(Type::Row(facts))) = scope.get("region") else { return false };
    path.strip_prefix("region.").and_then(|name| facts.get(name)).is_some_and(|fact| fact.optional)
}
