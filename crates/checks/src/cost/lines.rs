//! The lines of a bill: from counts and workload to quantities, each with its formula.

use super::facts::{Facts, Function};
use super::workload::{Work, Workload};
use super::{DAYS, HOURS, Kind, Line, Load, Prices, SECONDS, items};

/// Requests to the key for each execution: one to read, one to write.
const KEY_REQUESTS: f64 = 2.0;
/// KiB that a function logs in one execution: its journal, its metrics, and what Lambda reports.
const LOG_KIB: f64 = 4.0;
/// Flow records of one interface in a minute, and KiB of one record.
const FLOWS: f64 = 20.0;
const FLOW_KIB: f64 = 0.15;
/// Stored logs take this share of what was ingested. Source: Amazon CloudWatch Pricing, examples.
const LOG_COMPRESSION: f64 = 0.15;
/// Custom metrics that a function makes while it works (`pipeline/README.md`).
const METRICS: f64 = 10.0;
/// Requests of one event source mapping while its queue is empty: five pollers, each waiting 20 seconds.
/// Source: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS".
const POLLERS: f64 = 5.0;
const POLL_SECONDS: f64 = 20.0;
/// Seconds after which the AppConfig extension asks again.
/// Source: AWS AppConfig User Guide, "Configuring the AWS AppConfig Agent Lambda extension".
const FLAG_POLL_SECONDS: f64 = 45.0;
/// GB a task pulls through NAT in a month: its images, a few times.
const TASK_PULL_GIB: f64 = 1.0;
/// Capacity units of a load balancer that few people use.
const CAPACITY_UNITS: f64 = 1.0;
const KIB: f64 = 1024.0 * 1024.0;
/// The service of an item that the table of prices does not have.
const OTHER: &str = "Other";

type Inputs = Vec<(&'static str, String)>;

struct Sheet<'a> {
    region: &'a str,
    prices: &'a Prices,
    lines: Vec<Line>,
}

/// All lines of a bill, in the order of their services.
pub(super) fn lines(facts: &Facts<'_>, workload: Option<&Workload>, region: &str, prices: &Prices) -> Vec<Line> {
    let mut sheet = Sheet { region, prices, lines: Vec::new() };
    for function in &facts.functions {
        sheet.function(function, workload.and_then(|workload| workload.functions.get(function.id)));
    }
    sheet.search(facts);
    sheet.bucket(facts, workload);
    sheet.declared_items(workload);
    sheet.network(facts, workload);
    sheet.tasks(facts);
    sheet.watching(facts, workload);
    sheet.around(facts, workload);
    sheet.standing(facts);
    sheet.lines
}

