//! The site that `tenantry report` writes: well-formed pages whose links lead somewhere, that ask no network, and in which
//! nothing that a person wrote becomes markup. What a browser and axe-core say of them: `make test-report`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;

fn tenantry(folder: &Path, arguments: &[&str]) -> Output {
    let mut tenantry = Command::new(env!("CARGO_BIN_EXE_tenantry"));
    tenantry.current_dir(folder).args(arguments).env_remove("TENANTRY_ESTATE").output().unwrap()
}

fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = tenantry(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every page of a site by its path.
fn pages(site: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::from([("index.html".to_owned(), fs::read_to_string(site.join("index.html")).unwrap())]);
    for entry in fs::read_dir(site.join("tenants")).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("tenants/{}", path.file_name().unwrap().to_str().unwrap());
        found.insert(name, fs::read_to_string(path).unwrap());
    }
    found
}

/// An element, as far as the checks look.
#[derive(Debug)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    /// Names of the elements around it.
    within: Vec<String>,
    text: String,
}

/// Parses a page, which must be well-formed XML as well.
fn parse(path: &str, text: &str) -> Vec<Element> {
    let mut reader = Reader::from_str(text);
    let (mut elements, mut open): (Vec<Element>, Vec<usize>) = (Vec::new(), Vec::new());
    let element = |start: &BytesStart<'_>, elements: &[Element], open: &[usize]| {
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.unwrap_or_else(|error| panic!("{path}: {error} in {start:?}"));
            let value = attribute
                .normalized_value(quick_xml::XmlVersion::default())
                .unwrap_or_else(|error| panic!("{path}: {error} in {start:?}"));
            (String::from_utf8(attribute.key.as_ref().to_vec()).unwrap(), value.into_owned())
        });
        Element {
            name: String::from_utf8(start.name().as_ref().to_vec()).unwrap(),
            attributes: attributes.collect(),
            within: open.iter().map(|index| elements[*index].name.clone()).collect(),
            text: String::new(),
        }
    };
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{path}: {error} at {}", reader.error_position())) {
            Event::Eof => break,
            Event::Start(start) => {
                let found = element(&start, &elements, &open);
                open.push(elements.len());
                elements.push(found);
            }
            Event::Empty(start) => {
                let found = element(&start, &elements, &open);
                elements.push(found);
            }
            Event::End(_) => drop(open.pop()),
            Event::Text(text) => {
                let text = text.decode().unwrap();
                open.iter().for_each(|index| elements[*index].text.push_str(&text));
            }
            Event::GeneralRef(reference) => {
                let said = format!("&{};", reference.decode().unwrap());
                open.iter().for_each(|index| elements[*index].text.push_str(&said));
            }
            _ => {}
        }
    }
    assert!(open.is_empty(), "{path}: elements stay open");
    elements
}

