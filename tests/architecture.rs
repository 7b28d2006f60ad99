//! The invariants of ARCHITECTURE.md that no compiler checks.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The folders of every crate of the tool.
fn crates() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.to_owned()];
    found.extend(fs::read_dir(root.join("crates")).unwrap().map(|entry| entry.unwrap().path()));
    found
}

/// What a crate depends on, tests aside.
fn dependencies(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let lines =
        text.lines().skip_while(|line| *line != "[dependencies]").skip(1).take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| line.split(['.', ' ']).next()).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[test]
fn only_one_crate_knows_the_sdk_and_what_judges_needs_no_runtime() {
    for folder in crates() {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let all = dependencies(&folder);
        assert!(!all.is_empty(), "{name}");
        let knows = |what: &str| all.iter().any(|one| one.starts_with(what));
        assert_eq!(knows("aws-"), name == "aws", "{name}: {all:?}");
        let is_pure = ["base", "spec", "template", "checks", "blueprint"].contains(&name.as_str());
        assert!(!is_pure || !(knows("tokio") || knows("tenantry-aws") || knows("tenantry-ops")), "{name}: {all:?}");
    }
}

#[test]
fn the_tool_does_not_know_a_local_endpoint() {
    let mut files = Vec::new();
    crates().iter().for_each(|folder| sources(&folder.join("src"), &mut files));
    assert!(files.len() > 200, "the sources were not found");
    files.retain(|path| {
        let text = fs::read_to_string(path).unwrap();
        ["moto", "localstack", "tenantry_endpoint", "127.0.0.1"].iter().any(|word| text.contains(word))
    });
    assert_eq!(files, Vec::<PathBuf>::new());
}

/// Where files may be read and written by other calls than those of `files` and `atomic`, and why.
const OTHER_FILES: [(&str, &str); 7] = [
    ("base/src/files.rs", "it is the mechanism"),
    ("base/src/atomic.rs", "it is the mechanism"),
    ("base/src/document.rs", "a finding names the file by its path in the estate"),
    ("aws/src/cloud/s3.rs", "the failed upload names the file"),
    ("ops/src/deploy/zips.rs", "ZipError names the file"),
    ("ops/src/release/repository.rs", "RepositoryError names the file"),
    ("ops/src/release/tree.rs", "a folder that cannot be listed holds nothing that the loader reads"),
];

/// "No space left on device" helps nobody who is not told of which file.
#[test]
fn whatever_fails_on_a_file_names_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut wrong, mut unused) = (Vec::new(), OTHER_FILES.map(|(path, _)| path).to_vec());
    for folder in crates().iter().map(|folder| folder.join("src")) {
        let mut files = Vec::new();
        sources(&folder, &mut files);
        for path in files {
            let text = fs::read_to_string(&path).unwrap();
            // A file of tests only has no other code.
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            let is_test = code.contains("fn ") && !code.contains("pub") && code.contains("#[test]");
            const CALLS: [&str; 7] =
                ["fs::read", "fs::write", "fs::create_dir", "fs::remove", "fs::rename", "File::open", "OpenOptions::"];
            let calls = CALLS.iter().filter(|call| code.contains(**call)).collect::<Vec<_>>();
            let name = path.strip_prefix(root.join("crates")).unwrap_or(&path).to_string_lossy().into_owned();
            if calls.is_empty() || is_test {
                continue;
            }
            match unused.iter().position(|known| *known == name) {
                Some(index) => drop(unused.remove(index)),
                None => wrong.push(format!("{name}: {calls:?}")),
            }
        }
    }
    assert_eq!((wrong, unused), (Vec::<String>::new(), Vec::new()), "call `tenantry_base::files` or `atomic`");
}

/// A plan shows everything that is done under it: the executor has no way to plan.
#[test]
fn the_executor_knows_no_planner() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/ops/src/deploy");
    for file in ["apply.rs", "flight.rs"] {
        let text = fs::read_to_string(root.join(file)).unwrap();
        for word in ["prepare", "change_sets::create", "ChangeSetRequest"] {
            assert!(!text.contains(word), "{file} names `{word}`");
        }
    }
}

