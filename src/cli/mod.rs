//! The command line: one file per subcommand, each of which parses its arguments, calls the stages, prints and gives
//! an exit code. Nothing outside this folder, `report` and `main.rs` writes to the terminal.

pub(crate) mod alarms;
pub mod answers;
mod bootstrap;
mod calls;
mod capacity;
mod checks;
pub mod complete;
mod completions;
mod cost;
mod deploy;
mod destroy;
mod diff;
mod doctor;
mod drift;
mod events;
mod exit;
mod explain;
mod failure;
mod fit;
mod flags;
mod functions;
mod graph;
mod guard;
mod images;
mod incident;
mod init;
mod journal;
mod list;
mod log;
mod man;
mod moving;
mod new;
mod offboarded;
mod opened;
mod orphans;
mod output;
mod outputs;
mod pace;
mod permissions;
mod plan;
mod progress;
mod purge;
mod quotas;
mod rejects;
mod release;
mod render;
mod replay;
mod report;
mod rescue;
mod restore;
mod review;
mod run;
mod schema;
mod selection;
pub(crate) mod standing;
mod status;
mod unlock;
mod upgrade;
mod validate;
mod version;
pub(crate) mod watch;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

pub use exit::Exit;
pub use failure::Failure;
pub use output::{Format, Output};
pub use selection::Selection;
pub use validate::validated;

/// What makes a directory an estate.
const FLEET: &str = "tenants/fleet.yaml";

/// One isolated AWS stack per customer, rendered from the same templates.
#[derive(Debug, Parser)]
#[command(name = "tenantry", version, long_version = version::long(), propagate_version = true, after_help = exit::help())]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Directory of the estate, with `tenants/fleet.yaml`. Without it, the working directory or its nearest parent that has one.
    #[arg(long, short = 'C', global = true, value_name = "DIR", default_value = ".", env = "TENANTRY_ESTATE")]
    pub estate: PathBuf,
    /// Format of the answer. `sarif` and `junit` are for findings.
    #[arg(long, short, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Format,
    /// Whether text has colours. `auto`: on a terminal without `NO_COLOR`, or where `CLICOLOR_FORCE` is set.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: clap::ColorChoice,
    /// Print every call to AWS to standard error: time, account, Region, operation, status and duration.
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// Append every call to AWS to this file, as JSON lines.
    #[arg(long, global = true, value_name = "FILE", env = "TENANTRY_LOG")]
    pub log: Option<PathBuf>,
}

/// The nearest directory above that is an estate, where none was named and the working directory is none.
fn nearest(estate: PathBuf) -> PathBuf {
    if estate != Path::new(".") || estate.join(FLEET).exists() {
        return estate;
    }
    let Ok(here) = std::env::current_dir() else { return estate };
    match here.ancestors().position(|above| above.join(FLEET).is_file()) {
        Some(up) => std::iter::repeat_n("..", up).collect(),
        None => estate,
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Doctor(doctor::Args),
    New(new::Args),
    List(list::Args),
    Validate(validate::Args),
    Explain(explain::Args),
    Render(render::Args),
    Bootstrap(bootstrap::Args),
    Permissions(permissions::Args),
    Functions(functions::Args),
    Images(images::Args),
    Cost(cost::Args),
    Quotas(quotas::Args),
    Capacity(capacity::Args),
    Diff(diff::Args),
    Graph(graph::Args),
    Plan(plan::Args),
    Deploy(deploy::Args),
    Release(release::Args),
    Status(status::Args),
    Alarms(alarms::Args),
    Watch(watch::Args),
    Incident(incident::Args),
    Report(report::Args),
    Output(outputs::Args),
    Journal(journal::Args),
    Unlock(unlock::Args),
    Flags(flags::Args),
    Drift(drift::Args),
    Move(moving::Args),
    Rescue(rescue::Args),
    Destroy(destroy::Args),
    Replay(replay::Replay),
    Rejects(rejects::Rejects),
    Schema(schema::Args),
    Completions(completions::Args),
    Man(man::Args),
}

impl Command {
    /// The forms in which a command can give its answer.
    fn formats(&self) -> &'static [Format] {
        match self {
            Self::Validate(_) => &[Format::Text, Format::Json, Format::Sarif, Format::Junit],
            Self::Capacity(_) => &[Format::Text, Format::Json, Format::Sarif],
            Self::Plan(_) | Self::Drift(_) | Self::Alarms(_) | Self::Watch(_) => {
                &[Format::Text, Format::Json, Format::Markdown]
            }
            Self::Completions(_) | Self::Man(_) => &[Format::Text],
            _ => &[Format::Text, Format::Json],
        }
    }
}

