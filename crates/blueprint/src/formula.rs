//! Formulas: CEL that is parsed, whose names and types are checked, and whose steps are counted, once per blueprint.
//!
//! CEL itself finds types only when it evaluates. A fleet must not find out with its thousandth tenant, so every operator
//! and call is checked here against the types of what it refers to; an evaluation can then fail for numbers only.

use std::collections::{BTreeMap, BTreeSet};

use cel::Program;
use cel::common::ast::{
    ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, IdedExpr, LiteralValue, SelectExpr, SourceInfo, operators,
};

use crate::codes;
use crate::document::Document;
use crate::functions::{self, FUNCTIONS};
use crate::nearest::nearest;
use crate::types::{Field, Type};
use tenantry_base::finding::{Code, Finding, Location};

/// Steps that a formula may take at most, every loop to its end: some microseconds each hundred.
pub const MOST_STEPS: u64 = 10_000;
/// Longest text of a formula, in bytes.
pub const LONGEST_FORMULA: usize = 2_000;

/// What a name of a formula stands for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Name {
    /// A section of parameters, or a fact that the tool gives: `network`, `region`, `zones`, `overrides`.
    Input(Type),
    /// A section that a tenant may leave out.
    Optional(Type),
    Table(Type),
    Derived(Type),
}

impl Name {
    fn kind(&self) -> &Type {
        match self {
            Self::Input(kind) | Self::Optional(kind) | Self::Table(kind) | Self::Derived(kind) => kind,
        }
    }
}

/// The names that a formula may use.
pub(crate) type Scope = BTreeMap<String, Name>;

/// Something that a formula refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// A value of the tenant or a fact of its stack, by its path: `web.requests_per_second`, `zones`.
    Input(String),
    Table(String),
    /// A derived value, or a field of one that is a row: `search_node.type`.
    Derived(String),
}

impl Reference {
    /// The name without the fields behind it.
    pub fn name(&self) -> &str {
        let (Self::Input(path) | Self::Table(path) | Self::Derived(path)) = self;
        path.split('.').next().unwrap_or(path)
    }
}

/// A compiled formula.
#[derive(Debug)]
pub struct Formula {
    pub text: String,
    /// Where it stands in the blueprint.
    pub route: String,
    pub kind: Type,
    /// What it refers to, sorted.
    pub references: Vec<Reference>,
    pub(crate) program: Program,
    pub(crate) offset: usize,
}

/// A formula that is parsed and not yet checked.
#[derive(Debug)]
pub(crate) struct Parsed {
    text: String,
    route: String,
    /// Characters of the blueprint's text at `route` before the formula: where it is part of a message.
    offset: usize,
    program: Program,
}

impl Parsed {
    /// Parses the formula at a route.
    ///
    /// # Errors
    /// A finding for each syntax error, at its place.
    pub(crate) fn parse(document: &Document, route: &str, text: &str, offset: usize) -> Result<Self, Vec<Finding>> {
        let place = |character| {
            let whole = crate::document::text_at(&document.value, route).unwrap_or(text);
            document.place_inside(route, whole, offset + character)
        };
        if text.len() > LONGEST_FORMULA {
            let message = format!("a formula has at most {LONGEST_FORMULA} bytes, this one has {}", text.len());
            return Err(vec![Finding::new(codes::BUDGET, message).at(place(0))]);
        }
        let environment = functions::environment()
            .map_err(|error| vec![Finding::new(codes::FORMULA, error.to_string()).at(place(0))])?;
        environment
            .compile(text)
            .map(|program| Self { text: text.to_owned(), route: route.to_owned(), offset, program })
            .map_err(|errors| {
                let finding = |error: &cel::ParseError| {
                    let (line, column) = error.pos;
                    let line_start = text.split_inclusive('\n').take(usize::try_from(line - 1).unwrap_or(0));
                    let before: usize = line_start.map(|line| line.chars().count()).sum();
                    let character = before + usize::try_from(column - 1).unwrap_or(0);
                    let why = error.msg.split(" expecting ").next().unwrap_or(&error.msg).replace("'<EOF>'", "the end");
                    let why = why.replace("mismatched input the end", "it ends too early");
                    let why = why.trim_start_matches("Syntax error: ").trim_end_matches('.');
                    let message = format!("`{}` is not a formula: {why}", text.trim());
                    Finding::new(codes::FORMULA, message).at(place(character))
                };
                errors.errors.iter().map(finding).collect()
            })
    }

