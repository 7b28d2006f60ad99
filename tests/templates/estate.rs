//! A sample estate made of values, one tenant for every shape that a template can decide on.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use tenantry::estate::spec::TenantSpec;
use tenantry::estate::{CaBundle, Document, Estate, File, RevocationList, Tenant, blueprint};
use tenantry::finding::Source;
use tenantry::flags::Catalogue;
use tenantry::render::{Artifact, Context, Functions, prepare};

pub(crate) fn source() -> Arc<Source> {
    Arc::new(Source { path: PathBuf::from("tenants/sample.yaml"), text: String::new() })
}

/// An estate of one account and the regions of three partitions.
/// The same, with a paging service.
pub(crate) fn paging() -> Estate {
    let mut paging = estate();
    let given = json!({ "fallback_email": "ops@example.com", "low_urgency": ["*-rejects"] });
    paging.fleet.paging = Some(serde_json::from_value(given).unwrap());
    paging
}

pub(crate) fn estate() -> Estate {
    let region = |prefix: &str, zones: &[u8], extension: Value| {
        let zones: Vec<String> = zones.iter().map(|n| format!("{prefix}-az{n}")).collect();
        json!({ "zones": zones, "s3_prefix_list": "pl-6da54004", "appconfig_extension": extension })
    };
    let layer = "arn:aws:lambda:eu-west-1:434848589818:layer:AWS-AppConfig-Extension:189";
    let fleet = json!({
        "apiVersion": "tenantry/v1",
        "organisation": "metanet",
        "control_plane": { "account": "111122223333", "region": "eu-west-1" },
        "accounts": {
            "111122223333": {
                "name": "one", "role": "tenantry-deploy", "external_id": "metanet",
                "dns": { "zone": "tenants.example.com", "hosted_zone_id": "Z0123456789EXAMPLE" },
            },
            "444455556666": {
                "name": "two",
                "dns": { "zone": "two.example.com", "hosted_zone_id": "Z0123456789EXAMPL2" },
            },
        },
        "regions": {
            "eu-west-1": region("euw1", &[1, 2, 3], json!(layer)),
            "us-east-1": region("use1", &[1, 2, 3, 4, 5, 6], json!(null)),
            "us-west-1": region("usw1", &[1, 3], json!(null)),
            "us-gov-west-1": region("usgw1", &[1, 2, 3], json!(null)),
            "cn-north-1": region("cnn1", &[1, 2], json!(null)),
        },
        "pools": [{ "name": "all", "cidr": "10.0.0.0/8" }],
        "rings": [{ "name": "canary", "bake": "30m" }],
    });
    let flags: Catalogue = serde_yaml::from_str(include_str!("../../policies/flags.yaml")).unwrap();
    Estate {
        root: PathBuf::from("."),
        fleet: serde_json::from_value(fleet).unwrap(),
        fleet_document: Arc::new(Document::parse(source()).unwrap()),
        tenants: std::collections::BTreeMap::new(),
        flags,
        blueprint: blueprint::built_in().unwrap(),
        has_old_templates: false,
    }
}

/// A tenant of the sample estate.
pub(crate) fn tenant(name: &str, region: &str, zones: u8, change: impl FnOnce(&mut TenantSpec)) -> Tenant {
    let spec = json!({
        "apiVersion": "tenantry/v1", "account": "111122223333", "region": region, "ring": "canary",
        "contact": { "timezone": "Europe/Zagreb", "page": format!("https://pages.example.com/{name}") },
        "network": { "cidr": "10.20.0.0/18", "zones": zones },
        "ingest": { "peak_gib_per_minute": 2.0, "client_ca": "certs/ca.pem", "allow_from": ["203.0.113.0/24"] },
        "dashboards": { "client_ca": "certs/investigators.pem" },
    });
    let parameters = blueprint::built_in().unwrap().parameters(&spec).into_sections();
    let mut spec: TenantSpec = serde_json::from_value(spec).unwrap();
    spec.parameters = parameters;
    change(&mut spec);
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n".to_owned();
    let authority =
        |digits: &str| File::Authority(CaBundle { pem: pem.clone(), sha256: digits.repeat(32), ..CaBundle::default() });
    let mut files = std::collections::BTreeMap::from([("ingest.client_ca".to_owned(), authority("0f"))]);
    if spec.parameter("dashboards.client_ca").is_some() {
        files.insert("dashboards.client_ca".to_owned(), authority("0e"));
    }
    let name = name.parse().unwrap();
    Tenant { name, spec, source: source(), files, places: None }
}

