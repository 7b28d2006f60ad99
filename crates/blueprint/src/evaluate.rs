//! Formulas × a tenant's values → derived values, each remembered by the values that it depends on.
//!
//! Derived values that depend on the same inputs, through all formulas between, are one group; a group is evaluated once
//! for each distinct set of those inputs. What a formula refers to depends on a part of them, so groups with fewer inputs
//! come first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use cel::common::ast::{Expr, IdedExpr, operators};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, ExecutionError};
use serde_json::Value as Json;

use crate::codes;
use crate::document::{below, lookup};
use crate::formula::{Formula, Name, Reference};
use crate::functions;
use crate::model::{Blueprint, Decision, Derived, Message, Part, Table};
use crate::read::{given, optional_path};
use crate::types::{Type, Value, json_to_cel};
use tenantry_base::finding::{Code, Finding, Location, Severity};

/// What a section that is left out has.
static EMPTY: LazyLock<Json> = LazyLock::new(|| Json::Object(serde_json::Map::new()));

/// Results that a group remembers; then it forgets all of them, so that memory does not grow with the fleet.
const MOST_REMEMBERED: usize = 2_048;

/// What formulas see of one stack.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs(pub(crate) Json);

impl Inputs {
    /// The value at a path, such as `web.requests_per_second`.
    pub fn get(&self, path: &str) -> Option<&Json> {
        given(&self.0, path)
    }
}

/// The results of one derived value.
#[derive(Debug)]
struct Outcome {
    value: Option<Value>,
    /// The value as formulas read it.
    slot: Option<Box<dyn Val>>,
    pinned: bool,
    findings: Vec<Finding>,
}

/// Results by the values of the inputs.
type Known = HashMap<Box<[u8]>, Arc<Vec<Outcome>>>;

/// Derived values with the same inputs.
struct Group {
    /// Indices of the paths that its values depend on.
    inputs: Vec<usize>,
    /// Indices of derived values, in order.
    members: Vec<usize>,
    known: Mutex<Known>,
}

/// Everything that is remembered between tenants.
pub(crate) struct Memo {
    /// Every path that some value depends on.
    paths: Vec<String>,
    groups: Vec<Group>,
    /// By name: index of the group, and position in it.
    index: HashMap<String, (usize, usize)>,
    tables: HashMap<String, Box<dyn Val>>,
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").field("groups", &self.groups.len()).finish_non_exhaustive()
    }
}

impl Memo {
    pub(crate) fn new(derived: &[Derived], tables: &[Table]) -> Self {
        let mut by_inputs: BTreeMap<(usize, &[String]), Vec<usize>> = BTreeMap::new();
        for (index, entry) in derived.iter().enumerate() {
            by_inputs.entry((entry.inputs.len(), &entry.inputs)).or_default().push(index);
        }
        let paths: BTreeSet<&String> = derived.iter().flat_map(|entry| &entry.inputs).collect();
        let paths: Vec<String> = paths.into_iter().cloned().collect();
        let group = |((_, inputs), members): ((usize, &[String]), Vec<usize>)| {
            let inputs = inputs.iter().filter_map(|path| paths.binary_search(path).ok()).collect();
            Group { inputs, members, known: Mutex::default() }
        };
        let groups: Vec<Group> = by_inputs.into_iter().map(group).collect();
        let mut index = HashMap::new();
        for (at, group) in groups.iter().enumerate() {
            let members = group.members.iter().enumerate();
            index.extend(members.map(|(position, member)| (derived[*member].name.clone(), (at, position))));
        }
        let tables = tables.iter().map(|table| (table.name.clone(), table.rows.to_cel())).collect();
        Self { paths, groups, index, tables }
    }
}

/// The derived values of one stack.
#[derive(Debug)]
pub struct Evaluation<'a> {
    blueprint: &'a Blueprint,
    inputs: &'a Inputs,
    sections: OnceLock<BTreeMap<String, Box<dyn Val>>>,
    groups: Vec<Arc<Vec<Outcome>>>,
}

