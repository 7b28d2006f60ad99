//! Faults of templates: each is reported with its code, at the line of the file in which it can be corrected.

use std::sync::Arc;

use tenantry::finding::{Finding, Source};
use tenantry::render::{Renderer, TemplateSet};

use super::estate;

const WELL: &str = "Resources:\n  Well:\n    Type: AWS::SNS::Topic\n";

/// What is found in a `tenant.yaml.tera`, as `code line:column message`.
fn found(text: &str) -> Vec<String> {
    let source = |path: &str, text: &str| Arc::new(Source { path: path.into(), text: text.to_owned() });
    let set =
        vec![source("templates/tenant.yaml.tera", text), source("templates/part.tera", "  Part:\n    Type: !No x\n")];
    let findings = TemplateSet::parse(set).and_then(|set| {
        let estate = estate::estate();
        let tenant = estate::tenant("acme", "eu-west-1", 3, |_| {});
        Renderer::new(set).render(&estate::context(&estate, &tenant, "v1.0.0"))
    });
    let findings = findings.map_or_else(|findings| findings, |template| template.form.undefined.clone());
    findings.iter().map(reported).collect()
}

fn reported(finding: &Finding) -> String {
    let place = finding.location.as_ref();
    let place = place.map(|at| format!("{}:{}:{}", at.source.path.display(), at.line, at.column));
    format!("{} {} {}", finding.code, place.unwrap_or_default().replace("templates/", ""), finding.message)
}

/// `template` has these faults and no others; each is given by how it begins.
fn check(template: &str, expected: &[&str]) {
    let found = found(template);
    let fits = found.len() == expected.len() && found.iter().zip(expected).all(|(one, begin)| one.starts_with(begin));
    assert!(fits, "{template}\n-- expected\n{}\n-- found\n{}", expected.join("\n"), found.join("\n"));
}

#[test]
fn a_template_without_faults_has_none() {
    check(WELL, &[]);
}

#[test]
fn what_tera_cannot_render() {
    check("Resources:\n  A:\n    Type: {{ }}\n", &["TN3001 tenant.yaml.tera:3:5 "]);
    check("Resources:\n  A:\n    Type: {{ shape.nat | nope }}\n", &["TN3001 tenant.yaml.tera:3:5 "]);
    check(
        "Resources:\n  A:\n    Name: \"{{ tenant.nobody }}\"\n",
        &["TN3013 tenant.yaml.tera:3:15 nothing defines `tenant.nobody`"],
    );
    check(
        "Resources:\n{% if shape.dns_suport %}\n{% endif %}\n  A:\n    Type: x\n",
        &["TN3013 tenant.yaml.tera:2:7 nothing defines `shape.dns_suport`"],
    );
    let loops = "{% for a in range(end=100000) %}{% for b in range(end=100000) %}{% endfor %}{% endfor %}";
    check(&format!("{WELL}{loops}\n"), &["TN3012 tenant.yaml.tera:4:1 the template runs through too many loops"]);
    check("Resources:\n  A:\n{% if shape.nat %}\n    Type: x\n", &["TN3001 tenant.yaml.tera:"]);
    check("Resources:\n{% include \"tenant/gone.tera\" %}\n", &["TN3001 "]);
}

#[test]
fn what_decides_outside_the_shape() {
    let template = format!("{WELL}{{% if tenant.name == \"acme\" %}}\n  Snow: flake\n{{% endif %}}\n");
    check(&template, &["TN3002 tenant.yaml.tera:4:1 `tenant.name` is not part of `shape`"]);
}

#[test]
fn what_is_no_yaml_of_cloudformation() {
    check(&format!("{WELL}  Open:\n    Type: [\n"), &["TN3003 tenant.yaml.tera:4:3 "]);
    check(&format!("{WELL}  Twice:\n    Type: a\n    Type: b\n"), &["TN3003 tenant.yaml.tera:4:3 "]);
    check(&format!("{WELL}  Tag:\n    Type: !Reff x\n"), &["TN3003 tenant.yaml.tera:4:3 `!Reff` is not a tag"]);
    check(&format!("{WELL}  Att:\n    Type: !GetAtt x\n"), &["TN3003 tenant.yaml.tera:4:3 `!GetAtt` takes"]);
    check("Resources:\n{% include \"part.tera\" %}\n", &["TN3003 part.tera:1:3 `!No` is not a tag"]);
    check(&format!("{WELL}Outputs:\n  Out:\n    Value: !No x\n"), &["TN3003 tenant.yaml.tera:5:3 `!No` is not a tag"]);
}

