//! The pages of a report: one of the fleet, one of each tenant, and their style sheet. What a page shows is put into words here;
//! the templates escape every value.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rayon::prelude::*;
use serde::Serialize;
use tera::{Context, Tera};

use super::{
    Block, CostLine, Headroom, Holder, Live, Mark, Pool, Quota, Report, Roll, Step, Subnet, Tenant, blocks, network,
    pipeline,
};
use crate::report::cost::usd;
use crate::report::groups::counted;
use crate::report::release::ago;
use tenantry_checks::capacity::{Measured, Within};
use tenantry_checks::cost::Load;
use tenantry_checks::flow::Edge;

const TEMPLATES: [(&str, &str); 10] = [
    ("base.html", include_str!("pages/base.html")),
    ("index.html", include_str!("pages/index.html")),
    ("tenant.html", include_str!("pages/tenant.html")),
    ("quotas.html", include_str!("pages/quotas.html")),
    ("map.svg", include_str!("pages/map.svg")),
    ("network.svg", include_str!("pages/network.svg")),
    ("network-body.svg", include_str!("pages/network-body.svg")),
    ("pipeline.svg", include_str!("pages/pipeline.svg")),
    ("pipeline-body.svg", include_str!("pages/pipeline-body.svg")),
    ("picture.svg", include_str!("pages/picture.svg")),
];
/// What drawings are drawn with: themes, and the parts of a drawing.
const DRAWINGS: &str = include_str!("pages/drawings.css");
const STYLE: &str = concat!(include_str!("pages/drawings.css"), include_str!("pages/style.css"));

/// Quotas of a tenant that are shown at once.
const MOST_QUOTAS: usize = 10;
/// Stands where a value is absent.
const NOTHING: &str = "–";
const UNKNOWN: &str = "unknown";

/// The files of the site by their paths in it.
///
/// # Errors
/// A template does not render, which is a fault of this program.
pub fn files(report: &Report) -> Result<Vec<(String, String)>, tera::Error> {
    let tera = templates()?;
    let site = site(report);
    let page = |template: &str, name: &str, view: &dyn Fn(&mut Context)| {
        let mut context = Context::new();
        context.insert("site", &site);
        view(&mut context);
        tera.render(template, &context).map(|text| (name.to_owned(), text))
    };
    let mut files = vec![
        ("style.css".to_owned(), STYLE.to_owned()),
        page("index.html", "index.html", &|context| context.insert("fleet", &fleet(report)))?,
    ];
    let places: BTreeMap<(&str, Option<&str>), &Headroom> =
        report.places.iter().map(|place| ((place.account.as_str(), place.region.as_deref()), place)).collect();
    let tenants: Result<Vec<(String, String)>, tera::Error> = report
        .tenants
        .par_iter()
        .map(|tenant| {
            let quotas: Vec<&Quota> = [Some(tenant.region.as_str()), None]
                .into_iter()
                .filter_map(|region| places.get(&(tenant.account.as_str(), region)))
                .flat_map(|place| &place.quotas)
                .collect();
            let name = format!("tenants/{}.html", tenant.name);
            page("tenant.html", &name, &|context| context.insert("tenant", &tenant_page(report, tenant, &quotas)))
        })
        .collect();
    files.extend(tenants?);
    Ok(files)
}