impl Command {
    /// The selection that must not be empty, because the command changes something for the selected tenants.
    fn needs_selection(&self) -> Option<&Selection> {
        match self {
            // A saved plan and the run to resume were selected before.
            Self::Deploy(args) if args.plan.is_none() && !args.resume => Some(&args.selection),
            Self::Drift(args) if args.fix => Some(&args.selection),
            Self::Quotas(args) if args.request => Some(&args.selection),
            _ => None,
        }
    }
}

impl Cli {
    /// Runs the chosen command.
    pub fn run(mut self) -> Result<Exit, Failure> {
        if !matches!(self.command, Command::Init(_)) {
            self.global.estate = nearest(std::mem::take(&mut self.global.estate));
        }
        let global = &self.global;
        anstream::ColorChoice::write_global(match global.color {
            clap::ColorChoice::Auto => anstream::ColorChoice::Auto,
            clap::ColorChoice::Always => anstream::ColorChoice::Always,
            clap::ColorChoice::Never => anstream::ColorChoice::Never,
        });
        let formats = self.command.formats();
        if !formats.contains(&global.output) {
            let known: Vec<String> = formats.iter().map(|format| format!("`{format}`")).collect();
            return Err(Failure::new(format!("this command has no format `{}`", global.output))
                .with_hint(format!("it has {}", known.join(" or "))));
        }
        if let Some(selection) = self.command.needs_selection() {
            selection.require()?;
        }
        calls::watch(global)?;
        let exit = match &self.command {
            Command::Init(args) => init::run(args, global),
            Command::Doctor(args) => doctor::run(args, global),
            Command::New(args) => new::run(args, global),
            Command::List(args) => list::run(args, global),
            Command::Validate(args) => validate::run(args, global),
            Command::Explain(args) => explain::run(args, global),
            Command::Render(args) => render::run(args, global),
            Command::Bootstrap(args) => bootstrap::run(args, global),
            Command::Permissions(args) => permissions::run(args, global),
            Command::Functions(args) => functions::run(args, global),
            Command::Images(args) => images::run(args, global),
            Command::Cost(args) => cost::run(args, global),
            Command::Quotas(args) => quotas::run(args, global),
            Command::Capacity(args) => capacity::run(args, global),
            Command::Diff(args) => diff::run(args, global),
            Command::Graph(args) => graph::run(args, global),
            Command::Plan(args) => plan::run(args, global),
            Command::Deploy(args) => deploy::run(args, global),
            Command::Release(args) => release::run(args, global),
            Command::Status(args) => status::run(args, global),
            Command::Alarms(args) => alarms::run(args, global),
            Command::Watch(args) => watch::run(args, global),
            Command::Incident(args) => incident::run(args, global),
            Command::Report(args) => report::run(args, global),
            Command::Output(args) => outputs::run(args, global),
            Command::Journal(args) => journal::run(args, global),
            Command::Unlock(args) => unlock::run(args, global),
            Command::Flags(args) => flags::run(args, global),
            Command::Drift(args) => drift::run(args, global),
            Command::Move(args) => moving::run(args, global),
            Command::Rescue(args) => rescue::run(args, global),
            Command::Destroy(args) => destroy::run(args, global),
            Command::Replay(replay) => replay.run(global),
            Command::Rejects(rejects) => rejects.run(global),
            Command::Schema(args) => schema::run(args, global),
            Command::Completions(args) => completions::run(args, global),
            Command::Man(args) => man::run(args, global),
        }?;
        // Where no account could be entered, no part of the answer is known.
        match tenantry_aws::cloud::none_opened().filter(|_| exit == Exit::Incomplete) {
            Some(cause) => Err(Failure::none_entered(cause)),
            None => Ok(exit),
        }
    }

