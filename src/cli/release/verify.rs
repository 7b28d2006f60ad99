//! `tenantry release verify`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::{Exit, Failure, Global, Output};
use tenantry_base::files;
use tenantry_ops::release::{Manifest, signature};

/// Verify a release: render its tag again and compare everything with the manifest.
///
/// With `--signer` the signature beside the manifest must be valid too. Other tools check it with `ssh-keygen -Y verify
/// -n tenantry-release`.
///
/// Exit code 0: byte for byte the same; 2: something differs.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry release verify v1.2.0
  tenantry release verify v1.2.0 --signer release.pub")]
pub(super) struct Args {
    /// The tag.
    #[arg(value_parser = crate::cli::tag_name)]
    release: String,
    /// File of the manifest. Default: `releases/NAME.json` of the estate.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Public key that must have signed it.
    #[arg(long, value_name = "KEY.pub")]
    signer: Option<PathBuf>,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct Answer<'a> {
    /// Git tag.
    release: &'a str,
    /// Commit of the tag.
    commit: String,
    /// Whether the tag's signature is valid; null if it was not checked.
    signed: Option<bool>,
    /// What differs from the manifest; empty if the release matches.
    differences: Vec<String>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let path = args.manifest.clone().unwrap_or_else(|| super::manifest_path(global, &args.release));
    let shown = path.display();
    let text = files::read_to_string(&path)
        .map_err(|error| Failure::new(error).with_hint(format!("`tenantry release cut {}` writes it", args.release)))?;
    let was = Manifest::parse(&text).map_err(|why| Failure::new(format!("`{shown}` is no manifest: {why}")))?;
    let repository = super::repository(global)?;
    let candidate = super::candidate(&repository, &args.release)?;
    let now = Manifest::of(&candidate).map_err(super::of_candidate)?;
    let mut differences = was.differences(&now);
    if differences.is_empty() && now.text()? != text {
        differences.push("the manifest says the same in other bytes".to_owned());
    }
    let mut signed = None;
    if let Some(key) = &args.signer {
        let file = super::cut::beside(&path);
        let signature = files::read_to_string(&file)?;
        let verdict = signature::verify(&text, &signature, key);
        signed = Some(verdict.is_ok());
        match verdict {
            Ok(()) => {}
            Err(signature::SignatureError::Bad(why)) => differences.push(format!("the signature does not hold: {why}")),
            Err(error) => return Err(error.into()),
        }
    }
    let answer = Answer { release: &args.release, commit: now.commit, signed, differences };
    Output::new(global.output).show(&answer, text_of)?;
    Ok(if answer.differences.is_empty() { Exit::Clean } else { Exit::Changes })
}

fn text_of(answer: &Answer<'_>) -> String {
    let (release, commit) = (answer.release, &answer.commit);
    if answer.differences.is_empty() {
        let signed = if answer.signed == Some(true) { ", and the signature holds" } else { "" };
        return format!("{release} is what was cut from commit {commit}{signed}\n");
    }
    let lines: String = answer.differences.iter().map(|difference| format!("  {difference}\n")).collect();
    format!("{release} is not what was cut:\n{lines}")
}
