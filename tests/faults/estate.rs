//! A small estate on disk: real control plane, tenants of two parameters, an alarm and a release record, all with
//! names that the shipped roles may handle.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::artifacts;

/// The account that the endpoint gives to credentials it does not know.
pub(super) const ACCOUNT: &str = "123456789012";
pub(super) const ORGANISATION: &str = "metanet";
pub(crate) const ESTATE_ID: &str = "test-estate";

const TENANT: &str = r#"AWSTemplateFormatVersion: "2010-09-09"
Description: "Tenant {{ tenant.name }} of {{ fleet.organisation }}"
Resources:
  First:
    Type: AWS::SSM::Parameter
    Properties:
      Name: "/tenantry/{{ fleet.organisation }}/{{ tenant.name }}/first"
      Type: String
      Value: "1"
  Second:
    Type: AWS::SSM::Parameter
    Properties:
      Name: "/tenantry/{{ fleet.organisation }}/{{ tenant.name }}/second"
      Type: String
      Value: "@SETTING@"
  Depth:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: "{{ names.prefix }}-depth"
      Namespace: AWS/SQS
      MetricName: ApproximateNumberOfMessagesVisible
      Statistic: Maximum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 0
      ComparisonOperator: GreaterThanThreshold
@MORE@{% include "tenant/release.yaml.tera" %}
Outputs:
  TenantryRelease:
    Value: "{{ release.name }}"
  TenantryDigest:
    Value: "{{ release.digest }}"
"#;

pub(crate) struct Estate {
    folder: tempfile::TempDir,
    pub zips: PathBuf,
}

impl Estate {
    /// An estate with so many tenants, `t00` and following.
    pub(crate) fn new(tenants: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        fs::create_dir_all(root.join("tenants/certs")).unwrap();
        copy_all(&repository.join("templates/control-plane"), &root.join("templates/control-plane"));
        fs::create_dir_all(root.join("templates/tenant")).unwrap();
        for file in ["templates/control-plane.yaml.tera", "templates/tenant/release.yaml.tera"] {
            fs::copy(repository.join(file), root.join(file)).unwrap();
        }
        fs::copy(repository.join("tenants/certs/acme.pem"), root.join("tenants/certs/ca.pem")).unwrap();
        let investigators = "tenants/certs/acme-investigators.pem";
        fs::copy(repository.join(investigators), root.join(investigators)).unwrap();
        // No Guard rules: these stacks are about how they are deployed, not about what is in them.
        fs::create_dir(root.join("policies")).unwrap();
        let blueprint = fs::read_to_string(repository.join("templates/blueprint.yaml")).unwrap();
        let (before, rules) = blueprint.split_once("\nrules:\n").unwrap();
        let after = rules.split_once("\n\n").map_or("", |(_, after)| after);
        fs::write(root.join("templates/blueprint.yaml"), format!("{before}\n{after}")).unwrap();
        let zips = root.join("zips");
        artifacts::write(root, &zips, "faults");
        let estate = Self { folder, zips };
        estate.write("tenants/fleet.yaml", &fleet().to_string());
        for number in 0..tenants {
            let (name, block) = (format!("t{number:02}"), number * 4);
            let spec = json!({
                "account": ACCOUNT, "region": "eu-west-1", "ring": "general",
                "contact": { "timezone": "Europe/Zagreb", "page": "https://pages.example.com/x" },
                "network": { "cidr": format!("10.{}.{}.0/22", 16 + block / 256, block % 256), "zones": 2 },
                "ingest": {
                    "peak_gib_per_minute": 0.01, "client_ca": "certs/ca.pem", "allow_from": ["203.0.113.0/24"],
                },
                "dashboards": { "client_ca": "certs/acme-investigators.pem" },
            });
            estate.write(&format!("tenants/{name}.yaml"), &spec.to_string());
        }
        estate.template(30, "");
        estate
    }

    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Changes the tenants' template: the second parameter, and more resources (indented by two).
    pub(super) fn template(&self, setting: u32, more: &str) {
        let text = TENANT.replace("@SETTING@", &setting.to_string()).replace("@MORE@", more);
        self.write("templates/tenant.yaml.tera", &text);
    }

    /// Takes the tenants' template that is shipped in place of the small one.
    pub(crate) fn with_shipped_template(self) -> Self {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy_all(&repository.join("templates/tenant"), &self.root().join("templates/tenant"));
        let template = "templates/tenant.yaml.tera";
        fs::copy(repository.join(template), self.root().join(template)).unwrap();
        self
    }

    /// Lets commands assume a role in the account.
    pub(super) fn assume(&self, role: &str) {
        let mut fleet = fleet();
        fleet["accounts"][ACCOUNT]["role"] = role.into();
        self.write("tenants/fleet.yaml", &fleet.to_string());
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        fs::write(self.root().join(path), text).unwrap();
    }
}

/// Resources that make a template too large for a request.
pub(super) fn big() -> String {
    let parameter = |number: usize| {
        let value = "x".repeat(4_000);
        format!(
            "  Big{number}:\n    Type: AWS::SSM::Parameter\n    Properties:\n      \
             Name: \"/tenantry/{{{{ fleet.organisation }}}}/{{{{ tenant.name }}}}/big-{number}\"\n      Type: String\n      Value: {value}\n"
        )
    };
    (0..14).map(parameter).collect()
}

fn fleet() -> Value {
    json!({
        "apiVersion": "tenantry/v1",
        "organisation": ORGANISATION,
        "estate_id": ESTATE_ID,
        "control_plane": { "account": ACCOUNT, "region": "eu-west-1" },
        "accounts": { ACCOUNT: {
            "name": "one", "dns": { "zone": "one.example.com", "hosted_zone_id": "Z0111111111EXAMPLE" },
        } },
        "regions": { "eu-west-1": { "zones": ["euw1-az1", "euw1-az2", "euw1-az3"], "s3_prefix_list": "pl-6da54004" } },
        "pools": [{ "name": "all", "cidr": "10.16.0.0/12", "tenant_prefix": 22, "regions": ["eu-west-1"] }],
        "rings": [{ "name": "general", "bake": "30m" }],
        "defaults": { "apiVersion": "tenantry/v1", "search": { "retention_days": 30, "replicas": 1 } },
    })
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}
