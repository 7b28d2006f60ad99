//! What `--version` says; `-V` prints the first line.

use std::sync::OnceLock;

use tenantry_base::digest::sha256;
use tenantry_template::embedded;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Set by whoever builds a release, as the release workflow does.
const COMMIT: Option<&str> = option_env!("TENANTRY_COMMIT");
const DATE: Option<&str> = option_env!("TENANTRY_DATE");

/// Version, commit, date, and the digest of each built-in blueprint. Digests are computed only where they are asked for.
pub(super) fn long() -> &'static str {
    static LONG: OnceLock<String> = OnceLock::new();
    if std::env::args_os().all(|argument| argument != "--version") {
        return VERSION;
    }
    LONG.get_or_init(|| {
        let or_unknown = |known: Option<&'static str>| known.unwrap_or("unknown: not a release build");
        let mut text = format!("{VERSION}\ncommit: {}\ndate:   {}\nblueprints:", or_unknown(COMMIT), or_unknown(DATE));
        for name in embedded::blueprints() {
            text.push_str(&format!("\n  {name:18}{}", digest(&name)));
        }
        text
    })
}

/// SHA-256 over the paths and contents of a blueprint's files.
fn digest(blueprint: &str) -> String {
    let mut files = embedded::blueprint_files(blueprint).unwrap_or_default();
    files.sort();
    let mut bytes = Vec::new();
    for (path, content) in files {
        bytes.extend(format!("{}\0{}\0", path.display(), content.len()).into_bytes());
        bytes.extend(content);
    }
    sha256(&bytes)
}