/// One derived value with its reasoning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    pub name: String,
    pub value: String,
    pub unit: String,
    /// CEL expression from the blueprint.
    pub formula: String,
    /// What the formula refers to, with the values that it had.
    pub inputs: Vec<(String, String)>,
    pub why: String,
    pub source: String,
    /// Paths of the tenant's file that the value depends on.
    pub depends_on: Vec<String>,
    /// The tenant pins the value: the formula was not evaluated.
    pub pinned: bool,
}

impl Blueprint {
    /// Derives every value of one stack. A value without a result has its finding in [`Evaluation::findings`].
    pub fn evaluate<'a>(&'a self, inputs: &'a Inputs) -> Evaluation<'a> {
        self.evaluate_as(inputs, false)
    }

    /// `strict` also reports what is not finite inside a formula whose result is.
    pub(crate) fn evaluate_as<'a>(&'a self, inputs: &'a Inputs, strict: bool) -> Evaluation<'a> {
        let mut evaluation = Evaluation { blueprint: self, inputs, sections: OnceLock::new(), groups: Vec::new() };
        let keys = Keys::of(&self.memo.paths, inputs);
        for group in &self.memo.groups {
            let key = keys.joined(&group.inputs);
            let remembered = if strict { None } else { known(group).get(&key).cloned() };
            let outcomes = remembered.unwrap_or_else(|| {
                let outcomes = Arc::new(evaluation.group(group, strict));
                if !strict {
                    let mut remembered = known(group);
                    if remembered.len() >= MOST_REMEMBERED {
                        remembered.clear();
                    }
                    remembered.insert(key, Arc::clone(&outcomes));
                }
                outcomes
            });
            evaluation.groups.push(outcomes);
        }
        evaluation
    }
}

fn known(group: &Group) -> std::sync::MutexGuard<'_, Known> {
    // Nothing panics with the lock held; a map that is whole is as good as before.
    group.known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The values of paths as bytes: the same bytes for the same values only.
struct Keys {
    bytes: Vec<u8>,
    /// Where the value of each path ends.
    ends: Vec<usize>,
}

impl Keys {
    fn of(paths: &[String], inputs: &Inputs) -> Self {
        let mut keys = Self { bytes: Vec::with_capacity(paths.len() * 10), ends: Vec::with_capacity(paths.len()) };
        for path in paths {
            write_key(lookup(&inputs.0, path), &mut keys.bytes);
            keys.ends.push(keys.bytes.len());
        }
        keys
    }

    /// The bytes of some of the paths.
    fn joined(&self, paths: &[usize]) -> Box<[u8]> {
        let mut joined = Vec::with_capacity(paths.len() * 10);
        for path in paths {
            let start = path.checked_sub(1).map_or(0, |before| self.ends[before]);
            joined.extend_from_slice(&self.bytes[start..self.ends[*path]]);
        }
        joined.into()
    }
}

