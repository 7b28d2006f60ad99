//! What the tool gives to formulas beside CEL's own operators: rounding, bounds, look-ups in tables, and the models of
//! addresses and of queues that more than one blueprint needs.
//!
//! Whole numbers go in and come out checked: an overflow or a division by zero is an error at the formula, never a wrong
//! number. Facts about addresses are those of [`crate::addresses`].

use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, ListExpr, LiteralValue, operators};
use cel::common::types::{CelDouble, CelInt, CelString, DOUBLE_TYPE, INT_TYPE, LIST_TYPE, MAP_TYPE, STRING_TYPE};
use cel::common::value::{CowVal, Val};
use cel::parser::{Macro, MacroExprHelper};
use cel::{DeclarationError, Env, ExecutionError, ParseError, Value};

use crate::addresses::{CONNECTIONS_PER_INTERFACE, MIB_PER_INTERFACE, RESERVED};
use crate::types::Type;

/// Most arguments of `min` and `max`.
const MOST_ARGUMENTS: usize = 8;

/// A function as formulas may call it.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    pub name: &'static str,
    /// Called on a value: `text.startsWith("a")`.
    pub member: bool,
    parameters: &'static [Kind],
    result: Kind,
    /// Takes the last parameter any number of times.
    variadic: bool,
    /// What it gives, in one sentence.
    pub about: &'static str,
}

/// The types of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Int,
    Double,
    Text,
    List,
    Map,
}

impl Kind {
    fn accepts(self, given: &Type) -> bool {
        matches!(
            (self, given),
            (_, Type::Unknown)
                | (Self::Bool, Type::Bool)
                | (Self::Int, Type::Int)
                | (Self::Double, Type::Double)
                | (Self::Text, Type::Text)
                | (Self::List, Type::List(..))
                | (Self::Map, Type::Map(..))
        )
    }

    fn of(self) -> Type {
        match self {
            Self::Bool => Type::Bool,
            Self::Int => Type::Int,
            Self::Double => Type::Double,
            Self::Text => Type::Text,
            Self::List => Type::List(Box::new(Type::Unknown), None),
            Self::Map => Type::Map(Box::new(Type::Unknown), None),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Double => "double",
            Self::Text => "string",
            Self::List => "list",
            Self::Map => "map",
        }
    }
}

const fn function(name: &'static str, parameters: &'static [Kind], result: Kind, about: &'static str) -> Function {
    Function { name, member: false, parameters, result, variadic: false, about }
}

const fn member(name: &'static str, parameters: &'static [Kind], result: Kind, about: &'static str) -> Function {
    Function { name, member: true, parameters, result, variadic: false, about }
}

const fn variadic(name: &'static str, parameters: &'static [Kind], result: Kind, about: &'static str) -> Function {
    Function { name, member: false, parameters, result, variadic: true, about }
}

use Kind::{Bool, Double, Int, List, Map, Text};

