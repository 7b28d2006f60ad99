//! Kept verdicts equal plain ones, for tenants and templates at random.

use std::sync::Arc;

use proptest::prelude::*;
use tenantry::blueprint::Blueprint;
use tenantry::finding::Source;
use tenantry::policy::{Checker, Owner, Stack};
use tenantry::render::{Renderer, TemplateSet};

use super::{checker, estate, renderer};

/// A blueprint that asks nothing of rules.
fn bare() -> Blueprint {
    let text = "apiVersion: tenantry/v2\nblueprint: { name: bare, version: 1.0.0 }\ntiers:\n  green: { routes: none, share: 1/4, addresses: 1 }\n  lambda: { routes: none, share: 1/4, addresses: 1 }\n";
    Blueprint::read(&Arc::new(Source { path: "blueprint.yaml".into(), text: text.to_owned() }), &|_| None).0.unwrap()
}

/// Name, region and its zones, peak, networks of investigators, days of retention.
type Drawn = (String, (&'static str, u8), f64, Vec<(u32, u8)>, u16);

#[test]
fn every_file_of_rules_shares_its_verdicts() {
    assert_eq!(checker().unshared().collect::<Vec<_>>(), Vec::<&std::path::Path>::new());
}

#[test]
fn tenants_at_random_get_the_verdicts_of_plain_evaluation() {
    let (checker, renderer) = (checker(), renderer());
    let sample = estate::estate();
    let strategy = (
        "[a-z][a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,2}",
        prop::sample::select(vec![("eu-west-1", 3), ("us-west-1", 2)]),
        0.1_f64..20.0,
        prop::collection::vec((any::<u32>(), 0_u8..=32), 0..3),
        1_u16..60,
    );
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig { cases: 12, ..ProptestConfig::default() });
    let property = |(name, (region, zones), peak, networks, days): Drawn| {
        let tenant = estate::tenant(&name, region, zones, |spec| {
            spec.set_parameter("ingest.peak_gib_per_minute", peak);
            let network = |(bits, prefix): (u32, u8)| {
                let masked = if prefix == 0 { 0 } else { bits >> (32 - prefix) << (32 - prefix) };
                format!("{}/{prefix}", std::net::Ipv4Addr::from(masked))
            };
            spec.set_parameter("ingest.allow_from", networks.into_iter().map(network).collect::<Vec<_>>());
            spec.set_parameter("search.retention_days", days);
        });
        let template = renderer.render(&estate::context(&sample, &tenant, "v1.0.0")).unwrap();
        let kept: Vec<_> = checker.verdicts(&template).unwrap().iter().map(|verdict| (**verdict).clone()).collect();
        prop_assert_eq!(kept, checker.verdicts_plainly(&template.body()).unwrap());
        Ok(())
    };
    runner.run(&strategy, property).unwrap();
}

/// A template whose every value comes from the tenant, and rules that test each in another way.
const TEMPLATE: &str = r#"Resources:
  One:
    Type: AWS::S3::Bucket
    Properties:
      Text: "{{ tenant.name }}"
      Mixed: "a-{{ tenant.name }}-z"
      Number: {{ search.retention_days }}
      Tags: [{ Key: k, Value: "{{ tenant.ring }}" }]
      Unseen: "{{ tenant.page }}"
      Cased: "{{ search.replicas }}"
      Deep: { Any: { Text: "{{ tenant.name }}" } }
"#;
const RULES: &str = r"
let bounded = ['acme', 'hooli']
let one = Resources.*[ Type == 'AWS::S3::Bucket' ]
rule equal { %one.Properties.Text == 'acme' <<not acme>> }
rule listed { %one.Properties.Text in %bounded <<not listed>> }
rule within { %one.Properties.Text in 'acme and hooli' <<not within>> }
rule matched { %one.Properties.Mixed == /^a-.*o.*-z$/ <<not matched>> }
rule unmatched { %one.Properties.Mixed != /ac/ <<matched>> }
rule small { %one.Properties.Number <= 30 <<large>> }
rule ranged { %one.Properties.Number in r(7, 90] <<out of range>> }
rule filtered { %one.Properties.Tags[ Value == 'canary' ] !empty <<no canary>> }
rule by_case { %one.properties.cased != '2' <<two replicas>> }
rule by_any_key { %one.Properties.Deep.*.Text != 'initech' <<initech>> }
rule when_small when %one.Properties.Number < 10 { %one.Properties.Text != 'globex' <<globex is small>> }
";

fn small(template: &str) -> Renderer {
    let source = Source { path: "templates/tenant.yaml.tera".into(), text: template.to_owned() };
    Renderer::new(TemplateSet::parse(vec![Arc::new(source)]).unwrap())
}

fn rules(text: &str) -> Checker {
    let own = Arc::new(Source { path: "policies/own.guard".into(), text: text.to_owned() });
    Checker::new(vec![own], &bare()).unwrap()
}

#[test]
fn values_that_rules_test_are_distinguished() {
    let (checker, renderer, sample) = (rules(RULES), small(TEMPLATE), estate::estate());
    assert_eq!(checker.unshared().count(), 0);
    let mut distinct = std::collections::BTreeSet::new();
    for name in ["acme", "hooli", "initech", "globex", "metanet", "ac", "oo", "stark", "wick", "wolf", "wack"] {
        for (days, ring) in
            [(5, "canary"), (7, "general"), (8, "canary"), (30, "early"), (31, "canary"), (91, "general")]
        {
            let tenant = estate::tenant(name, "eu-west-1", 3, |spec| {
                spec.set_parameter("search.retention_days", days);
                spec.ring = ring.parse().unwrap();
                spec.set_parameter("search.replicas", if name == "wick" { 2 } else { 1 });
            });
            let template = renderer.render(&estate::context(&sample, &tenant, "v1.0.0")).unwrap();
            let kept: Vec<_> = checker.verdicts(&template).unwrap().iter().map(|verdict| (**verdict).clone()).collect();
            assert_eq!(kept, checker.verdicts_plainly(&template.body()).unwrap(), "{name} {days} {ring}");
            distinct.insert(format!("{:?}", kept[0].rules));
        }
    }
    assert!(distinct.len() > 12, "only {} distinct verdicts", distinct.len());
    assert_eq!(checker.evaluations(), 10 * 6, "`stark` looks like `metanet`, and nobody else like another");
}

#[test]
fn rules_that_see_too_much_are_evaluated_each_time() {
    let mut seen = Vec::new();
    for rule in [
        "let one = Resources.One\nrule a { %one.Properties.Text == %one.Properties.Mixed }",
        "rule a { Resources.One.Properties.Deep == { 'Any': { 'Text': 'acme' } } }",
        "let n = count(Resources.*)\nrule a { %n == 1 }",
        "rule a { Resources.One.Properties.Text >= 'b' }",
        "rule a { Resources.One.Properties.*.*.Text exists }",
        "let k = Resources.One.Properties.Text\nrule a { Resources.One.Properties.%k exists }",
        "rule p(x) { %x exists }\nrule a { p(Resources.One) }",
    ] {
        let checker = rules(rule);
        if checker.unshared().count() != 1 {
            seen.push(rule);
        }
        let (renderer, sample) = (small(TEMPLATE), estate::estate());
        for name in ["acme", "hooli"] {
            let tenant = estate::tenant(name, "eu-west-1", 3, |_| {});
            let template = renderer.render(&estate::context(&sample, &tenant, "v1.0.0")).unwrap();
            let kept: Vec<_> = checker.verdicts(&template).unwrap().iter().map(|verdict| (**verdict).clone()).collect();
            assert_eq!(kept, checker.verdicts_plainly(&template.body()).unwrap(), "{rule}");
        }
    }
    assert_eq!(seen, Vec::<&str>::new());
}

#[test]
fn joins_see_the_values_that_they_compare_with() {
    let renderer = small(
        r#"Resources:
  Subnet:
    Type: AWS::EC2::Subnet
    Properties: { Tags: [{ Key: "tenantry:tier", Value: "{{ tenant.name }}" }] }
  Table: { Type: AWS::EC2::RouteTable }
  Association:
    Type: AWS::EC2::SubnetRouteTableAssociation
    Properties: { SubnetId: !Ref Subnet, RouteTableId: !Ref Table }
  Gateway: { Type: AWS::EC2::NatGateway }
  Route:
    Type: AWS::EC2::Route
    Properties: { RouteTableId: !Ref Table, NatGatewayId: !Ref Gateway }
"#,
    );
    let (checker, sample) = (Checker::new(Vec::new(), &bare()).unwrap(), estate::estate());
    for (name, expected) in [("acme", 0), ("green", 1), ("amber", 0), ("lambda", 1), ("acme", 0)] {
        let tenant = estate::tenant(name, "eu-west-1", 3, |_| {});
        let template = renderer.render(&estate::context(&sample, &tenant, "v1.0.0")).unwrap();
        let found = checker.check_one(&Stack { template: &template, owner: Owner::Tenant(&tenant) });
        assert_eq!(found.iter().filter(|finding| finding.code.as_str() == "TN4301").count(), expected, "{name}");
    }
}
