//! The kinds of mistakes, each wherever it can be made.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Expected, Mutant};

/// Properties without which AWS makes no resource of a type. Source: AWS CloudFormation Template Reference, "Required: Yes" of
/// each property.
const REQUIRED: [(&str, &[&str]); 18] = [
    ("AWS::CloudWatch::Alarm", &["ComparisonOperator", "EvaluationPeriods"]),
    ("AWS::EC2::FlowLog", &["ResourceId", "ResourceType"]),
    ("AWS::EC2::Route", &["RouteTableId"]),
    ("AWS::EC2::RouteTable", &["VpcId"]),
    ("AWS::EC2::SecurityGroup", &["GroupDescription"]),
    ("AWS::EC2::SecurityGroupEgress", &["GroupId", "IpProtocol"]),
    ("AWS::EC2::SecurityGroupIngress", &["IpProtocol"]),
    ("AWS::EC2::Subnet", &["VpcId"]),
    ("AWS::EC2::SubnetRouteTableAssociation", &["RouteTableId", "SubnetId"]),
    ("AWS::EC2::VPCEndpoint", &["VpcId"]),
    ("AWS::KMS::Alias", &["AliasName", "TargetKeyId"]),
    ("AWS::Lambda::EventInvokeConfig", &["FunctionName", "Qualifier"]),
    ("AWS::Lambda::EventSourceMapping", &["FunctionName"]),
    ("AWS::Lambda::Function", &["Role"]),
    ("AWS::Lambda::Permission", &["Action", "FunctionName", "Principal"]),
    ("AWS::Logs::SubscriptionFilter", &["DestinationArn", "FilterPattern", "LogGroupName"]),
    ("AWS::SNS::Subscription", &["Protocol", "TopicArn"]),
    ("AWS::SQS::QueuePolicy", &["Queues"]),
];
const ENDLESS: &str = "{% for a in range(end=100000) %}{% for b in range(end=100000) %}{% endfor %}{% endfor %}\n";

/// Every mutant of the estate below `root`.
pub(crate) fn mutants(root: &Path) -> Vec<Mutant> {
    let mut found = Vec::new();
    for path in files(&root.join("templates/tenant")) {
        File::open(root, &path).template(&mut found);
    }
    for path in
        files(&root.join("policies")).into_iter().filter(|path| path.extension().is_some_and(|one| one == "guard"))
    {
        File::open(root, &path).rules(&mut found);
    }
    for path in
        files(&root.join("tenants")).into_iter().filter(|path| path.extension().is_some_and(|one| one == "yaml"))
    {
        File::open(root, &path).spec(&mut found);
    }
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.is_file());
    found.sort();
    found
}

struct File {
    path: PathBuf,
    lines: Vec<String>,
}

impl File {
    fn open(root: &Path, path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        Self { path: path.strip_prefix(root).unwrap().to_owned(), lines: text.lines().map(str::to_owned).collect() }
    }

    /// The file with one line replaced by what is given, which may be several lines or none.
    fn with(&self, kind: &'static str, index: usize, line: Option<String>, expected: Expected) -> Mutant {
        let mut lines = self.lines.clone();
        match line {
            Some(line) => lines[index] = line,
            None => drop(lines.remove(index)),
        }
        let text = Some(lines.join("\n") + "\n");
        Mutant { kind, path: self.path.clone(), line: index + 1, text, expected, in_any_branch: false }
    }