/// Every function, overload by overload.
pub const FUNCTIONS: &[Function] = &[
    function("ceil", &[Double], Int, "the smallest whole number that is not less"),
    function("floor", &[Double], Int, "the largest whole number that is not more"),
    function("round", &[Double], Int, "the nearest whole number, halves away from zero"),
    variadic("min", &[Int, Int], Int, "the smallest of two to eight numbers of one type"),
    variadic("min", &[Double, Double], Double, "the smallest of two to eight numbers of one type"),
    variadic("max", &[Int, Int], Int, "the largest of two to eight numbers of one type"),
    variadic("max", &[Double, Double], Double, "the largest of two to eight numbers of one type"),
    function("clamp", &[Int, Int, Int], Int, "the first number, but not less than the second nor more than the third"),
    function("clamp", &[Double, Double, Double], Double, "the first number, within the other two"),
    function("ceil_div", &[Int, Int], Int, "the quotient of two whole numbers, rounded up"),
    function("littles_law", &[Double, Double], Double, "units at work: arrivals per minute × seconds each takes"),
    function("zones_left", &[Int], Int, "how many zones are left when one is lost, at least one"),
    function("eni_hyperplane", &[Int], Int, "shared interfaces of one set of security groups for so many connections"),
    function("eni_per_execution", &[Int], Int, "interfaces of executions with so many MiB, by the model before 2019"),
    function("subnet_prefix", &[Int], Int, "prefix length of the smallest subnet with so many usable addresses"),
    function("subnet_addresses", &[Int], Int, "usable addresses of a subnet of this prefix length"),
    function("sum", &[List], Int, "the sum of whole numbers"),
    function("join", &[List, Text], Text, "texts with a separator between them"),
    function(
        "pairs",
        &[Map, Text, Text],
        Text,
        "keys and values of a map in the order of the keys, with a text between the two and a separator between pairs",
    ),
    function("decimals", &[Double, Int], Text, "a number as text with so many decimals, 0 to 9"),
    function("int", &[Double], Int, "the whole part of a number"),
    function("int", &[Int], Int, "the number itself"),
    function("double", &[Int], Double, "the same number as a double"),
    function("double", &[Double], Double, "the number itself"),
    function("string", &[Int], Text, "a number as text"),
    function("string", &[Double], Text, "a number as text"),
    function("string", &[Bool], Text, "`true` or `false`"),
    function("string", &[Text], Text, "the text itself"),
    function("size", &[List], Int, "how many items a list has"),
    function("size", &[Text], Int, "how many characters a text has"),
    member("size", &[List], Int, "how many items a list has"),
    member("size", &[Text], Int, "how many characters a text has"),
    member("startsWith", &[Text, Text], Bool, "whether a text begins with another"),
    member("endsWith", &[Text, Text], Bool, "whether a text ends with another"),
    member("contains", &[Text, Text], Bool, "whether a text has another inside"),
];

/// Macros that loop over a table or a list, beside CEL's own.
pub const MACROS: &[(&str, &str)] = &[
    ("table.first(row, condition)", "the first row that satisfies; none is an error"),
    ("table.first_or_last(row, condition)", "the first row that satisfies, else the last"),
];

impl Function {
    /// The signature, such as `clamp(int, int, int) -> int`.
    pub fn signature(&self) -> String {
        let names: Vec<&str> = self.parameters.iter().map(|kind| kind.name()).collect();
        let more = if self.variadic { ", …" } else { "" };
        match (self.member, &names[..]) {
            (true, [target, rest @ ..]) => {
                format!("{target}.{}({}) -> {}", self.name, rest.join(", "), self.result.name())
            }
            _ => format!("{}({}{more}) -> {}", self.name, names.join(", "), self.result.name()),
        }
    }

    fn accepts(&self, given: &[Type]) -> bool {
        let fits = if self.variadic {
            (self.parameters.len()..=MOST_ARGUMENTS).contains(&given.len())
        } else {
            given.len() == self.parameters.len()
        };
        let wanted = self.parameters.iter().chain(self.parameters.last().into_iter().cycle());
        fits && given.iter().zip(wanted).all(|(given, kind)| kind.accepts(given))
    }
}

/// The type of a call.
///
/// # Errors
/// The signatures that the name has, none where it is unknown.
pub(crate) fn call(name: &str, member: bool, given: &[Type]) -> Result<Type, Vec<String>> {
    let named: Vec<&Function> = FUNCTIONS.iter().filter(|known| known.name == name && known.member == member).collect();
    match named.iter().find(|known| known.accepts(given)) {
        Some(found) => Ok(found.result.of()),
        None => Err(named.iter().map(|known| known.signature()).collect()),
    }
}

/// The environment that formulas are compiled for and evaluated in.
///
/// # Errors
/// A function that is declared twice, which a test rules out.
pub(crate) fn environment() -> Result<Arc<Env>, DeclarationError> {
    static ENVIRONMENT: LazyLock<Result<Arc<Env>, DeclarationError>> = LazyLock::new(|| build().map(Arc::new));
    ENVIRONMENT.clone()
}