/// The text of every file of `src/cli` by path, comments left out.
fn command_line() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli"), &mut found);
    let code = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let text = lines.collect::<Vec<_>>().join("\n");
        // A chain of calls on several lines reads like one on one line.
        let text = text.split('\n').fold(String::new(), |mut text, line| {
            let rest = line.trim_start();
            if rest.starts_with('.') && !rest.starts_with("..") {
                text.push_str(rest);
            } else {
                text.push('\n');
                text.push_str(line);
            }
            text
        });
        (path, text)
    };
    found.into_iter().map(code).collect()
}

/// A struct of options: its fields with their types, and whether each is a struct of options itself.
struct Options {
    name: String,
    file: usize,
    fields: Vec<(String, String, bool)>,
}

fn options(files: &[(PathBuf, String)]) -> Vec<Options> {
    let mut found = Vec::new();
    for (file, (_, text)) in files.iter().enumerate() {
        let mut lines = text.lines();
        let mut derives_args = false;
        while let Some(line) = lines.next() {
            if line.starts_with("#[derive(") {
                derives_args = line.contains("Args");
            }
            let Some(name) = line.split("struct ").nth(1).filter(|_| derives_args && line.ends_with('{')) else {
                continue;
            };
            derives_args = false;
            let (mut fields, mut flattened) = (Vec::new(), false);
            for line in lines.by_ref().take_while(|line| *line != "}") {
                let line = line.trim();
                if line.starts_with("#[") {
                    flattened |= line.contains("flatten");
                } else if let Some((field, kind)) = line.trim_end_matches(',').split_once(": ") {
                    let field = field.rsplit(' ').next().unwrap().to_owned();
                    fields.push((field, kind.rsplit("::").next().unwrap().to_owned(), flattened));
                    flattened = false;
                }
            }
            found.push(Options { name: name.trim_end_matches(" {").to_owned(), file, fields });
        }
    }
    found
}

/// Whether a text uses a place of the form `a.b`, followed by something that may not be part of the name.
fn uses(text: &str, place: &str, next: impl Fn(&str) -> bool) -> bool {
    text.match_indices(place).any(|(at, _)| {
        let starts =
            place.starts_with('.') || !text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
        let rest = &text[at + place.len()..];
        starts && !rest.starts_with(|after: char| after.is_alphanumeric() || after == '_') && next(rest)
    })
}

/// Options of a struct that a text, in which it stands as `place`, does not read.
fn unread(all: &[Options], files: &[(PathBuf, String)], of: &Options, text: &str, place: &str) -> Vec<String> {
    let home = &files[of.file].1;
    let is_whole = |rest: &str| !rest.starts_with('.');
    // What a file hands on to a function of its own is read there or nowhere.
    let handed_on = uses(text, place, is_whole) && !text.contains(&format!(": &{}", of.name));
    let mut found = Vec::new();
    for (field, kind, flattened) in &of.fields {
        let inner = format!("{place}.{field}");
        // The methods of the struct that read the field, called on the place.
        let by_method = home.split("fn ").skip(1).any(|method| {
            let name: String = method.chars().take_while(|one| one.is_alphanumeric() || *one == '_').collect();
            let body = method.split("\n    }").next().unwrap();
            let called = format!("{place}.{name}");
            // Of `pace.wait().poll` only `poll` is read.
            let part = |rest: &str| match rest.strip_prefix("().") {
                Some(rest)
                    if !rest.split(|one: char| !one.is_alphanumeric() && one != '_').next().unwrap().is_empty() =>
                {
                    let end = rest.find(|one: char| !one.is_alphanumeric() && one != '_').unwrap_or(rest.len());
                    rest[end..].starts_with('(') || &rest[..end] == field
                }
                _ => rest.starts_with('('),
            };
            uses(body, &format!("self.{field}"), |_| true) && uses(text, &called, part)
        });
        if by_method || handed_on {
            continue;
        }
        match all.iter().find(|one| *flattened && one.name == *kind) {
            Some(options) if !uses(text, &inner, is_whole) => {
                found.extend(unread(all, files, options, text, &inner));
            }
            Some(_) => {}
            None if uses(text, &inner, |_| true) => {}
            None => found.push(inner),
        }
    }
    found
}

