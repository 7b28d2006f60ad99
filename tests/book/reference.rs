//! Pages of the reference, from the schemas, the registry of codes, the blueprints and the tables of facts.

use serde_yaml::Value;
use tenantry_base::finding::{Explanation, codes};

use super::fields::{Fields, HEAD, cell, code, flow, text};
use super::read;

const WRITTEN: &str = "\n\nWritten by `UPDATE_EXPECTED=1 cargo test --test offline book::`";

/// The blueprints of the tool, by name and file.
const BLUEPRINTS: [(&str, &str); 3] = [
    ("network-metadata", "templates/blueprint.yaml"),
    ("web-app", "blueprints/web-app/templates/blueprint.yaml"),
    ("bare", "blueprints/bare/templates/blueprint.yaml"),
];

/// Every page that is written from data, by its name in `docs`.
pub(super) fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("fleet-file.md", fleet_file()),
        ("tenant-file.md", tenant_file()),
        ("flags-file.md", flags_file()),
        ("blueprint-network-metadata.md", blueprint(BLUEPRINTS[0])),
        ("blueprint-web-app.md", blueprint(BLUEPRINTS[1])),
        ("blueprint-bare.md", blueprint(BLUEPRINTS[2])),
        ("findings.md", findings()),
        ("quotas.md", quotas()),
        ("prices.md", prices()),
    ]
}

/// JSON is YAML, and this reader keeps the order of fields.
fn yaml(path: &str) -> Value {
    serde_yaml::from_str(&read(path)).unwrap()
}

fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut out = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    rows.into_iter().for_each(|row| out += &format!("| {} |\n", row.join(" | ")));
    out
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_mapping().into_iter().flatten().map(|(key, value)| (key.as_str().unwrap(), value))
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_sequence().into_iter().flatten()
}

fn rows(schema: &Value, definitions: &Value, wanted: impl Fn(&str) -> bool) -> String {
    let rows = Fields::of(schema, definitions, wanted);
    assert!(!rows.is_empty());
    HEAD.to_owned() + &rows.iter().map(|field| field.row()).collect::<String>()
}

/// The sections of a tenant's file that a blueprint gives.
fn is_of_blueprint(name: &str) -> bool {
    name == "overrides" || entries(&yaml(BLUEPRINTS[0].1)["parameters"]).any(|(section, _)| section == name)
}

fn fleet_file() -> String {
    let schema = yaml("schemas/fleet.json");
    let fields = rows(&schema, &schema["$defs"], |name| name != "defaults");
    format!(
        "# The fleet's file

`tenants/fleet.yaml`: settings for all tenants. The default blueprint requires the Region facts `s3_prefix_list` and
`appconfig_extension`. `KEY` stands for a key that you choose, such as an account's ID; `[]` for each item of a list.

`defaults` may have every field of [the tenant's file](tenant-file.md); a tenant's own file takes precedence.{WRITTEN}, from the schema that
`tenantry schema fleet` prints.

{fields}"
    )
}

fn tenant_file() -> String {
    let schema = yaml("schemas/tenant.json");
    let fields = rows(&schema, &schema["$defs"], |name| !is_of_blueprint(name));
    let blueprints = BLUEPRINTS.map(|(name, _)| format!("[{name}](blueprint-{name}.md#parameters)"));
    format!(
        "# The tenant's file

`tenants/TENANT.yaml`: one customer. Fields in the sample fleet's `defaults` are shown as not required.

These fields are the same for every blueprint. The others are the blueprint's: its sections, and `overrides`, which pins derived values:
{}.{WRITTEN}, from the schema that
`tenantry schema tenant` prints.

{fields}",
        blueprints.join(", ")
    )
}

fn flags_file() -> String {
    let schema = yaml("schemas/flags.json");
    format!(
        "# The catalogue of flags

`policies/flags.yaml`: every flag of the fleet. `KEY` stands for a key that you choose: a flag's, a ring's.

The first of these decides the value: the tenant's override, the rule of its ring, of its account, of its Region, the percentage rollout, the
default. A disabled flag has its default for every tenant. `tenantry flags why TENANT FLAG` shows the line that decided.{WRITTEN}, from
the schema that `tenantry schema flags` prints.

{}",
        rows(&schema, &schema["$defs"], |_| true)
    )
}

fn why(entry: &Value) -> String {
    let source = text(entry, "source");
    let source = if source.is_empty() { String::new() } else { format!(". Source: {}", cell(source)) };
    format!("{}{source}", cell(text(entry, "why")))
}

fn is_pinnable(entry: &Value) -> bool {
    entry.get("override").is_some_and(|value| *value != Value::Bool(false))
}

fn derived((name, entry): (&str, &Value)) -> Vec<String> {
    let bounds = entry.get("bounds").map(|bounds| items(bounds).map(flow).collect::<Vec<_>>().join(" to "));
    let pinned = if is_pinnable(entry) { "yes" } else { "" };
    let formula = code(&flow(&entry["value"]));
    vec![code(name), cell(text(entry, "unit")), bounds.unwrap_or_default(), pinned.to_owned(), formula, why(entry)]
}

fn tier((name, entry): (&str, &Value)) -> Vec<String> {
    let only = items(&entry["only"]).map(|kind| format!("`{}`", flow(kind))).collect::<Vec<_>>().join(", ");
    vec![
        code(name),
        text(entry, "routes").to_owned(),
        text(entry, "share").to_owned(),
        code(&flow(&entry["addresses"])),
        only,
        why(entry),
    ]
}

fn check(entry: &Value) -> Vec<String> {
    let severity = if text(entry, "severity").is_empty() { "error" } else { text(entry, "severity") };
    let (message, help) = (cell(&without_values(text(entry, "message"))), cell(text(entry, "help")));
    vec![text(entry, "code").to_owned(), severity.to_owned(), code(text(entry, "fails")), message, help]
}

/// A message with `…` for each `${formula}`.
fn without_values(message: &str) -> String {
    let mut parts = message.split("${");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| out + "…" + part.split_once('}').unwrap().1)
}