fn build() -> Result<Env, DeclarationError> {
    let mut env = Env::stdlib();
    cel::add_overload!(env, fn ceil: (CelDouble) -> Result<CelInt>, name = "ceil")?;
    cel::add_overload!(env, fn floor: (CelDouble) -> Result<CelInt>, name = "floor")?;
    cel::add_overload!(env, fn round: (CelDouble) -> Result<CelInt>, name = "round")?;
    for arity in 2..=MOST_ARGUMENTS {
        let id = |name: &str, kind: &str| format!("{name}_{kind}_{arity}");
        let ints = || std::iter::repeat_with(|| INT_TYPE).take(arity).collect();
        let doubles = || std::iter::repeat_with(|| DOUBLE_TYPE).take(arity).collect();
        env.add_overload("min", &id("min", "int"), ints(), |given| extreme::<CelInt>(given, Ordering::Less))?;
        env.add_overload("max", &id("max", "int"), ints(), |given| extreme::<CelInt>(given, Ordering::Greater))?;
        env.add_overload("min", &id("min", "double"), doubles(), |given| extreme::<CelDouble>(given, Ordering::Less))?;
        env.add_overload("max", &id("max", "double"), doubles(), |given| {
            extreme::<CelDouble>(given, Ordering::Greater)
        })?;
    }
    cel::add_overload!(env, fn clamp_int: (CelInt, CelInt, CelInt) -> Result<CelInt>, name = "clamp")?;
    cel::add_overload!(env, fn clamp_double: (CelDouble, CelDouble, CelDouble) -> Result<CelDouble>, name = "clamp")?;
    cel::add_overload!(env, fn ceil_div: (CelInt, CelInt) -> Result<CelInt>, name = "ceil_div")?;
    cel::add_overload!(env, fn littles_law: (CelDouble, CelDouble) -> CelDouble, name = "littles_law")?;
    cel::add_overload!(env, fn zones_left: (CelInt) -> CelInt, name = "zones_left")?;
    cel::add_overload!(env, fn eni_hyperplane: (CelInt) -> CelInt, name = "eni_hyperplane")?;
    cel::add_overload!(env, fn eni_per_execution: (CelInt) -> CelInt, name = "eni_per_execution")?;
    cel::add_overload!(env, fn prefix: (CelInt) -> CelInt, name = "subnet_prefix")?;
    cel::add_overload!(env, fn addresses: (CelInt) -> CelInt, name = "subnet_addresses")?;
    env.add_overload("sum", "sum_list", vec![LIST_TYPE], |given| sum(&given))?;
    env.add_overload("join", "join_list_string", vec![LIST_TYPE, STRING_TYPE], |given| join(&given))?;
    let texts = vec![MAP_TYPE, STRING_TYPE, STRING_TYPE];
    env.add_overload("pairs", "pairs_map_string_string", texts, |given| pairs(&given))?;
    cel::add_overload!(env, fn decimals: (CelDouble, CelInt) -> Result<CelString<'static>>, name = "decimals")?;
    for (name, or_last) in [("first", false), ("first_or_last", true)] {
        env.add_macro(Macro::receiver(name, 2, move |helper, target, given| first(helper, target, given, or_last)))?;
    }
    Ok(env)
}

/// The smallest or largest argument; all are of one type. A double that is not a number is passed over, as by
/// `f64::min`, so that a bound holds for it too.
fn extreme<'b, 'v, T: Number>(given: Vec<CowVal<'b, 'v>>, wanted: Ordering) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let mut best: Option<(usize, f64)> = None;
    for (index, value) in given.iter().enumerate() {
        let number = T::read(value.as_ref());
        let better = best.is_none_or(|(_, best)| best.is_nan() || number.partial_cmp(&best) == Some(wanted));
        if better {
            best = Some((index, number));
        }
    }
    let index = best.map_or(0, |(index, _)| index);
    given.into_iter().nth(index).ok_or(ExecutionError::MissingArgumentOrTarget)
}

trait Number {
    fn read(value: &dyn Val) -> f64;
}

impl Number for CelInt {
    #[expect(clippy::cast_precision_loss, reason = "numbers of stacks are far below 2^53")]
    fn read(value: &dyn Val) -> f64 {
        value.downcast_ref::<CelInt>().map_or(f64::NAN, |number| *number.inner() as f64)
    }
}

impl Number for CelDouble {
    fn read(value: &dyn Val) -> f64 {
        value.downcast_ref::<CelDouble>().map_or(f64::NAN, |number| *number.inner())
    }
}

fn ceil(number: &CelDouble) -> Result<CelInt, ExecutionError> {
    whole("ceil", number.inner().ceil())
}

fn floor(number: &CelDouble) -> Result<CelInt, ExecutionError> {
    whole("floor", number.inner().floor())
}

fn round(number: &CelDouble) -> Result<CelInt, ExecutionError> {
    whole("round", number.inner().round())
}