/// A tenant's network and, below it, its pipeline as a picture that stands alone: an SVG file in both themes.
///
/// # Errors
/// A template does not render, which is a fault of this program.
pub fn picture(tenant: &Tenant) -> Result<String, tera::Error> {
    let mut known = tenant.network.clone();
    for subnet in known.tiers.iter_mut().flat_map(|tier| tier.subnets.iter_mut().flatten()) {
        // A picture shows what git says: that it was not compared with AWS is no state of a subnet.
        subnet.mark = if subnet.mark == Mark::Unknown { Mark::Quiet } else { subnet.mark };
    }
    let network = network::draw(&known);
    let pipeline = pipeline::draw(&tenant.flow, &tenant.alarms);
    let width = pipeline.as_ref().map_or(network.width, |pipeline| pipeline.width.max(network.width));
    let left = |own: f64| blocks::round((width - own) / 2.0);
    let picture = Picture {
        title: format!("The stack of {}", tenant.name),
        described: [network_text(tenant), pipeline_text(tenant)].join(" "),
        width,
        height: network.height + pipeline.as_ref().map_or(0.0, |pipeline| pipeline.height),
        network_left: left(network.width),
        pipeline_left: pipeline.as_ref().map_or(0.0, |pipeline| left(pipeline.width)),
        network,
        pipeline,
    };
    let mut context = Context::new();
    context.insert("picture", &picture);
    context.insert("css", DRAWINGS);
    templates()?.render("picture.svg", &context)
}

#[derive(Serialize)]
struct Picture {
    title: String,
    described: String,
    width: f64,
    height: f64,
    network: network::Drawing,
    network_left: f64,
    pipeline: Option<pipeline::Drawing>,
    pipeline_left: f64,
}

fn templates() -> Result<Tera, tera::Error> {
    let mut tera = Tera::default();
    tera.autoescape_on(vec![".html", ".svg"]);
    tera.add_raw_templates(TEMPLATES)?;
    Ok(tera)
}

#[derive(Serialize)]
struct Site<'r> {
    organisation: &'r str,
    release: &'r str,
    made: String,
    not_asked: &'r str,
}

fn site(report: &Report) -> Site<'_> {
    Site {
        organisation: &report.organisation,
        release: &report.release,
        made: moment(report.made_at),
        not_asked: report.not_asked.as_deref().unwrap_or_default(),
    }
}

fn moment(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| UNKNOWN.to_owned(), |at| at.to_string())
}

/// A state with its colour, sign and words.
#[derive(Serialize)]
struct Marked {
    class: &'static str,
    sign: &'static str,
    text: String,
    why: String,
    order: usize,
}

impl Marked {
    fn of(tenant: &Tenant) -> Self {
        let state = &tenant.state;
        Self {
            class: state.mark.class(),
            sign: state.mark.sign(),
            text: state.word.clone(),
            why: state.why.clone(),
            order: state.mark as usize,
        }
    }
}

// ---- the fleet ----

#[derive(Serialize)]
struct Fleet<'r> {
    count: String,
    counts: Vec<Marked>,
    unread: &'r [String],
    columns: Vec<ColumnView>,
    rows: Vec<RowView>,
    releases: Vec<String>,
    rings: Vec<RingView>,
    roll: Option<RollView>,
    pools: Vec<PoolView>,
    places: Vec<PlaceView>,
    cost: String,
    services: Vec<Service>,
    orphans: Vec<OrphanView>,
}

#[derive(Serialize)]
struct ColumnView {
    title: &'static str,
    number: bool,
}

#[derive(Serialize)]
struct RowView {
    name: String,
    state: Marked,
    cells: Vec<Cell>,
}

#[derive(Serialize)]
struct Cell {
    text: String,
    /// What it is sorted by, where that is not the text.
    value: String,
    number: bool,
}

impl Cell {
    fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), value: String::new(), number: false }
    }

    fn number(text: String, value: f64) -> Self {
        Self { text, value: format!("{value:.3}"), number: true }
    }
}

#[derive(Serialize)]
struct RingView {
    name: String,
    counts: Vec<String>,
    waves: String,
    bake: String,
    gates: String,
}

#[derive(Serialize)]
struct RollView {
    class: &'static str,
    sign: &'static str,
    text: String,
    steps: Vec<StepView>,
}

#[derive(Serialize)]
struct StepView {
    at: String,
    what: String,
}

#[derive(Serialize)]
struct PoolView {
    id: String,
    name: String,
    cidr: String,
    title: String,
    text: String,
    map: blocks::Map,
    blocks: Vec<BlockView>,
}