/// An option that a command takes and ignores is a promise that is not kept.
#[test]
fn every_option_of_a_command_is_read_by_it() {
    let files = command_line();
    let all = options(&files);
    assert!(all.len() > 25, "the structs of options were not found");
    let flattened: Vec<&String> =
        all.iter().flat_map(|one| &one.fields).filter(|(_, _, is)| *is).map(|(_, kind, _)| kind).collect();
    let mut found = Vec::new();
    for options in all.iter().filter(|one| !flattened.contains(&&one.name)) {
        let (path, text) = &files[options.file];
        // The options of every command are read by all of them.
        let everywhere: String = files.iter().map(|(_, text)| text.as_str()).collect();
        let text = if options.name == "Global" { &everywhere } else { text };
        for (field, kind, is_flattened) in &options.fields {
            let group = all.iter().find(|one| *is_flattened && one.name == *kind);
            let missing = match group {
                Some(group) => unread(&all, &files, group, text, field),
                None if uses(text, &format!(".{field}"), |_| true) => Vec::new(),
                None => vec![field.clone()],
            };
            found.extend(missing.into_iter().map(|option| format!("{}: {option}", path.display())));
        }
    }
    found.sort();
    found.dedup();
    assert_eq!(found, Vec::<String>::new(), "options that nothing reads");
}

/// Name and version of an answer stand beside its type in the one list, so that no place has another version.
#[test]
fn versions_of_answers_stand_in_the_list_of_answers() {
    let is_version = |quoted: &str| quoted.starts_with("tenantry/") && quoted.split('/').count() == 3;
    let quotes = |text: &str| text.split('"').skip(1).step_by(2).any(is_version);
    let named = command_line().into_iter().filter(|(_, text)| quotes(text)).map(|(path, _)| path);
    let files: Vec<String> = named.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(files, ["answers.rs"]);
}

/// A code is used by its constant, which the compiler knows; only the registry spells codes out.
#[test]
fn codes_of_findings_are_constants() {
    let is_code = |text: &&str| {
        text.strip_prefix("TN").is_some_and(|rest| rest.len() == 4 && rest.bytes().all(|one| one.is_ascii_digit()))
    };
    let codes = |text: &str| quoted(text).into_iter().filter(is_code).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(codes("say(\"TN1000\", \"TN1\");\n// \"TN2000\"\n#[cfg(test)]\nmod tests { \"TN3000\" }"), ["TN1000"]);
    let mut files = Vec::new();
    crates().iter().for_each(|folder| sources(&folder.join("src"), &mut files));
    files.retain(|path| !codes(&fs::read_to_string(path).unwrap()).is_empty());
    assert_eq!(files, Vec::<PathBuf>::new(), "`Code::TN1000` in place of its text");
}

/// Files that may name resource types, with how many and why; what a type is to a check stands in
/// `policies/resources.yaml`. Rules and APIs of single services need their types; a list of types needs a column.
const NAMED_TYPES: [(&str, usize, &str); 37] = [
    ("capacity/template.rs", 1, "what addresses are counted in"),
    ("cli/moving.rs", 7, "how the data of each service is moved"),
    ("cloud/cloudwatch.rs", 2, "alarms are metric or composite ones"),
    ("cloud/neighbours.rs", 4, "one EC2 call for each"),
    ("handbook.rs", 2, "alarms are metric or composite ones"),
    ("named.rs", 2, "what a blueprint names is an alarm, a queue or a bucket"),
    ("deploy/adopt.rs", 8, "how each service's resources are recognised"),
    ("deploy/contents.rs", 12, "how each service tells what a resource holds"),
    ("deploy/destroy.rs", 1, "what purging a VPC means"),
    ("deploy/guards.rs", 1, "alarms become rollback triggers"),
    ("deploy/purge.rs", 3, "buckets are emptied first, keys go last, queues by their URL"),
    ("deploy/teardown.rs", 3, "how Lambda gives up its interfaces"),
    ("drift/author.rs", 2, "how CloudTrail names rules and routes"),
    ("drift/asked.rs", 13, "one API call for each"),
    ("drift/compare.rs", 16, "the property that a call names a resource by"),
    ("drift/expected.rs", 32, "attributes that follow from an id"),
    ("drift/neighbours/ask.rs", 1, "neighbours are looked for in the VPC"),
    ("drift/neighbours/mod.rs", 3, "where no resource is to blame, and whose list tells of whom"),
    ("drift/network.rs", 17, "the meaning of EC2's network"),
    ("drift/restore.rs", 4, "one direct call for each"),
    ("drift/services.rs", 7, "one API call for each"),
    ("drift/severity.rs", 23, "what a property of a type means when it differs"),
    ("drift/snapshot.rs", 2, "the VPC and the alarms of one call"),
    ("drift/unmanaged.rs", 16, "what EC2 and IDs tell"),
    ("permissions/generate.rs", 1, "what it writes"),
    ("permissions/mod.rs", 4, "where IAM's resources hold policies"),
    ("policy/checks/dead_letters.rs", 2, "a rule about queues"),
    ("policy/checks/ingress_as_specified.rs", 2, "a rule about security groups"),
    ("policy/checks/isolated_tiers.rs", 2, "a rule about routes"),
    ("policy/checks/stack.rs", 1, "tiers are what subnets are tagged with"),
    ("policy/checks/tier_members.rs", 2, "a rule about functions"),
    ("policy/checks/queue_visibility.rs", 3, "a rule about queues"),
    ("policy/checks/tenants_own_key.rs", 1, "a rule about keys"),
    ("policy/checks/transport_policies.rs", 6, "a rule about resource policies"),
    ("policy/verdicts.rs", 1, "a value that rules compare"),
    ("survey/names.rs", 3, "one API call for each"),
    ("survey/usage.rs", 2, "one API call for each"),
];