/// A double without decimals as a whole number.
fn whole(function: &str, number: f64) -> Result<CelInt, ExecutionError> {
    // The bounds are those of which f64 knows every whole number.
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    if number.abs() <= LARGEST {
        #[expect(clippy::cast_possible_truncation, reason = "the number is whole and within the type's range")]
        return Ok(CelInt::from(number as i64));
    }
    Err(ExecutionError::function_error(function, format!("{number:e} is not a whole number below 2^53")))
}

fn clamp_int(number: &CelInt, low: &CelInt, high: &CelInt) -> Result<CelInt, ExecutionError> {
    let (number, low, high) = (*number.inner(), *low.inner(), *high.inner());
    if low > high {
        return Err(ExecutionError::function_error("clamp", format!("{low} is more than {high}")));
    }
    Ok(CelInt::from(number.clamp(low, high)))
}

fn clamp_double(number: &CelDouble, low: &CelDouble, high: &CelDouble) -> Result<CelDouble, ExecutionError> {
    let (number, low, high) = (*number.inner(), *low.inner(), *high.inner());
    if low > high || low.is_nan() || high.is_nan() {
        return Err(ExecutionError::function_error("clamp", format!("{low} is more than {high}")));
    }
    Ok(CelDouble::from(number.clamp(low, high)))
}

fn ceil_div(total: &CelInt, parts: &CelInt) -> Result<CelInt, ExecutionError> {
    let (total, parts) = (*total.inner(), *parts.inner());
    if parts <= 0 || total < 0 {
        let message = format!("{total} cannot be divided into {parts} parts");
        return Err(ExecutionError::function_error("ceil_div", message));
    }
    Ok(CelInt::from(total / parts + i64::from(total % parts != 0)))
}

/// Little's law: units at work = arrivals per second × seconds each takes.
fn littles_law(arrivals_per_minute: &CelDouble, seconds_each: &CelDouble) -> CelDouble {
    CelDouble::from(arrivals_per_minute.inner() / 60.0 * seconds_each.inner())
}

fn zones_left(zones: &CelInt) -> CelInt {
    CelInt::from(zones.inner().saturating_sub(1).max(1))
}

fn eni_hyperplane(connections: &CelInt) -> CelInt {
    CelInt::from(divided(*connections.inner(), CONNECTIONS_PER_INTERFACE.cast_signed()).max(1))
}

fn eni_per_execution(mib: &CelInt) -> CelInt {
    CelInt::from(divided(*mib.inner(), MIB_PER_INTERFACE.cast_signed()))
}

fn divided(total: i64, parts: i64) -> i64 {
    let total = total.max(0);
    total / parts + i64::from(total % parts != 0)
}

fn prefix(usable: &CelInt) -> CelInt {
    let needed = u64::try_from(usable.inner().saturating_add(RESERVED.cast_signed()).max(1)).unwrap_or(1);
    let bits = needed.checked_next_power_of_two().map_or(32, u64::trailing_zeros);
    CelInt::from(i64::from(32_u32.saturating_sub(bits)))
}

fn addresses(prefix: &CelInt) -> CelInt {
    let size = u32::try_from(32 - prefix.inner()).ok().filter(|bits| *bits <= 32).map_or(0, |bits| 1_i64 << bits);
    CelInt::from((size - RESERVED.cast_signed()).max(0))
}

fn decimals(number: &CelDouble, places: &CelInt) -> Result<CelString<'static>, ExecutionError> {
    let places = usize::try_from(*places.inner()).ok().filter(|places| *places <= 9);
    let places = places.ok_or_else(|| ExecutionError::function_error("decimals", "0 to 9 decimals"))?;
    Ok(CelString::from(format!("{:.places$}", number.inner())))
}

/// The sum of a list of whole numbers.
fn sum<'b, 'v>(given: &[CowVal<'b, 'v>]) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let [Value::List(items)] = &arguments(given)?[..] else { return Err(ExecutionError::MissingArgumentOrTarget) };
    let total = items.iter().try_fold(0_i64, |total, item| match item {
        Value::Int(number) => total.checked_add(*number),
        _ => None,
    });
    let total =
        total.ok_or_else(|| ExecutionError::function_error("sum", "the items are no whole numbers of 64 bits"))?;
    Ok(CowVal::Owned(Box::new(CelInt::from(total))))
}