    /// The names that the formula uses, without those of its own loops.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        free(self.program.expression(), &mut Vec::new(), &mut names);
        names
    }

    /// Checks names, types and steps.
    pub(crate) fn check(self, document: &Document, scope: &Scope, findings: &mut Vec<Finding>) -> Formula {
        let mut checker = Checker {
            document,
            scope,
            parsed: &self,
            locals: Vec::new(),
            present: Vec::new(),
            references: BTreeSet::new(),
            findings: Vec::new(),
        };
        let (kind, steps) = checker.infer(self.program.expression());
        if steps > MOST_STEPS {
            let message = format!("the formula may take {steps} steps, at most {MOST_STEPS} are allowed");
            checker.report(self.program.expression().id, codes::BUDGET, message, None);
        }
        let references = checker.references.iter().cloned().collect();
        findings.append(&mut checker.findings);
        let Self { text, route, offset, program } = self;
        Formula { text, route, kind, references, program, offset }
    }
}

impl Formula {
    /// The place of a node of the formula.
    pub(crate) fn place(&self, document: &Document, node: u64) -> Location {
        place(document, &self.route, &self.text, self.offset, self.program.source_info(), node)
    }
}

fn place(document: &Document, route: &str, text: &str, offset: usize, source: &SourceInfo, node: u64) -> Location {
    let whole = crate::document::text_at(&document.value, route).unwrap_or(text);
    let at = source.offset_for(node).map_or(0, |(start, _)| usize::try_from(start).unwrap_or(0));
    document.place_inside(route, whole, offset + at)
}

/// Type and worst number of steps of an expression.
type Inferred = (Type, u64);

