//! YAML that is written for people means the same to readers of YAML 1.1 as its JSON does: PyYAML, as pinned in `.venv`,
//! reads it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tenantry::render::{Renderer, TemplateSet, render_fleet, tags};
use tenantry::{embedded, estate};

const READ: &str = "
import json, sys, yaml
def short(loader, tag, node):
    if isinstance(node, yaml.ScalarNode): value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode): value = loader.construct_sequence(node, deep=True)
    else: value = loader.construct_mapping(node, deep=True)
    if tag == 'GetAtt' and isinstance(value, str): value = value.split('.', 1)
    return {tag if tag in ('Ref', 'Condition') else 'Fn::' + tag: value}
yaml.SafeLoader.add_multi_constructor('!', short)
print(json.dumps([yaml.safe_load(text) for text in json.load(sys.stdin)], default=repr))
";

fn read(texts: &[String]) -> Vec<Value> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    let mut process = Command::new(python)
        .args(["-c", READ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("`make test` installs PyYAML into .venv");
    process.stdin.take().unwrap().write_all(json!(texts).to_string().as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn yaml_is_read_as_the_json_that_is_deployed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let estate = estate::load(root).0.unwrap();
    let renderer = Renderer::new(TemplateSet::parse(embedded::templates(root).unwrap()).unwrap());
    let functions = embedded::functions(root, &estate.blueprint).unwrap();
    let tenants: Vec<_> = estate.tenants.values().collect();
    let rendered = render_fleet(&renderer, &estate, &functions, "on", &tenants).into_iter();
    let mut trees: Vec<Value> = rendered.map(|one| one.unwrap().template.tree()).collect();
    assert!(trees.len() > 5);
    let hostile = [
        "no",
        "No",
        "NO",
        "n",
        "N",
        "yes",
        "y",
        "Y",
        "on",
        "On",
        "off",
        "OFF",
        "true",
        "False",
        "null",
        "NULL",
        "~",
        "",
        "1",
        "01",
        "007",
        "0o7",
        "0x1F",
        "0b1",
        "1_000",
        "1e3",
        "1.5",
        ".5",
        "+1",
        ".inf",
        "-.INF",
        ".nan",
        "12:30",
        "1:30:00",
        "2026-01-01",
        "2026-01-01 10:00:00",
        "2026-01-01T10:00:00Z",
        "=",
        "<<",
        "-",
        "?",
        ":",
        "#",
        "a: b",
        "a #b",
        "- a",
        "[a]",
        "{a}",
        "&a",
        "*a",
        "!a",
        "|",
        ">",
        "%a",
        "@a",
        "`a",
        "'a'",
        "\"a\"",
        " a",
        "a ",
        "a\nb",
        "a\tb",
        "ä",
        "\u{e000}",
    ];
    for text in hostile {
        trees.push(
            json!({ "Value": text, text: [text, { "a": text }], "Fn": { "Fn::Sub": text }, "Ref": { "Ref": text } }),
        );
    }
    let texts: Vec<String> = trees.iter().map(|tree| tags::yaml(tree).unwrap()).collect();
    for ((tree, read), text) in trees.iter().zip(read(&texts)).zip(&texts) {
        assert_eq!(read, *tree, "{text}");
    }
}