/// Texts with a separator between them.
fn join<'b, 'v>(given: &[CowVal<'b, 'v>]) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let arguments = arguments(given)?;
    let [Value::List(items), Value::String(separator)] = &arguments[..] else {
        return Err(ExecutionError::MissingArgumentOrTarget);
    };
    let texts: Vec<String> = items.iter().map(text).collect();
    Ok(CowVal::Owned(Box::new(CelString::from(texts.join(separator.as_str())))))
}

/// The entries of a map in the order of its keys: `conn:4,dns:2`.
fn pairs<'b, 'v>(given: &[CowVal<'b, 'v>]) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let arguments = arguments(given)?;
    let [Value::Map(entries), Value::String(between), Value::String(separator)] = &arguments[..] else {
        return Err(ExecutionError::MissingArgumentOrTarget);
    };
    let mut texts: Vec<(String, String)> =
        entries.map.iter().map(|(key, value)| (text(&Value::from(key)), text(value))).collect();
    texts.sort_unstable();
    let texts: Vec<String> = texts.into_iter().map(|(key, value)| format!("{key}{between}{value}")).collect();
    Ok(CowVal::Owned(Box::new(CelString::from(texts.join(separator.as_str())))))
}

fn arguments(given: &[CowVal<'_, '_>]) -> Result<Vec<Value>, ExecutionError> {
    given.iter().map(|value| Value::try_from(value.as_ref())).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        _ => String::new(),
    }
}