struct Checker<'a> {
    document: &'a Document,
    scope: &'a Scope,
    parsed: &'a Parsed,
    /// Variables of the loops around, the innermost last.
    locals: Vec<(String, Type)>,
    /// Optional values that a condition around has found present.
    present: Vec<String>,
    references: BTreeSet<Reference>,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn report(&mut self, node: u64, code: Code, message: impl Into<String>, help: Option<String>) -> Type {
        let Parsed { text, route, offset, program } = self.parsed;
        let at = place(self.document, route, text, *offset, program.source_info(), node);
        let mut finding = Finding::new(code, message).at(at);
        finding.help = help;
        self.findings.push(finding);
        Type::Unknown
    }

    fn infer(&mut self, node: &IdedExpr) -> Inferred {
        let (kind, steps) = match &node.expr {
            Expr::Literal(literal) => (self.literal(node, literal), 0),
            Expr::Ident(name) => (self.name(node, name), 0),
            Expr::Select(select) => self.select(node, select),
            Expr::List(list) => {
                let mut item = Type::Unknown;
                let mut steps = 0;
                for element in &list.elements {
                    let (kind, more) = self.infer(element);
                    steps += more;
                    item = match item.unify(&kind) {
                        Some(both) => both,
                        None => {
                            self.report(element.id, codes::TYPE, format!("a list of {item} has {}", kind.named()), None)
                        }
                    };
                }
                (Type::List(Box::new(item), Some(list.elements.len())), steps)
            }
            Expr::Comprehension(comprehension) => self.comprehension(node, comprehension),
            Expr::Call(call) => match (&call.target, &call.args[..]) {
                (None, [condition, then, otherwise]) if call.func_name == operators::CONDITIONAL => {
                    self.conditional(node, condition, then, otherwise)
                }
                (None, [left, right]) if call.func_name == operators::LOGICAL_AND => self.both(left, right),
                (target, arguments) => {
                    let mut kinds = Vec::new();
                    let mut steps = 0;
                    for argument in target.iter().map(AsRef::as_ref).chain(arguments) {
                        let (kind, more) = self.infer(argument);
                        kinds.push(kind);
                        steps += more;
                    }
                    (self.call(node, &call.func_name, target.is_some(), &kinds), steps)
                }
            },
            Expr::Map(row) => self.row(node, &row.entries),
            Expr::Struct(_) | Expr::Unspecified => {
                (self.report(node.id, codes::TYPE, "messages are not values of a formula", None), 0)
            }
        };
        (kind, steps.saturating_add(1))
    }

    /// A row that a formula writes: `{"type": node.type, "gib": 2.0 * node.gib}`.
    fn row(&mut self, node: &IdedExpr, entries: &[IdedEntryExpr]) -> Inferred {
        let mut fields = Vec::new();
        let mut steps = 0;
        for entry in entries {
            let EntryExpr::MapEntry(field) = &entry.expr else { continue };
            let (kind, more) = self.infer(&field.value);
            steps += more;
            match &field.key.expr {
                Expr::Literal(LiteralValue::String(name)) if !fields.iter().any(|(known, _)| known == name.inner()) => {
                    fields.push((name.inner().to_owned(), kind));
                }
                Expr::Literal(LiteralValue::String(name)) => {
                    let message = format!("the row has `{}` twice", name.inner());
                    self.report(node.id, codes::NAME, message, None);
                }
                _ => drop(self.report(node.id, codes::TYPE, "a row's fields have names: `{\"name\": …}`", None)),
            }
        }
        (Type::row(fields), steps)
    }

    fn literal(&mut self, node: &IdedExpr, literal: &LiteralValue) -> Type {
        match literal {
            LiteralValue::Boolean(_) => Type::Bool,
            LiteralValue::Double(_) => Type::Double,
            LiteralValue::Int(_) => Type::Int,
            LiteralValue::String(_) => Type::Text,
            LiteralValue::Bytes(_) | LiteralValue::Null | LiteralValue::UInt(_) => {
                self.report(node.id, codes::TYPE, "null, bytes and unsigned numbers are not values of a formula", None)
            }
        }
    }

    fn name(&mut self, node: &IdedExpr, name: &str) -> Type {
        if let Some((_, kind)) = self.locals.iter().rev().find(|(local, _)| local == name) {
            return kind.clone();
        }
        match self.scope.get(name) {
            Some(Name::Table(kind)) => {
                self.references.insert(Reference::Table(name.to_owned()));
                kind.clone()
            }
            Some(Name::Derived(kind)) => {
                self.references.insert(Reference::Derived(name.to_owned()));
                kind.clone()
            }
            Some(Name::Input(Type::Row(fields)) | Name::Optional(Type::Row(fields))) => {
                let some = fields.keys().next().map_or("…", String::as_str);
                let message = format!("`{name}` is a section: refer to one of its fields, such as `{name}.{some}`");
                self.report(node.id, codes::TYPE, message, None)
            }
            Some(Name::Input(kind) | Name::Optional(kind)) => {
                self.references.insert(Reference::Input(name.to_owned()));
                kind.clone()
            }
            None => {
                let known =
                    self.scope.keys().map(String::as_str).chain(self.locals.iter().map(|(name, _)| name.as_str()));
                let help = nearest(name, known);
                self.report(node.id, codes::REFERENCE, format!("`{name}` is unknown"), help)
            }
        }
    }

    fn select(&mut self, node: &IdedExpr, select: &SelectExpr) -> Inferred {
        let path = path_of(node).filter(|path| !self.locals.iter().any(|(local, _)| *local == path[0]));
        if let Some(path) = path
            && let Some(found) = self.scope.get(path[0])
        {
            let found = found.clone();
            let kind = self.walk(node, &found, &path, select.test);
            return (if select.test { Type::Bool } else { kind }, 1);
        }
        let (operand, steps) = self.infer(&select.operand);
        let kind = match &operand {
            Type::Row(fields) => match fields.get(&select.field) {
                Some(field) => field.kind.clone(),
                None => self.no_field(node, &select.field, fields),
            },
            Type::Unknown => Type::Unknown,
            other => {
                self.report(node.id, codes::TYPE, format!("{} has no field `{}`", other.named(), select.field), None)
            }
        };
        (if select.test { Type::Bool } else { kind }, steps)
    }

    /// Follows a path through sections, and notes what it refers to.
    fn walk(&mut self, node: &IdedExpr, name: &Name, path: &[&str], tested: bool) -> Type {
        let mut kind = name.kind().clone();
        let section = format!("{}.", path[0]);
        let here = |present: &String| present.starts_with(&section);
        let left_out = matches!(name, Name::Optional(_)) && !tested && !self.present.iter().any(here);
        let mut absent = left_out.then(|| path.join("."));
        for (index, step) in path.iter().enumerate().skip(1) {
            let Type::Row(fields) = &kind else {
                if kind == Type::Unknown {
                    return kind;
                }
                let message = format!("`{}` is {} and has no field `{step}`", path[..index].join("."), kind.named());
                return self.report(start(node), codes::TYPE, message, None);
            };
            let Some(Field { kind: inside, optional }) = fields.get(*step) else {
                let fields = fields.clone();
                return self.no_field(node, &path[..=index].join("."), &fields);
            };
            let so_far = path[..=index].join(".");
            let asked = tested && index + 1 == path.len();
            if *optional && !asked && absent.is_none() && !self.present.contains(&so_far) {
                absent = Some(so_far);
            }
            kind = inside.clone();
        }
        let whole = path.join(".");
        match name {
            Name::Derived(_) => self.references.insert(Reference::Derived(whole.clone())),
            Name::Table(_) => self.references.insert(Reference::Table(path[0].to_owned())),
            Name::Input(_) | Name::Optional(_) => self.references.insert(Reference::Input(whole.clone())),
        };
        if let Some(absent) = absent {
            let help = format!("write `has({absent}) ? … : …`");
            return self.report(start(node), codes::TYPE, format!("`{absent}` may be absent"), Some(help));
        }
        if matches!(kind, Type::Row(_)) && !tested && matches!(name, Name::Input(_) | Name::Optional(_)) {
            return self.report(
                start(node),
                codes::TYPE,
                format!("`{whole}` is a section: refer to one of its fields"),
                None,
            );
        }
        kind
    }

    fn no_field(&mut self, node: &IdedExpr, path: &str, fields: &BTreeMap<String, Field>) -> Type {
        let name = path.rsplit('.').next().unwrap_or(path);
        let help = nearest(name, fields.keys().map(String::as_str));
        self.report(start(node), codes::REFERENCE, format!("`{path}` is unknown"), help)
    }

    fn conditional(
        &mut self,
        node: &IdedExpr,
        condition: &IdedExpr,
        then: &IdedExpr,
        otherwise: &IdedExpr,
    ) -> Inferred {
        let (asked, steps) = self.infer(condition);
        self.expect(condition, &asked, &Type::Bool);
        let known = self.present.len();
        self.present.extend(tested(condition));
        let (yes, more) = self.infer(then);
        self.present.truncate(known);
        let (no, others) = self.infer(otherwise);
        let kind = match yes.unify(&no) {
            Some(both) => both,
            None => self.report(
                node.id,
                codes::TYPE,
                format!("the condition gives {} or {}", yes.named(), no.named()),
                None,
            ),
        };
        (kind, steps + more.max(others))
    }

    fn both(&mut self, left: &IdedExpr, right: &IdedExpr) -> Inferred {
        let (one, steps) = self.infer(left);
        self.expect(left, &one, &Type::Bool);
        let known = self.present.len();
        self.present.extend(tested(left));
        let (two, more) = self.infer(right);
        self.present.truncate(known);
        self.expect(right, &two, &Type::Bool);
        (Type::Bool, steps + more)
    }

    fn expect(&mut self, node: &IdedExpr, kind: &Type, wanted: &Type) {
        if kind.unify(wanted).is_none() {
            self.report(node.id, codes::TYPE, format!("this is {} and must be {}", kind.named(), wanted.named()), None);
        }
    }

    fn comprehension(&mut self, node: &IdedExpr, comprehension: &ComprehensionExpr) -> Inferred {
        let ComprehensionExpr { iter_range, iter_var, accu_var, accu_init, loop_cond, loop_step, result, .. } =
            comprehension;
        let (range, steps) = self.infer(iter_range);
        let (item, rounds) = match &range {
            Type::List(item, most) => ((**item).clone(), *most),
            Type::Map(_, most) => (Type::Text, *most),
            Type::Unknown => (Type::Unknown, Some(0)),
            other => {
                self.report(
                    iter_range.id,
                    codes::TYPE,
                    format!("a loop needs a list or a table, this is {}", other.named()),
                    None,
                );
                (Type::Unknown, Some(0))
            }
        };
        if self.scope.contains_key(iter_var) {
            let message = format!("`{iter_var}` is the name of something else: call the row otherwise");
            self.report(node.id, codes::NAME, message, None);
        }
        let (start, before) = self.infer(accu_init);
        self.locals.push((iter_var.clone(), item));
        self.locals.push((accu_var.clone(), start.clone()));
        let (asked, cond) = self.infer(loop_cond);
        self.expect(loop_cond, &asked, &Type::Bool);
        let (stepped, step) = self.infer(loop_step);
        let bounded = match (stepped.unify(&start), rounds) {
            (Some(Type::List(item, _)), rounds) => Type::List(item, rounds),
            (Some(kind), _) => kind,
            (None, _) => stepped,
        };
        self.locals.truncate(self.locals.len() - 2);
        self.locals.push((accu_var.clone(), bounded));
        let (kind, after) = self.infer(result);
        self.locals.pop();
        let Some(rounds) = rounds else {
            let help = "give the list `maxItems`".to_owned();
            self.report(node.id, codes::BUDGET, "the loop has no end that is known", Some(help));
            return (kind, steps);
        };
        let inside = cond.saturating_add(step).saturating_add(1);
        let looped = u64::try_from(rounds).unwrap_or(u64::MAX).saturating_mul(inside);
        (kind, steps.saturating_add(before).saturating_add(looped).saturating_add(after))
    }

    fn call(&mut self, node: &IdedExpr, name: &str, member: bool, given: &[Type]) -> Type {
        if given.contains(&Type::Unknown) && operator(name).is_none() && given.len() == 1 {
            return functions::call(name, member, given).unwrap_or(Type::Unknown);
        }
        if let Some(sign) = operator(name) {
            return self.operator(node, name, sign, given);
        }
        match functions::call(name, member, given) {
            Ok(kind) => kind,
            Err(signatures) if signatures.is_empty() => {
                let help = nearest(name, FUNCTIONS.iter().map(|known| known.name));
                self.report(node.id, codes::REFERENCE, format!("the function `{name}` is unknown"), help)
            }
            Err(_) if given.contains(&Type::Unknown) => Type::Unknown,
            Err(signatures) => {
                let given: Vec<String> = given.iter().map(Type::to_string).collect();
                let message = format!("`{name}` does not take ({})", given.join(", "));
                self.report(node.id, codes::TYPE, message, Some(format!("it takes {}", signatures.join(" or "))))
            }
        }
    }

    fn operator(&mut self, node: &IdedExpr, name: &str, sign: &str, given: &[Type]) -> Type {
        let kind = match (name, given) {
            (operators::NOT_STRICTLY_FALSE | operators::LOGICAL_NOT, [Type::Bool | Type::Unknown]) => Some(Type::Bool),
            (operators::NEGATE, [kind]) if kind.is_number() => Some(kind.clone()),
            (operators::LOGICAL_OR, [Type::Bool | Type::Unknown, Type::Bool | Type::Unknown]) => Some(Type::Bool),
            (operators::ADD, [Type::List(one, most), Type::List(two, others)]) => {
                let most = most.zip(*others).map(|(one, two)| one + two);
                one.unify(two).map(|item| Type::List(Box::new(item), most))
            }
            (operators::ADD, [Type::Text, Type::Text]) => Some(Type::Text),
            (operators::MODULO, [Type::Int, Type::Int]) => Some(Type::Int),
            (operators::ADD | operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE, [one, two])
                if one.is_number() && two.is_number() =>
            {
                one.unify(two)
            }
            (operators::EQUALS | operators::NOT_EQUALS, [one, two]) => {
                (one.unify(two).is_some() || one.is_number() && two.is_number()).then_some(Type::Bool)
            }
            (operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS, [one, two]) => {
                let texts = matches!((one, two), (Type::Text | Type::Unknown, Type::Text | Type::Unknown));
                (texts || one.is_number() && two.is_number()).then_some(Type::Bool)
            }
            (operators::IN, [one, Type::List(item, _)]) => one.unify(item).map(|_| Type::Bool),
            (operators::IN, [Type::Text | Type::Unknown, Type::Map(..)]) => Some(Type::Bool),
            (operators::INDEX, [Type::Map(value, _), Type::Text | Type::Unknown]) => Some((**value).clone()),
            (operators::INDEX, [Type::List(item, _), Type::Int | Type::Unknown]) => Some((**item).clone()),
            (_, given) if given.contains(&Type::Unknown) => Some(Type::Unknown),
            _ => None,
        };
        kind.unwrap_or_else(|| {
            let given: Vec<String> = given.iter().map(Type::to_string).collect();
            let mixed = given.iter().any(|kind| kind == "int") && given.iter().any(|kind| kind == "double");
            let help = mixed.then(|| "convert with `double()` or `ceil()`, or write `2.0` for `2`".to_owned());
            self.report(node.id, codes::TYPE, format!("`{sign}` does not take {}", given.join(" and ")), help)
        })
    }
}

