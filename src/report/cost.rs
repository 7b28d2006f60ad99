//! Bills as text.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use tenantry_checks::cost::{Bill, Kind, Line, Load, NOT_COUNTED, Total};

/// What several tenants cost.
#[derive(Debug, Serialize)]
pub struct Costs {
    pub prices_of: String,
    pub not_counted: &'static str,
    pub tenants: Vec<TenantCost>,
    pub total: Total,
}

/// What one tenant costs.
#[derive(Debug, Serialize)]
pub struct TenantCost {
    pub tenant: String,
    pub account: String,
    #[serde(flatten)]
    pub bill: Bill,
    pub total: Total,
    /// The part of the total that pays for functions that wait.
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

/// One tenant line by line, or several with a line each.
pub fn text(costs: &Costs) -> String {
    match &costs.tenants[..] {
        [one] => lines(one) + &notes(costs),
        _ => overview(costs) + &notes(costs),
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

fn table(headings: &[&str], numbers: std::ops::Range<usize>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headings.to_vec());
    for column in numbers {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
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

fn lines(cost: &TenantCost) -> String {
    let mut table = table(&["service", "what", "idle", "expected", "peak", "price", "quantity"], 2..6);
    for line in &cost.bill.lines {
        let [low, expected, peak] = money(line.usd);
        let price = match &line.price {
            Some(price) if price.source.date.is_none() => format!("~{} per {}", price.usd, line.unit),
            Some(price) => format!("{} per {}", price.usd, line.unit),
            None => "unknown".to_owned(),
        };
        let what = line.what.clone();
        table.add_row([line.service.clone(), what, low, expected, peak, price, worked(line)]);
    }
    let of = |what: &str, [low, expected, peak]: [String; 3]| {
        let empty = String::new;
        [empty(), what.to_owned(), low, expected, peak, empty(), empty()]
    };
    table.add_row(of("of it for functions that wait", total(&cost.waiting)));
    table.add_row(of("total", total(&cost.total)));
    format!("{} ({} in {}), USD a month\n{}\n", cost.tenant, cost.account, cost.bill.region, trimmed(&table))
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

fn overview(costs: &Costs) -> String {
    let headings = ["tenant", "region", "idle", "expected", "peak", "functions that wait", "dearest"];
    let mut table = table(&headings, 2..6);
    for cost in &costs.tenants {
        let [low, expected, peak] = total(&cost.total);
        let [_, waiting, _] = total(&cost.waiting);
        let known = cost.bill.lines.iter().filter_map(|line| line.usd.map(|usd| (usd.expected, line)));
        let dearest = known.max_by(|(a, _), (b, _)| a.total_cmp(b));
        let dearest =
            dearest.map_or(String::new(), |(amount, line)| format!("{}: {} {}", line.service, line.what, usd(amount)));
        table.add_row([cost.tenant.clone(), cost.bill.region.clone(), low, expected, peak, waiting, dearest]);
    }
    let [low, expected, peak] = total(&costs.total);
    let mut waiting = Total::default();
    costs.tenants.iter().for_each(|cost| waiting.add(&cost.waiting));
    let [_, waits, _] = total(&waiting);
    table.add_row(["all".to_owned(), String::new(), low, expected, peak, waits, String::new()]);
    format!("USD a month\n{}\n", trimmed(&table))
}

/// A table without the white space at the ends of its lines.
fn trimmed(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn notes(costs: &Costs) -> String {
    let mut notes = String::from("idle: nothing arrives; expected: the mean rate; peak: the peak rate all month\n");
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
