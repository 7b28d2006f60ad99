//! What a template says about a stack that exists: references resolved to the ids of what is there.
//!
//! What cannot be resolved without asking (the address of a load balancer) is unknown and is compared with nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use tenantry_aws::cloud::Place;
use tenantry_aws::cloud::cloudformation::Resource;

/// Stands in for what nobody can resolve. No template can hold the character.
pub(super) const UNKNOWN: &str = "\u{0}unknown";

/// A resource as the template says it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expected {
    pub resource_type: String,
    /// Nothing while the stack has made none.
    pub physical_id: Option<String>,
    pub properties: Map<String, Value>,
}

/// What stands around a template.
#[derive(Debug)]
pub(super) struct StackContext<'a> {
    pub place: &'a Place,
    pub stack: &'a str,
    pub stack_id: &'a str,
    pub resources: &'a [Resource],
    /// Allocation ids of elastic addresses, by address.
    pub allocations: &'a BTreeMap<String, String>,
    /// Attributes that no physical id tells, by physical id; nothing when nobody reported them.
    pub attributes: Option<&'a BTreeMap<String, BTreeMap<String, String>>>,
}

/// The resources of a template, by logical id.
pub(super) fn resolve(template: &Value, baseline: &StackContext<'_>) -> BTreeMap<String, Expected> {
    let resources = template.get("Resources").and_then(Value::as_object);
    let live: BTreeMap<&str, &Resource> =
        baseline.resources.iter().map(|resource| (resource.logical_id.as_str(), resource)).collect();
    let resolver = Resolver { baseline, live, template: resources };
    let each = resources.into_iter().flatten().map(|(id, resource)| {
        let properties = resource.get("Properties").map(|properties| resolver.value(properties));
        let properties = match properties {
            Some(Value::Object(properties)) => properties,
            _ => Map::new(),
        };
        let physical_id = resolver.live.get(id.as_str()).and_then(|live| live.physical_id.clone());
        let resource_type = resource.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned();
        (id.clone(), Expected { resource_type, physical_id: physical_id.filter(|id| !id.is_empty()), properties })
    });
    each.collect()
}

struct Resolver<'a> {
    baseline: &'a StackContext<'a>,
    live: BTreeMap<&'a str, &'a Resource>,
    template: Option<&'a Map<String, Value>>,
}

