//! What the templates give, to be read: `expected/acme.yaml` and `expected/control-plane.yaml` whole, and for each
//! decision that a shape can make differently what it changes of them. A change of a template shows here, in review;
//! `UPDATE_EXPECTED=1` writes the files.

use std::path::{Path, PathBuf};

use serde_json::json;
use similar::TextDiff;
use tenantry::estate::spec::{Nat, TenantSpec};
use tenantry::render::{Context, Renderer, Template, tags};

use super::{SINK, estate, render, renderer};

fn text(template: &Template) -> String {
    serde_yaml::to_string(&tags::shorten(&template.tree())).unwrap()
}

/// Tenant acme with a change.
fn acme(renderer: &Renderer, region: &str, zones: u8, change: impl FnOnce(&mut TenantSpec)) -> String {
    let estate = estate::estate();
    let tenant = estate::tenant("acme", region, zones, change);
    text(&render(renderer, &estate::context(&estate, &tenant, "v1.0.0")))
}

fn control_plane(renderer: &Renderer, account: &str) -> String {
    let (account, region) = (account.parse().unwrap(), "eu-west-1".parse().unwrap());
    let context = Context::control_plane(&estate::estate().fleet, &account, &region, Some(SINK), "v1.0.0");
    text(&render(renderer, &context))
}

/// What a change takes away and adds.
fn difference(before: &str, after: &str) -> String {
    TextDiff::from_lines(before, after).unified_diff().context_radius(2).to_string()
}

#[test]
fn the_templates_give_what_is_expected() {
    let renderer = renderer();
    let flag =
        |name: &'static str, on: bool| move |spec: &mut TenantSpec| drop(spec.flags.insert(name.to_owned(), json!(on)));
    let base = acme(&renderer, "eu-west-1", 3, |_| {});
    let central = control_plane(&renderer, "111122223333");
    let revoking = estate::revoking("acme");
    let changed = [
        ("two-zones", acme(&renderer, "eu-west-1", 2, |_| {})),
        ("four-zones-without-extension", acme(&renderer, "us-east-1", 4, |_| {})),
        ("single-nat", acme(&renderer, "eu-west-1", 3, |spec| spec.network.nat = Nat::Single)),
        (
            "nobody-allowed-in",
            acme(&renderer, "eu-west-1", 3, |spec| spec.set_parameter("ingest.allow_from", json!([]))),
        ),
        (
            "no-dedicated-masters",
            acme(&renderer, "eu-west-1", 3, |spec| spec.set_parameter("ingest.peak_gib_per_minute", 0.01)),
        ),
        ("no-extended-retry", acme(&renderer, "eu-west-1", 3, flag("extended-retry", false))),
        ("search-slow-logs", acme(&renderer, "eu-west-1", 3, flag("search-slow-logs", true))),
        ("without-dashboards", acme(&renderer, "eu-west-1", 3, |spec| drop(spec.parameters.remove("dashboards")))),
        ("revocation-lists", text(&render(&renderer, &estate::context(&estate::estate(), &revoking, "v1.0.0")))),
    ];
    let mut expected = vec![("acme.yaml".to_owned(), base.clone()), ("control-plane.yaml".to_owned(), central.clone())];
    expected.extend(changed.map(|(name, text)| (format!("acme-{name}.diff"), difference(&base, &text))));
    let mut organization = estate::estate();
    organization.fleet.aws_organization_id = Some("o-a1b2c3d4e5".to_owned());
    let (account, region) = ("111122223333".parse().unwrap(), "eu-west-1".parse().unwrap());
    let context = Context::control_plane(&organization.fleet, &account, &region, Some(SINK), "v1.0.0");
    let own = difference(&central, &text(&render(&renderer, &context)));
    expected.push(("control-plane-of-an-organization.diff".to_owned(), own));
    let spoke = difference(&central, &control_plane(&renderer, "444455556666"));
    expected.push(("control-plane-of-another-account.diff".to_owned(), spoke));
    let context = Context::control_plane(&estate::paging().fleet, &account, &region, Some(SINK), "v1.0.0");
    let paging = difference(&central, &text(&render(&renderer, &context)));
    expected.push(("control-plane-with-paging.diff".to_owned(), paging));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/templates/expected");
    let mut wrong = String::new();
    for (name, text) in &expected {
        let file = folder.join(name);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, text).unwrap();
        }
        let known = std::fs::read_to_string(&file).unwrap_or_default();
        if known != *text {
            wrong += &format!("---- {name}\n{}", difference(&known, text));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), expected.len(), "a file is left over: {files:?}");
}