/// Everything that is wrong with the structure of a site.
fn faults(pages: &BTreeMap<String, String>) -> Vec<String> {
    let parsed: BTreeMap<&str, Vec<Element>> =
        pages.iter().map(|(path, text)| (path.as_str(), parse(path, text))).collect();
    let ids: BTreeMap<&str, Vec<&str>> = parsed
        .iter()
        .map(|(path, elements)| {
            let ids = elements.iter().filter_map(|element| element.attributes.get("id")).map(String::as_str);
            (*path, ids.collect())
        })
        .collect();
    let mut faults = Vec::new();
    for (path, elements) in &parsed {
        let own: BTreeSet<&str> = ids[path].iter().copied().collect();
        if own.len() != ids[path].len() {
            faults.push(format!("{path}: an id is used twice"));
        }
        let mut level = 0;
        for (index, element) in elements.iter().enumerate() {
            let attribute = |name: &str| element.attributes.get(name).map(String::as_str);
            for name in ["aria-labelledby", "aria-describedby", "for"] {
                for id in attribute(name).into_iter().flat_map(str::split_whitespace).filter(|id| !own.contains(id)) {
                    faults.push(format!("{path}: {name} names `{id}`, which is not there"));
                }
            }
            for name in ["href", "src", "data-href"] {
                let Some(link) = attribute(name).filter(|link| *link != "data:,") else { continue };
                let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
                let file = if let Some(up) = file.strip_prefix("../") {
                    up.to_owned()
                } else if file.is_empty() {
                    (*path).to_owned()
                } else {
                    file.to_owned()
                };
                let known = file == "style.css"
                    || ids.get(file.as_str()).is_some_and(|ids| fragment.is_empty() || ids.contains(&fragment));
                if !known {
                    faults.push(format!("{path}: {name} `{link}` leads nowhere"));
                }
            }
            let is_url =
                |value: &String| value.contains("://") || value.starts_with("//") || value.contains("javascript:");
            if element.attributes.values().any(is_url) || element.attributes.keys().any(|name| name.starts_with("on")) {
                faults.push(format!("{path}: {element:?} leads outside or runs something"));
            }
            match element.name.as_str() {
                "svg" if attribute("aria-hidden") != Some("true") => {
                    let title = elements.get(index + 1).filter(|next| next.name == "title" && !next.text.is_empty());
                    if title.is_none() || attribute("role") != Some("img") {
                        faults.push(format!("{path}: a drawing has no title"));
                    }
                }
                "img" => faults.push(format!("{path}: pictures are drawn in the page")),
                "th" if attribute("scope").is_none() => {
                    faults.push(format!("{path}: a heading of a table has no scope"))
                }
                "h1" | "h2" | "h3" | "h4" => {
                    let next: usize = element.name[1..].parse().unwrap();
                    if next > level + 1 || (next == 1 && level > 0) {
                        faults.push(format!("{path}: heading `{}` is out of order", element.text));
                    }
                    level = next;
                }
                _ => {}
            }
            if ["main", "title", "h1", "h2", "h3"].contains(&element.name.as_str()) && element.text.trim().is_empty() {
                faults.push(format!("{path}: <{}> is empty", element.name));
            }
        }
        for wanted in ["h1", "main", "title"] {
            let count =
                elements.iter().filter(|one| one.name == wanted && !one.within.contains(&"svg".to_owned())).count();
            if count != 1 {
                faults.push(format!("{path}: {count} <{wanted}>"));
            }
        }
    }
    faults
}

/// An estate of each blueprint.
#[test]
fn pages_of_every_blueprint_are_well_formed_and_every_link_leads_somewhere() {
    let folder = tempfile::tempdir().unwrap();
    for blueprint in ["", "web-app", "bare"] {
        let (estate, site) = (format!("estate-{blueprint}"), format!("site-{blueprint}"));
        let mut init = vec!["init", &estate];
        if !blueprint.is_empty() {
            init.extend(["--blueprint", blueprint]);
        }
        succeeds(folder.path(), &init);
        let said = succeeds(folder.path(), &["-C", &estate, "report", "--offline", "--html", &site]);
        assert!(said.contains("open "), "{said}");
        let pages = pages(&folder.path().join(&site));
        assert!(pages.len() >= 2, "{:?}", pages.keys());
        assert_eq!(faults(&pages), Vec::<String>::new(), "{blueprint}");
        let tenant = pages.iter().find(|(path, _)| path.starts_with("tenants/")).unwrap().1;
        assert!(tenant.contains("network-drawing") && tenant.contains("AWS was not asked"), "{blueprint}");
    }
}

/// Every text of a report but those with rules, as an attacker would write it.
fn poison(value: &mut Value, key: &str, count: &mut usize) {
    const RULED: [&str; 7] = ["schema", "cidr", "mark", "holder", "within", "id", "unknown"];
    match value {
        Value::String(text) if !RULED.contains(&key) => {
            *count += 1;
            *text = format!("<script>alert({count})</script>\"'&<img src=x onerror=alert(1)>{text}");
        }
        Value::Array(items) => items.iter_mut().for_each(|item| poison(item, key, count)),
        Value::Object(map) => map.iter_mut().for_each(|(key, item)| poison(item, key, count)),
        _ => {}
    }
}

