//! `docs/commands.md`: every command's help, as the options in the source say it.

use std::collections::{BTreeMap, BTreeSet};

use clap::CommandFactory;
use fancy_regex::Regex;
use tenantry::cli::{Cli, Exit};

use super::transcript;

const INTRODUCTION: &str = "# Commands

What `tenantry COMMAND --help` says, written by `UPDATE_EXPECTED=1 cargo test --test aws cli::reference`.
The global options are those of `tenantry` itself and belong to every command. [Exit codes](exit-codes.md) have a page of their own.

## Which tenants

Commands that select tenants take names and globs, `--ring`, `--account`, `--region`, `--shard` and `--all`. A command that only
reads takes all tenants of the estate when nothing is selected. A command that changes something (`deploy`, `drift --fix`,
`quotas --request`) is refused without names, a ring, an account, a region or `--all`; `--shard` alone selects nothing.
";

/// A command's help and that of the commands below it.
fn write(command: &mut clap::Command, name: &str, text: &mut String) {
    let help = command.clone().term_width(100).render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    *text += &format!("\n## {name}\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
    for inner in command.get_subcommands_mut().filter(|inner| inner.get_name() != "help" && !inner.is_hide_set()) {
        let name = format!("{name} {}", inner.get_name());
        write(inner, &name, text);
    }
}

#[test]
fn the_reference_says_what_the_options_say() {
    let mut command = Cli::command();
    command.build();
    hide(&mut command, &[]);
    for inner in command.get_subcommands_mut() {
        hide(inner, &["estate", "output", "color", "verbose", "log"]);
    }
    let mut text = INTRODUCTION.to_owned();
    write(&mut command, "tenantry", &mut text);
    let file = super::root().join("docs/commands.md");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == text, "docs/commands.md is not what the options say; UPDATE_EXPECTED=1 writes it");
}

/// Hides options of a command and all below it.
fn hide(command: &mut clap::Command, names: &[&str]) {
    // The environment of whoever writes the reference is not part of it.
    *command = std::mem::take(command).mut_args(|argument| argument.hide_env_values(true));
    let known: Vec<String> = command.get_arguments().map(|argument| argument.get_id().to_string()).collect();
    for name in names.iter().filter(|name| known.iter().any(|id| id == *name)) {
        *command = std::mem::take(command).mut_arg(*name, |argument| argument.hide(true));
    }
    command.get_subcommands_mut().for_each(|inner| hide(inner, names));
}

/// Every command with those below it, by the words that run it.
fn commands() -> BTreeMap<String, clap::Command> {
    fn add(command: &clap::Command, name: &str, all: &mut BTreeMap<String, clap::Command>) {
        all.insert(name.to_owned(), command.clone());
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help" && !inner.is_hide_set()) {
            add(inner, &format!("{name} {}", inner.get_name()), all);
        }
    }
    let mut all = BTreeMap::new();
    add(&Cli::command(), "tenantry", &mut all);
    all
}

/// The command lines of an example: without what the shell does around them.
fn lines_of(example: &str) -> Vec<Vec<String>> {
    let example = example.split(" #").next().unwrap_or_default();
    let piped = example.split(['|', '>']).map(str::trim).map(|part| part.trim_start_matches("xargs -r "));
    piped.filter(|part| part.starts_with("tenantry ")).map(|part| shlex::split(part).unwrap()).collect()
}

/// The command that a line runs.
fn ran(words: &[String]) -> String {
    let matches = Cli::command().try_get_matches_from(words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
    let (mut name, mut matches) = ("tenantry".to_owned(), &matches);
    while let Some((inner, below)) = matches.subcommand() {
        name = format!("{name} {inner}");
        matches = below;
    }
    name
}

#[test]
fn every_help_has_examples_that_parse() {
    for (name, command) in commands() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples = help.strip_prefix("Examples:\n").unwrap_or_else(|| panic!("`{name} --help` has no examples"));
        let examples: Vec<&str> = examples.lines().take_while(|line| !line.is_empty()).collect();
        let mut shown = 0;
        for example in examples {
            assert!(example.starts_with("  ") && example.len() <= 80, "{name}: {example}");
            let lines = lines_of(example);
            assert!(!lines.is_empty(), "{name}: {example}");
            shown += lines.iter().filter(|words| ran(words).starts_with(&name)).count();
        }
        assert!(shown > 0, "no example of `{name}` runs it");
    }
}

/// The exit codes that a command's help gives meanings beyond those that all commands share.
fn documented(command: &clap::Command) -> BTreeMap<u8, String> {
    let about = command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string).unwrap_or_default();
    let Some((_, codes)) = about.split_once("Exit code 0: ") else { return BTreeMap::new() };
    let code = Regex::new(r"(?:^|; )([0-4]): ").unwrap();
    let codes = format!("0: {}", codes.trim_end_matches('.').replace('\n', " "));
    let starts: Vec<_> = code.captures_iter(&codes).map(Result::unwrap).collect();
    let ends = starts.iter().skip(1).map(|next| next.get(0).unwrap().start()).chain([codes.len()]);
    let meaning = |(start, end): (&fancy_regex::Captures<'_>, usize)| {
        (start[1].parse().unwrap(), codes[start.get(0).unwrap().end()..end].to_owned())
    };
    starts.iter().zip(ends).map(meaning).collect()
}