#[derive(Serialize)]
struct BlockView {
    cidr: String,
    holder: &'static str,
    name: String,
}

#[derive(Serialize)]
struct PlaceView {
    account: String,
    region: String,
    tenants: u64,
    more: String,
    binds: String,
    quota: String,
    after: String,
    limit: String,
    percent: String,
    filled: u64,
    class: &'static str,
}

/// What one service costs.
#[derive(Serialize)]
struct Service {
    name: String,
    low: String,
    expected: String,
    peak: String,
    share: String,
    percent: u64,
}

#[derive(Serialize)]
struct OrphanView {
    stack: String,
    tenant: String,
    account: String,
    region: String,
    status: String,
    why: String,
    usd: String,
}

const COLUMNS: [(&str, bool); 11] = [
    ("State", false),
    ("Tenant", false),
    ("Ring", false),
    ("Release", false),
    ("Account", false),
    ("Region", false),
    ("Block", false),
    ("Drift check", true),
    ("Alarms", true),
    ("Fullest subnet", true),
    ("USD a month", true),
];

fn fleet(report: &Report) -> Fleet<'_> {
    let mut states: BTreeMap<(Mark, &str), usize> = BTreeMap::new();
    let mut releases: BTreeSet<String> = BTreeSet::new();
    let names: BTreeSet<&str> = report.tenants.iter().map(|tenant| tenant.name.as_str()).collect();
    for tenant in &report.tenants {
        *states.entry((tenant.state.mark, &tenant.state.word)).or_default() += 1;
        releases.insert(release(tenant));
    }
    let counts = states.into_iter().map(|((mark, word), count)| Marked {
        class: mark.class(),
        sign: mark.sign(),
        text: format!("{count} {word}"),
        why: String::new(),
        order: 0,
    });
    let rings = report.rings.iter().map(|ring| {
        let of = |release_: &String| {
            let is_it = |tenant: &&Tenant| tenant.ring == ring.name && release(tenant) == *release_;
            match report.tenants.iter().filter(is_it).count() {
                0 => NOTHING.to_owned(),
                count => count.to_string(),
            }
        };
        let waves: Vec<String> = ring.waves.iter().map(usize::to_string).collect();
        RingView {
            name: ring.name.clone(),
            counts: releases.iter().map(of).collect(),
            waves: if waves.is_empty() { NOTHING.to_owned() } else { waves.join(", ") },
            bake: ring.bake.clone(),
            gates: if ring.gates.is_empty() { NOTHING.to_owned() } else { ring.gates.join(", ") },
        }
    });
    let lines = report.tenants.iter().flat_map(|tenant| &tenant.cost.lines);
    let total = report.tenants.iter().fold(Load::default(), |total, tenant| total + tenant.cost.total);
    let missing = report.tenants.iter().any(|tenant| !tenant.cost.missing.is_empty());
    let orphans = report.orphans.iter().flatten().map(|one| OrphanView {
        stack: one.stack.clone(),
        tenant: one.tenant.clone(),
        account: one.account.clone(),
        region: one.region.clone(),
        status: one.status.clone(),
        why: one.why.clone(),
        usd: one.usd.map_or_else(|| UNKNOWN.to_owned(), usd),
    });
    Fleet {
        count: counted(report.tenants.len(), "tenant"),
        counts: counts.collect(),
        unread: &report.unread,
        columns: COLUMNS.into_iter().map(|(title, number)| ColumnView { title, number }).collect(),
        rows: report.tenants.iter().map(|tenant| row(report, tenant)).collect(),
        rings: rings.collect(),
        roll: report.roll.as_ref().map(|one| roll(report, one)),
        releases: releases.into_iter().collect(),
        pools: report.pools.iter().enumerate().map(|(index, one)| pool(index, one, &names)).collect(),
        places: report.places.iter().map(place).collect(),
        cost: said(total, missing, &report.prices_of),
        services: services(lines, total.expected),
        orphans: orphans.collect(),
    }
}