/// The names of an expression that no loop around binds.
fn free(node: &IdedExpr, bound: &mut Vec<String>, names: &mut BTreeSet<String>) {
    match &node.expr {
        Expr::Ident(name) if !bound.contains(name) => drop(names.insert(name.clone())),
        Expr::Select(select) => free(&select.operand, bound, names),
        Expr::List(list) => list.elements.iter().for_each(|element| free(element, bound, names)),
        Expr::Map(row) => row.entries.iter().for_each(|entry| match &entry.expr {
            EntryExpr::MapEntry(field) => free(&field.value, bound, names),
            EntryExpr::StructField(_) => {}
        }),
        Expr::Call(call) => {
            call.target.iter().map(AsRef::as_ref).chain(&call.args).for_each(|part| free(part, bound, names));
        }
        Expr::Comprehension(comprehension) => {
            free(&comprehension.iter_range, bound, names);
            free(&comprehension.accu_init, bound, names);
            let outside = bound.len();
            bound.extend([comprehension.iter_var.clone(), comprehension.accu_var.clone()]);
            for part in [&comprehension.loop_cond, &comprehension.loop_step, &comprehension.result] {
                free(part, bound, names);
            }
            bound.truncate(outside);
        }
        _ => {}
    }
}

/// The node where a path starts: CEL places `a.b` at its dot.
fn start(node: &IdedExpr) -> u64 {
    match &node.expr {
        Expr::Select(select) => start(&select.operand),
        _ => node.id,
    }
}

