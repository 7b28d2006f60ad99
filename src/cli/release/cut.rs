//! `tenantry release cut`.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::super::{Exit, Failure, Global, Output, opened};
use tenantry_aws::cloud::with_causes;
use tenantry_base::{atomic, files};
use tenantry_checks::policy::{Checker, Stack};
use tenantry_ops::deploy::zips;
use tenantry_ops::release::{Candidate, Manifest, signature};
use tenantry_spec::estate::has_errors;
use tenantry_template::embedded;

/// Cut a release: write the manifest of a clean, tagged commit, with the digest of everything it renders.
///
/// The tag's commit must be checked out with unmodified files, and its templates must pass the policies. The manifest
/// goes to `releases/NAME.json`; commit it, or keep it with your artifacts. The same tag gives the same bytes on any
/// machine.
///
/// Exit code 0: the manifest is written; 3: the release was cut before with other content.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry release cut v1.2.0
  tenantry release cut v1.2.0 --sign ~/.ssh/release")]
pub(super) struct Args {
    /// The tag.
    #[arg(value_parser = crate::cli::tag_name)]
    release: String,
    /// File of the manifest. Default: `releases/NAME.json` of the estate.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Sign the manifest with this private key (OpenSSH's format, Ed25519): the signature goes to `FILE.sig`.
    #[arg(long, value_name = "KEY")]
    sign: Option<PathBuf>,
    /// Passphrase of the key.
    #[arg(long, hide = true, env = "TENANTRY_SIGNING_PASSPHRASE")]
    passphrase: Option<String>,
    #[command(flatten)]
    zips: super::Zips,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let repository = super::repository(global)?;
    let commit = repository.tag(&args.release).map_err(super::of_git)?;
    let head = repository.head().map_err(super::of_git)?;
    if head != commit {
        return Err(Failure::new(format!("tag `{}` names commit {commit}, checked out is {head}", args.release))
            .with_hint(format!("`git checkout {}`, or tag the commit that you mean", args.release)));
    }
    let dirty = repository.dirty().map_err(super::of_git)?;
    if !dirty.is_empty() {
        return Err(Failure::new(format!("the work tree is not clean: {}", named(&dirty)))
            .with_hint("commit, remove or ignore these files: a release is what git holds"));
    }
    let candidate = super::candidate(&repository, &args.release)?;
    let unlike = repository.beside_commit(&commit, &global.estate).map_err(super::of_git)?;
    if !unlike.is_empty() {
        return Err(Failure::new(format!(
            "the work tree is not what tag `{}` holds: {}",
            args.release,
            unlike.join("; ")
        ))
        .with_hint("`git status --ignored` and `git ls-files -v` show what git overlooks"));
    }
    keeps_policies(&candidate)?;
    has_zips(&candidate, &args.zips.functions)?;
    let manifest = Manifest::of(&candidate).map_err(super::of_candidate)?;
    let path = args.out.clone().unwrap_or_else(|| super::manifest_path(global, &args.release));
    let text = manifest.text()?;
    write(&path, &text, &manifest)?;
    let signed = match &args.sign {
        Some(key) => {
            let signature = signature::sign(&text, key, args.passphrase.as_deref())?;
            let target = beside(&path);
            atomic::replace(&target, signature.as_bytes())?;
            format!("signature in {}\n", target.display())
        }
        None => String::new(),
    };
    Output::new(global.output).show(&manifest, |manifest| {
        let (release, commit, tenants) = (&manifest.release, &manifest.commit, manifest.tenants.len());
        format!("{release} is commit {commit} with {tenants} tenants: {}\n{signed}", path.display())
    })?;
    Ok(Exit::Clean)
}

/// `FILE.sig`
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// At most five names and how many more there are.
fn named(paths: &[String]) -> String {
    const SHOWN: usize = 5;
    let more = paths.len().saturating_sub(SHOWN);
    let shown = paths.iter().take(SHOWN).map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

fn keeps_policies(candidate: &Candidate) -> Result<(), Failure> {
    let rendered = candidate.render(&candidate.tenants()).map_err(super::of_candidate)?;
    let stacks: Vec<Stack<'_>> = rendered.iter().map(Stack::from).collect();
    let rules = embedded::rules(candidate.root())?;
    let checker =
        Checker::new(rules, &candidate.estate.blueprint).map_err(|found| opened::refused(&found, "the policies"))?;
    let found = checker.check(&stacks);
    if has_errors(&found) { Err(opened::refused(&found, &format!("release `{}`", candidate.name))) } else { Ok(()) }
}

/// The zips that the lock names can be deployed from here: a release that nobody can deploy is not cut.
fn has_zips(candidate: &Candidate, folder: &Path) -> Result<(), Failure> {
    let faults = zips::verify(&candidate.functions, folder);
    if faults.is_empty() {
        return Ok(());
    }
    let faults: Vec<String> = faults.iter().map(|fault| with_causes(fault)).collect();
    let hint = "build them with `make functions`, or pass --functions with the folder that holds them";
    Err(Failure::new(format!("release `{}`: {}", candidate.name, faults.join("; "))).with_hint(hint))
}

/// Writes a manifest whole or not at all, and never over one of something else.
fn write(path: &Path, text: &str, manifest: &Manifest) -> Result<(), Failure> {
    let shown = path.display();
    match files::read_to_string(path) {
        Ok(there) if there == text => return Ok(()),
        Ok(there) => {
            let differences = match Manifest::parse(&there) {
                Ok(there) => there.differences(manifest),
                Err(why) => vec![format!("it is no manifest: {why}")],
            };
            return Err(Failure::new(format!("`{shown}` was cut from something else: {}", differences.join("; ")))
                .with_exit(Exit::Refused)
                .with_hint("a release is cut once: tag the new commit with a new name"));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    Ok(atomic::replace(path, text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_files_are_counted_not_listed() {
        let paths = |count: usize| (0..count).map(|index| format!("f{index}")).collect::<Vec<_>>();
        assert_eq!(named(&paths(2)), "`f0`, `f1`");
        assert!(named(&paths(9)).ends_with("`f4` and 4 more"));
    }
}
