//! What a stack should be, and the names that follow from it.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use super::Baseline;
use tenantry_aws::cloud::{Access, Place, Purpose};
use tenantry_base::digest::sha256;

/// One stack as git says it.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The tenant's name, or `control-plane`.
    pub tenant: String,
    pub ring: Option<String>,
    pub place: Place,
    pub access: Access,
    /// Name of the stack.
    pub stack: String,
    /// The template, canonical JSON.
    pub body: String,
    pub digest: String,
    pub release: String,
    /// Tags of the stack: identity only, since they propagate to every resource.
    pub tags: BTreeMap<String, String>,
    /// The bucket that holds what templates name; the first control plane has none yet.
    pub artifacts: Option<String>,
    /// What the template names in that bucket.
    pub uploads: Vec<Upload>,
    /// The tenant's stack was destroyed here, says `fleet.yaml`: without a stack it is as it should be, until a person names
    /// it to be deployed.
    pub offboarded: bool,
    /// The version of the control plane that the stack needs; 0 where it needs none in particular.
    pub control_plane: u64,
    /// Logical IDs of the alarms that roll an update back; empty for those that react fastest.
    pub rollback_triggers: Vec<String>,
}

/// The tags that say whose a resource is.
pub const TENANT_TAG: &str = "tenantry:tenant";
pub const ESTATE_TAG: &str = "tenantry:estate";
/// Tells two estates of one organisation apart; stacks of 0.1.0 have none.
pub const ESTATE_ID_TAG: &str = "tenantry:estate-id";

/// How the names of this tool's change sets begin.
pub const OWN_CHANGE_SETS: &str = "tenantry-";

/// An object that must exist before the stack does; its key names its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// What it is to a person: `function NAME`.
    pub name: String,
    pub key: String,
    pub content: UploadContent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadContent {
    Text(String),
    File(PathBuf),
}

/// Desired stacks by where and what they are, for whoever looks up those of a whole fleet.
#[derive(Debug)]
pub struct ByStack<'a>(HashMap<(&'a Place, &'a str), &'a Desired>);

impl<'a> ByStack<'a> {
    pub fn of(desired: &'a [Desired]) -> Self {
        Self(desired.iter().map(|one| ((&one.place, one.stack.as_str()), one)).collect())
    }

    pub fn get(&self, place: &Place, stack: &str) -> Option<&'a Desired> {
        self.0.get(&(place, stack)).copied()
    }
}

impl Desired {
    /// The command that leads the stack out of a status in which deploys are blocked.
    pub fn rescue(&self) -> String {
        if self.tenant != super::stacks::CONTROL_PLANE {
            return format!("tenantry rescue {}", self.tenant);
        }
        let Place { account, region } = &self.place;
        let role = self.access.role.as_ref().map(|role| format!(" --role {role}")).unwrap_or_default();
        format!("tenantry rescue --control-plane --account {account} --region {region}{role}")
    }

    /// Tags of a tenant's stack in the estate of this organisation and id.
    pub fn identity(organisation: &str, estate_id: &str, tenant: &str) -> BTreeMap<String, String> {
        [(ESTATE_TAG, organisation), (ESTATE_ID_TAG, estate_id), (TENANT_TAG, tenant), ("tenantry:tool", "tenantry")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    /// The role that makes the resources of a tenant's stack: the control plane makes it beside the deploy role, which
    /// may do nothing but hand it over. Without a deploy role, CloudFormation acts as the caller.
    pub fn service_role(&self) -> Option<String> {
        let (role, place) = (self.access.role.as_ref().filter(|_| self.artifacts.is_some())?, &self.place);
        Some(format!("arn:{}:iam::{}:role/{role}-stacks", place.region.partition(), place.account))
    }

    /// How the names of all change sets to this release and digest start.
    pub fn change_set_prefix(&self) -> String {
        format!("tenantry-{}", hash(&[&self.release, &self.digest], 20))
    }

    /// Name of the change set from `baseline` to this: the same for the same two, so that a run that was killed finds it.
    /// `triggers` are the alarms that guard it.
    pub fn change_set_name(&self, baseline: &Baseline, triggers: &str) -> String {
        let updated = baseline.updated.map(|seconds| seconds.to_string()).unwrap_or_default();
        let tags: String = self.tags.iter().map(|(key, value)| format!("{key}={value};")).collect();
        format!("{}-{}", self.change_set_prefix(), hash(&[&updated, &tags, triggers], 8))
    }

    /// Key of the template in the artifacts bucket. What a reading role stores is kept apart: a deploy trusts that an
    /// object is what its name says.
    pub fn template_key(&self, purpose: Purpose) -> String {
        let folder = match purpose {
            Purpose::Read => "plans",
            Purpose::Change => "templates",
        };
        format!("{folder}/{}.json", hash(&[&self.body], 64))
    }
}

/// The first `digits` of the SHA-256 of texts, each ended by a zero.
pub(super) fn hash(texts: &[&str], digits: usize) -> String {
    let mut digest = sha256(texts.iter().flat_map(|text| [text, "\0"]).collect::<String>());
    digest.truncate(digits);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_stack_is_made_by_the_role_that_the_deploy_role_hands_over() {
        let with = |role: Option<&str>, artifacts: Option<&str>| Desired {
            tenant: "acme".to_owned(),
            ring: None,
            place: Place { account: "111122223333".parse().unwrap(), region: "us-gov-west-1".parse().unwrap() },
            access: Access { role: role.map(str::to_owned), external_id: None },
            stack: "org-acme".to_owned(),
            body: "{}".to_owned(),
            digest: "d".to_owned(),
            release: "v1".to_owned(),
            tags: BTreeMap::new(),
            artifacts: artifacts.map(str::to_owned),
            uploads: Vec::new(),
            offboarded: false,
            control_plane: 0,
            rollback_triggers: Vec::new(),
        };
        let arn = "arn:aws-us-gov:iam::111122223333:role/deployer-stacks";
        assert_eq!(with(Some("deployer"), Some("b")).service_role().as_deref(), Some(arn));
        assert_eq!(with(None, Some("b")).service_role(), None);
        assert_eq!(with(Some("admin"), None).service_role(), None, "a control plane is made by the caller");
    }
}