fn blueprint((name, file): (&str, &str)) -> String {
    let blueprint = yaml(file);
    let mut out = format!(
        "# Blueprint {name}

Version {}, `{file}` in the repository; an estate has its own copy as `templates/blueprint.yaml`.
[Blueprints](blueprints.md) explains the keys, and the functions of formulas; `tenantry explain TENANT` prints the values for one
tenant.{WRITTEN}, from that file.

## Parameters

Sections of a tenant's file, beside [those that every tenant has](tenant-file.md).

",
        text(&blueprint["blueprint"], "version")
    );
    for (section, schema) in entries(&blueprint["parameters"]) {
        let optional = if schema.get("optional").is_some() { " The section is optional." } else { "" };
        out += &format!(
            "### `{section}`\n\n{}{optional}\n\n{}\n",
            cell(text(schema, "description")),
            rows(schema, &Value::Null, |_| true)
        );
    }
    if let Some(facts) = blueprint.get("region_facts") {
        out += &format!(
            "## Facts of a Region\n\nBelow `regions.REGION` of [the fleet's file](fleet-file.md).\n\n{}\n",
            rows(facts, &Value::Null, |_| true)
        );
    }
    out += "## Derived values\n\nA tenant may pin those marked *pin* below `overrides`, by name.\n\n";
    out += &table(&["value", "unit", "bounds", "pin", "formula", "why"], entries(&blueprint["derived"]).map(derived));
    if let Some(tiers) = blueprint.get("tiers") {
        out += "\n## Tiers\n\nOne subnet per Availability Zone, from the internet inwards. `overrides.TIER_subnet_prefix` pins the size.\n\n";
        out += &table(&["tier", "routes", "share of a zone", "addresses", "only", "why"], entries(tiers).map(tier));
    }
    if let Some(checks) = blueprint.get("checks") {
        out += "\n## Checks\n\nConditions that no tenant may meet.\n\n";
        out += &table(&["code", "severity", "fails if", "message", "help"], items(checks).map(check));
    }
    out
}

/// Where a code belongs, by its first digit.
const STAGES: [(&str, &str); 6] = [
    ("TN1", "The estate's files"),
    ("TN2", "Capacity, quotas, zones and cost"),
    ("TN3", "Rendering"),
    ("TN4", "Policies"),
    ("TN5", "Deploys and drift"),
    ("TN6", "Blueprints"),
];

fn finding(entry: &Explanation) -> String {
    let severity = serde_yaml::to_string(&entry.severity).unwrap();
    let severity = severity.trim();
    let [title, why, remedy] = [entry.title, entry.why, entry.remedy].map(|text| cell(text).replace("\\|", "|"));
    format!("\n### {}\n\n**{title}** ({severity})\n\n{why}\n\nRemedy: {remedy}\n", entry.code)
}

fn findings() -> String {
    let mut out = format!(
        "# Findings

Every code, its meaning and its remedy, as `tenantry explain CODE` prints them. A code is never reused for something else.

`error` blocks a deploy unless it is overridden with a reason (`--override CODE=REASON`); `warning` and `info` do not. `unknown` means
that something could not be checked, and makes the exit code 4.

A blueprint's checks have their own codes: {}.{WRITTEN}, from
the registry in the source.
",
        BLUEPRINTS[..2].iter().map(|(name, _)| format!("[{name}](blueprint-{name}.md#checks)")).collect::<Vec<_>>().join(", ")
    );
    for (prefix, title) in STAGES {
        out += &format!("\n## {title}\n");
        codes().filter(|entry| entry.code.as_str().starts_with(prefix)).for_each(|entry| out += &finding(entry));
    }
    assert_eq!(out.matches("\n### ").count(), codes().count());
    out
}

