//! Links of Markdown files: each leads to a file and a heading that exist, in GitHub's view and in the built book alike.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{pages, read, root};

/// What is read beside the book.
const OTHERS: [&str; 7] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "pipeline/README.md",
    "tests/endpoint/README.md",
];

#[derive(Default)]
struct Page {
    anchors: BTreeSet<String>,
    links: Vec<String>,
}

/// The anchor of a heading, as GitHub and mdBook derive it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn parse(text: &str) -> Page {
    let mut page = Page::default();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let anchor = anchor(&heading.take().unwrap());
                let count = seen.entry(anchor.clone()).or_default();
                page.anchors.insert(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
                *count += 1;
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.links.push(dest_url.into_string());
            }
            _ => {}
        }
    }
    page
}

/// A path without `..` and `.`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                assert!(plain.pop(), "{}", path.display());
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let files: Vec<PathBuf> =
        pages().iter().map(|page| Path::new("docs").join(page)).chain(OTHERS.map(PathBuf::from)).collect();
    let parsed: BTreeMap<PathBuf, Page> =
        files.iter().map(|file| (file.clone(), parse(&read(file.to_str().unwrap())))).collect();
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for (file, page) in &parsed {
        for link in page.links.iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            checked += 1;
            let (path, anchor) =
                link.split_once('#').map_or((link.as_str(), None), |(path, anchor)| (path, Some(anchor)));
            let target = if path.is_empty() { file.clone() } else { plain(&file.parent().unwrap().join(path)) };
            if !root().join(&target).exists() {
                wrong.push(format!("{}: {link} does not exist", file.display()));
            } else if file.starts_with("docs") && !target.starts_with("docs") {
                wrong.push(format!("{}: {link} is outside of the book", file.display()));
            } else if let Some(anchor) = anchor
                && !parsed.get(&target).is_some_and(|page| page.anchors.contains(anchor))
            {
                wrong.push(format!("{}: {link} names no heading", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked > 100, "{checked} links");
}

/// mdBook shows what the summary lists, and nothing else.
#[test]
fn the_summary_lists_every_page_once() {
    let mut listed: Vec<PathBuf> = parse(&read("docs/SUMMARY.md")).links.into_iter().map(PathBuf::from).collect();
    listed.sort();
    let expected: Vec<PathBuf> = pages().into_iter().filter(|page| page != Path::new("SUMMARY.md")).collect();
    assert_eq!(listed, expected);
}

#[test]
fn anchors_are_those_of_github_and_mdbook() {
    let page = parse("# What `tenantry plan` does, and *why*\n\n## TN1011\n\n## TN1011\n\n## C & D_e\n");
    let expected = ["c--d_e", "tn1011", "tn1011-1", "what-tenantry-plan-does-and-why"];
    assert_eq!(page.anchors.into_iter().collect::<Vec<_>>(), expected);
}