fn write_key(value: Option<&Json>, bytes: &mut Vec<u8>) {
    match value {
        None | Some(Json::Null) => bytes.push(0),
        Some(Json::Bool(truth)) => bytes.extend([1, u8::from(*truth)]),
        Some(Json::Number(number)) => {
            bytes.push(2);
            match number.as_i64() {
                Some(whole) => bytes.extend(whole.to_le_bytes()),
                None => bytes.extend(number.as_f64().unwrap_or(f64::NAN).to_bits().to_le_bytes()),
            }
            bytes.push(u8::from(number.is_f64()));
        }
        Some(Json::String(text)) => {
            bytes.push(3);
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        Some(Json::Array(items)) => {
            bytes.push(4);
            bytes.extend((items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| write_key(Some(item), bytes));
        }
        Some(Json::Object(map)) => {
            bytes.push(5);
            bytes.extend((map.len() as u64).to_le_bytes());
            for (name, value) in map {
                bytes.extend(name.as_bytes());
                write_key(Some(value), bytes);
            }
        }
    }
}

/// The names of formulas while a group is evaluated.
struct Names<'a> {
    evaluation: &'a Evaluation<'a>,
    /// What the group has so far.
    current: &'a [Outcome],
}

impl VariableResolver for Names<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let memo = &self.evaluation.blueprint.memo;
        let slot: &dyn Val = match memo.index.get(variable) {
            Some((group, position)) => match self.evaluation.groups.get(*group) {
                Some(done) => done[*position].slot.as_deref()?,
                None => self.current.get(*position)?.slot.as_deref()?,
            },
            None => match memo.tables.get(variable) {
                Some(table) => &**table,
                None => &**self.evaluation.sections().get(variable)?,
            },
        };
        Some(CowVal::Borrowed(slot))
    }
}