fn roll(report: &Report, roll: &Roll) -> RollView {
    let ago = ago(report.made_at.saturating_sub(roll.began));
    let step = |step: &Step| StepView { at: moment(step.at), what: step.what.clone() };
    RollView {
        class: roll.mark.class(),
        sign: roll.mark.sign(),
        text: format!("The roll of {}, begun {ago} ago, is {}", roll.release, roll.state),
        steps: roll.steps.iter().map(step).collect(),
    }
}

/// The release that a tenant's stack has.
fn release(tenant: &Tenant) -> String {
    match &tenant.live {
        Measured::Known(Live { release: Some(release), .. }) => release.clone(),
        Measured::Known(_) => "none".to_owned(),
        Measured::Unknown(_) => UNKNOWN.to_owned(),
    }
}

fn row(report: &Report, tenant: &Tenant) -> RowView {
    let drift = match &tenant.checked {
        Some(checked) => {
            let age = report.made_at.saturating_sub(checked.at);
            Cell::number(format!("{} ago", ago(age)), age as f64)
        }
        None => Cell::number("never".to_owned(), f64::from(u32::MAX)),
    };
    let alarms = match firing(tenant) {
        Some((firing, all)) => Cell::number(format!("{firing} of {all} in ALARM"), firing as f64),
        None => Cell::number(UNKNOWN.to_owned(), -1.0),
    };
    let subnet = match fullest(tenant) {
        Some(subnet) => Cell::number(format!("{} %", subnet.percent), subnet.percent as f64),
        None => Cell::number(NOTHING.to_owned(), -1.0),
    };
    let expected = tenant.cost.total.expected;
    let at_least = if tenant.cost.missing.is_empty() { "" } else { "≥ " };
    RowView {
        name: tenant.name.to_string(),
        state: Marked::of(tenant),
        cells: vec![
            Cell::text(&tenant.ring),
            Cell::text(release(tenant)),
            Cell::text(&tenant.account),
            Cell::text(&tenant.region),
            Cell {
                value: u32::from(tenant.network.cidr.network()).to_string(),
                ..Cell::text(tenant.network.cidr.to_string())
            },
            drift,
            alarms,
            subnet,
            Cell::number(format!("{at_least}{}", usd(expected)), expected),
        ],
    }
}

/// How many alarms are in ALARM, of how many; None where some are unknown.
fn firing(tenant: &Tenant) -> Option<(usize, usize)> {
    let states: Option<Vec<&String>> = tenant.alarms.iter().map(|alarm| alarm.state.known()).collect();
    let states = states?;
    Some((states.iter().filter(|state| **state == "ALARM").count(), states.len()))
}

fn subnets(tenant: &Tenant) -> impl Iterator<Item = &Subnet> {
    tenant.network.tiers.iter().flat_map(|tier| tier.subnets.iter().flatten())
}

fn fullest(tenant: &Tenant) -> Option<&Subnet> {
    subnets(tenant).max_by_key(|subnet| subnet.percent)
}