/// The segments of `a.b.c`.
fn path_of(node: &IdedExpr) -> Option<Vec<&str>> {
    let mut path = Vec::new();
    let mut at = node;
    loop {
        match &at.expr {
            Expr::Ident(name) => path.push(name.as_str()),
            Expr::Select(select) if !select.test || std::ptr::eq(at, node) => {
                path.push(select.field.as_str());
                at = &select.operand;
                continue;
            }
            _ => return None,
        }
        path.reverse();
        return Some(path);
    }
}

/// The paths that a condition finds present where it is true: `has(a.b) && has(a.c)`.
fn tested(condition: &IdedExpr) -> Vec<String> {
    match &condition.expr {
        Expr::Select(select) if select.test => path_of(condition).map(|path| path.join(".")).into_iter().collect(),
        Expr::Call(call) if call.func_name == operators::LOGICAL_AND => call.args.iter().flat_map(tested).collect(),
        _ => Vec::new(),
    }
}

/// The sign of an operator, as a person writes it.
fn operator(name: &str) -> Option<&'static str> {
    Some(match name {
        operators::LOGICAL_AND => "&&",
        operators::LOGICAL_OR => "||",
        operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE => "!",
        operators::SUBSTRACT | operators::NEGATE => "-",
        operators::ADD => "+",
        operators::MULTIPLY => "*",
        operators::DIVIDE => "/",
        operators::MODULO => "%",
        operators::EQUALS => "==",
        operators::NOT_EQUALS => "!=",
        operators::GREATER_EQUALS => ">=",
        operators::LESS_EQUALS => "<=",
        operators::GREATER => ">",
        operators::LESS => "<",
        operators::INDEX => "[]",
        operators::IN => "in",
        _ => return None,
    })
}