impl<'a> Evaluation<'a> {
    /// A derived value; `None` where its formula has none for these inputs.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.outcome(name)?.value.as_ref()
    }

    /// Whether the tenant pins a derived value.
    pub fn is_pinned(&self, name: &str) -> bool {
        self.outcome(name).is_some_and(|outcome| outcome.pinned)
    }

    /// What formulas have no value for.
    pub fn findings(&self) -> Vec<Finding> {
        let outcomes = self.groups.iter().flat_map(|group| group.iter());
        let mut findings: Vec<Finding> = outcomes.flat_map(|outcome| outcome.findings.iter().cloned()).collect();
        findings.sort_by_key(|found| found.location.as_ref().map_or(0, |place| place.span.start));
        findings
    }

    /// Every derived value with its reasoning, in the order of evaluation.
    pub fn explain(&self) -> Vec<Explained> {
        let explained = |derived: &Derived| {
            let value = self.value(&derived.name)?;
            Some(Explained {
                name: derived.name.clone(),
                value: value.to_string(),
                unit: derived.unit.clone(),
                formula: derived.formula.text.clone(),
                inputs: self.read(&derived.formula),
                why: derived.why.clone(),
                source: derived.source.clone(),
                depends_on: derived.inputs.clone(),
                pinned: self.is_pinned(&derived.name),
            })
        };
        self.blueprint.derived.iter().filter_map(explained).collect()
    }

    /// Every derived value that the formulas have for these inputs, as templates print them.
    pub fn values(&self) -> BTreeMap<&'a str, Json> {
        let value = |derived: &'a Derived| Some((derived.name.as_str(), self.value(&derived.name)?.to_json()));
        self.blueprint.derived.iter().filter_map(value).collect()
    }

    /// What templates may decide on, by the names of the shape. A value that a failed formula should give is absent.
    pub fn shape(&self) -> BTreeMap<&'a str, Json> {
        let value = |decision: &'a Decision| {
            let name = decision.name.as_str();
            let value = match optional_path(name) {
                Some(path) => Some(Json::from(self.inputs.get(path).is_some())),
                None => self.value(name).map(Value::to_json).or_else(|| self.inputs.get(name).cloned()),
            };
            Some((name, value?))
        };
        self.blueprint.shape.iter().filter_map(value).collect()
    }

    /// The findings of the blueprint's own checks, at the places of the tenant's file that `place` gives to routes.
    pub fn checks(&self, place: &dyn Fn(&str) -> Option<Location>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for check in &self.blueprint.checks {
            match self.once(&check.fails) {
                Some(Ok(Value::Bool(false))) | None => {}
                Some(Ok(_)) => {
                    let set = |path: &&String| self.inputs.get(path).is_some_and(|_| path.starts_with("overrides."));
                    let blamed = check.blame.iter().find(set).or(check.blame.last()).cloned().unwrap_or_default();
                    let finding = Finding::new(Code::of(&check.code), self.message(&check.message));
                    findings.push(Finding {
                        severity: check.severity,
                        location: place(&blamed),
                        help: Some(check.help.clone()).filter(|help| !help.is_empty()),
                        ..finding
                    });
                }
                Some(Err(finding)) => findings.push(*finding),
            }
        }
        findings
    }

    fn outcome(&self, name: &str) -> Option<&Outcome> {
        let (group, position) = self.blueprint.memo.index.get(name)?;
        self.groups.get(*group)?.get(*position)
    }

    /// Sections and facts as formulas read them; made only when a formula is evaluated.
    fn sections(&self) -> &BTreeMap<String, Box<dyn Val>> {
        self.sections.get_or_init(|| {
            let scope = self.blueprint.scope.iter().filter_map(|(name, entry)| match entry {
                Name::Input(kind) | Name::Optional(kind) => Some((name.as_str(), kind)),
                Name::Table(_) | Name::Derived(_) => None,
            });
            // A section that is left out reads as an empty one, so that `has()` can be asked.
            let read = |(name, kind): (&str, &Type)| {
                let given = self.inputs.0.get(name).unwrap_or(&EMPTY);
                (name.to_owned(), json_to_cel(given, kind))
            };
            scope.chain([("overrides", &self.blueprint.overrides.kind)]).map(read).collect()
        })
    }

    fn group(&self, group: &Group, strict: bool) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(group.members.len());
        for member in &group.members {
            let derived = &self.blueprint.derived[*member];
            let outcome = self.derive(derived, &outcomes, strict);
            outcomes.push(outcome);
        }
        outcomes
    }

    fn derive(&self, derived: &Derived, current: &[Outcome], strict: bool) -> Outcome {
        let pinned = derived.overridable.then(|| self.inputs.get(&below("overrides", &derived.name))).flatten();
        let mut findings = Vec::new();
        let value = match pinned {
            Some(pinned) => value_of(pinned, &derived.formula.kind),
            None => match self.formula(&derived.formula, current, strict, &mut findings) {
                Some(value) => self.within(derived, value, &mut findings),
                None => None,
            },
        };
        let slot = value.as_ref().map(Value::to_cel);
        Outcome { value, slot, pinned: pinned.is_some(), findings }
    }

    fn within(&self, derived: &Derived, value: Value, findings: &mut Vec<Finding>) -> Option<Value> {
        let (low, high) = derived.bounds;
        let number = value.as_number();
        let outside =
            number.is_some_and(|number| low.is_some_and(|low| number < low) || high.is_some_and(|high| number > high));
        if !outside {
            return Some(value);
        }
        let bound = |bound: Option<f64>| bound.map_or_else(|| "∞".to_owned(), |bound| bound.to_string());
        let message = format!(
            "`{}` is {value} and must be within {} and {}{}",
            derived.name,
            bound(low),
            bound(high),
            self.with(&derived.formula)
        );
        let place = derived.formula.place(&self.blueprint.document, derived.formula.program.expression().id);
        findings.push(Finding::new(codes::BOUNDS, message).at(place));
        None
    }

    /// The value of a formula. None without a finding where something that it refers to has none.
    fn formula(
        &self,
        formula: &Formula,
        current: &[Outcome],
        strict: bool,
        findings: &mut Vec<Finding>,
    ) -> Option<Value> {
        let names = Names { evaluation: self, current };
        let refers = |reference: &Reference| match reference {
            Reference::Derived(_) => names.resolve(reference.name()).is_some(),
            _ => true,
        };
        if !formula.references.iter().all(refers) {
            return None;
        }
        let Ok(environment) = functions::environment() else { return None };
        let mut context = Context::with_env(environment);
        context.set_variable_resolver(&names);
        let root = formula.program.expression();
        let result = cel::Value::resolve(root, &context);
        let failed = faulty(&result);
        if failed || strict {
            let mut at = root;
            while let Some(inside) = children(at, &context).into_iter().find(|inside| fault(inside, &context)) {
                at = inside;
            }
            if fault(at, &context) {
                let why = match cel::Value::resolve(at, &context) {
                    Err(error) => reason(&error),
                    Ok(_) => "the number is not finite".to_owned(),
                };
                let message =
                    format!("`{}` has no value: {why}{}", formula.text.trim(), self.with_names(formula, &names));
                let place = formula.place(&self.blueprint.document, at.id);
                let severity = if failed { Severity::Error } else { Severity::Warning };
                findings.push(Finding { severity, ..Finding::new(codes::EVALUATION, message).at(place) });
            }
        }
        result.ok().filter(|_| !failed).as_ref().and_then(Value::of_cel)
    }

    /// A formula that is not remembered: one of a check.
    fn once(&self, formula: &Formula) -> Option<Result<Value, Box<Finding>>> {
        let mut findings = Vec::new();
        match self.formula(formula, &[], false, &mut findings) {
            Some(value) => Some(Ok(value)),
            None => findings.pop().map(|finding| Err(Box::new(finding))),
        }
    }

    fn message(&self, message: &Message) -> String {
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Formula(formula) => match self.once(formula) {
                Some(Ok(value)) => value.to_string(),
                _ => "unknown".to_owned(),
            },
        };
        message.parts.iter().map(text).collect()
    }

    /// What a formula refers to, with its values.
    fn read(&self, formula: &Formula) -> Vec<(String, String)> {
        self.read_as(formula, &|name| self.value(name).cloned())
    }

    fn read_as(&self, formula: &Formula, derived: &dyn Fn(&str) -> Option<Value>) -> Vec<(String, String)> {
        let read = |reference: &Reference| match reference {
            Reference::Input(path) => {
                let text = self.inputs.get(path).map_or_else(|| "absent".to_owned(), shown);
                (path.clone(), text)
            }
            Reference::Derived(path) => {
                let value = derived(reference.name());
                let value = value.as_ref().and_then(|value| value.field(path.split('.').skip(1)));
                (path.clone(), value.map_or_else(|| "unknown".to_owned(), Value::to_string))
            }
            Reference::Table(name) => {
                let found = self.blueprint.tables.iter().find(|table| table.name == *name);
                (name.clone(), found.map_or_else(String::new, |table| format!("table of {}", table.date)))
            }
        };
        formula.references.iter().map(read).collect()
    }

    fn with(&self, formula: &Formula) -> String {
        listed(&self.read(formula))
    }

    fn with_names(&self, formula: &Formula, names: &Names<'_>) -> String {
        let derived = |name: &str| {
            let value = cel::Value::try_from(names.resolve(name)?.as_ref()).ok()?;
            Value::of_cel(&value)
        };
        listed(&self.read_as(formula, &derived))
    }
}

