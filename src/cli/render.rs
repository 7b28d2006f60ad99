//! `tenantry render`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use schemars::JsonSchema;
use serde::Serialize;

use super::opened::{Opened, Release};
use super::{Exit, Failure, Global, Output, Selection};
use tenantry_base::atomic;
use tenantry_template::render::{RenderedTenant, tags};

/// Render tenants' templates to standard output, or to files with `--out`.
///
/// These are exactly the templates that `plan` and `deploy` pass to CloudFormation.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry render acme
  tenantry render --format json --out rendered/")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    release: Release,
    /// Format of the templates.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Form,
    /// Write each template to a file of this directory, named after its tenant, instead of printing it.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Form {
    /// CloudFormation's YAML with its short-form tags, for people.
    #[default]
    Yaml,
    /// The canonical JSON that is sent to CloudFormation, byte for byte; several templates are printed one per line.
    Json,
}

#[derive(Serialize, JsonSchema)]
struct Rendered {
    /// Name of the tenant.
    tenant: String,
    /// SHA-256 of the template's canonical JSON, without the release.
    digest: String,
    /// Size of the template in bytes.
    bytes: usize,
    /// Path of the written file; null without `--out`.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    /// The template; null with `--out`.
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<serde_json::Value>,
    #[serde(skip)]
    text: String,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer {
    /// By tenant.
    templates: Vec<Rendered>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let opened = Opened::selected(global, &args.selection)?;
    let tenants = args.selection.select(&opened.estate)?;
    let rendered = opened.render(&tenants, &args.release.release)?;
    let templates = rendered.iter().map(|one| written(one, args)).collect::<Result<Vec<_>, _>>()?;
    Output::new(global.output)
        .show(&Answer { templates }, |answer| answer.templates.iter().map(|one| one.text.as_str()).collect())?;
    Ok(Exit::Clean)
}

/// One template, in its file if it gets one.
fn written(one: &RenderedTenant<'_>, args: &Args) -> Result<Rendered, Failure> {
    let (tenant, digest) = (one.tenant.name.to_string(), one.template.digest.clone());
    let bytes = one.template.length();
    let text = match args.format {
        Form::Json => format!("{}\n", one.template.body()),
        Form::Yaml => {
            let yaml = tags::yaml(&one.template.tree())?;
            format!("---\n# {tenant} sha256:{digest}\n{yaml}")
        }
    };
    let Some(folder) = &args.out else {
        return Ok(Rendered { tenant, digest, bytes, file: None, template: Some(one.template.tree()), text });
    };
    let ending = if args.format == Form::Json { "json" } else { "yaml" };
    let file = folder.join(format!("{tenant}.{ending}"));
    let content = if args.format == Form::Json { text.trim_end() } else { &text };
    atomic::replace(&file, content.as_bytes())?;
    let text = format!("{} sha256:{digest} {bytes} bytes\n", file.display());
    Ok(Rendered { tenant, digest, bytes, file: Some(file), template: None, text })
}