/// `names` are the tenants that have a page.
fn pool(index: usize, pool: &Pool, names: &BTreeSet<&str>) -> PoolView {
    let regions = if pool.regions.is_empty() { "all Regions".to_owned() } else { pool.regions.join(", ") };
    let tenants = pool.blocks.iter().filter(|block| block.holder == Holder::Tenant).count();
    let holder = |holder: Holder| match holder {
        Holder::Tenant => "tenant",
        Holder::Moving => "old block of a tenant that moves",
        Holder::Retired => "former tenant",
        Holder::Reserved => "reserved",
        Holder::Subnet => "subnet",
    };
    let block = |block: &Block| BlockView {
        cidr: block.cidr.to_string(),
        holder: holder(block.holder),
        name: block.name.clone(),
    };
    let mut map = blocks::map(pool.cidr, pool.tenant_prefix, &pool.blocks);
    let of_tenant = |shape: &&mut blocks::Shape| ["taken", "moving"].contains(&shape.class);
    for shape in map.blocks.iter_mut().filter(of_tenant).filter(|shape| names.contains(shape.name.as_str())) {
        shape.page = format!("tenants/{}.html", shape.name);
    }
    PoolView {
        id: format!("map-{}", index + 1),
        name: pool.name.clone(),
        cidr: pool.cidr.to_string(),
        title: format!("Address pool {}", pool.name),
        text: format!(
            "For {regions}: {} in it, and {} of /{} free. A cell is a /{}.",
            counted(tenants, "tenant"),
            counted(usize::try_from(pool.free).unwrap_or(usize::MAX), "block"),
            pool.tenant_prefix,
            map.prefix
        ),
        map,
        blocks: pool.blocks.iter().map(block).collect(),
    }
}

fn place(place: &Headroom) -> PlaceView {
    let most = if place.upper_bound { "at most " } else { "" };
    let limiting = place.limiting.as_ref();
    let at_least = |quota: &Quota| if quota.used.known().is_some() { "" } else { "≥ " };
    PlaceView {
        account: place.account.clone(),
        region: place.region.clone().unwrap_or_else(|| "all".to_owned()),
        tenants: place.tenants,
        more: match (place.more, &place.region) {
            (Some(more), _) => format!("{most}{more}"),
            // What is counted for the account is in the runway of each Region.
            (None, _) => NOTHING.to_owned(),
        },
        binds: place.binds.clone().unwrap_or_else(|| NOTHING.to_owned()),
        quota: limiting.map_or_else(|| NOTHING.to_owned(), |quota| quota.name.clone()),
        after: limiting.map_or_else(String::new, |quota| format!("{}{}", at_least(quota), quota.after)),
        limit: limiting.map_or_else(String::new, |quota| quota.limit.to_string()),
        percent: limiting.map_or_else(String::new, |quota| quota.percent.to_string()),
        filled: limiting.map_or(0, |quota| quota.percent.min(100)),
        class: limiting.map_or("quiet", |quota| quota.mark.class()),
    }
}

/// `1,234.00 USD a month expected, 400.00 idle, 2,000.00 at the peak; prices of 2026-11-01`.
fn said(total: Load, missing: bool, prices_of: &str) -> String {
    let at_least = if missing { "At least " } else { "" };
    format!(
        "{at_least}{} USD a month at the mean rate, {} idle, {} at the peak all month; prices of {prices_of}.",
        usd(total.expected),
        usd(total.low),
        usd(total.peak)
    )
}

/// What each service costs, the dearest first.
fn services<'l>(lines: impl Iterator<Item = &'l CostLine>, all: f64) -> Vec<Service> {
    let mut sums: BTreeMap<&str, (Load, bool)> = BTreeMap::new();
    for line in lines {
        let sum = sums.entry(&line.service).or_default();
        match line.usd {
            Some(usd) => sum.0 = sum.0 + usd,
            None => sum.1 = true,
        }
    }
    let mut sums: Vec<(&str, (Load, bool))> = sums.into_iter().collect();
    sums.sort_by(|a, b| b.1.0.expected.total_cmp(&a.1.0.expected));
    let service = |(name, (sum, missing)): (&str, (Load, bool))| {
        let percent = if all > 0.0 { 100.0 * sum.expected / all } else { 0.0 };
        let at_least = if missing { "≥ " } else { "" };
        let share = match percent {
            percent if percent > 0.0 && percent < 0.5 => "<1 %".to_owned(),
            percent => format!("{percent:.0} %"),
        };
        Service {
            name: name.to_owned(),
            low: format!("{at_least}{}", usd(sum.low)),
            expected: format!("{at_least}{}", usd(sum.expected)),
            peak: format!("{at_least}{}", usd(sum.peak)),
            share,
            percent: percent.round() as u64,
        }
    };
    sums.into_iter().map(service).collect()
}