fn listed(inputs: &[(String, String)]) -> String {
    if inputs.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> = inputs.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    format!(", with {}", pairs.join(", "))
}

fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What a tenant pins a value to, as the formula's type has it.
fn value_of(pinned: &Json, kind: &Type) -> Option<Value> {
    Some(match kind {
        Type::Bool => Value::Bool(pinned.as_bool()?),
        #[expect(clippy::cast_possible_truncation, reason = "the schema says that it is whole")]
        Type::Int => Value::Int(pinned.as_i64().or_else(|| pinned.as_f64().map(|number| number as i64))?),
        Type::Double => Value::Double(pinned.as_f64()?),
        Type::Text => Value::Text(pinned.as_str()?.into()),
        _ => return None,
    })
}

fn faulty(result: &Result<cel::Value, ExecutionError>) -> bool {
    match result {
        Err(_) => true,
        Ok(cel::Value::Float(number)) => !number.is_finite(),
        Ok(_) => false,
    }
}

fn fault(node: &IdedExpr, context: &Context<'_, '_>) -> bool {
    // A section is no value of its own, and need not be converted to one.
    !matches!(node.expr, Expr::Ident(_)) && faulty(&cel::Value::resolve(node, context))
}

/// The parts of an expression that were evaluated in the scope of the expression itself.
fn children<'n>(node: &'n IdedExpr, context: &Context<'_, '_>) -> Vec<&'n IdedExpr> {
    match &node.expr {
        Expr::Call(call) if call.func_name == operators::CONDITIONAL && call.args.len() == 3 => {
            let taken = match cel::Value::resolve(&call.args[0], context) {
                Ok(cel::Value::Bool(true)) => Some(&call.args[1]),
                Ok(cel::Value::Bool(false)) => Some(&call.args[2]),
                _ => None,
            };
            std::iter::once(&call.args[0]).chain(taken).collect()
        }
        Expr::Call(call) if [operators::LOGICAL_AND, operators::LOGICAL_OR].contains(&call.func_name.as_str()) => {
            call.args.first().into_iter().collect()
        }
        Expr::Call(call) => call.target.iter().map(AsRef::as_ref).chain(&call.args).collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Comprehension(comprehension) => vec![&comprehension.iter_range],
        _ => Vec::new(),
    }
}

