//! The pages of a report: one of the fleet, one of each tenant, and their style sheet. What a page shows is put into words here;
//! the templates escape every value.

mod cost;
mod fleet;
mod tenant;

use std::collections::BTreeMap;

use jiff::Timestamp;
use rayon::prelude::*;
use serde::Serialize;
use tera::{Context, Tera};

use super::{Headroom, Mark, Quota, Report, Subnet, Tenant, blocks, network, pipeline};

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
        page("index.html", "index.html", &|context| context.insert("fleet", &fleet::view(report)))?,
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
            page("tenant.html", &name, &|context| context.insert("tenant", &tenant::view(report, tenant, &quotas)))
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
        described: [tenant::network_text(tenant), tenant::pipeline_text(tenant)].join(" "),
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

fn subnets(tenant: &Tenant) -> impl Iterator<Item = &Subnet> {
    tenant.network.tiers.iter().flat_map(|tier| tier.subnets.iter().flatten())
}

fn fullest(tenant: &Tenant) -> Option<&Subnet> {
    subnets(tenant).max_by_key(|subnet| subnet.percent)
}
