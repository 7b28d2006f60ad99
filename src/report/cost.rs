//! Bills as text.

use schemars::JsonSchema;
use serde::Serialize;

use super::screen::{Column, Screen, Tone, left, paint, right};

use tenantry_checks::cost::{Bill, Kind, Line, Load, NOT_COUNTED, Total};

/// Monthly cost of tenants.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Costs {
    /// Date of the price table, `YYYY-MM-DD`.
    pub prices_of: String,
    /// What the estimate excludes.
    pub not_counted: &'static str,
    /// By name.
    pub tenants: Vec<TenantCost>,
    /// Sum over all tenants, USD a month.
    pub total: Total,
}

/// Monthly cost of a tenant.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TenantCost {
    /// Name of the tenant.
    pub tenant: String,
    /// Account ID, 12 digits.
    pub account: String,
    #[serde(flatten)]
    pub bill: Bill,
    /// Sum of the lines, USD a month.
    pub total: Total,
    /// Part of the total for functions that wait for other services, USD a month.
    pub waiting: Total,
}

impl Costs {
    /// Sums bills, each of a tenant in an account.
    pub fn of(prices_of: &str, bills: Vec<(String, String, Bill)>) -> Self {
        let mut total = Total::default();
        let tenants = bills.into_iter().map(|(tenant, account, bill)| {
            let own = bill.total();
            total.add(&own);
            TenantCost { tenant, account, waiting: bill.total_of(Kind::Waiting), total: own, bill }
        });
        let tenants = tenants.collect();
        Self { prices_of: prices_of.to_owned(), not_counted: NOT_COUNTED, tenants, total }
    }
}

/// One tenant line by line, or several with a line each; the dearest first.
pub fn text(costs: &Costs, screen: Screen) -> String {
    match &costs.tenants[..] {
        [one] => lines(one, screen) + &notes(costs),
        _ => overview(costs, screen) + &notes(costs),
    }
}

/// Dollars with two digits behind the point and commas before it.
pub fn usd(amount: f64) -> String {
    let cents = format!("{:.2}", amount.abs());
    let (whole, rest) = cents.split_at(cents.len() - 3);
    let grouped: Vec<&str> = whole.as_bytes().rchunks(3).rev().filter_map(|chunk| str::from_utf8(chunk).ok()).collect();
    let sign = if amount < 0.0 && cents != "0.00" { "-" } else { "" };
    format!("{sign}{}{rest}", grouped.join(","))
}

/// A change of dollars, with its sign.
pub fn change(amount: f64) -> String {
    let text = usd(amount);
    if text.starts_with('-') { text } else { format!("+{text}") }
}

fn money(load: Option<Load>) -> [String; 3] {
    match load {
        Some(load) => [usd(load.low), usd(load.expected), usd(load.peak)],
        None => ["unknown", "unknown", "unknown"].map(str::to_owned),
    }
}

fn total(total: &Total) -> [String; 3] {
    let bound = if total.missing.is_empty() { "" } else { "≥ " };
    money(Some(total.usd)).map(|text| format!("{bound}{text}"))
}

const LINES: [Column; 8] = [
    left("SERVICE"),
    left("WHAT").broken(),
    right("SHARE"),
    right("IDLE").hidden(2),
    right("EXPECTED"),
    right("PEAK").hidden(1),
    left("PRICE").hidden(5),
    left("QUANTITY").hidden(4).broken(),
];

fn lines(cost: &TenantCost, screen: Screen) -> String {
    // What is unknown may be the dearest.
    let size = |line: &&Line| line.usd.map_or(f64::INFINITY, |usd| usd.expected);
    let mut sorted: Vec<&Line> = cost.bill.lines.iter().collect();
    sorted.sort_by(|a, b| size(b).total_cmp(&size(a)));
    let cells = sorted.into_iter().map(|line| {
        let [low, expected, peak] = money(line.usd);
        let price = match &line.price {
            Some(price) if price.source.date.is_none() => format!("~{} per {}", price.usd, line.unit),
            Some(price) => format!("{} per {}", price.usd, line.unit),
            None => "unknown".to_owned(),
        };
        let share = line.usd.map_or_else(|| "?".to_owned(), |usd| share(usd.expected, cost.total.usd.expected));
        vec![line.service.clone(), line.what.clone(), share, low, expected, peak, price, worked(line)]
    });
    let of = |what: &str, share: String, [low, expected, peak]: [String; 3]| {
        vec![String::new(), what.to_owned(), share, low, expected, peak, String::new(), String::new()]
    };
    let (waiting, all) = (cost.waiting.usd.expected, cost.total.usd.expected);
    let sums = [
        of("total", share(all, all), total(&cost.total)),
        of("of it for functions that wait", share(waiting, all), total(&cost.waiting)),
    ];
    let table = screen.table(0, &LINES, cells.chain(sums));
    let title = format!("{} ({} in {}), USD a month", cost.tenant, cost.account, cost.bill.region);
    format!("{}\n{table}", paint(&title, Tone::Strong))
}

