//! `tenantry explain`.

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;

use super::fit::{self, Look};
use super::opened::{Opened, Release};
use super::{Exit, Failure, Global, Output, Selection, selection};
use crate::report::screen::{Screen, Tone, paint};
use crate::report::{drawing, findings};
use tenantry_base::finding::{Explanation, codes, explain};
use tenantry_ops::release::name::UNRELEASED;
use tenantry_template::render::inputs;

/// Explain a finding's code, or every number that was derived for a tenant.
///
/// `tenantry explain TN1011` explains a code and its remedy; `tenantry explain acme` shows each derived value of tenant
/// acme with its formula, inputs and source; `tenantry explain network acme` only its network, with `--draw` as a
/// drawing, and `tenantry explain cost acme` its cost.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry explain TN1011
  tenantry explain acme
  tenantry explain network acme --draw")]
pub(super) struct Args {
    /// A code, a tenant, or `sizing`, `network` or `cost` and a tenant; `codes` lists every code.
    #[arg(value_name = "WHAT", required = true, num_args = 1..=2)]
    what: Vec<String>,
    /// Draw a tenant's network (`network TENANT`): subnets by zone and tier, with their utilization.
    #[arg(long)]
    draw: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Codes {
    /// In ascending order.
    codes: Vec<&'static Explanation>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Numbers {
    /// Name of the tenant.
    tenant: String,
    /// Derived values, each after those that it depends on.
    numbers: Vec<Number>,
}

/// A derived value with its reasoning.
#[derive(Serialize, JsonSchema)]
struct Number {
    /// Name of the derived value in the blueprint.
    name: String,
    /// Value as text.
    value: String,
    /// Unit of the value; empty if it has none.
    unit: String,
    /// CEL expression from the blueprint.
    formula: String,
    /// Names and values of the formula's inputs.
    inputs: Vec<(String, String)>,
    /// Why the value is computed this way.
    why: String,
    /// Document behind the formula; empty if there is none.
    source: String,
    /// Paths of the spec fields that it depends on.
    depends_on: Vec<String>,
    /// The spec pins the value, so the formula was not evaluated.
    overridden: bool,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let output = Output::new(global.output);
    let what: Vec<&str> = args.what.iter().map(String::as_str).collect();
    if args.draw {
        let ["network", tenant] = what[..] else {
            return Err(Failure::new("`--draw` draws a network").with_hint("`tenantry explain network TENANT --draw`"));
        };
        return draw(output, global, tenant);
    }
    match what[..] {
        ["codes"] => output.show(&Codes { codes: codes().collect() }, |answer| {
            answer.codes.iter().map(|entry| format!("{} {}\n", entry.code, entry.title)).collect()
        })?,
        [one] => match explain(one) {
            Some(entry) => output.show(entry, long)?,
            None => numbers(output, global, one, true, true)?,
        },
        ["sizing", tenant] => numbers(output, global, tenant, true, false)?,
        ["cost", tenant] => return super::cost::one(output, global, tenant),
        ["network", tenant] => numbers(output, global, tenant, false, true)?,
        _ => {
            let hint = "a code such as TN1011, a tenant, `sizing TENANT`, `network TENANT`, `cost TENANT`, or `codes`";
            return Err(Failure::new("cannot explain this").with_hint(hint));
        }
    }
    Ok(Exit::Clean)
}

/// What the subnets need, without asking AWS what is in them now.
fn draw(output: Output, global: &Global, name: &str) -> Result<Exit, Failure> {
    let selection = Selection { names: vec![name.to_owned()], ..Selection::default() };
    let fit = fit::fit(global, &selection, &Release::unreleased(), &Look::offline())?;
    let tenant = selection::tenant(&fit.opened.estate, name)?;
    let rendered = fit.opened.render(&[tenant], UNRELEASED)?;
    for one in &rendered {
        let network = super::report::network(&fit, one);
        output.show(&network, |network| drawing::network(name, network, Screen::current()))?;
    }
    Ok(Exit::Clean)
}

fn long(entry: &Explanation) -> String {
    let page = findings::page(findings::REPOSITORY, entry.code);
    let page = page.map(|page| format!("\nReference: {page}\n")).unwrap_or_default();
    format!("{}: {}\n\n{}\n\nRemedy: {}\n{page}", entry.code, entry.title, entry.why, entry.remedy)
}

fn numbers(output: Output, global: &Global, name: &str, sizing: bool, layout: bool) -> Result<(), Failure> {
    let opened = Opened::open(global)?;
    let Some(tenant) = opened.estate.tenants.values().find(|tenant| tenant.name.as_str() == name) else {
        return Err(Failure::new(format!("`{name}` is neither a code nor a tenant"))
            .with_hint("`tenantry explain codes` lists every code"));
    };
    // What is wrong with the tenant is said before any number.
    opened.render(&[tenant], "unreleased")?;
    let blueprint = &opened.estate.blueprint;
    let tiers = || blueprint.tiers.iter().map(|tier| &blueprint.derived[tier.addresses]);
    let is_of_tier = |name: &str| tiers().any(|tier| tier.name == name);
    // What the addresses of a tier are made of belongs to both.
    let is_part = |name: &str| tiers().flat_map(|tier| &tier.formula.references).any(|part| part.name() == name);
    let wanted = |number: &Number| match (sizing, layout) {
        (true, false) => !is_of_tier(&number.name),
        (false, true) => is_of_tier(&number.name) || is_part(&number.name),
        _ => true,
    };
    let inputs = inputs(&opened.estate, tenant, &opened.functions);
    let evaluation = blueprint.evaluate(&inputs);
    let numbers = evaluation.explain().into_iter().map(|number| Number {
        name: number.name,
        value: number.value,
        unit: number.unit,
        formula: number.formula,
        inputs: number.inputs,
        why: number.why,
        source: number.source,
        depends_on: number.depends_on,
        overridden: number.pinned,
    });
    let numbers: Vec<Number> = numbers.filter(wanted).collect();
    output.show(&Numbers { tenant: name.to_owned(), numbers }, |answer| paragraphs(&answer.numbers, Screen::current()))
}

/// A paragraph for each number: its value, then what it is made of.
fn paragraphs(numbers: &[Number], screen: Screen) -> String {
    let mut out = String::new();
    for number in numbers {
        let pinned = if number.overridden { " (pinned)" } else { "" };
        let unit = if number.unit.is_empty() { String::new() } else { format!(" {}", number.unit) };
        out.push_str(&format!("{} = {}{unit}{pinned}\n", paint(&number.name, Tone::Strong), number.value));
        let inputs: Vec<String> = number.inputs.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let fields = [
            ("formula", &number.formula),
            ("inputs", &inputs.join(", ")),
            ("why", &number.why),
            ("source", &number.source),
        ];
        for (name, text) in fields.into_iter().filter(|(_, text)| !text.is_empty()) {
            // A formula of several lines is one.
            let text: Vec<&str> = text.split_whitespace().collect();
            out.push_str(&screen.labelled(name, &text.join(" ")));
        }
    }
    out
}