    fn template(&self, found: &mut Vec<Mutant>) {
        let (mut kind, mut section, mut header) = (String::new(), String::new(), 0);
        for (index, line) in self.lines.iter().enumerate() {
            self.names(index, found);
            let Some((indent, key, value)) = entry(line) else { continue };
            let mut add = |name, line, expected| found.push(self.with(name, index, line, expected));
            match indent {
                2 => {
                    (header, section) = (index, String::new());
                    if value.is_empty() {
                        add("a resource without its indentation", Some(line.trim_start().to_owned()), Expected::InFile);
                        add("a comment", Some(format!("  # a note\n{line}")), Expected::Nothing);
                    }
                }
                4 if key == "Type" && value.starts_with("AWS::") => {
                    kind = value.to_owned();
                    add("a type", Some(format!("{line}x")), Expected::AtLine);
                    add("a type left out", None, Expected::InFile);
                    add("a condition", Some(format!("{line}\n    Condition: Nowhere")), Expected::InFile);
                    let has_metadata =
                        self.lines[header..].iter().skip(1).take_while(|line| indent_of(line) > 2 || line.is_empty());
                    if !has_metadata.into_iter().any(|line| line.starts_with("    Metadata")) {
                        add("metadata", Some(format!("{line}\n    Metadata: {{ Note: \"a\" }}")), Expected::Nothing);
                    }
                }
                4 => {
                    section = key.to_owned();
                    add(
                        "an attribute of a resource",
                        Some(line.replacen(key, &format!("{key}x"), 1)),
                        Expected::AtLine,
                    );
                }
                6 if section == "Properties" => {
                    add("a property", Some(line.replacen(key, &format!("{key}x"), 1)), Expected::AtLine);
                    if value == "true" || value == "false" {
                        add("no boolean", Some(line.replacen(value, "maybe", 1)), Expected::AtLine);
                    }
                    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
                        add("no number", Some(format!("      {key}: [a]")), Expected::AtLine);
                    }
                    let is_last = self
                        .lines
                        .get(index + 1)
                        .is_none_or(|next| indent_of(next) <= 6 && !next.trim_start().starts_with("- "));
                    let required = REQUIRED.iter().any(|(of, keys)| *of == kind && keys.contains(&key));
                    if required && is_last && !value.is_empty() {
                        add("a property left out", None, Expected::InFile);
                    }
                }
                _ => {}
            }
        }
        let mut endless =
            self.with("a loop without end", 0, Some(format!("{ENDLESS}{}", self.lines[0])), Expected::AtLine);
        // The mark at the start of a file, and the loop, are on its first line.
        endless.line = 1;
        found.push(endless);
    }

    /// Names that lead nowhere.
    fn names(&self, index: usize, found: &mut Vec<Mutant>) {
        let line = &self.lines[index];
        if line.trim_start().starts_with('#') {
            return;
        }
        let mut add = |kind, start: usize, length: usize, any, expected| {
            let changed = format!("{}x{}", &line[..start + length], &line[start + length..]);
            found.push(Mutant { in_any_branch: any, ..self.with(kind, index, Some(changed), expected) });
        };
        let word = |text: &str| text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
        let path = |text: &str| {
            text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(text.len())
        };
        for (at, mark) in line.match_indices("!Ref ").chain(line.match_indices("!GetAtt ")) {
            let start = at + mark.len();
            let rest = &line[start..];
            // What is rendered into the name, or ends in it, is another.
            if rest.starts_with("AWS::") || rest.starts_with(['"', '{', '[']) || rest[path(rest)..].starts_with('{') {
                continue;
            }
            match mark {
                "!Ref " => add("a reference", start, word(rest), false, Expected::InFile),
                _ => add("an attribute", start, path(rest), false, Expected::AtLine),
            }
        }
        for (at, mark) in line.match_indices("{% if ") {
            let rest = &line[at + mark.len()..];
            if let Some(name) = rest.find("shape.") {
                add("a name in a condition", at + mark.len() + name, path(&rest[name..]), true, Expected::AtLine);
            }
        }
        for (at, mark) in line.match_indices("{{ ") {
            let rest = &line[at + mark.len()..];
            if rest[path(rest)..].starts_with(" }}") {
                add("a name", at + mark.len(), path(rest), true, Expected::AtLine);
            }
        }
    }

    fn rules(&self, found: &mut Vec<Mutant>) {
        for (index, line) in self.lines.iter().enumerate() {
            if let Some(rest) = line.strip_prefix("rule ") {
                found.push(self.with(
                    "a rule that Guard cannot read",
                    index,
                    Some(format!("rulex {rest}")),
                    Expected::InFile,
                ));
            }
            if line.starts_with('#') {
                found.push(self.with("a comment", index, Some(format!("{line} more")), Expected::Nothing));
            }
        }
    }

    fn spec(&self, found: &mut Vec<Mutant>) {
        for (index, line) in self.lines.iter().enumerate() {
            let Some((indent, key, value)) = entry(line) else { continue };
            found.push(self.with("a comment", index, Some(format!("# a note\n{line}")), Expected::Nothing));
            // Below these, keys are names that the estate gives.
            let is_named = key.bytes().any(|byte| !(byte.is_ascii_lowercase() || byte == b'_'))
                || self.is_map_of_names(index, indent);
            if !is_named {
                found.push(self.with(
                    "a key",
                    index,
                    Some(line.replacen(key, &format!("{key}x"), 1)),
                    Expected::AtLine,
                ));
            }
            let is_scalar = !value.is_empty() && !value.starts_with(['{', '[', '&', '|', '>']);
            if is_scalar && !is_named {
                let start = line.find(value).unwrap();
                found.push(self.with(
                    "no text",
                    index,
                    Some(format!("{}{{ a: 1 }}", &line[..start])),
                    Expected::AtLine,
                ));
            }
        }
    }

    /// Whether the keys around a line are an estate's own names: those of the map that begins with such a key.
    fn is_map_of_names(&self, index: usize, indent: usize) -> bool {
        let above =
            self.lines[..index].iter().rev().filter_map(|line| entry(line)).find(|(other, _, _)| *other < indent);
        above.is_some_and(|(_, key, _)| matches!(key, "accounts" | "regions" | "flags" | "tags"))
    }
}

/// Indentation, key and value of a line.
fn entry(line: &str) -> Option<(usize, &str, &str)> {
    let indent = indent_of(line);
    let (key, value) = line[indent..].split_once(':')?;
    let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let value = value.split(" #").next().unwrap_or(value).trim();
    (is_key && (line.ends_with(':') || line[indent + key.len() + 1..].starts_with(' '))).then_some((indent, key, value))
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}
