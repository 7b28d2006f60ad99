//! The page of the fleet: its states, rings, roll, address pools, accounts and costs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::cost::{self, Service};
use super::{Marked, NOTHING, UNKNOWN, fullest, moment};
use crate::report::cost::usd;
use crate::report::groups::counted;
use crate::report::release::ago;
use crate::report::site::{Block, Headroom, Holder, Live, Mark, Pool, Quota, Report, Roll, Step, Tenant, blocks};
use tenantry_checks::capacity::Measured;
use tenantry_checks::cost::Load;

#[derive(Serialize)]
pub(super) struct Fleet<'r> {
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

pub(super) fn view(report: &Report) -> Fleet<'_> {
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
        cost: cost::total(total, missing, &report.prices_of),
        services: cost::services(lines, total.expected),
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
