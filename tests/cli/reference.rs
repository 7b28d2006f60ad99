//! `docs/commands.md`: every command's help, as the options in the source say it.

use clap::CommandFactory;
use tenantry::cli::Cli;

const INTRODUCTION: &str = "# Commands

What `tenantry COMMAND --help` says, written by `UPDATE_EXPECTED=1 cargo test --test aws cli::reference`.
The global options stand with the first and belong to every command.
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
