//! The tenant's CA bundle: PEM in, certificates of authorities out.

use std::path::{Path, PathBuf};

use x509_parser::pem::Pem;

use super::CaBundle;
use super::document::read_source;
use crate::digest::sha256;

/// Most certificates of a Roles Anywhere trust anchor; the quota cannot be raised.
/// Source: IAM Roles Anywhere User Guide, "Quotas".
const MOST_AUTHORITIES: usize = 2;

/// Reads a bundle.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub(super) fn read(path: &Path, shown: PathBuf) -> Result<CaBundle, String> {
    let source = read_source(path, shown).map_err(|finding| finding.message)?;
    parse(&source.text).map_err(|fault| format!("`{}` {fault}", source.path.display()))
}

fn parse(text: &str) -> Result<CaBundle, String> {
    let pem = text.replace("\r\n", "\n");
    let mut authorities = 0;
    for block in Pem::iter_from_buffer(pem.as_bytes()) {
        let block = block.map_err(|error| format!("is not PEM: {error}"))?;
        if block.label != "CERTIFICATE" {
            return Err(format!("holds a {}; only certificates belong here", block.label));
        }
        let certificate = block.parse_x509().map_err(|error| format!("holds no X.509 certificate: {error}"))?;
        if !certificate.is_ca() {
            return Err(format!("holds a certificate that is no authority: {}", certificate.subject()));
        }
        authorities += 1;
    }
    if authorities == 0 {
        return Err("holds no certificate".to_owned());
    }
    if authorities > MOST_AUTHORITIES {
        return Err(format!("holds {authorities} certificates, and a trust anchor takes {MOST_AUTHORITIES}"));
    }
    let sha256 = sha256(&pem);
    Ok(CaBundle { pem, sha256 })
}
