//! The templates, rendered for every shape: the same bytes whichever way, and clean in the eyes of cfn-lint.

pub(crate) mod estate;
mod expected;
mod faults;
mod lint;
mod permissions;
mod positions;
mod rules;
mod yaml;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;
use tenantry::finding::{Finding, Source};
use tenantry::render::{Context, Renderer, Template, TemplateSet};

const SINK: &str = "arn:aws:oam:eu-west-1:111122223333:sink/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f";

fn renderer() -> Renderer {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("templates");
    let mut sources = Vec::new();
    for folder in ["", "tenant", "control-plane"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "tera") {
                let text = std::fs::read_to_string(&path).unwrap();
                sources.push(Arc::new(Source { path: path.strip_prefix(&root).unwrap().to_owned(), text }));
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Renderer::new(TemplateSet::parse(sources).unwrap_or_else(|findings| panic!("{}", said(&findings))))
}

fn said(findings: &[Finding]) -> String {
    let lines = findings.iter().map(|finding| {
        let place = finding.location.as_ref().map(|at| format!("{}:{}", at.source.path.display(), at.line));
        format!("{} {} ({})", finding.code, finding.message, place.unwrap_or_default())
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn render(renderer: &Renderer, context: &Context) -> Template {
    renderer.render(context).unwrap_or_else(|findings| panic!("{}", said(&findings)))
}

/// Every template of the sample estate in a release: name, region, template, context.
fn all(renderer: &Renderer, release: &str) -> Vec<(String, String, Template, Context)> {
    let estate = estate::estate();
    let tenants = estate::tenants();
    let mut all: Vec<_> = tenants
        .par_iter()
        .map(|tenant| {
            let context = estate::context(&estate, tenant, release);
            let template = render(renderer, &context);
            (tenant.name.to_string(), tenant.spec.region.to_string(), template, context)
        })
        .collect();
    for (what, fleet) in [("control", estate.fleet), ("paging", estate::paging().fleet)] {
        for (account, region) in
            [("111122223333", "eu-west-1"), ("111122223333", "us-east-1"), ("444455556666", "eu-west-1")]
        {
            let (id, place) = (account.parse().unwrap(), region.parse().unwrap());
            let context = Context::control_plane(&fleet, &id, &place, Some(SINK), release);
            all.push((format!("{what}-{account}"), region.to_owned(), render(renderer, &context), context));
        }
    }
    all
}

#[test]
fn values_filled_into_a_form_give_the_bytes_of_plain_rendering() {
    let renderer = renderer();
    for (name, _, template, mut context) in all(&renderer, "v1.0.0") {
        context.set_digest(&template.digest);
        let plain = renderer.render_plainly(&context).unwrap_or_else(|finding| panic!("{}", said(&[finding])));
        assert_eq!(template.body(), plain, "{name}");
        assert_eq!(tenantry::render::canonical::to_string(&template.tree()), plain, "{name}");
    }
}

#[test]
fn rendering_again_elsewhere_gives_the_same_digests() {
    let digests = |renderer: &Renderer| -> Vec<_> {
        all(renderer, "v1.0.0").into_iter().map(|(name, region, template, _)| (name, region, template.digest)).collect()
    };
    let first = renderer();
    assert_eq!(digests(&first), digests(&renderer()));
    assert_eq!(digests(&first), digests(&first));
}

#[test]
fn a_release_that_changes_nothing_changes_one_resource() {
    let renderer = renderer();
    let (before, after) = (all(&renderer, "v1.0.0"), all(&renderer, "v2.0.0"));
    for ((name, _, old, _), (_, _, new, _)) in before.iter().zip(&after) {
        assert_eq!(old.digest, new.digest, "{name}");
        let (old, new) = (old.tree(), new.tree());
        let changed: Vec<&String> = old["Resources"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(id, resource)| new["Resources"][id.as_str()] != **resource)
            .map(|(id, _)| id)
            .collect();
        assert_eq!(changed, ["ReleaseRecord"], "{name}");
    }
}

#[test]
fn tenants_differ_in_digest_and_share_forms_by_shape() {
    let renderer = renderer();
    let all = all(&renderer, "v1.0.0");
    let digests: BTreeSet<&String> = all.iter().map(|(_, _, template, _)| &template.digest).collect();
    assert_eq!(digests.len(), all.len());
    let forms = renderer.forms();
    let estate = estate::estate();
    let twin = estate::tenant("another", "eu-west-1", 3, |spec| {
        spec.network.cidr = "10.99.0.0/17".parse().unwrap();
        spec.set_parameter("ingest.peak_gib_per_minute", 3.0);
    });
    render(&renderer, &estate::context(&estate, &twin, "v1.0.0"));
    assert_eq!(renderer.forms(), forms, "a tenant of a known shape needs no new form");
}

#[test]
fn every_resource_knows_where_it_came_from() {
    let renderer = renderer();
    for (name, _, template, _) in all(&renderer, "v1.0.0") {
        let tree = template.tree();
        for id in tree["Resources"].as_object().unwrap().keys() {
            let origin = &template.form.provenance.resources[id];
            let line = origin.location.source.text.lines().nth(origin.location.line - 1).unwrap();
            assert!(line.trim_end().ends_with(':'), "{name}: {id} is said to come from {line:?}");
        }
    }
    let estate = estate::estate();
    let template = render(&renderer, &estate::context(&estate, &estate::tenants()[0], "v1.0.0"));
    let origin = &template.form.provenance.resources["LoadBalancerSecurityGroup"];
    assert!(origin.location.source.path.ends_with("security.yaml.tera"));
    assert_eq!(origin.fields["Properties/SecurityGroupIngress/0/CidrIp"], ["ingest.allow_from"]);
}

#[test]
fn templates_stay_within_the_limits_with_room_to_grow() {
    for (name, _, template, _) in all(&renderer(), "v1.0.0") {
        let resources = template.tree()["Resources"].as_object().unwrap().len();
        assert!(resources < 300, "{name} has {resources} resources");
        assert!(template.length() < 200_000, "{name} has {} bytes", template.length());
    }
}

#[test]
fn cfn_lint_finds_nothing() {
    let renderer = renderer();
    let mut templates: Vec<_> =
        all(&renderer, "v1.0.0").into_iter().map(|(name, region, template, _)| (name, region, template)).collect();
    let (own, samples) = estate::samples();
    let shapes = estate::estate();
    let (zones, positions) = (estate::flagged_zones(), positions::tenants(&shapes));
    for (estate, tenants) in [(&own, samples), (&shapes, zones), (&shapes, positions)] {
        templates.extend(tenants.iter().map(|tenant| {
            let template = render(&renderer, &estate::context(estate, tenant, "v1.0.0"));
            (tenant.name.to_string(), tenant.spec.region.to_string(), template)
        }));
    }
    // cfn-lint takes seconds for each template, and one of each form and region shows it everything but other numbers.
    let mut seen = std::collections::HashSet::new();
    templates.retain(|(_, region, template)| seen.insert((region.clone(), Arc::as_ptr(&template.form))));
    let trees: Vec<_> = templates.iter().map(|(name, region, it)| (name.clone(), region.clone(), it.tree())).collect();
    assert_eq!(lint::run(&trees), "");
}

#[test]
fn the_documented_context_is_what_templates_see() {
    let estate = estate::estate();
    let seen = estate::context(&estate, &estate::tenants()[0], "v0.0.0").seen();
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/context.yaml")).unwrap();
    let documented: serde_json::Value = serde_yaml::from_str(&text).unwrap();
    for (key, value) in seen.as_object().unwrap() {
        assert_eq!(documented[key.as_str()], *value, "`{key}` of templates/context.yaml");
    }
    assert_eq!(documented.as_object().unwrap().len(), seen.as_object().unwrap().len());
}

#[test]
fn every_type_of_a_tenant_is_in_the_table_of_quotas_and_its_subnets_hold_what_stands_in_them() {
    let renderer = renderer();
    for (name, _, template, _) in all(&renderer, "v1.0.0") {
        let tree = template.tree();
        let demand = tenantry::capacity::count(&tree);
        assert_eq!(demand.unknown_types, BTreeSet::new(), "{name}");
        if name.starts_with("control-") || name.starts_with("paging-") {
            continue;
        }
        let outline = tenantry::capacity::Outlines::default().tree(&template);
        assert_eq!(tenantry::capacity::count(&outline), demand, "{name}");
        let outlines = tenantry::capacity::Outlines::default();
        // The second time it is what another tenant of that size was counted as.
        for _ in 0..2 {
            assert_eq!(outlines.needs(&template), tenantry::capacity::needs(&tree), "{name}");
        }
        assert_eq!(tenantry::capacity::subnets(&outline), tenantry::capacity::subnets(&tree), "{name}");
        let subnets = tenantry::capacity::subnets(&tree);
        assert!(subnets.len() >= 8, "{name}");
        for (id, subnet) in &subnets {
            assert!(subnet.needed(1.0) <= subnet.usable, "{name} {id}: {:?}", subnet.owners(1.0));
        }
        for tier in ["Red", "Amber", "Green", "Lambda"] {
            let used = subnets.iter().any(|(id, subnet)| id.starts_with(tier) && subnet.total(1.0).at_rest > 0);
            assert!(used, "{name}: nothing stands in {tier}");
        }
    }
}

/// Every text of a tree that has an ARN in it.
fn arns<'t>(tree: &'t serde_json::Value, found: &mut Vec<&'t str>) {
    match tree {
        serde_json::Value::Object(map) => map.values().for_each(|value| arns(value, found)),
        serde_json::Value::Array(items) => items.iter().for_each(|value| arns(value, found)),
        serde_json::Value::String(text) if text.contains("arn:") => found.push(text),
        _ => {}
    }
}

#[test]
fn every_arn_is_of_the_regions_partition() {
    let renderer = renderer();
    let estate = estate::estate();
    for (region, partition) in [("eu-west-1", "aws"), ("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")] {
        let zones = if region == "cn-north-1" { 2 } else { 3 };
        let tenant = estate::tenant("acme", region, zones, |_| {});
        let (account, place) = ("111122223333".parse().unwrap(), region.parse().unwrap());
        let control = Context::control_plane(&estate.fleet, &account, &place, None, "v1.0.0");
        for context in [estate::context(&estate, &tenant, "v1.0.0"), control] {
            let tree = render(&renderer, &context).tree();
            let mut found = Vec::new();
            arns(&tree, &mut found);
            assert!(!found.is_empty(), "{region}");
            for text in found {
                let parts = text.match_indices("arn:").map(|(at, start)| &text[at + start.len()..]);
                for part in parts {
                    let right =
                        ["${AWS::Partition}", partition].into_iter().any(|one| part.starts_with(&format!("{one}:")));
                    assert!(right, "{region}: {text}");
                }
            }
        }
    }
}

/// A tenant's stack is blocked where the control plane offers less than it needs; the shipped ones fit each other.
#[test]
fn the_control_plane_offers_what_tenants_stacks_need() {
    let (renderer, estate) = (renderer(), estate::estate());
    let (account, region) = ("111122223333".parse().unwrap(), "eu-west-1".parse().unwrap());
    let context = Context::control_plane(&estate.fleet, &account, &region, None, "v1.0.0");
    let offered = render(&renderer, &context).tree()["Outputs"]["TenantryControlPlane"]["Value"].clone();
    for tenant in estate::tenants() {
        let needed = render(&renderer, &estate::context(&estate, &tenant, "v1.0.0")).control_plane();
        assert_eq!(offered.as_str(), Some(needed.to_string().as_str()), "{}", tenant.name);
    }
}
