//! `tenantry schema`.

use clap::{Args as ClapArgs, ValueEnum};

use super::{Exit, Failure, Global, Output};
use tenantry_spec::estate::{self, schema::Kind};

/// Print the JSON Schema of one of the estate's files, for editors.
///
/// The schema of a tenant's file includes the fleet's defaults: fields that have one are optional.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry schema tenant > schemas/tenant.json")]
pub(super) struct Args {
    /// Which file.
    file: File,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum File {
    /// `tenants/fleet.yaml`
    Fleet,
    /// `tenants/<tenant>.yaml`
    Tenant,
    /// `policies/flags.yaml`
    Flags,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let schemas = estate::schemas(&global.estate).ok_or_else(|| Failure::new("the blueprint cannot be used"))?;
    let schema = match args.file {
        File::Fleet => schemas.schema(Kind::Fleet).clone(),
        File::Flags => schemas.schema(Kind::Flags).clone(),
        File::Tenant => {
            let (estate, _) = estate::load(&global.estate);
            schemas.tenant_schema(&estate.map(|estate| estate.fleet.defaults).unwrap_or_default())
        }
    };
    Output::new(global.output).text(&format!("{}\n", serde_json::to_string_pretty(&schema)?))?;
    Ok(Exit::Clean)
}