/// What stands in quotes in the code of a file, its tests and comments left out.
fn quoted(text: &str) -> Vec<&str> {
    let parts = text.split_inclusive("#[cfg(test)]\n");
    let mut code = Vec::new();
    for part in parts {
        if part.lines().next().is_some_and(|line| line.contains("mod tests")) {
            break;
        }
        code.extend(part.lines().filter(|line| !line.trim_start().starts_with("//")));
    }
    code.into_iter().flat_map(|line| line.split('"').skip(1).step_by(2)).collect()
}

/// The resource types that the code of a file names, its tests left out.
fn named_types(text: &str) -> Vec<String> {
    let quoted = quoted(text).into_iter();
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_type = |text: &&str| {
        let parts: Vec<&str> = text.split("::").collect();
        parts[0] == "AWS" && parts.len() == 3 && parts.iter().all(|part| is_word(part))
    };
    let mut found: Vec<String> = quoted.filter(is_type).map(str::to_owned).collect();
    found.sort();
    found.dedup();
    found
}

/// What a check needs to know of a resource type stands in the one table, so that no two checks disagree.
#[test]
fn lists_of_resource_types_stand_in_the_table() {
    assert_eq!(named_types("[\"AWS::A::B\", \"AWS::Region\"] // \"x\"\n/// \"AWS::C::D\"\n"), ["AWS::A::B"]);
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    for folder in crates() {
        let (root, mut found) = (folder.join("src"), Vec::new());
        sources(&root, &mut found);
        let named = found.into_iter().map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            (path, name)
        });
        files.extend(named);
    }
    let mut wrong = Vec::new();
    for (path, name) in files {
        let found = named_types(&fs::read_to_string(&path).unwrap());
        let allowed = NAMED_TYPES.iter().find(|row| row.0 == name).map_or(0, |row| row.1);
        let is_test = name == "cloud/wire.rs";
        if found.len() > allowed && !is_test {
            wrong.push(format!("{name} names {found:?}: {allowed} are allowed; a property of types is a column of policies/resources.yaml"));
        } else if found.is_empty() && allowed > 0 {
            wrong.push(format!("{name} names no type any more: take it from the list"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Names of the default blueprint's stack. The tool serves any: what it must know of a stack, a blueprint says. Comments are
/// examples to readers, and help texts to users.
const OF_ONE_STACK: &str =
    r"(?i)splitter|parking|investigator|landing|\bpart_mib\b|\bingest\b|\bingest[._]|client_ca\b|redsubnet|greensubnet";

#[test]
fn the_code_names_nothing_of_the_default_stack() {
    let pattern = fancy_regex::Regex::new(OF_ONE_STACK).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    sources(&root.join("crates"), &mut files);
    assert!(files.len() > 300, "the sources were not found");
    let mut wrong = Vec::new();
    for path in files.iter().filter(|path| !path.components().any(|part| part.as_os_str() == "tests")) {
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines() {
            if pattern.is_match(line).unwrap() {
                wrong.push(format!("{}: {}", path.display(), line.trim()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