/// Expands `table.first(row, condition)`: a loop that keeps the first row, ends with it, and then takes it.
fn first(
    helper: &mut MacroExprHelper<'_>,
    target: &mut Option<IdedExpr>,
    given: &mut Vec<IdedExpr>,
    or_last: bool,
) -> Result<Option<IdedExpr>, ParseError> {
    const FOUND: &str = "@found";
    let row = match given.first().map(|row| &row.expr) {
        Some(Expr::Ident(row)) => row.clone(),
        _ => {
            let at = given.first().map_or(0, |row| row.id);
            return Err(helper.new_error(at, "the first argument must be a name for the row"));
        }
    };
    let (Some(table), Some(condition)) = (target.take(), given.pop()) else { return Ok(None) };
    let mut node = |expr| helper.next_expr(expr);
    let name = |name: &str| Expr::Ident(name.to_owned());
    let function = |name: &str, args| Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args });
    let number = |number: i64| Expr::Literal(LiteralValue::Int(CelInt::from(number)));

    let found = node(name(FOUND));
    let length = node(function("size", vec![found]));
    let zero = node(number(0));
    let none_yet = node(function(operators::EQUALS, vec![length, zero]));
    let this = node(name(&row));
    let this = node(Expr::List(ListExpr::new(vec![this])));
    let found = node(name(FOUND));
    let step = node(function(operators::CONDITIONAL, vec![condition, this, found]));
    let found = node(name(FOUND));
    let zero = node(number(0));
    let take = node(function(operators::INDEX, vec![found, zero]));
    let result = if or_last {
        let found = node(name(FOUND));
        let length = node(function("size", vec![found]));
        let zero = node(number(0));
        let any = node(function(operators::GREATER, vec![length, zero]));
        let rows = node(function("size", vec![table.clone()]));
        let one = node(number(1));
        let index = node(function(operators::SUBSTRACT, vec![rows, one]));
        let last = node(function(operators::INDEX, vec![table.clone(), index]));
        node(function(operators::CONDITIONAL, vec![any, take, last]))
    } else {
        take
    };
    let empty = node(Expr::List(ListExpr::new(Vec::new())));
    Ok(Some(node(Expr::Comprehension(Box::new(ComprehensionExpr {
        iter_range: table,
        iter_var: row,
        iter_var2: None,
        accu_var: FOUND.to_owned(),
        accu_init: empty,
        loop_cond: none_yet,
        loop_step: step,
        result,
    })))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cel::Context;

    fn evaluate(formula: &str) -> Result<Value, ExecutionError> {
        let environment = environment().unwrap();
        let program = environment.compile(formula).unwrap();
        program.execute(&Context::with_env(environment))
    }

    #[track_caller]
    fn check(formula: &str, expected: impl Into<Value>) {
        assert_eq!(evaluate(formula), Ok(expected.into()), "{formula}");
    }

    #[test]
    fn rounding_and_bounds_are_exact_at_their_edges() {
        for (formula, expected) in [
            ("ceil(2.0)", 2_i64),
            ("ceil(2.0000001)", 3),
            ("ceil(-0.5)", 0),
            ("floor(-0.5)", -1),
            ("round(0.5)", 1),
            ("round(524.5)", 525),
            ("min(3, 1, 2)", 1),
            ("max(3, 1, 2, 9)", 9),
            ("clamp(7, 1, 5)", 5),
            ("ceil_div(0, 3)", 0),
            ("ceil_div(7, 3)", 3),
            ("ceil_div(9, 3)", 3),
            ("ceil_div(9223372036854775807, 2)", 4_611_686_018_427_387_904),
        ] {
            check(formula, expected);
        }
        check("max(1.5, 2.5)", 2.5);
        check("clamp(0.5, 1.0, 2.0)", 1.0);
        check("decimals(2.345, 1)", "2.3");
        check("sum([1, 2, 39])", 42_i64);
        check("join(['a', 'b'], ',')", "a,b");
        check("join([], ',')", "");
        check("pairs({'dns': 2, 'conn': 4}, ':', ',')", "conn:4,dns:2");
        check("[1, 5, 9].first(item, item > 4)", 5_i64);
        check("[1, 5, 9].first_or_last(item, item > 40)", 9_i64);
    }

    /// The cases of the tool's own arithmetic of addresses.
    #[test]
    fn addresses_and_interfaces_are_counted_as_aws_has_them() {
        for (formula, expected) in [
            ("zones_left(1)", 1_i64),
            ("zones_left(3)", 2),
            ("eni_hyperplane(0)", 1),
            ("eni_hyperplane(65000)", 1),
            ("eni_hyperplane(65001)", 2),
            ("eni_hyperplane(2031 * 32)", 1),
            ("eni_hyperplane(2032 * 32)", 2),
            ("eni_hyperplane(10000 * 32)", 5),
            ("eni_per_execution(0)", 0),
            ("eni_per_execution(10000 * 1769)", 5_759),
            ("subnet_addresses(16)", 65_531),
            ("subnet_addresses(28)", 11),
            ("subnet_addresses(32)", 0),
            ("subnet_addresses(33)", 0),
            ("subnet_prefix(11)", 28),
            ("subnet_prefix(12)", 27),
        ] {
            check(formula, expected);
        }
        check("littles_law(120.0, 2.0)", 4.0);
    }

    #[test]
    fn what_has_no_number_is_an_error() {
        for formula in [
            "ceil(1e300)",
            "ceil(0.0 / 0.0)",
            "ceil_div(1, 0)",
            "ceil_div(-1, 2)",
            "clamp(1, 5, 2)",
            "clamp(1.0, 5.0, 2.0)",
            "decimals(1.0, 10)",
            "[1].first(item, item > 4)",
            "9223372036854775807 + 1",
            "1 / 0",
        ] {
            assert!(evaluate(formula).is_err(), "{formula}");
        }
    }

    /// Every signature that the checker accepts is one that the interpreter has.
    #[test]
    fn the_checker_and_the_interpreter_know_the_same_functions() {
        for known in FUNCTIONS {
            let argument = |kind: &Kind| match kind {
                Kind::Bool => "true",
                Kind::Int => "3",
                Kind::Double => "3.0",
                Kind::Text => "'a'",
                Kind::List if known.name == "join" => "['a']",
                Kind::List => "[1]",
                Kind::Map => "{'a': 1}",
            };
            let given: Vec<&str> = known.parameters.iter().map(argument).collect();
            let formula = match known.member {
                true => format!("{}.{}({})", given[0], known.name, given[1..].join(", ")),
                false => format!("{}({})", known.name, given.join(", ")),
            };
            let kind = match evaluate(&formula) {
                Ok(Value::Bool(_)) => Kind::Bool,
                Ok(Value::Int(_)) => Kind::Int,
                Ok(Value::Float(_)) => Kind::Double,
                Ok(Value::String(_)) => Kind::Text,
                other => panic!("{formula}: {other:?}"),
            };
            assert_eq!(kind, known.result, "{}", known.signature());
        }
    }
}