    /// The format that a command line asks for which cannot be parsed.
    pub fn format_asked<S: AsRef<str>>(arguments: &[S]) -> Format {
        let long = arguments.iter().filter_map(|argument| argument.as_ref().strip_prefix("--output="));
        let short = arguments.iter().filter_map(|argument| argument.as_ref().strip_prefix("-o"));
        let pairs = arguments.windows(2).filter(|pair| matches!(pair[0].as_ref(), "-o" | "--output"));
        let mut asked = long.chain(short).chain(pairs.map(|pair| pair[1].as_ref()));
        let is_json = |text: &str| text.trim_start_matches('=') == "json";
        if asked.any(is_json) { Format::Json } else { Format::Text }
    }
}

/// Writes a file whole or not at all.
fn write_file(path: &std::path::Path, text: &str) -> Result<(), Failure> {
    Ok(tenantry_base::atomic::replace(path, text.as_bytes())?)
}

/// Today, in UTC.
fn today() -> jiff::civil::Date {
    jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date()
}

/// The name of a release that is a tag, on the command line.
fn tag_name(text: &str) -> Result<String, tenantry_ops::release::name::InvalidRelease> {
    tenantry_ops::release::name::tag(text).map(|()| text.to_owned())
}

/// The name under which something is rendered, on the command line.
fn release_name(text: &str) -> Result<String, tenantry_ops::release::name::InvalidRelease> {
    tenantry_ops::release::name::rendered(text).map(|()| text.to_owned())
}

/// Runs what talks to AWS to its end.
fn wait<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    /// Every way in which a command line names a release, by the path of its command.
    fn takes_releases(command: &clap::Command, path: &[String], found: &mut Vec<(Vec<String>, Option<String>)>) {
        for arg in command.get_arguments() {
            let id = arg.get_id().as_str();
            if id == "release" || (path.get(1).is_some_and(|name| name == "release") && matches!(id, "from" | "to")) {
                found.push((path.to_vec(), arg.get_long().map(|long| format!("--{long}"))));
            }
        }
        for inner in command.get_subcommands() {
            takes_releases(inner, &[path, &[inner.get_name().to_owned()]].concat(), found);
        }
    }

    /// Command lines that select tenants, and whether they are refused without a selection.
    const SELECTING: [(&str, bool); 16] = [
        ("capacity", false),
        ("cost", false),
        ("deploy", true),
        ("deploy --plan plan.json", false),
        ("deploy --resume", false),
        ("diff", false),
        ("doctor", false),
        ("drift", false),
        ("drift --fix", true),
        ("list", false),
        ("plan", false),
        ("quotas", false),
        ("quotas --request", true),
        ("render", false),
        ("report", false),
        ("status", false),
    ];

    #[test]
    fn commands_that_only_read_take_all_tenants_and_others_need_a_selection() {
        let command = Cli::command();
        let selects = |inner: &&clap::Command| {
            inner
                .get_arguments()
                .any(|arg| arg.get_id() == "names" && arg.get_value_names() == Some(&["TENANT".into()]))
        };
        let all: std::collections::BTreeSet<&str> =
            command.get_subcommands().filter(selects).map(|inner| inner.get_name()).collect();
        assert_eq!(all, SELECTING.iter().map(|(line, _)| line.split(' ').next().unwrap()).collect());
        let is_refused = |line: &str| {
            let words = ["tenantry"].into_iter().chain(line.split(' '));
            let cli = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
            cli.command.needs_selection().is_some_and(|selection| selection.require().is_err())
        };
        for (line, refused) in SELECTING {
            assert_eq!(is_refused(line), refused, "{line}");
            for selection in ["acme", "--all", "--ring canary", "--account 111122223333", "--region eu-west-1"] {
                if refused {
                    assert!(!is_refused(&format!("{line} {selection}")), "{line} {selection}");
                    assert!(is_refused(&format!("{line} --shard 1/8")), "{line}");
                }
            }
        }
    }

    #[test]
    fn one_rule_for_release_names_holds_on_every_command_line() {
        let mut found = Vec::new();
        takes_releases(&Cli::command(), &["tenantry".to_owned()], &mut found);
        assert!(found.len() > 12, "{found:?}");
        for (path, option) in found {
            for name in ["a\"b", "../v1", "v1/2", "roll"] {
                let line = path.iter().cloned().chain(option.clone()).chain([name.to_owned()]);
                let error = Cli::try_parse_from(line).map(drop).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ValueValidation, "{path:?} {option:?} {name}: {error}");
            }
        }
    }
}