/// A part of a sum in percent.
fn share(part: f64, all: f64) -> String {
    match 100.0 * part / all {
        percent if !percent.is_finite() => "-".to_owned(),
        percent if percent > 0.0 && percent < 0.5 => "<1 %".to_owned(),
        percent => format!("{percent:.0} %"),
    }
}

/// A line's formula with its inputs in the place of their names: `21900 executions × 2.625 seconds`.
fn worked(line: &Line) -> String {
    let mut names: Vec<usize> = (0..line.inputs.len()).collect();
    // The longest first: a name may be a part of another.
    names.sort_by_key(|index| std::cmp::Reverse(line.inputs[*index].0.len()));
    let mark = |index: usize| char::from_u32(0xE000 + index as u32).unwrap_or('?').to_string();
    let marked =
        names.iter().fold(line.formula.to_owned(), |text, index| text.replace(line.inputs[*index].0, &mark(*index)));
    names.iter().fold(marked, |text, index| {
        let (name, value) = &line.inputs[*index];
        let shown = if *name == "count" { value.clone() } else { format!("{value} {name}") };
        text.replace(&mark(*index), &shown)
    })
}

const TENANTS: [Column; 8] = [
    left("TENANT"),
    left("REGION").hidden(3),
    right("SHARE"),
    right("IDLE").hidden(2),
    right("EXPECTED"),
    right("PEAK").hidden(1),
    right("WAITING").hidden(4),
    left("DEAREST").cut(),
];

fn overview(costs: &Costs, screen: Screen) -> String {
    let all = costs.total.usd.expected;
    let mut sorted: Vec<&TenantCost> = costs.tenants.iter().collect();
    sorted.sort_by(|a, b| b.total.usd.expected.total_cmp(&a.total.usd.expected));
    let cells = sorted.into_iter().map(|cost| {
        let [low, expected, peak] = total(&cost.total);
        let [_, waiting, _] = total(&cost.waiting);
        let known = cost.bill.lines.iter().filter_map(|line| line.usd.map(|usd| (usd.expected, line)));
        let dearest = known.max_by(|(a, _), (b, _)| a.total_cmp(b));
        let dearest =
            dearest.map_or(String::new(), |(amount, line)| format!("{} {}: {}", usd(amount), line.service, line.what));
        let share = share(cost.total.usd.expected, all);
        vec![cost.tenant.clone(), cost.bill.region.clone(), share, low, expected, peak, waiting, dearest]
    });
    let [low, expected, peak] = total(&costs.total);
    let mut waiting = Total::default();
    costs.tenants.iter().for_each(|cost| waiting.add(&cost.waiting));
    let [_, waits, _] = total(&waiting);
    let sum = vec!["all".to_owned(), String::new(), share(all, all), low, expected, peak, waits, String::new()];
    let table = screen.table(0, &TENANTS, cells.chain([sum]));
    format!("{}\n{table}", paint("USD a month", Tone::Strong))
}

fn notes(costs: &Costs) -> String {
    let mut notes = String::from(
        "idle: nothing arrives; expected: the mean rate; peak: the peak rate all month; waiting: what functions that wait cost\n",
    );
    let estimated: usize = costs.tenants.iter().map(|cost| cost.bill.estimated()).sum();
    let marked =
        if estimated > 0 { format!(", {estimated} lines rest on unconfirmed prices (~)") } else { String::new() };
    notes.push_str(&format!("prices of {}{marked}\nnot counted: {}\n", costs.prices_of, costs.not_counted));
    for missing in costs.total.missing.iter().take(10) {
        notes.push_str(&format!("? unknown: {missing}\n"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_whole_percents_and_never_nothing_for_something() {
        let shares = [(50.0, 100.0), (0.1, 100.0), (0.0, 100.0), (0.0, 0.0)].map(|(part, all)| share(part, all));
        assert_eq!(shares, ["50 %", "<1 %", "0 %", "-"]);
    }

    #[test]
    fn dollars_have_commas_signs_and_two_digits() {
        let cases = [
            (0.0, "0.00", "+0.00"),
            (-0.001, "0.00", "+0.00"),
            (999.994, "999.99", "+999.99"),
            (1234567.891, "1,234,567.89", "+1,234,567.89"),
            (-1000.0, "-1,000.00", "-1,000.00"),
        ];
        for (amount, plain, signed) in cases {
            assert_eq!((usd(amount).as_str(), change(amount).as_str()), (plain, signed), "{amount}");
        }
    }
}
