//! `tenantry images`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args as ClapArgs;
use schemars::JsonSchema;
use serde::Serialize;

use super::opened;
use super::{Exit, Failure, Global, Output};
use crate::report::screen::{Column, Screen, left};
use tenantry_aws::registry;
use tenantry_base::document::read_source;
use tenantry_base::finding::{Severity, Source};
use tenantry_base::{atomic, edit};
use tenantry_blueprint::Image;
use tenantry_spec::estate::blueprint::PATH;

/// Show the images of the blueprint's containers and the digests that they are pinned to.
///
/// A tag can be moved to another image, which the next task to start would run. `--pin` asks the registries for the
/// current digest of each tag and writes it into `templates/blueprint.yaml`, to be reviewed in git and deployed as any
/// other change.
///
/// Exit code 0: every image is pinned; 2: one is not, or was pinned now; 4: a registry could not be read.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  tenantry images
  tenantry images --pin")]
pub(super) struct Args {
    /// Ask the registries for the digests of tags, and write them into the blueprint.
    #[arg(long)]
    pin: bool,
    /// Images by their names in the blueprint; without any, all of them.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Answer {
    /// By name in the blueprint.
    images: BTreeMap<String, Line>,
}

#[derive(Serialize, JsonSchema)]
struct Line {
    /// Repository with its registry's host name.
    repository: String,
    /// Null for an image without a tag.
    tag: Option<String>,
    /// `sha256:` and 64 hexadecimal digits; null for an image that is not pinned.
    digest: Option<String>,
    /// Whether the digest in the blueprint was added or replaced.
    changed: bool,
    /// Why the registry did not return the digest; null if it did.
    unknown: Option<String>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let (estate, findings) = opened::load(&global.estate)?;
    let Some(estate) = estate else {
        let of_fleet: Vec<_> = findings.into_iter().filter(|found| found.severity == Severity::Error).collect();
        return Err(opened::refused(&of_fleet, "the estate"));
    };
    let known = &estate.blueprint.artifacts.images;
    if let Some(name) = args.names.iter().find(|name| !known.contains_key(*name)) {
        return Err(Failure::absent("image", name, known.keys().map(String::as_str)));
    }
    let wanted = known.iter().filter(|(name, _)| args.names.is_empty() || args.names.contains(name));
    let mut images: BTreeMap<String, Line> = wanted.map(|(name, image)| (name.clone(), Line::of(image))).collect();
    if args.pin {
        pin(&mut images, global)?;
    }
    let answer = Answer { images };
    Output::new(global.output).show(&answer, text)?;
    let lines = || answer.images.values();
    Ok(match () {
        () if lines().any(|line| line.unknown.is_some()) => Exit::Incomplete,
        () if lines().any(|line| line.changed || line.digest.is_none()) => Exit::Changes,
        () => Exit::Clean,
    })
}

impl Line {
    fn of(image: &Image) -> Self {
        let Image { repository, tag, digest } = image.clone();
        Self { repository, tag, digest, changed: false, unknown: None }
    }
}

/// Asks for the digests of tags, and writes those that are not the ones of today.
fn pin(images: &mut BTreeMap<String, Line>, global: &Global) -> Result<(), Failure> {
    let path = global.estate.join(PATH);
    if path.symlink_metadata().is_err() {
        return Err(Failure::new(format!("the estate has no `{PATH}`")).with_hint(
            "its images are those of this version of the tool; `tenantry init --upgrade` gives it a blueprint",
        ));
    }
    let source = read_source(&path, PathBuf::from(PATH)).map_err(|found| opened::refused(&[found], "the blueprint"))?;
    let mut text = source.text;
    let asked = images.values().map(|line| async {
        match &line.tag {
            Some(tag) => Some(registry::digest(&line.repository, tag).await),
            // What has a digest and no tag stays what it is.
            None if line.digest.is_some() => None,
            None => Some(registry::digest(&line.repository, "latest").await),
        }
    });
    let reported = super::wait(futures::future::join_all(asked))?;
    for ((name, line), reported) in images.iter_mut().zip(reported) {
        match reported {
            None => {}
            Some(Err(error)) => line.unknown = Some(error.to_string()),
            Some(Ok(digest)) => {
                line.changed = line.digest.as_ref() != Some(&digest);
                line.digest = Some(digest);
                let image =
                    Image { repository: line.repository.clone(), tag: line.tag.clone(), digest: line.digest.clone() };
                let route = format!("artifacts.images.{name}");
                let source = Arc::new(Source { path: PathBuf::from(PATH), text });
                text = edit::set(&source, &route, &image.to_string().into())?;
            }
        }
    }
    if images.values().any(|line| line.changed) {
        atomic::replace(&path, text.as_bytes())?;
    }
    Ok(())
}

fn text(answer: &Answer) -> String {
    if answer.images.is_empty() {
        return "the blueprint names no images\n".to_owned();
    }
    const COLUMNS: [Column; 3] = [left("NAME"), left("IMAGE"), left("DIGEST").broken()];
    let rows = answer.images.iter().map(|(name, line)| {
        let image = Image { repository: line.repository.clone(), tag: line.tag.clone(), digest: None };
        let digest = match (&line.unknown, &line.digest) {
            (Some(why), _) => format!("? {why}"),
            (None, None) => "none".to_owned(),
            (None, Some(digest)) => format!("{digest}{}", if line.changed { " (written)" } else { "" }),
        };
        vec![name.clone(), image.to_string(), digest]
    });
    let table = Screen::current().table(0, &COLUMNS, rows);
    let loose = answer.images.values().filter(|line| line.digest.is_none()).count();
    let help = match loose {
        0 => String::new(),
        1 => "\n1 image has no digest: `tenantry images --pin` asks its registry\n".to_owned(),
        loose => format!("\n{loose} images have no digest: `tenantry images --pin` asks their registries\n"),
    };
    table + &help
}
