//! `tenantry init`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use include_dir::Dir;

use super::{Exit, Failure, Global, Output};
use crate::embedded;

/// Write a complete working estate: fleet, templates, policies, schemas and one sample tenant.
///
/// Nothing that exists is overwritten: if a file is in the way, nothing is written at all.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Directory of the new estate; made if it does not exist.
    dir: PathBuf,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let mut files = embedded::sample_estate();
    collect(&embedded::TEMPLATES, Path::new("templates"), &mut files);
    collect(&embedded::POLICIES, Path::new("policies"), &mut files);
    collect(&embedded::SCHEMAS, Path::new("schemas"), &mut files);
    let in_the_way: Vec<String> = files
        .iter()
        .map(|(path, _)| args.dir.join(path))
        .filter(|path| path.exists())
        .map(|path| path.display().to_string())
        .collect();
    if !in_the_way.is_empty() {
        return Err(Failure::new(format!("nothing was written, these exist: {}", in_the_way.join(", "))));
    }
    let whole = args.dir.with_extension("partial");
    let target = if args.dir.exists() { args.dir.clone() } else { whole.clone() };
    for (path, bytes) in &files {
        write(&target.join(path), bytes)?;
    }
    if target == whole {
        fs::rename(&whole, &args.dir)?;
    }
    let shown = args.dir.display();
    Output::new(global.output).text(&format!(
        "{} files in {shown}\nnext: put your accounts into {shown}/tenants/fleet.yaml, then `tenantry -C {shown} validate`\n",
        files.len()
    ))?;
    Ok(Exit::Clean)
}

fn collect(dir: &Dir<'static>, below: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    files.extend(dir.files().map(|file| (below.join(file.path()), file.contents().to_vec())));
    dir.dirs().for_each(|inner| collect(inner, below, files));
}

/// Writes a file whole or not at all, and never over another.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    Ok(())
}