#[test]
fn nothing_that_a_report_says_becomes_markup() {
    let folder = tempfile::tempdir().unwrap();
    succeeds(folder.path(), &["init", "estate"]);
    let text = succeeds(folder.path(), &["-C", "estate", "report", "--offline", "-o", "json"]);
    let mut report: Value = serde_json::from_str(&text).unwrap();
    let difference = |path: &str| {
        serde_json::json!({
            "severity": "high", "code": "TN5001", "kind": "modified", "resource": "Queue",
            "resource_type": "AWS::SQS::Queue", "path": path, "by": "ann",
        })
    };
    report["tenants"][0]["checked"] = serde_json::json!({
        "at": 7, "verdict": "drifted", "open": 3, "worst": "high", "mark": "bad",
        "differences": [difference("/Policy"), difference("/Tags")],
    });
    report["roll"] = serde_json::json!({
        "release": "v2", "began": 7, "state": "under way", "mark": "quiet", "steps": [{ "at": 7, "what": "release v2 started" }],
    });
    let clean = report.clone();
    let mut count = 0;
    poison(&mut report, "", &mut count);
    assert!(count > 300, "{count}");
    for (poisoned, clean) in
        report["tenants"].as_array_mut().unwrap().iter_mut().zip(clean["tenants"].as_array().unwrap())
    {
        // A tenant's name is the name of a file, and has rules.
        poisoned["name"] = clean["name"].clone();
        poisoned["takes"] = clean["takes"].clone();
    }
    // Blocks of tenants are linked by their names.
    report["pools"] = clean["pools"].clone();
    report["pools"][0]["name"] = "<script>".into();
    report["tenants"][0]["network"]["tiers"][0]["subnets"][0]["now"] = serde_json::json!({ "unknown": "<script>" });
    fs::write(folder.path().join("report.json"), report.to_string()).unwrap();
    succeeds(folder.path(), &["report", "--from", "report.json", "--html", "site"]);
    let pages = pages(&folder.path().join("site"));
    assert_eq!(faults(&pages), Vec::<String>::new());
    for (path, text) in &pages {
        let elements = parse(path, text);
        let scripts = elements.iter().filter(|element| element.name == "script").count();
        assert_eq!(scripts, usize::from(path == "index.html"), "{path}");
        assert!(!elements.iter().any(|element| element.name == "img"), "{path}");
        assert!(text.contains("&lt;script&gt;"), "{path}");
    }
}

#[test]
fn a_site_from_an_answer_is_the_site_of_the_estate() {
    let folder = tempfile::tempdir().unwrap();
    succeeds(folder.path(), &["init", "estate"]);
    let answer = succeeds(folder.path(), &["-C", "estate", "report", "--offline", "-o", "json", "--html", "first"]);
    fs::write(folder.path().join("report.json"), answer).unwrap();
    succeeds(folder.path(), &["report", "--from", "report.json", "--html", "second"]);
    let read = |site: &str| pages(&folder.path().join(site));
    assert_eq!(read("first"), read("second"));

    let name = "../../escaped";
    let text = fs::read_to_string(folder.path().join("report.json")).unwrap();
    let mut report: Value = serde_json::from_str(&text).unwrap();
    report["tenants"][0]["name"] = name.into();
    fs::write(folder.path().join("report.json"), report.to_string()).unwrap();
    let output = tenantry(folder.path(), &["report", "--from", "report.json", "--html", "third"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!folder.path().join("third").exists());
}

/// `UPDATE_EXPECTED=1` draws it anew.
#[test]
fn the_picture_of_the_readme_is_drawn_from_the_default_blueprint() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = env!("CARGO_MANIFEST_DIR");
    succeeds(folder.path(), &["-C", fleet, "report", "acme", "--offline", "--svg", "stack.svg"]);
    let drawn = fs::read_to_string(folder.path().join("stack.svg")).unwrap();
    parse("stack.svg", &drawn);
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/stack.svg");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&kept, &drawn).unwrap();
    }
    assert!(fs::read_to_string(&kept).unwrap() == drawn, "UPDATE_EXPECTED=1 draws docs/stack.svg anew");
    let output = tenantry(folder.path(), &["-C", "estate", "report", "--offline"]);
    assert_eq!(output.status.code(), Some(1));
}

/// The checks find what they look for.
#[test]
fn a_page_with_faults_is_found_out() {
    let page = |body: &str| {
        BTreeMap::from([(
            "index.html".to_owned(),
            format!("<html><head><title>t</title></head><body><h1>h</h1><main>m{body}</main></body></html>"),
        )])
    };
    assert_eq!(faults(&page("")), Vec::<String>::new());
    for (body, expected) in [
        ("<h3>x</h3>", "out of order"),
        ("<p id=\"a\">x</p><p id=\"a\">x</p>", "is used twice"),
        ("<a href=\"#b\">x</a>", "leads nowhere"),
        ("<a href=\"https://example.com/\">x</a>", "leads outside"),
        ("<svg role=\"img\"><path d=\"M0\"/></svg>", "no title"),
        ("<table><tr><th>x</th></tr></table>", "no scope"),
        ("<p onclick=\"x\">x</p>", "runs something"),
        ("<p aria-labelledby=\"c\">x</p>", "not there"),
    ] {
        let found = faults(&page(body));
        assert!(found.iter().any(|fault| fault.contains(expected)), "{body}: {found:?}");
    }
}