fn source(row: &Value) -> String {
    format!("{}, {}", cell(text(row, "source")), text(row, "date"))
}

fn quota(row: &Value, sources: &[String]) -> Vec<String> {
    let unit = match text(row, "unit") {
        "count" => String::new(),
        unit => format!(" {unit}"),
    };
    let adjustable = if row["adjustable"] == Value::Bool(true) { "yes" } else { "no" };
    let service_code = if text(row, "code").is_empty() { String::new() } else { text(row, "code").to_owned() };
    let source = sources.iter().position(|known| *known == source(row)).unwrap() + 1;
    let default = format!("{}{unit}", flow(&row["default"]));
    vec![
        cell(text(row, "name")),
        code(text(row, "id")),
        service_code,
        default,
        text(row, "scope").to_owned(),
        adjustable.to_owned(),
        source.to_string(),
    ]
}

fn quotas() -> String {
    let data = yaml("policies/quotas.yaml");
    let all: Vec<&Value> = items(&data["quotas"]).collect();
    let mut services: Vec<&str> = all.iter().map(|row| text(row, "service")).collect();
    services.sort_unstable();
    services.dedup();
    let mut sources: Vec<String> = all.iter().map(|row| source(row)).collect();
    sources.sort_unstable();
    sources.dedup();
    let mut out = format!(
        "# Quotas

The {} quotas that plans and deploys are checked against, with AWS's defaults. The account's own limit takes precedence over this table:
`tenantry quotas` shows the limit and its source. An estate's own `policies/quotas.yaml` adds rows, or overrides columns of
these ([Tables of facts](own-stack.md#tables-of-facts)).{WRITTEN}, from `policies/quotas.yaml`.
",
        all.len()
    );
    for service in services {
        let of_service = all.iter().filter(|row| text(row, "service") == service);
        let head = ["quota", "id", "code", "default", "applies to", "adjustable", "source"];
        out += &format!("\n## {service}\n\n{}", table(&head, of_service.map(|row| quota(row, &sources))));
    }
    out += "\n## Sources\n\n";
    sources.iter().enumerate().for_each(|(index, source)| out += &format!("{}. {source}\n", index + 1));
    out
}

fn prices() -> String {
    let data = yaml("policies/prices.yaml");
    let regions: Vec<&str> = {
        let mut all: Vec<&str> = entries(&data["prices"])
            .flat_map(|(_, item)| entries(&item["regions"]))
            .map(|(region, _)| region)
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let is_confirmed = |source: &str| data["sources"][source].get("date").is_some_and(|date| !date.is_null());
    let price = |item: &Value, region: &str| {
        let price = item["regions"].get(region);
        price.map_or_else(String::new, |price| {
            let mark = if is_confirmed(text(price, "source")) { "" } else { "~" };
            // As the file has it: a float of this size prints as 1e-7.
            format!("{mark}{}", decimal(price["usd"].as_f64().unwrap()))
        })
    };
    let mut out = format!(
        "# Prices

List prices in US dollars of {}, first tier, before taxes, discounts and free tier. A price marked `~` is not confirmed by a dated
document, or is an estimate. An item without a price in a Region makes the total a lower bound; it never counts as free. An estate's own `policies/prices.yaml` adds
items and Regions ([Tables of facts](own-stack.md#tables-of-facts)).{WRITTEN}, from `policies/prices.yaml`.
",
        text(&data, "date")
    );
    let mut services: Vec<&str> = entries(&data["prices"]).map(|(_, item)| text(item, "service")).collect();
    services.sort_unstable();
    services.dedup();
    let head: Vec<&str> = ["item", "id", "unit"].into_iter().chain(regions.iter().copied()).collect();
    for service in services {
        let items = entries(&data["prices"]).filter(|(_, item)| text(item, "service") == service).map(|(id, item)| {
            let start = [cell(text(item, "name")), code(id), cell(text(item, "unit"))];
            start.into_iter().chain(regions.iter().map(|region| price(item, region))).collect()
        });
        out += &format!("\n## {service}\n\n{}", table(&head, items));
    }
    let sources = entries(&data["sources"]).map(|(id, source)| {
        let date = source.get("date").filter(|date| !date.is_null()).map_or("not confirmed".to_owned(), flow);
        vec![code(id), cell(text(source, "title")), date]
    });
    out + &format!("\n## Sources\n\n{}", table(&["id", "document", "date"], sources))
}

/// A number without an exponent or zeros at its end.
fn decimal(number: f64) -> String {
    let text = format!("{number:.12}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
