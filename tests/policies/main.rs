//! The policies: every rule has fixtures that hold and that break it, kept verdicts equal plain ones, and every
//! template of the sample estate is clean.

mod fixtures;
mod sharing;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tenantry::capacity::{self, Quota, Singles};
use tenantry::embedded;
use tenantry::estate::Estate;
use tenantry::finding::{Finding, Source, codes};
use tenantry::policy::{self, Checker, Owner, RULES, Stack};
use tenantry::render::{RenderedTenant, Renderer, TemplateSet, render_fleet};

use crate::templates::estate;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn checker() -> Checker {
    let blueprint = tenantry::estate::blueprint::built_in().unwrap();
    let checker =
        Checker::new(embedded::rules(root()).unwrap(), &blueprint).unwrap_or_else(|found| panic!("{found:#?}"));
    checker.with_limits(&quotas())
}

fn quotas() -> Vec<Quota> {
    capacity::Tables::load(root()).unwrap().0.quotas
}

fn renderer() -> Renderer {
    let sources = embedded::templates(root()).unwrap();
    Renderer::new(TemplateSet::parse(sources).unwrap_or_else(|found| panic!("{found:#?}")))
}

fn sample_estate() -> Estate {
    let (estate, found) = tenantry::estate::load(root());
    assert_eq!(found, []);
    estate.unwrap()
}

fn rendered<'e>(renderer: &Renderer, estate: &'e Estate) -> Vec<RenderedTenant<'e>> {
    let tenants: Vec<_> = estate.tenants.values().collect();
    let functions = embedded::functions(root(), &estate.blueprint).unwrap();
    let all = render_fleet(renderer, estate, &functions, "v1.0.0", &tenants);
    all.into_iter().map(|tenant| tenant.unwrap_or_else(|found| panic!("{found:#?}"))).collect()
}

fn said(findings: &[Finding]) -> String {
    let lines = findings.iter().map(|finding| {
        let place = finding.location.as_ref().map(|at| format!("{}:{}", at.source.path.display(), at.line));
        format!(
            "{} {} {} ({})\n",
            finding.tenant.as_deref().unwrap_or("-"),
            finding.code,
            finding.message,
            place.unwrap_or_default()
        )
    });
    lines.collect()
}

#[test]
fn every_sample_tenant_is_clean() {
    let (renderer, estate) = (renderer(), sample_estate());
    let rendered = rendered(&renderer, &estate);
    let stacks: Vec<Stack<'_>> = rendered.iter().map(Stack::from).collect();
    assert_eq!(said(&checker().check(&stacks)), "");
}

#[test]
fn every_control_plane_is_clean() {
    let renderer = renderer();
    let fleet = estate::estate().fleet;
    for (account, region) in
        [("111122223333", "eu-west-1"), ("111122223333", "us-east-1"), ("444455556666", "eu-west-1")]
    {
        let (account, region) = (account.parse().unwrap(), region.parse().unwrap());
        let context = tenantry::render::Context::control_plane(&fleet, &account, &region, None, "v1.0.0");
        let template = renderer.render(&context).unwrap();
        let owner = Owner::ControlPlane { account: &account, region: &region };
        assert_eq!(said(&checker().check(&[Stack { template: &template, owner }])), "", "{account} {region}");
    }
}

#[test]
fn registry_explanations_and_rule_files_agree() {
    let checker = checker();
    let written: BTreeSet<&str> = checker.rules().collect();
    let registered: BTreeSet<&str> = RULES.iter().map(|entry| entry.name).collect();
    assert_eq!(written, registered);
    let used: Vec<&str> = RULES.iter().copied().chain(policy::checks()).map(|entry| entry.code.as_str()).collect();
    let distinct: BTreeSet<&str> = used.iter().copied().collect();
    assert_eq!(used.len(), distinct.len(), "two rules share a code");
    let about_rules =
        ["TN4001", "TN4002", "TN4003", "TN4004", "TN4005", "TN4006", "TN4007", "TN4017", "TN4018", "TN4019"];
    let explained: BTreeSet<&str> = codes()
        .map(|entry| entry.code.as_str())
        .filter(|code| code.starts_with("TN4") && !about_rules.contains(code))
        .collect();
    assert_eq!(distinct, explained);
}

#[test]
fn a_finding_points_at_the_spec_field_that_caused_it() {
    let (renderer, mut estate) = (renderer(), sample_estate());
    let acme = estate.tenants.values().next().unwrap().name.clone();
    let rendered_as_written = {
        let all = rendered(&renderer, &estate);
        all.into_iter().find(|one| one.tenant.name == acme).unwrap().template
    };
    let tenant = estate.tenants.get_mut(&acme).unwrap();
    assert_ne!(tenant.spec.parameter("ingest.allow_from"), Some(&serde_json::json!([])));
    tenant.spec.set_parameter("ingest.allow_from", serde_json::json!([]));
    let found = checker().check(&[Stack { template: &rendered_as_written, owner: Owner::Tenant(tenant) }]);
    let [finding, ..] = found.as_slice() else { panic!("nothing found") };
    assert_eq!(finding.code.as_str(), "TN4208");
    assert_eq!(finding.resource.as_deref(), Some("LoadBalancerSecurityGroup"));
    let at = finding.location.as_ref().unwrap();
    assert!(at.source.path.ends_with("tenants/acme.yaml"), "{at:?}");
    let line = at.source.text.lines().nth(at.line - 1).unwrap();
    assert!(line.contains("allow_from: [203.0.113.0/24]"), "{line}");
    assert!(finding.related[0].1.source.path.ends_with("security.yaml.tera"));
}