/// A tenant whose authorities revoke certificates.
pub(crate) fn revoking(name: &str) -> Tenant {
    let mut tenant = tenant(name, "eu-west-1", 3, |_| {});
    let pem = "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n";
    let crl = |digits: &str| RevocationList {
        pem: pem.to_owned(),
        sha256: digits.repeat(32),
        next_update: None,
        signature_unchecked: None,
    };
    for (path, digits) in [("ingest.client_crl", "0d"), ("dashboards.client_crl", "0c")] {
        tenant.spec.set_parameter(path, "certs/some.crl");
        tenant.files.insert(path.to_owned(), File::Revocations(crl(digits)));
    }
    tenant
}

/// Tenants that together have every shape: zones, NAT, masters, addresses of investigators, structural flags, certificate authorities.
pub(crate) fn tenants() -> Vec<Tenant> {
    vec![
        tenant("acme", "eu-west-1", 3, |_| {}),
        tenant("two-zones", "us-west-1", 2, |spec| spec.set_parameter("ingest.peak_gib_per_minute", 0.01)),
        tenant("four-zones", "us-east-1", 4, |spec| spec.network.nat = tenantry::estate::spec::Nat::Single),
        tenant("sealed", "us-gov-west-1", 3, |spec| spec.set_parameter("ingest.allow_from", json!([]))),
        tenant("flagged", "eu-west-1", 2, |spec| {
            spec.flags.insert("extended-retry".to_owned(), json!(false));
            spec.flags.insert("search-slow-logs".to_owned(), json!(true));
            spec.flags.insert("verbose-logs".to_owned(), json!(true));
        }),
        tenant("without-dashboards", "eu-west-1", 3, |spec| drop(spec.parameters.remove("dashboards"))),
        revoking("revoking"),
        tenant("a-customer-with-a-long-long-name", "us-east-1", 3, |spec| {
            spec.set_parameter("ingest.allow_from", json!(["203.0.113.0/24", "198.51.100.0/25"]));
            spec.set_parameter("ingest.peak_gib_per_minute", 8.0);
            spec.network.eni_model = tenantry::estate::spec::EniModel::PerExecution;
        }),
    ]
}

/// The functions' artifacts of no particular release.
fn functions() -> Functions {
    let artifact = Artifact { sha256: "5f".repeat(32), bytes: 8_000_000 };
    let architecture = "x86_64".to_owned();
    Functions { architecture, artifacts: ["splitter", "ingest"].map(|name| (name.to_owned(), artifact.clone())).into() }
}

/// The context of a tenant in a release.
pub(crate) fn context(estate: &Estate, tenant: &Tenant, release: &str) -> Context {
    prepare(estate, &functions(), release, tenant).unwrap().context
}

/// Tenants in fewer and more zones than three, with each structural flag in both positions.
pub(crate) fn flagged_zones() -> Vec<Tenant> {
    let one = |(zones, retry): (u8, bool)| {
        tenant(&format!("zones-{zones}-{retry}"), "us-east-1", zones, |spec| {
            spec.network.cidr = "10.64.0.0/16".parse().unwrap();
            spec.flags.insert("extended-retry".to_owned(), json!(retry));
            spec.flags.insert("search-slow-logs".to_owned(), json!(!retry));
        })
    };
    [2, 4, 6].into_iter().flat_map(|zones| [(zones, true), (zones, false)]).map(one).collect()
}

/// Every tenant of this repository's own estate, in every region of its fleet.
pub(crate) fn samples() -> (Estate, Vec<Tenant>) {
    let (estate, findings) = tenantry::estate::load(std::path::Path::new(env!("CARGO_MANIFEST_DIR")));
    assert_eq!(findings, []);
    let estate = estate.unwrap();
    let mut samples = Vec::new();
    for tenant in estate.tenants.values() {
        for (region, spec) in &estate.fleet.regions {
            let mut sample = tenant.clone();
            sample.spec.region = region.clone();
            sample.spec.network.zones = sample.spec.network.zones.min(spec.zones.len() as u8);
            samples.push(sample);
        }
    }
    (estate, samples)
}
