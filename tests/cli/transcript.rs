//! Running a transcript and holding it against what is seen.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fancy_regex::Regex;

use crate::process::{Endpoint, copy_folder, environment};

/// How much of what a command prints must be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Everything,
    /// A command that shows nothing may print anything.
    WhatIsShown,
}

/// Where a transcript is run: an empty folder, an environment without anybody's settings, `tenantry` in the path.
pub(crate) struct Room {
    folder: tempfile::TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Room {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("work")).unwrap();
        let tool = Path::new(env!("CARGO_BIN_EXE_tenantry")).parent().unwrap();
        let environment = vec![
            ("PATH", format!("{}:{}:/usr/bin:/bin", folder.path().join("bin").display(), tool.display())),
            ("HOME", folder.path().display().to_string()),
            ("FIXTURES", concat!(env!("CARGO_MANIFEST_DIR"), "/tests").to_owned()),
            ("LC_ALL", "C.UTF-8".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        Self { folder, environment }
    }

    /// With artifacts of functions that stand for the real ones.
    pub(crate) fn with_functions() -> Self {
        let mut room = Self::new();
        let functions = room.folder.path().join("functions");
        room.environment.push(("TENANTRY_FUNCTIONS", functions.display().to_string()));
        fs::create_dir(&functions).unwrap();
        room.lock_functions(&functions);
        room
    }

    /// With these, and with credentials that an endpoint takes.
    pub(crate) fn with_account(url: &str) -> Self {
        let mut room = Self::with_functions();
        room.environment.extend(environment(url).map(|(name, value)| (name, value.to_owned())));
        room.environment.extend([
            ("GIT_AUTHOR_NAME", "test".to_owned()),
            ("GIT_AUTHOR_EMAIL", "test@example.com".to_owned()),
            ("GIT_COMMITTER_NAME", "test".to_owned()),
            ("GIT_COMMITTER_EMAIL", "test@example.com".to_owned()),
            ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
        ]);
        room
    }

    /// One that goes on where this one is, with a copy of its endpoint.
    pub(crate) fn copy(&self, from: &Endpoint, to: &Endpoint) -> Self {
        let folder = copy_folder(self.folder.path());
        let address = |url: &str| url.trim_start_matches("http://").to_owned();
        let renamed = |text: &str| {
            let text = text.replace(self.folder.path().to_str().unwrap(), folder.path().to_str().unwrap());
            text.replace(&address(&from.url), &address(&to.url))
        };
        for file in ["state", "bin/tenantry"].map(|file| folder.path().join(file)) {
            fs::write(&file, renamed(&fs::read_to_string(&file).unwrap())).unwrap();
        }
        let environment = self.environment.iter().map(|(name, value)| (*name, renamed(value))).collect();
        Self { folder, environment }
    }

    /// Where its commands are run.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// With one more variable in the environment of each command.
    pub(crate) fn with(mut self, name: &'static str, value: String) -> Self {
        self.environment.push((name, value));
        self
    }

    /// Lets `tenantry init` end with other digests in its lock, those of small files: what the real ones name takes
    /// minutes to build.
    fn lock_functions(&self, functions: &Path) {
        let bin = self.folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let script = format!(
            r#"#!/bin/sh
"{}" "$@" || exit
[ "$1" = init ] || exit 0
lock="$2/pipeline/functions.lock.json"
cd "{}"
for digest in $(grep -oE '[0-9a-f]{{64}}' "$OLDPWD/$lock"); do
    printf %s "$digest" > zip
    other=$(sha256sum zip | cut -d' ' -f1)
    mv zip "$other.zip"
    sed -i "s/$digest/$other/" "$OLDPWD/$lock"
done
"#,
            env!("CARGO_BIN_EXE_tenantry"),
            functions.display(),
        );
        fs::write(bin.join("tenantry"), script).unwrap();
        fs::set_permissions(bin.join("tenantry"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a command as the shell does that ran those before it; gives its exit code and everything it printed.
    pub(crate) fn run(&self, command: &str) -> (i32, String) {
        let state = self.folder.path().join("state");
        let printed = self.folder.path().join("printed");
        let file = File::create(&printed).unwrap();
        if !state.exists() {
            File::create(&state).unwrap();
        }
        let script = r#"set -o pipefail; . "$2"; eval "$1"; code=$?; export -p > "$2"; exit $code"#;
        let status = Command::new("bash")
            .args(["--noprofile", "--norc", "-c", script, "bash", command])
            .arg(&state)
            .current_dir(self.folder.path().join("work"))
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .status()
            .unwrap();
        (status.code().unwrap_or(-1), fs::read_to_string(printed).unwrap())
    }

    /// What changes from run to run has a name instead.
    fn redact(&self, text: &str) -> String {
        let endpoint = self.environment.iter().find(|(name, _)| *name == "AWS_ENDPOINT_URL");
        let mut text = text.replace(&self.folder.path().display().to_string(), "[DIR]");
        if let Some((_, url)) = endpoint {
            text = text.replace(url.as_str(), "[ENDPOINT]");
        }
        for (pattern, name) in [
            (r"\b[0-9a-f]{64}\b", "[SHA256]"),
            (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "[UUID]"),
            (r"\btenantry-[0-9a-f]{20}-[0-9a-f]{8}\b", "[CHANGE_SET]"),
            (r"\b(vpc|subnet|sg|eni|rtb|acl|igw|nat|fl|vpce|eipalloc)-[0-9a-f]{8,17}\b", "$1-[ID]"),
            (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[0-9.]*Z\b", "[TIME]"),
            (r"\b\d+(\.\d+)? s\b", "[SECONDS] s"),
        ] {
            text = Regex::new(pattern).unwrap().replace_all(&text, name).into_owned();
        }
        text
    }
}

/// A line of a transcript's file.
enum Part {
    /// As it is.
    Text(String),
    Command {
        line: String,
        code: i32,
        shown: Vec<String>,
    },
}

/// Runs the console blocks of a file.
///
/// # Errors
/// The commands that exit or print otherwise than shown, each with both.
pub(crate) fn check(file: &Path, room: &Room, shown: Shown) -> Result<(), String> {
    let text = fs::read_to_string(file).unwrap();
    let (mut wrong, mut seen) = (String::new(), String::new());
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    for part in parse(&text) {
        let (line, code, expected) = match part {
            Part::Text(text) => {
                seen.push_str(&text);
                continue;
            }
            Part::Command { line, code, shown } => (line, code, shown),
        };
        let (actual_code, printed) = room.run(&line);
        let printed = room.redact(&printed);
        let actual: Vec<&str> = printed.lines().map(str::trim_end).collect();
        let free = shown == Shown::WhatIsShown && expected.is_empty();
        let fits = free || matches(&expected, &actual);
        if actual_code != code || !fits {
            wrong += &format!("$ {line}\n-- shown\n? {code}\n{}\n", expected.join("\n"));
            wrong += &format!("-- seen\n? {actual_code}\n{}\n", ends(&actual));
        }
        seen += &format!("$ {line}\n");
        if actual_code != 0 {
            seen += &format!("? {actual_code}\n");
        }
        let kept: Vec<&str> = if fits { expected.iter().map(String::as_str).collect() } else { actual };
        kept.iter().for_each(|line| seen += &format!("{line}\n"));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    if update {
        File::create(file).unwrap().write_all(seen.as_bytes()).unwrap();
        return Ok(());
    }
    Err(format!("---- {}\n{wrong}", file.strip_prefix(super::root()).unwrap_or(&PathBuf::from(file)).display()))
}

/// The first and the last lines of a long output: why a command failed stands at its end.
fn ends(lines: &[&str]) -> String {
    let (head, tail) = (10, 60);
    match lines.len().checked_sub(head + tail) {
        None | Some(0) => lines.join("\n"),
        Some(hidden) => {
            format!("{}\n({hidden} lines)\n{}", lines[..head].join("\n"), lines[head + hidden..].join("\n"))
        }
    }
}

/// The commands of a file, with their exit codes.
pub(crate) fn ends_of(file: &Path) -> Vec<(String, u8)> {
    let ends = parse(&fs::read_to_string(file).unwrap()).into_iter().filter_map(|part| match part {
        Part::Command { line, code, .. } => Some((line, u8::try_from(code).unwrap())),
        Part::Text(_) => None,
    });
    ends.collect()
}

fn parse(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        match (inside, bare) {
            (false, _) => {
                inside = bare == "```console";
                parts.push(Part::Text(line.to_owned()));
            }
            (true, "```") => {
                inside = false;
                parts.push(Part::Text(line.to_owned()));
            }
            (true, _) => match (bare.strip_prefix("$ "), parts.last_mut()) {
                (Some(command), _) => {
                    parts.push(Part::Command { line: command.to_owned(), code: 0, shown: Vec::new() });
                }
                (None, Some(Part::Command { code, shown, .. })) => match bare.strip_prefix("? ").map(str::parse) {
                    Some(Ok(number)) if shown.is_empty() => *code = number,
                    _ => shown.push(bare.to_owned()),
                },
                (None, _) => panic!("a console block begins with `$ `, not with `{bare}`"),
            },
        }
    }
    parts
}

/// Whether lines are those shown, where `...` is any lines and `[..]` anything in a line.
fn matches<E: AsRef<str>>(shown: &[E], seen: &[&str]) -> bool {
    match shown {
        [] => seen.is_empty(),
        [first, rest @ ..] if first.as_ref() == "..." => (0..=seen.len()).any(|skip| matches(rest, &seen[skip..])),
        [first, rest @ ..] => seen.first().is_some_and(|line| fits(first.as_ref(), line)) && matches(rest, &seen[1..]),
    }
}

fn fits(shown: &str, line: &str) -> bool {
    let mut pieces = shown.split("[..]");
    let Some(mut rest) = pieces.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, between)) = pieces.split_last() else { return rest.is_empty() };
    for piece in between {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn what_is_left_out_fits_and_nothing_else_does() {
    for (shown, seen, expected) in [
        (&["a", "...", "d"][..], &["a", "b", "c", "d"][..], true),
        (&["..."], &[], true),
        (&["a [..] z", "..."], &["a b z", "c"], true),
        (&["a"], &["a", "b"], false),
        (&["a", "b"], &["a"], false),
        (&["a[..]b[..]c"], &["axbyc"], true),
        (&["a[..]b[..]c"], &["axyc"], false),
        (&["a[..]"], &["ba"], false),
    ] {
        assert_eq!(matches(shown, seen), expected, "{shown:?} {seen:?}");
    }
}
