//! `tenantry incident`.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::opened::{Opened, Release};
use super::{Exit, Failure, Global, Output, replay, selection};
use tenantry_aws::cloud::{Cloud, cloudwatch, with_causes};
use tenantry_base::files;
use tenantry_checks::handbook;
use tenantry_ops::deploy::Desired;
use tenantry_ops::deploy::journal::{self, Record};
use tenantry_ops::incident::{self, Draft, Moment};

/// Write the retrospectives of incidents: a Markdown file each, in `incidents/` of the estate.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry incident new acme --title \"search is slow\" --since 2h
  tenantry incident close incidents/2026-11-24-acme.md")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(New),
    Close(Close),
}

/// Create a retrospective: a timeline from the journal (deploys, flags, drift checks) and the history of the tenant's
/// alarms, and a draft notice to the customer.
///
/// It is blameless: no person is named.
///
/// Exit code 0: the file is written; 4: it is written, but something could not be read.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry incident new acme --title \"search is slow\" --since 2h")]
struct New {
    /// The tenant.
    #[arg(value_name = "TENANT")]
    tenant: String,
    /// Title of the incident.
    #[arg(long, value_name = "TEXT", default_value = "incident")]
    title: String,
    /// When it began: a timestamp (`2026-11-24T09:00:00Z`) or a duration ago (`2h`, `3d`). The timeline begins there.
    #[arg(long, value_name = "TIME", default_value = "4h")]
    since: String,
    /// Without credentials and network, and without the history of alarms.
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    release: Release,
}

/// Close a retrospective, once every section is filled in and each action item has an owner and a date.
///
/// Warns of words that blame people.
///
/// Exit code 0: it is closed; 2: something is open, and the file is unchanged.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry incident close incidents/2026-11-24-acme.md")]
struct Close {
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer {
    /// Path of the retrospective.
    file: String,
    /// Line number, from 1, and the open item.
    open: Vec<(usize, String)>,
    /// Line number, from 1, and what could not be read.
    warnings: Vec<(usize, String)>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    match &args.command {
        Command::New(new) => new.run(global),
        Command::Close(close) => close.run(global),
    }
}

impl New {
    fn run(&self, global: &Global) -> Result<Exit, Failure> {
        let now = Timestamp::now();
        let began = replay::since(Some(&self.since))?.unwrap_or(now);
        let opened = Opened::without_broken(global, std::slice::from_ref(&self.tenant))?;
        let tenant = selection::tenant(&opened.estate, &self.tenant)?;
        let mut moments = of_journal(&global.estate, &self.tenant, began)?;
        let mut unknown = Vec::new();
        if !self.offline {
            let desired = opened.desired(&[tenant], &self.release)?.pop();
            let desired = desired.ok_or_else(|| Failure::new(format!("tenant `{}` was not rendered", self.tenant)))?;
            match super::wait(of_alarms(&desired, began, now))? {
                Ok(found) => moments.extend(found),
                Err(why) => unknown.push(format!("the history of alarms: {why}")),
            }
        }
        let exit = if unknown.is_empty() { Exit::Clean } else { Exit::Incomplete };
        let text = incident::draft(Draft {
            tenant: &self.tenant,
            title: &self.title,
            began,
            moments,
            unknown,
            time_zone: &tenant.spec.contact.timezone,
        });
        let name = format!("{}/{}-{}", incident::FOLDER, began.strftime("%Y-%m-%d"), self.tenant);
        let file = free(&global.estate, &name);
        files::create_folder(&global.estate.join(incident::FOLDER))?;
        super::write_file(&global.estate.join(&file), &text)?;
        let answer = Answer { file, open: Vec::new(), warnings: Vec::new() };
        Output::new(global.output).show(&answer, |answer| format!("{}\n", answer.file))?;
        Ok(exit)
    }
}

/// A file of this name that does not exist.
fn free(estate: &Path, name: &str) -> String {
    let numbered = |number: usize| if number == 1 { format!("{name}.md") } else { format!("{name}-{number}.md") };
    (1..).map(numbered).find(|file| !estate.join(file).exists()).unwrap_or_else(|| numbered(1))
}

impl Close {
    fn run(&self, global: &Global) -> Result<Exit, Failure> {
        let path = if self.file.exists() { self.file.clone() } else { global.estate.join(&self.file) };
        let text = files::read_to_string(&path)?;
        let (open, warnings) = incident::check(&text);
        let exit = if open.is_empty() { Exit::Clean } else { Exit::Changes };
        if open.is_empty() {
            super::write_file(&path, &incident::closed(&text, super::today()))?;
        }
        let answer = Answer { file: self.file.display().to_string(), open, warnings };
        Output::new(global.output).show(&answer, |answer| {
            let file = &answer.file;
            let row = |kind: &str, (line, what): &(usize, String)| format!("{file}:{line}: {kind}: {what}\n");
            let open: String = answer.open.iter().map(|one| row("open", one)).collect();
            let warnings: String = answer.warnings.iter().map(|one| row("warning", one)).collect();
            let last = if answer.open.is_empty() { format!("{file}: closed\n") } else { String::new() };
            open + &warnings + &last
        })?;
        Ok(exit)
    }
}

/// What runs did to a tenant since then.
fn of_journal(estate: &Path, tenant: &str, since: Timestamp) -> Result<Vec<Moment>, Failure> {
    let mut moments = Vec::new();
    for run in journal::runs(estate)? {
        let release = match run.begun().map(|entry| &entry.record) {
            Some(Record::Begun { command, release, .. }) => format!("{command} of release {release}"),
            _ => "a run".to_owned(),
        };
        for entry in &run.entries {
            let Some(at) = entry.at.parse::<Timestamp>().ok().filter(|at| *at >= since) else { continue };
            let what = match &entry.record {
                Record::Started { tenant: of, .. } if of == tenant => {
                    format!("{release}: the change of the stack began")
                }
                Record::Ended { tenant: of, outcome, .. } if of == tenant => {
                    format!("{release}: {}", crate::report::plan::outcome(outcome))
                }
                Record::Pushed { tenant: of, flag, before, after, .. } if of == tenant => {
                    let before = before.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
                    format!("flag {flag} was pushed: {before} -> {after}")
                }
                Record::Checked { drifted, incomplete, .. } => {
                    if drifted.iter().any(|of| of == tenant) {
                        "a check found drift".to_owned()
                    } else if incomplete.iter().any(|of| of == tenant) {
                        "a drift check was incomplete".to_owned()
                    } else {
                        continue;
                    }
                }
                _ => continue,
            };
            moments.push(Moment { at, what, source: "journal" });
        }
    }
    Ok(moments)
}

/// The changes of the tenant's alarms; why they are unknown.
async fn of_alarms(desired: &Desired, began: Timestamp, now: Timestamp) -> Result<Vec<Moment>, String> {
    let tree = serde_json::from_str(&desired.body).unwrap_or_default();
    let names: Vec<String> = handbook::alarms(&tree).into_iter().filter_map(|alarm| alarm.name).collect();
    let cloud = Cloud::configure().await.map_err(|error| with_causes(&error))?.reading();
    let session = cloud.session(&desired.place, &desired.access).await.map_err(|error| with_causes(&error))?;
    let mut moments = Vec::new();
    for name in &names {
        let history = cloudwatch::history(&session, name, began.as_second(), now.as_second()).await;
        for change in history.map_err(|error| with_causes(&error))? {
            let Ok(at) = Timestamp::from_second(change.at) else { continue };
            moments.push(Moment { at, what: format!("{name}: {}", change.what), source: "alarm" });
        }
    }
    Ok(moments)
}