impl Resolver<'_> {
    fn value(&self, node: &Value) -> Value {
        match node {
            Value::Array(items) => items.iter().map(|item| self.value(item)).filter(|item| !item.is_null()).collect(),
            Value::Object(map) => match map.iter().next() {
                Some((key, inner)) if map.len() == 1 && (key == "Ref" || key.starts_with("Fn::")) => {
                    self.function(key, inner)
                }
                _ => map
                    .iter()
                    .map(|(key, inner)| (key.clone(), self.value(inner)))
                    .filter(|(_, value)| !value.is_null())
                    .collect(),
            },
            other => other.clone(),
        }
    }

    fn function(&self, name: &str, argument: &Value) -> Value {
        let resolved = match (name, argument) {
            ("Ref", Value::String(id)) if id == "AWS::NoValue" => return Value::Null,
            ("Ref", Value::String(id)) => self.reference(id),
            ("Fn::GetAtt", Value::Array(parts)) => match &parts[..] {
                [Value::String(id), Value::String(attribute)] => self.attribute(id, attribute),
                _ => None,
            },
            ("Fn::Sub", Value::String(text)) => self.substitute(text, None),
            ("Fn::Sub", Value::Array(parts)) => match &parts[..] {
                [Value::String(text), Value::Object(own)] => self.substitute(text, Some(own)),
                _ => None,
            },
            ("Fn::Join", Value::Array(parts)) => match &parts[..] {
                [Value::String(separator), list] => self.join(separator, list),
                _ => None,
            },
            _ => None,
        };
        Value::String(resolved.unwrap_or_else(|| UNKNOWN.to_owned()))
    }

    fn join(&self, separator: &str, list: &Value) -> Option<String> {
        let Value::Array(items) = self.value(list) else { return None };
        let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
        texts.map(|texts| texts.join(separator))
    }

    fn reference(&self, id: &str) -> Option<String> {
        let place = self.baseline.place;
        Some(match id {
            "AWS::AccountId" => place.account.to_string(),
            "AWS::Region" => place.region.to_string(),
            "AWS::Partition" => place.region.partition().to_owned(),
            "AWS::StackName" => self.baseline.stack.to_owned(),
            "AWS::StackId" => self.baseline.stack_id.to_owned(),
            "AWS::URLSuffix" => place.region.url_suffix().to_owned(),
            id => {
                let physical = self.physical(id)?;
                // Types of Cloud Control join their keys; `Ref` gives the last of them.
                physical.rsplit('|').next().unwrap_or(physical).to_owned()
            }
        })
    }

    fn physical(&self, id: &str) -> Option<&str> {
        self.live.get(id).and_then(|resource| resource.physical_id.as_deref()).filter(|id| !id.is_empty())
    }

    /// Attributes that follow from the physical id.
    /// Source: AWS Service Authorization Reference, "Resource types" of each service.
    fn attribute(&self, id: &str, attribute: &str) -> Option<String> {
        let physical = self.physical(id)?;
        let place = self.baseline.place;
        let arn = |service: &str, resource: String| {
            format!("arn:{}:{service}:{}:{}:{resource}", place.region.partition(), place.region, place.account)
        };
        let last = || physical.rsplit('/').next().unwrap_or(physical).to_owned();
        let resource_type = self.live.get(id).map_or("", |resource| resource.resource_type.as_str());
        Some(match (resource_type, attribute) {
            ("AWS::EC2::SecurityGroup", "GroupId")
            | ("AWS::EC2::VPC", "VpcId")
            | ("AWS::EC2::Subnet", "SubnetId")
            | ("AWS::EC2::RouteTable", "RouteTableId")
            | ("AWS::EC2::NatGateway", "NatGatewayId")
            | ("AWS::EC2::InternetGateway", "InternetGatewayId")
            | ("AWS::EC2::NetworkAcl", "Id" | "NetworkAclId")
            | ("AWS::EC2::VPCEndpoint", "Id")
            | ("AWS::KMS::Key", "KeyId")
            | ("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerArn")
            | ("AWS::ElasticLoadBalancingV2::Listener", "ListenerArn")
            | ("AWS::ElasticLoadBalancingV2::TargetGroup", "TargetGroupArn")
            | ("AWS::ElasticLoadBalancingV2::TrustStore", "TrustStoreArn")
            | ("AWS::ECS::TaskDefinition", "TaskDefinitionArn")
            | ("AWS::ECS::Service", "ServiceArn")
            | ("AWS::Lambda::EventSourceMapping", "Id")
            | ("AWS::AppConfig::Application", "ApplicationId")
            | ("AWS::RolesAnywhere::TrustAnchor", "TrustAnchorId")
            | ("AWS::RolesAnywhere::Profile", "ProfileId") => physical.to_owned(),
            ("AWS::AppConfig::Environment", "EnvironmentId")
            | ("AWS::AppConfig::ConfigurationProfile", "ConfigurationProfileId")
            | ("AWS::AppConfig::HostedConfigurationVersion", "VersionNumber") => {
                physical.rsplit('|').next().unwrap_or(physical).to_owned()
            }
            ("AWS::EC2::VPC", "CidrBlock") => {
                let template = self.template?.get(id)?.pointer("/Properties/CidrBlock")?;
                template.as_str()?.to_owned()
            }
            ("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerFullName") => {
                physical.split_once(":loadbalancer/")?.1.to_owned()
            }
            ("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerName") => {
                physical.split_once(":loadbalancer/")?.1.split('/').nth(1)?.to_owned()
            }
            ("AWS::ElasticLoadBalancingV2::TargetGroup", "TargetGroupFullName") => {
                format!("targetgroup/{}", physical.split_once(":targetgroup/")?.1)
            }
            ("AWS::ElasticLoadBalancingV2::TargetGroup", "TargetGroupName") => {
                physical.split_once(":targetgroup/")?.1.split('/').next()?.to_owned()
            }
            ("AWS::ECS::Service", "Name") => last(),
            ("AWS::ECS::Cluster", "Arn") => arn("ecs", format!("cluster/{physical}")),
            ("AWS::RolesAnywhere::TrustAnchor", "TrustAnchorArn") => {
                arn("rolesanywhere", format!("trust-anchor/{physical}"))
            }
            ("AWS::RolesAnywhere::Profile", "ProfileArn") => arn("rolesanywhere", format!("profile/{physical}")),
            ("AWS::SNS::Topic", "TopicName") => physical.rsplit(':').next()?.to_owned(),
            ("AWS::SQS::Queue", "QueueUrl") => physical.to_owned(),
            ("AWS::S3::Bucket", "DomainName") => format!("{physical}.s3.amazonaws.com"),
            ("AWS::S3::Bucket", "RegionalDomainName") => format!("{physical}.s3.{}.amazonaws.com", place.region),
            ("AWS::EC2::EIP", "AllocationId") => self.baseline.allocations.get(physical)?.clone(),
            ("AWS::KMS::Key", "Arn") => arn("kms", format!("key/{physical}")),
            ("AWS::IAM::Role", "Arn") => {
                let path = self.template?.get(id)?.pointer("/Properties/Path").and_then(Value::as_str).unwrap_or("/");
                format!("arn:{}:iam::{}:role{path}{physical}", place.region.partition(), place.account)
            }
            ("AWS::SQS::Queue", "Arn") => arn("sqs", last()),
            ("AWS::SQS::Queue", "QueueName") => last(),
            ("AWS::SNS::Topic", "TopicArn") => physical.to_owned(),
            ("AWS::Lambda::Function", "Arn") => arn("lambda", format!("function:{physical}")),
            ("AWS::Logs::LogGroup", "Arn") => arn("logs", format!("log-group:{physical}:*")),
            ("AWS::CloudWatch::Alarm", "Arn") => arn("cloudwatch", format!("alarm:{physical}")),
            ("AWS::OpenSearchService::Domain", "Arn" | "DomainArn") => arn("es", format!("domain/{physical}")),
            ("AWS::S3::Bucket", "Arn") => format!("arn:{}:s3:::{physical}", place.region.partition()),
            _ => self.baseline.attributes?.get(physical)?.get(attribute)?.clone(),
        })
    }

    fn substitute(&self, text: &str, own: Option<&Map<String, Value>>) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            out.push_str(&rest[..at]);
            let (name, after) = rest[at + 2..].split_once('}')?;
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str(&format!("${{{literal}}}"));
                continue;
            }
            let resolved = match own.and_then(|own| own.get(name)) {
                Some(value) => self.value(value).as_str().map(str::to_owned),
                None => match name.split_once('.') {
                    Some((id, attribute)) => self.attribute(id, attribute),
                    None => self.reference(name),
                },
            };
            out.push_str(&resolved.filter(|text| text != UNKNOWN)?);
        }
        out.push_str(rest);
        Some(out)
    }
}

