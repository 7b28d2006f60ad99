//! `tenantry schema`.

use clap::builder::PossibleValuesParser;
use clap::{Args as ClapArgs, ValueEnum};
use schemars::JsonSchema;
use serde::Serialize;

use super::answers::{ALL, Described};
use super::{Exit, Failure, Global, Output};
use tenantry_spec::estate::{self, schema::Kind};

/// Print the JSON Schema of one of the estate's files, for editors, or of a JSON answer.
///
/// The schema of a tenant's file includes the fleet's defaults: fields that have one are optional. `schema answer` lists the
/// answers that commands give with `-o json`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry schema tenant > schemas/tenant.json
  tenantry schema answer plan")]
pub(super) struct Args {
    /// Which file.
    file: File,
    /// Which answer. Without a name, list them.
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(ALL.iter().map(Described::name)))]
    answer: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum File {
    /// `tenants/fleet.yaml`
    Fleet,
    /// `tenants/<tenant>.yaml`
    Tenant,
    /// `policies/flags.yaml`
    Flags,
    /// What a command prints with `-o json`
    Answer,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer {
    /// By name.
    answers: Vec<Line>,
}

#[derive(Serialize, JsonSchema)]
struct Line {
    /// Argument of `tenantry schema answer`.
    name: &'static str,
    /// Name and version, as in the answer's field `schema`.
    schema: &'static str,
    /// Commands that print it.
    printed_by: &'static str,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let output = Output::new(global.output);
    let schema = match (args.file, &args.answer) {
        (File::Answer, None) => {
            output.show(&listed(), text)?;
            return Ok(Exit::Clean);
        }
        (File::Answer, Some(name)) => ALL.iter().find(|one| one.name() == name).map(Described::json_schema),
        (_, Some(name)) => {
            return Err(
                Failure::new(format!("`{name}` is an answer")).with_hint(format!("`tenantry schema answer {name}`"))
            );
        }
        (file, None) => Some(of_file(file, global)?),
    };
    output.text(&format!("{}\n", serde_json::to_string_pretty(&schema)?))?;
    Ok(Exit::Clean)
}

fn of_file(file: File, global: &Global) -> Result<serde_json::Value, Failure> {
    let schemas = estate::schemas(&global.estate).ok_or_else(|| Failure::new("the blueprint cannot be used"))?;
    Ok(match file {
        File::Fleet => schemas.schema(Kind::Fleet).clone(),
        File::Flags => schemas.schema(Kind::Flags).clone(),
        File::Tenant | File::Answer => {
            let (estate, _) = estate::load(&global.estate);
            schemas.tenant_schema(&estate.map(|estate| estate.fleet.defaults).unwrap_or_default())
        }
    })
}

fn listed() -> Answer {
    let line = |one: &Described| Line { name: one.name(), schema: one.schema, printed_by: one.about.trim() };
    Answer { answers: ALL.iter().map(line).collect() }
}

fn text(answer: &Answer) -> String {
    let width = answer.answers.iter().map(|one| one.name.len()).max().unwrap_or_default();
    answer.answers.iter().map(|one| format!("{:width$}  {}\n", one.name, one.printed_by)).collect()
}
