//! The estate: the directory of YAML files that says what every tenant is.
//!
//! `load` reads `fleet.yaml`, every tenant's file and the flag catalogue, and gives the [`Estate`] beside every finding.
//! It knows files and their positions; it does not know templates or AWS.

pub mod ids;
pub mod spec;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::finding::Source;
use crate::flags::Catalogue;
use ids::TenantName;
use spec::{Fleet, TenantSpec};

/// Everything the estate's files say, validated.
#[derive(Debug, Clone)]
pub struct Estate {
    /// The directory that holds `tenants/fleet.yaml`.
    pub root: PathBuf,
    pub fleet: Fleet,
    pub fleet_source: Arc<Source>,
    pub tenants: BTreeMap<TenantName, Tenant>,
    pub flags: Catalogue,
}

/// One tenant of the estate.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub name: TenantName,
    pub spec: TenantSpec,
    pub source: Arc<Source>,
    pub client_ca: CaBundle,
}

/// A bundle of CA certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaBundle {
    /// PEM text, one or more certificates, line ends normalised to `\n`.
    pub pem: String,
    /// SHA-256 of `pem`, in lower case hex.
    pub sha256: String,
}

impl CaBundle {
    /// Key of the bundle in the artifacts bucket.
    pub fn key(&self) -> String {
        format!("trust/{}.pem", self.sha256)
    }
}