#[test]
fn a_broken_template_is_found_at_its_line() {
    let text = embedded::templates(root()).unwrap();
    let sources = text
        .iter()
        .map(|source| {
            let written = "ReservedConcurrentExecutions: {{ ingest_concurrency }}";
            let text = source.text.replace(written, "ReservedConcurrentExecutions: 0");
            Arc::new(Source { path: source.path.clone(), text })
        })
        .collect();
    let renderer = Renderer::new(TemplateSet::parse(sources).unwrap());
    let estate = sample_estate();
    let rendered = rendered(&renderer, &estate);
    let one = &rendered[0];
    let found = checker().check(&[Stack { template: &one.template, owner: Owner::Tenant(one.tenant) }]);
    assert_eq!(found.len(), 1, "{}", said(&found));
    assert_eq!(found[0].code.as_str(), "TN4402");
    let at = found[0].location.as_ref().unwrap();
    assert!(at.source.path.ends_with("ingest.yaml.tera"), "{at:?}");
}

#[test]
fn a_queue_that_hides_its_messages_too_shortly_is_found() {
    let short = |source: &Arc<Source>| {
        let text = source.text.replace("{{ queue_visibility_seconds }}", "100");
        Arc::new(Source { path: source.path.clone(), text })
    };
    let sources = embedded::templates(root()).unwrap().iter().map(short).collect();
    let renderer = Renderer::new(TemplateSet::parse(sources).unwrap());
    let estate = sample_estate();
    let rendered = rendered(&renderer, &estate);
    let one = &rendered[0];
    let found = checker().check(&[Stack { template: &one.template, owner: Owner::Tenant(one.tenant) }]);
    let found: BTreeSet<_> =
        found.iter().map(|finding| (finding.code.as_str(), finding.resource.as_deref().unwrap())).collect();
    assert_eq!(found, BTreeSet::from([("TN4406", "IngestRetryQueue"), ("TN4406", "SplitterRetryQueue")]));
}

#[test]
fn a_resource_beyond_a_limit_is_found_at_its_spec_field_or_the_templates_line() {
    let edited = |source: &Arc<Source>| {
        let text = source.text.replace("Timeout: {{ ingest_timeout_seconds }}", "Timeout: 901");
        Arc::new(Source { path: source.path.clone(), text })
    };
    let sources = embedded::templates(root()).unwrap().iter().map(edited).collect();
    let (renderer, mut estate) = (Renderer::new(TemplateSet::parse(sources).unwrap()), sample_estate());
    let acme = estate.tenants.values().next().unwrap().name.clone();
    let account = estate.tenants[&acme].spec.account.clone();
    estate.fleet.accounts.get_mut(&account).unwrap().dns.zone =
        format!("{}.example", "zone".repeat(14)).parse().unwrap();
    let networks = (0..61).map(|number| format!("198.51.{number}.0/24"));
    estate.tenants.get_mut(&acme).unwrap().spec.set_parameter("ingest.allow_from", networks.collect::<Vec<_>>());
    let all = rendered(&renderer, &estate);
    let one = all.iter().find(|one| one.tenant.name == acme).unwrap();
    let found = checker().check(&[Stack::from(one)]);
    let place = |finding: &Finding| finding.location.as_ref().unwrap().source.path.file_name().unwrap().to_owned();
    let reported: BTreeSet<_> = found
        .iter()
        .filter(|finding| finding.code.as_str().starts_with("TN430"))
        .map(|finding| (finding.code.as_str(), finding.message.clone(), place(finding).into_string().unwrap()))
        .collect();
    let reported: Vec<String> =
        reported.into_iter().map(|(code, message, file)| format!("{code} {file} {message}")).collect();
    assert_eq!(
        reported,
        [
            "TN4305 acme.yaml `Certificate`: Octets of a certificate's domain name: 69 octets, at most 64",
            "TN4305 ingest.yaml.tera `Ingest`: Function timeout: 901 seconds, at most 900",
            "TN4306 acme.yaml `LoadBalancerSecurityGroup`: Inbound or outbound rules per security group: 61, by default at most 60",
        ]
    );
}

/// What is counted once for a form, and completed by a template's values, is what its whole tree holds.
#[test]
fn what_single_resources_hold_is_the_same_by_form_and_by_template() {
    let (renderer, estate) = (renderer(), sample_estate());
    let singles = Singles::new(&quotas());
    for one in rendered(&renderer, &estate) {
        let (by_form, plain) = (singles.largest(&one.template), singles.largest_of(&one.template.tree()));
        let amounts = |found: &capacity::Largest| -> Vec<(String, u64)> {
            found.iter().map(|(id, (amount, _))| (id.clone(), *amount)).collect()
        };
        let (by_form, plain) = (amounts(&by_form), amounts(&plain));
        assert_eq!(by_form, plain, "{}", one.tenant.name);
        assert!(plain.len() > 15, "{plain:?}");
    }
}

#[test]
fn two_stacks_with_one_name_are_found() {
    let (renderer, estate) = (renderer(), sample_estate());
    let rendered = rendered(&renderer, &estate);
    let stack = Stack { template: &rendered[0].template, owner: Owner::Tenant(rendered[0].tenant) };
    let found = checker().check(&[stack, stack]);
    let codes: BTreeSet<&str> = found.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, BTreeSet::from(["TN4302"]));
    assert!(found.iter().any(|finding| finding.resource.as_deref() == Some("LandingBucket")));
    assert!(found.iter().any(|finding| finding.resource.as_deref() == Some("ReleaseRecord")));
}