/// Why an evaluation failed, in words.
fn reason(error: &ExecutionError) -> String {
    match error {
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "it divides by zero".to_owned(),
        ExecutionError::Overflow(..) => "the number is larger than 64 bits hold".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "no row satisfies, or the list has no such item".to_owned(),
        ExecutionError::FunctionError { function, message } => format!("`{function}`: {message}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tenantry_base::finding::Source;

    const TEXT: &str = "apiVersion: tenantry/v2\nblueprint: { name: t, version: 1.0.0 }\nparameters:\n  web: { type: object, \
                        properties: { a: { type: integer, default: 1 }, b: { type: integer, default: 2 } } }\nderived:\n  \
                        one: { value: web.a + 1 }\n  two: { value: one * 2 }\n  both: { value: two + web.b }\n";

    fn shared<T: Send + Sync>(value: T) -> T {
        value
    }

    #[test]
    fn a_value_is_evaluated_once_for_each_distinct_set_of_its_inputs() {
        let (blueprint, findings) =
            Blueprint::read(&Arc::new(Source { path: "t.yaml".into(), text: TEXT.to_owned() }), &|_| None);
        assert_eq!(findings, []);
        let blueprint = shared(blueprint.unwrap());
        let inputs = |a: i64, b: i64| Inputs(json!({ "web": { "a": a, "b": b }, "zones": 3 }));
        let (first, second, third) = (inputs(1, 2), inputs(1, 3), inputs(2, 2));
        let [first, second, third] = [&first, &second, &third].map(|inputs| blueprint.evaluate(inputs));
        assert_eq!(blueprint.memo.groups.len(), 2);
        assert!(Arc::ptr_eq(&first.groups[0], &second.groups[0]), "`one` and `two` do not depend on `web.b`");
        assert!(!Arc::ptr_eq(&first.groups[1], &second.groups[1]));
        assert!(!Arc::ptr_eq(&first.groups[0], &third.groups[0]));
        let both = [first, second, third].map(|evaluation| evaluation.value("both").and_then(Value::as_int));
        assert_eq!(both, [Some(6), Some(7), Some(8)]);
    }

    #[test]
    fn keys_tell_values_apart() {
        let values =
            [json!(null), json!(1), json!(1.0), json!("1"), json!([1]), json!({ "a": 1 }), json!(true), json!([[], 1])];
        let key = |value: &Json| {
            let mut bytes = Vec::new();
            write_key(Some(value), &mut bytes);
            bytes
        };
        let keys: std::collections::BTreeSet<Vec<u8>> = values.iter().map(key).collect();
        assert_eq!(keys.len(), values.len());
    }
}