// ---- a tenant ----

#[derive(Serialize)]
struct TenantView {
    name: String,
    cidr: String,
    state: Marked,
    facts: Vec<Fact>,
    network: network::Drawing,
    network_text: String,
    subnets: Vec<SubnetView>,
    map: blocks::Map,
    map_text: String,
    pipeline: Option<pipeline::Drawing>,
    pipeline_text: String,
    alarms: Vec<AlarmView>,
    quotas: Vec<QuotaView>,
    /// Those that are far from their limits.
    more_quotas: Vec<QuotaView>,
    quotas_text: &'static str,
    cost: String,
    services: Vec<Service>,
    lines: Vec<LineView>,
    flags: Vec<super::Flag>,
    resources_text: String,
    drift: Vec<super::Difference>,
    more_drift: usize,
    history: Vec<super::Event>,
}

#[derive(Serialize)]
struct Fact {
    name: &'static str,
    text: String,
    class: &'static str,
}

#[derive(Serialize)]
struct SubnetView {
    id: String,
    tier: String,
    zone: String,
    cidr: String,
    usable: u64,
    moments: Vec<String>,
    needed: u64,
    percent: u64,
    filled: u64,
    class: &'static str,
    owners: String,
}

#[derive(Serialize)]
struct AlarmView {
    class: &'static str,
    sign: &'static str,
    state: String,
    id: String,
    reason: String,
    condition: String,
    means: String,
}

#[derive(Serialize)]
struct QuotaView {
    name: String,
    takes: u64,
    used: String,
    after: String,
    limit: u64,
    percent: u64,
    filled: u64,
    class: &'static str,
}

#[derive(Serialize)]
struct LineView {
    service: String,
    what: String,
    low: String,
    expected: String,
    peak: String,
}

fn tenant_page(report: &Report, tenant: &Tenant, quotas: &[&Quota]) -> TenantView {
    let blocks: Vec<Block> = subnets(tenant)
        .map(|subnet| Block { cidr: subnet.cidr, holder: Holder::Subnet, name: subnet.logical_id.clone() })
        .collect();
    let network = &tenant.network;
    let free = 100.0
        - 100.0 * blocks.iter().map(|block| f64::from(block.cidr.size())).sum::<f64>() / f64::from(network.cidr.size());
    let longest = blocks.iter().map(|block| block.cidr.prefix()).max().unwrap_or_else(|| network.cidr.prefix());
    let map = blocks::map(network.cidr, longest, &blocks);
    let map_text = format!(
        "{} in {}; {free:.0} % of it is free. A cell is a /{}.",
        counted(blocks.len(), "subnet"),
        network.cidr,
        map.prefix
    );
    let mut quotas = quota_views(tenant, quotas);
    let more_quotas = quotas.split_off(quotas.len().min(MOST_QUOTAS));
    let groups: Vec<String> = tenant.resources.iter().map(|(group, count)| format!("{group} {count}")).collect();
    let all: usize = tenant.resources.iter().map(|(_, count)| count).sum();
    TenantView {
        name: tenant.name.to_string(),
        cidr: network.cidr.to_string(),
        state: Marked::of(tenant),
        facts: facts(report, tenant),
        network: network::draw(network),
        network_text: network_text(tenant),
        subnets: subnet_views(tenant),
        map,
        map_text,
        pipeline: pipeline::draw(&tenant.flow, &tenant.alarms),
        pipeline_text: pipeline_text(tenant),
        alarms: alarms(tenant),
        quotas,
        more_quotas,
        quotas_text: "What this stack takes of the quotas of its account and Region, the fullest first. After: with every \
                      tenant of this report deployed there.",
        cost: said(tenant.cost.total, !tenant.cost.missing.is_empty(), &report.prices_of),
        services: services(tenant.cost.lines.iter(), tenant.cost.total.expected),
        lines: tenant.cost.lines.iter().map(line).collect(),
        flags: tenant.flags.clone(),
        resources_text: format!("{}: {}.", counted(all, "resource"), groups.join(", ")),
        drift: tenant.checked.iter().flat_map(|checked| &checked.differences).cloned().collect(),
        more_drift: tenant.checked.as_ref().map_or(0, |checked| checked.open.saturating_sub(checked.differences.len())),
        history: tenant.history.clone(),
    }
}