/// Whether any part of a value could not be resolved.
pub(super) fn is_unknown(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(UNKNOWN),
        Value::Array(items) => items.iter().any(is_unknown),
        Value::Object(map) => map.values().any(is_unknown),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolved(properties: Value) -> Map<String, Value> {
        let place: Place = serde_json::from_str(r#"{"account":"111122223333","region":"eu-west-1"}"#).unwrap();
        let of = |logical: &str, kind: &str, physical: &str| Resource {
            logical_id: logical.to_owned(),
            resource_type: kind.to_owned(),
            physical_id: Some(physical.to_owned()),
            status: "CREATE_COMPLETE".to_owned(),
            reason: None,
        };
        let resources = [
            of("Queue", "AWS::SQS::Queue", "https://sqs.eu-west-1.amazonaws.com/111122223333/q"),
            of("Address", "AWS::EC2::EIP", "192.0.2.1"),
            of("Version", "AWS::AppConfig::HostedConfigurationVersion", "app|profile|7"),
            of("Balancer", "AWS::ElasticLoadBalancingV2::LoadBalancer", "arn:lb"),
        ];
        let allocations = [("192.0.2.1".to_owned(), "eipalloc-1".to_owned())].into();
        let baseline = StackContext {
            place: &place,
            stack: "org-acme",
            stack_id: "arn:stack",
            resources: &resources,
            allocations: &allocations,
            attributes: None,
        };
        let template = json!({ "Resources": { "It": { "Type": "T", "Properties": properties } } });
        resolve(&template, &baseline).remove("It").unwrap().properties
    }

    #[test]
    fn references_become_live_ids_and_arns() {
        let found = resolved(json!({
            "Arn": { "Fn::GetAtt": ["Queue", "Arn"] },
            "Allocation": { "Fn::GetAtt": ["Address", "AllocationId"] },
            "Version": { "Ref": "Version" },
            "Text": { "Fn::Sub": "${AWS::Region}/${Queue.QueueName}/${!kept}" },
            "None": { "Ref": "AWS::NoValue" },
        }));
        assert_eq!(found["Arn"], "arn:aws:sqs:eu-west-1:111122223333:q");
        assert_eq!(found["Allocation"], "eipalloc-1");
        assert_eq!(found["Version"], "7");
        assert_eq!(found["Text"], "eu-west-1/q/${kept}");
        assert!(!found.contains_key("None"));
    }

    #[test]
    fn what_only_the_service_knows_is_unknown() {
        let found = resolved(json!({
            "Name": { "Fn::GetAtt": ["Balancer", "DNSName"] },
            "Address": { "Fn::Sub": "https://${Balancer.DNSName}" },
            "Other": { "Ref": "NotThere" },
        }));
        assert!(found.values().all(is_unknown), "{found:?}");
    }
}