#[test]
fn values_that_could_change_the_structure() {
    let bare = "Resources:\n  A:\n    Type: {{ tenant.name }}\n";
    check(bare, &["TN3004 tenant.yaml.tera:2:3 a text is printed outside double quotes in `Type: …`"]);
    let key = "Resources:\n  A:\n    Type: x\n    \"{{ tenant.name }}\": x\n";
    check(key, &["TN3004 tenant.yaml.tera:2:3 a key is made of a value in `A`"]);
}

#[test]
fn references_to_nothing_and_in_circles() {
    let gone = format!("{WELL}  From:\n    Type: x\n    DependsOn: Gone\n    Properties: !Sub \"${{Lost.Arn}}\"\n");
    let message =
        |to: &str| format!("TN3005 tenant.yaml.tera:4:3 `From` refers to `{to}`, which the template does not have");
    check(&gone, &[&message("Gone"), &message("Lost")]);
    let output = format!("{WELL}Outputs:\n  Out:\n    Value: !Ref Gone\n");
    check(&output, &["TN3005 tenant.yaml.tera:5:3 `Out` refers to `Gone`"]);
    let circle = "Resources:\n  B:\n    Type: x\n    Properties: !Ref A\n  A:\n    Type: x\n    DependsOn: B\n";
    check(circle, &["TN3006 tenant.yaml.tera:5:3 resources depend on each other: A → B → A"]);
}

#[test]
fn templates_beyond_a_limit() {
    let resources: String = (0..=500).map(|n| format!("  R{n}:\n    Type: x\n")).collect();
    let place = "TN3007 tenant.yaml.tera:1:1";
    check(&format!("Resources:\n{resources}"), &[&format!("{place} `tenant.yaml.tera` renders 501 resources")]);
    let outputs: String = (0..=200).map(|n| format!("  O{n}:\n    Value: x\n")).collect();
    check(&format!("{WELL}Outputs:\n{outputs}"), &[&format!("{place} `tenant.yaml.tera` renders 201 outputs")]);
    let large = format!("{WELL}    Properties:\n      Name: {}\n", "x".repeat(1_048_576));
    check(&large, &[&format!("{place} the template has 1048")]);
}

#[test]
fn a_release_outside_its_record() {
    let template = "Resources:\n  Bucket:\n    Type: x\n    Metadata: \"{{ release.name }}\"\n  ReleaseRecord:\n    Type: x\n    \
                    Metadata: \"{{ release.name }} {{ release.digest }}\"\nOutputs:\n  Other:\n    Value: \"{{ release.digest }}\"\n";
    check(
        template,
        &[
            "TN3008 tenant.yaml.tera:2:3 the release is used in `Bucket`",
            "TN3008 tenant.yaml.tera:9:3 the release is used in `Other`",
        ],
    );
}

#[test]
fn malformed_resources() {
    check(
        "Resources:\n  My-Id:\n    Type: x\n",
        &["TN3009 tenant.yaml.tera:2:3 logical id `My-Id` is not alphanumeric"],
    );
    check("Resources:\n  A:\n    Metadata: x\n", &["TN3009 tenant.yaml.tera:2:3 resource `A` has no type"]);
    check(
        &format!("{WELL}    DeletionPolcy: Retain\n    UpdateReplacePolicy: Keep\n"),
        &[
            "TN3009 tenant.yaml.tera:4:5 `Well` has an attribute `DeletionPolcy`, which CloudFormation does not know, did you \
             mean `DeletionPolicy`?",
            "TN3009 tenant.yaml.tera:5:5 `UpdateReplacePolicy` of `Well` is `Keep`, taken are Delete, Retain, Snapshot",
        ],
    );
    check(
        &format!("{WELL}Lost:\n    Type: x\nOutputs:\n  Out:\n    Value: !Ref Lost\n  None: {{}}\n"),
        &[
            "TN3009 tenant.yaml.tera:1:1 the output `None` has no value",
            "TN3009 tenant.yaml.tera:4:1 `Lost` is not a section of a template",
        ],
    );
    check(
        &format!("{WELL}    Condition: Nowhere\n"),
        &["TN3005 tenant.yaml.tera:2:3 `Well` refers to the condition `Nowhere`, which the template does not have"],
    );
    check("Description: nothing\n", &["TN3009 tenant.yaml.tera:1:1 the template has no resources"]);
    check("Resources: {}\n", &["TN3009 tenant.yaml.tera:1:1 the template has no resources"]);
}