fn facts(report: &Report, tenant: &Tenant) -> Vec<Fact> {
    let ago_of = |at: i64| format!("{} ago", ago(report.made_at.saturating_sub(at)));
    let plain = |name: &'static str, text: String| Fact { name, text, class: "" };
    let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
    let mut facts = vec![
        plain("Account and Region", format!("{} in {}", tenant.account, tenant.region)),
        plain("Ring", tenant.ring.clone()),
        plain("Time zone", tenant.timezone.clone()),
        plain("Maintenance", tenant.opening.clone()),
        plain("Template in git", short(&tenant.digest)),
    ];
    match &tenant.live {
        Measured::Known(live) => {
            let status = live.status.clone().unwrap_or_else(|| "no stack".to_owned());
            let updated = live.updated.map(|at| format!(", updated {}", ago_of(at))).unwrap_or_default();
            facts.push(plain("Stack", format!("{}: {status}{updated}", tenant.stack)));
            facts.push(plain("Release", live.release.clone().unwrap_or_else(|| NOTHING.to_owned())));
            let digest = live.digest.as_deref().map_or_else(|| NOTHING.to_owned(), short);
            facts.push(plain("Template of the stack", digest));
        }
        Measured::Unknown(why) => {
            facts.push(Fact { name: "Stack", text: format!("{}: unknown: {why}", tenant.stack), class: "unknown" });
        }
    }
    facts.push(match &tenant.checked {
        Some(checked) => {
            let open =
                if checked.open > 0 { format!(", {}", counted(checked.open, "difference")) } else { String::new() };
            let worst = checked.worst.as_ref().map(|worst| format!(", the worst {worst}")).unwrap_or_default();
            Fact {
                name: "Drift",
                text: format!("{}{open}{worst}, checked {}", checked.verdict, ago_of(checked.at)),
                class: checked.mark.class(),
            }
        }
        None => Fact { name: "Drift", text: "never checked".to_owned(), class: "unknown" },
    });
    if let Some(subnet) = fullest(tenant) {
        let text = format!("{} at {} %", subnet.logical_id, subnet.percent);
        facts.push(Fact { name: "Fullest subnet at peak demand", text, class: subnet.mark.class() });
    }
    facts
}

fn network_text(tenant: &Tenant) -> String {
    let network = &tenant.network;
    let tiers: Vec<String> =
        network.tiers.iter().map(|tier| format!("{} (routes: {})", tier.name, tier.routes)).collect();
    let fullest = fullest(tenant)
        .map(|subnet| {
            format!(
                " The fullest subnet, {}, takes {} of {} addresses at peak demand.",
                subnet.logical_id, subnet.needed, subnet.usable
            )
        })
        .unwrap_or_default();
    let now = subnets(tenant).find_map(|subnet| subnet.now.why());
    let now = now.map(|why| format!(" Addresses in use now are unknown: {why}.")).unwrap_or_default();
    format!(
        "{} in {} with {}: {}.{fullest}{now}",
        network.cidr,
        counted(network.zones.len(), "zone"),
        counted(network.tiers.len(), "tier"),
        tiers.join(", ")
    )
}

fn pipeline_text(tenant: &Tenant) -> String {
    let edge = |edge: &Edge| format!("{} to {}{}", edge.from, edge.to, if edge.failed { ", what failed" } else { "" });
    let edges: Vec<String> = tenant.flow.edges.iter().map(edge).collect();
    format!("Arrows: {}.", edges.join("; "))
}