/// What a test shows instead of a transcript, by its file below `tests`.
const SHOWN_ELSEWHERE: [(&str, &[u8], &str); 10] = [
    ("alarms", &[2], "paging/main.rs"),
    ("deploy", &[2], "faults/states.rs"),
    ("destroy", &[2, 4], "gate/purge.rs"),
    ("images", &[4], "cli/images.rs"),
    ("move", &[3], "gate/ownership.rs"),
    ("rejects", &[2, 4], "replay/main.rs"),
    ("release roll", &[4], "release/rolls.rs"),
    ("release rollback", &[3, 4], "release/rolls.rs"),
    ("replay", &[2, 4], "replay/main.rs"),
    ("unlock", &[3], "faults/kills.rs"),
];

fn codes_of(command: &clap::Command) -> BTreeSet<u8> {
    documented(command).into_keys().collect()
}

/// The command whose exit codes a command's help refers to.
fn inherited(command: &clap::Command) -> Option<String> {
    let about = command.get_long_about()?.to_string().replace('\n', " ");
    let (_, name) = about.split_once("xit codes are those of `")?;
    Some(name.split_once('`')?.0.to_owned())
}

/// What every command may end with, whatever its help says.
fn is_shared(code: u8) -> bool {
    code == Exit::Clean.code() || code == Exit::Error.code()
}

const EXIT_CODES: &str = "# Exit codes

The same for every command. Of several that apply, the most urgent is returned: 1 before 3, 4, 2 and 0. Written by
`UPDATE_EXPECTED=1 cargo test --test aws cli::reference`, from the source and every command's help.

";

#[test]
fn the_page_of_exit_codes_says_what_the_source_and_the_help_say() {
    let mut text = format!("{EXIT_CODES}| code | meaning |\n|---|---|\n");
    Exit::ALL.iter().for_each(|exit| text += &format!("| {} | {} |\n", exit.code(), exit.meaning()));
    text += "\n## By command\n\nOther commands end with 0 or 1.\n\n| command | 0 | 1 | 2 | 3 | 4 |\n|---|---|---|---|---|---|\n";
    for (name, command) in commands() {
        let codes = documented(&command);
        if !codes.is_empty() {
            let cells: Vec<&str> = (0..=4).map(|code| codes.get(&code).map_or("", String::as_str)).collect();
            text += &format!("| `{}` | {} |\n", name.trim_start_matches("tenantry "), cells.join(" | "));
        }
    }
    let file = super::root().join("docs/exit-codes.md");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == text, "docs/exit-codes.md is not what the source says; UPDATE_EXPECTED=1 writes it");
}

/// The exit codes with which transcripts see commands end.
fn seen() -> BTreeMap<String, BTreeSet<u8>> {
    let names: BTreeSet<String> = commands().into_keys().collect();
    let mut seen: BTreeMap<String, BTreeSet<u8>> = BTreeMap::new();
    let files = ["offline", "aws"].into_iter().flat_map(super::transcripts).chain([super::root().join("README.md")]);
    let files = files.chain(super::book::run_pages());
    for (line, code) in files.flat_map(|file| transcript::ends_of(&file)) {
        let [_, words] = line.split("tenantry ").collect::<Vec<_>>()[..] else { continue };
        let mut words = words.split_whitespace().skip_while(|word| !names.contains(&format!("tenantry {word}")));
        let mut name = "tenantry".to_owned();
        while let Some(longer) = words.next().map(|word| format!("{name} {word}")).filter(|name| names.contains(name)) {
            name = longer;
        }
        seen.entry(name).or_default().insert(code);
    }
    seen
}

#[test]
fn tests_that_show_exit_codes_run_the_command() {
    for (command, _, file) in SHOWN_ELSEWHERE {
        let text = std::fs::read_to_string(super::root().join("tests").join(file)).unwrap();
        let word = command.split(' ').next_back().unwrap();
        assert!(text.contains(&format!("\"{word}\"")), "{file} does not run `{command}`");
    }
}

#[test]
fn commands_end_with_the_exit_codes_that_their_help_documents() {
    let (all, seen) = (commands(), seen());
    let mut wrong = Vec::new();
    for (name, command) in &all {
        let documented = codes_of(command);
        let inherited = inherited(command).map(|name| codes_of(&all[&name])).unwrap_or_default();
        let ends = seen.get(name).cloned().unwrap_or_default();
        for code in ends.difference(&(&documented | &inherited)).filter(|code| !is_shared(**code)) {
            wrong.push(format!("`{name}` ends with {code}, which its help does not document"));
        }
        let listed = SHOWN_ELSEWHERE.iter().filter(|(other, ..)| name.strip_prefix("tenantry ") == Some(other));
        let shown: BTreeSet<u8> = listed.flat_map(|(_, codes, _)| *codes).copied().collect();
        for code in documented.iter().filter(|code| !is_shared(**code)) {
            match (ends.contains(code), shown.contains(code)) {
                (false, false) => wrong.push(format!("no transcript shows `{name}` end with {code}")),
                (true, true) => {
                    wrong.push(format!("a transcript shows `{name}` end with {code}: it need not be listed"))
                }
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let ends: BTreeSet<u8> = seen.into_values().flatten().collect();
    assert_eq!(ends, Exit::ALL.iter().map(|exit| exit.code()).collect());
}
