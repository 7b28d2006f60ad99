//! `tenantry render`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde::Serialize;

use super::opened::{Opened, Release};
use super::{Exit, Failure, Global, Output, Selection};

/// Render tenants' templates to standard output, or to files with `--out`.
///
/// What is printed is exactly what `plan` and `deploy` give to CloudFormation, in readable form.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    release: Release,
    /// Write each template to `DIR/<tenant>.json`, in canonical form, instead of printing it.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct Rendered {
    tenant: String,
    digest: String,
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct Answer {
    templates: Vec<Rendered>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::open(global)?;
    let tenants = args.selection.select(&opened.estate)?;
    let rendered = opened.render(&tenants, &args.release.release)?;
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder)?;
        for one in &rendered {
            std::fs::write(folder.join(format!("{}.json", one.tenant.name)), one.template.body())?;
        }
    }
    let templates = rendered.iter().map(|one| Rendered {
        tenant: one.tenant.name.to_string(),
        digest: one.template.digest.clone(),
        bytes: one.template.length(),
        template: args.out.is_none().then(|| one.template.tree()),
    });
    let answer = Answer { templates: templates.collect() };
    Output::new(global.output)
        .show("tenantry/templates/v1", &answer, |answer| answer.templates.iter().map(text).collect())?;
    Ok(Exit::Clean)
}

fn text(one: &Rendered) -> String {
    match one.template.as_ref().and_then(|tree| serde_yaml::to_string(tree).ok()) {
        Some(yaml) => format!("# {} sha256:{}\n{yaml}---\n", one.tenant, one.digest),
        None => format!("{} sha256:{} {} bytes\n", one.tenant, one.digest, one.bytes),
    }
}
