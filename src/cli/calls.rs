//! `--verbose` and `--log`: every call to AWS, on standard error and in a file.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use super::{Failure, Global, output};
use tenantry_aws::cloud::calls::{Call, observe};
use tenantry_base::files;

/// Watches the calls of this process, if the command line asks for it.
pub(super) fn watch(global: &Global) -> Result<(), Failure> {
    let file = global.log.as_deref().map(files::append).transpose()?.map(Mutex::new);
    let verbose = global.verbose;
    if verbose || file.is_some() {
        observe(move |call: &Call| {
            if verbose {
                anstream::eprintln!("{call}");
            }
            if let Some(file) = &file
                && let Ok(line) = output::line(call)
            {
                // A log that cannot be written stops no deploy.
                let _written = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
            }
        });
    }
    Ok(())
}