fn subnet_views(tenant: &Tenant) -> Vec<SubnetView> {
    let mut views = Vec::new();
    for tier in &tenant.network.tiers {
        for (subnet, zone) in tier.subnets.iter().zip(&tenant.network.zones) {
            let Some(subnet) = subnet else { continue };
            let moments = network::moments(subnet)
                .map(|(_, addresses)| addresses.map_or_else(|| "?".to_owned(), |number| number.to_string()));
            let owners: Vec<String> = subnet.owners.iter().map(|(owner, number)| format!("{owner} {number}")).collect();
            views.push(SubnetView {
                id: subnet.logical_id.clone(),
                tier: tier.name.clone(),
                zone: zone.clone(),
                cidr: subnet.cidr.to_string(),
                usable: subnet.usable,
                moments: moments.to_vec(),
                needed: subnet.needed,
                percent: subnet.percent,
                filled: subnet.percent.min(100),
                class: subnet.mark.class(),
                owners: owners.join(", "),
            });
        }
    }
    views
}

fn alarms(tenant: &Tenant) -> Vec<AlarmView> {
    let mark = |state: &Measured<String>| match state.known().map(String::as_str) {
        Some("ALARM") => Mark::Bad,
        Some("OK") => Mark::Good,
        _ => Mark::Unknown,
    };
    let mut found: Vec<(Mark, AlarmView)> = Vec::new();
    for alarm in &tenant.alarms {
        let mark = mark(&alarm.state);
        let view = AlarmView {
            class: mark.class(),
            sign: mark.sign(),
            state: alarm.state.known().cloned().unwrap_or_else(|| UNKNOWN.to_owned()),
            id: alarm.logical_id.clone(),
            reason: alarm.reason.clone(),
            condition: alarm.condition.clone(),
            means: alarm.means.clone().unwrap_or_default(),
        };
        found.push((mark, view));
    }
    found.sort_by_key(|(mark, _)| *mark);
    found.into_iter().map(|(_, view)| view).collect()
}

/// Quotas of which the stack takes something, the fullest first.
fn quota_views(tenant: &Tenant, quotas: &[&Quota]) -> Vec<QuotaView> {
    let takes = |quota: &Quota| {
        let takes = tenant.takes.get(&quota.id)?;
        takes.iter().find(|(within, amount)| *within == quota.within && *amount > 0).map(|(_, amount)| *amount)
    };
    let mut found: Vec<(&Quota, u64)> = quotas.iter().filter_map(|quota| Some((*quota, takes(quota)?))).collect();
    found.sort_by_key(|(quota, _)| std::cmp::Reverse(quota.percent));
    let view = |(quota, takes): (&Quota, u64)| QuotaView {
        name: match &quota.within {
            Within::Zone(zone) => format!("{}, {zone}", quota.name),
            Within::Stack => format!("{}, one stack", quota.name),
            Within::Account | Within::Region => quota.name.clone(),
        },
        takes,
        used: quota.used.known().map_or_else(|| "?".to_owned(), u64::to_string),
        after: match quota.used {
            Measured::Known(_) => quota.after.to_string(),
            Measured::Unknown(_) => format!("≥ {}", quota.after),
        },
        limit: quota.limit,
        percent: quota.percent,
        filled: quota.percent.min(100),
        class: quota.mark.class(),
    };
    found.into_iter().map(view).collect()
}

fn line(line: &CostLine) -> LineView {
    let amount = |of: fn(&Load) -> f64| line.usd.as_ref().map_or_else(|| UNKNOWN.to_owned(), |load| usd(of(load)));
    LineView {
        service: line.service.clone(),
        what: line.what.clone(),
        low: amount(|load| load.low),
        expected: amount(|load| load.expected),
        peak: amount(|load| load.peak),
    }
}