impl Sheet<'_> {
    /// Adds a line; one of nothing at all is left out.
    fn add(
        &mut self,
        what: impl Into<String>,
        kind: Kind,
        item: impl Into<String>,
        quantity: Option<Load>,
        formula: &'static str,
        inputs: Inputs,
    ) {
        if quantity.is_some_and(|quantity| quantity.peak <= 0.0) {
            return;
        }
        let item = item.into();
        let price = self.prices.get(&item, self.region).cloned();
        let (service, unit) = self.prices.describe(&item).unwrap_or((OTHER, ""));
        let (service, unit) = (service.to_owned(), unit.to_owned());
        let usd = quantity.zip(price.as_ref()).map(|(quantity, price)| quantity * price.usd);
        self.lines.push(Line { service, what: what.into(), kind, item, unit, formula, inputs, quantity, price, usd });
    }

    /// Something that is paid by the hour as long as it stands.
    fn hours(&mut self, what: impl Into<String>, item: impl Into<String>, count: f64) {
        let inputs = vec![("count", plain(count)), ("hours", plain(HOURS))];
        let quantity = Some(Load::flat(count * HOURS));
        self.add(what, Kind::Standing, item, quantity, "count × hours", inputs);
    }

    /// Something that is paid by the month as long as it stands.
    fn months(&mut self, what: &str, item: &str, count: f64) {
        let inputs = vec![("count", plain(count))];
        self.add(what, Kind::Standing, item, Some(Load::flat(count)), "count", inputs);
    }

    fn function(&mut self, function: &Function<'_>, work: Option<&Work>) {
        let item = format!("lambda-gb-second-{}", function.architecture);
        let seconds = |seconds: fn(&Work) -> f64| {
            let quantity = work.map(|work| work.executions * seconds(work) * function.memory_gib);
            let inputs = vec![
                ("executions", work.map_or(unknown(), |work| plain(work.executions.expected))),
                ("seconds", work.map_or(unknown(), |work| plain(seconds(work)))),
                ("GB of memory", plain(function.memory_gib)),
            ];
            (quantity, inputs)
        };
        let formula = "executions × seconds × GB of memory";
        let (quantity, inputs) = seconds(|work| work.working);
        self.add(format!("{} at work", function.id), Kind::Work, &item, quantity, formula, inputs);
        let (quantity, inputs) = seconds(|work| work.waiting);
        self.add(format!("{} waiting", function.id), Kind::Waiting, &item, quantity, formula, inputs);
        let quantity = work.map(|work| work.executions);
        let inputs = vec![("executions", work.map_or(unknown(), |work| plain(work.executions.expected)))];
        let what = format!("{} requests", function.id);
        self.add(what, Kind::Work, "lambda-request", quantity, "executions", inputs);
    }

    fn search(&mut self, facts: &Facts<'_>) {
        for (kind, count) in &facts.search_nodes {
            self.hours(format!("{kind} nodes"), format!("{}{kind}", items::SEARCH_NODE), *count as f64);
        }
        self.months("storage", "search-gp3-gib-month", facts.search_gib as f64);
    }

    fn bucket(&mut self, facts: &Facts<'_>, workload: Option<&Workload>) {
        if facts.functions.is_empty() || facts.stored_days == 0 {
            return;
        }
        let days = facts.stored_days as f64;
        let arrive = workload.map_or(unknown(), |work| plain(work.gib.expected));
        let quantity = workload.map(|work| work.gib * (days / DAYS));
        let inputs = vec![("GB that arrive", arrive.clone()), ("days kept", plain(days)), ("days", plain(DAYS))];
        let formula = "GB that arrive × days kept / days, over all prefixes";
        self.add("storage", Kind::Work, "s3-gib-month", quantity, formula, inputs);
    }

    /// What the template tells of items that no property of a resource shows: requests, transfer.
    fn declared_items(&mut self, workload: Option<&Workload>) {
        for item in workload.into_iter().flat_map(|workload| &workload.items) {
            let inputs = vec![("a day", plain(item.per_month.expected / DAYS)), ("days", plain(DAYS))];
            let quantity = Some(item.per_month);
            self.add(item.what.clone(), Kind::Work, &item.item, quantity, "a day × days", inputs);
        }
    }

    fn network(&mut self, facts: &Facts<'_>, workload: Option<&Workload>) {
        self.hours("NAT gateways", "nat-hour", facts.nat_gateways as f64);
        if facts.nat_gateways > 0 {
            let pulled = facts.tasks as f64 * TASK_PULL_GIB;
            let inputs = vec![("tasks", plain(facts.tasks as f64)), ("GB of each", plain(TASK_PULL_GIB))];
            let quantity = Some(Load::flat(pulled));
            self.add("images through NAT", Kind::Standing, "nat-gib", quantity, "tasks × GB of each", inputs);
        }
        self.hours("interface endpoints in zones", "endpoint-hour", facts.endpoint_zones as f64);
        if facts.endpoint_zones > 0 && !facts.functions.is_empty() {
            let quantity = workload.map(|work| work.executions() * (LOG_KIB / KIB));
            let inputs = self::executions(workload, ("KiB of logs", LOG_KIB));
            let formula = "executions × KiB of logs / 1,048,576";
            self.add("logs through endpoints", Kind::Work, "endpoint-gib", quantity, formula, inputs);
        }
        let addresses = facts.elastic_addresses + facts.load_balancer_addresses;
        self.hours("public IPv4 addresses", "address-hour", addresses as f64);
    }

    fn tasks(&mut self, facts: &Facts<'_>) {
        self.hours("load balancers", "alb-hour", facts.load_balancers as f64);
        let units = facts.load_balancers as f64 * CAPACITY_UNITS;
        self.hours("capacity units", "alb-capacity-hour", units);
        self.hours("trust stores", "alb-trust-store-hour", facts.trust_stores as f64);
        self.hours("vCPUs of tasks", "fargate-vcpu-hour", facts.vcpus);
        self.hours("GB of memory of tasks", "fargate-gib-hour", facts.task_gib);
    }

    fn watching(&mut self, facts: &Facts<'_>, workload: Option<&Workload>) {
        self.months("alarms", "alarm-month", facts.alarms as f64);
        self.months("dashboards", "dashboard-month", facts.dashboards as f64);
        let functions = facts.functions.len() as f64;
        if functions > 0.0 {
            let active = |executions: f64| if executions > 0.0 { functions * METRICS } else { 0.0 };
            let quantity = workload.map(|work| each(work.executions(), active));
            let inputs = vec![("functions", plain(functions)), ("metrics of each", plain(METRICS))];
            let formula = "functions × metrics of each, while they work";
            self.add("the functions' metrics", Kind::Work, "metric-month", quantity, formula, inputs);
        }
        if facts.flow_logs > 0 {
            let interfaces = facts.interfaces() as f64;
            let gib = interfaces * FLOWS * super::MINUTES * FLOW_KIB / KIB;
            let inputs = vec![
                ("interfaces", plain(interfaces)),
                ("flows a minute", plain(FLOWS)),
                ("KiB of a record", plain(FLOW_KIB)),
            ];
            let formula = "interfaces × flows a minute × 43,800 × KiB of a record / 1,048,576";
            self.logs("flow logs", Kind::Standing, Some(Load::flat(gib)), formula, inputs, facts);
        }
        if functions > 0.0 && facts.log_groups > 0 {
            let quantity = workload.map(|work| work.executions() * (LOG_KIB / KIB));
            let inputs = executions(workload, ("KiB of logs", LOG_KIB));
            let formula = "executions × KiB of logs / 1,048,576";
            self.logs("the functions' logs", Kind::Work, quantity, formula, inputs, facts);
        }
    }

    /// Logs of one origin: taken in, kept, and sent to the central logs.
    fn logs(
        &mut self,
        what: &str,
        kind: Kind,
        gib: Option<Load>,
        formula: &'static str,
        inputs: Inputs,
        facts: &Facts<'_>,
    ) {
        self.add(format!("{what} taken in"), kind, "logs-gib", gib, formula, inputs);
        let shown = gib.map_or(unknown(), |gib| plain(gib.expected));
        let kept = LOG_COMPRESSION * facts.log_days as f64 / DAYS;
        let inputs = vec![
            ("GB taken in", shown.clone()),
            ("compression", plain(LOG_COMPRESSION)),
            ("days kept", plain(facts.log_days as f64)),
            ("days", plain(DAYS)),
        ];
        let formula = "GB taken in × compression × days kept / days";
        let quantity = gib.map(|gib| gib * kept);
        self.add(format!("{what} kept"), kind, "logs-stored-gib-month", quantity, formula, inputs);
        if facts.log_filters > 0 {
            let inputs = vec![("GB taken in", shown)];
            self.add(format!("{what} to the central logs"), kind, "firehose-gib", gib, "GB taken in", inputs);
        }
    }

    /// What the table of resource types bills by itself: one line for each resource and item.
    fn standing(&mut self, facts: &Facts<'_>) {
        for one in &facts.standing {
            let count = one.count.map_or(unknown(), |count| plain(count as f64));
            let mut inputs = vec![("count", count), ("formula of the count", one.formula.to_owned())];
            let (hours, formula) = if one.hourly { (HOURS, "count × hours") } else { (1.0, "count") };
            inputs.extend(one.hourly.then(|| ("hours", plain(HOURS))));
            let quantity = one.count.map(|count| Load::flat(count as f64 * hours));
            let what = format!("{} ({})", one.id, one.item);
            self.add(what, Kind::Standing, &one.item, quantity, formula, inputs);
            // The table of prices says whose item it is; of an item without a row the type does.
            if let Some(line) = self.lines.last_mut().filter(|line| line.service == OTHER) {
                line.service = one.service.to_owned();
            }
        }
    }

    fn around(&mut self, facts: &Facts<'_>, workload: Option<&Workload>) {
        self.months("keys", "kms-key-month", facts.keys as f64);
        if facts.keys > 0 && !facts.functions.is_empty() {
            let quantity = workload.map(|work| work.executions() * KEY_REQUESTS);
            let inputs = executions(workload, ("requests of each", KEY_REQUESTS));
            let formula = "executions × requests of each";
            self.add("requests", Kind::Work, "kms-request", quantity, formula, inputs);
        }
        let mappings = facts.mappings as f64;
        let inputs = vec![
            ("mappings", plain(mappings)),
            ("pollers", plain(POLLERS)),
            ("seconds of a poll", plain(POLL_SECONDS)),
        ];
        let quantity = Some(Load::flat(mappings * POLLERS * SECONDS / POLL_SECONDS));
        let formula = "mappings × pollers × 2,628,000 / seconds of a poll";
        self.add("looking into queues", Kind::Standing, "sqs-request", quantity, formula, inputs);
        if facts.functions.iter().any(|function| function.has_flags) {
            let quantity = workload.map(|work| work.seconds() * (1.0 / FLAG_POLL_SECONDS));
            let inputs = vec![
                ("seconds that functions run", workload.map_or(unknown(), |work| plain(work.seconds().expected))),
                ("seconds of a poll", plain(FLAG_POLL_SECONDS)),
            ];
            let formula = "seconds that functions run / seconds of a poll";
            self.add("asking for flags", Kind::Work, "appconfig-request", quantity, formula, inputs);
        }
    }
}

fn executions(workload: Option<&Workload>, each: (&'static str, f64)) -> Inputs {
    let executions = workload.map_or(unknown(), |work| plain(work.executions().expected));
    vec![("executions", executions), (each.0, plain(each.1))]
}

fn each(load: Load, change: impl Fn(f64) -> f64) -> Load {
    Load { low: change(load.low), expected: change(load.expected), peak: change(load.peak) }
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// A number with at most three digits behind the point.
fn plain(number: f64) -> String {
    format!("{}", (number * 1000.0).round() / 1000.0)
}
