//! CloudFormation's own schemas of resource types, compared with a form once for all its tenants.
//!
//! In: a form's tree, and the schemas of every resource type, which the binary carries (`registry.z`, written by
//! `ci/schemas.py`). Out: faults, and the leaves of which only a tenant's value can tell. A value that CloudFormation puts
//! together (`Ref`, `Fn::Sub`, a dynamic reference) may be anything. Scalars are converted as CloudFormation converts them:
//! `"30"` is a number where a number is wanted.

mod registry;
mod walk;

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::resources;
use tenantry_base::finding::nearest;
use tenantry_template::render::{Form, references};

pub use registry::{Schema, date, regions, source};
use walk::Walker;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// CloudFormation has no such resource type.
    Type,
    /// The type has no such property, or nobody can set it.
    Property,
    /// A property is missing.
    Required,
    /// A value that the service does not take.
    Value,
    /// `Fn::GetAtt` asks for what the type does not have.
    Attribute,
    /// The type is not known in the stack's Region.
    Region,
}

/// A resource that its type's schema refuses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub kind: Kind,
    /// Logical id of the resource, or of the output.
    pub resource: String,
    /// Path inside it: `Properties/Tags/0/Key`. What is missing has the path of what lacks it.
    pub path: String,
    pub message: String,
}

/// A leaf that a tenant's value fills, and the schema of the value.
#[derive(Debug)]
pub struct Open {
    /// Index into [`Form::leaves`].
    pub leaf: usize,
    resource: String,
    path: String,
    root: &'static Value,
    schema: &'static Value,
}

impl Open {
    /// What is wrong with a tenant's value.
    pub fn check(&self, value: &Value) -> Vec<Fault> {
        let none = HashMap::new();
        let mut walker = Walker::new(self.root, &none, self.path.clone());
        walker.value(self.schema, value, 0);
        walker.faults.into_iter().map(|fault| fault.of(&self.resource)).collect()
    }
}

/// What the schemas say of the templates of one form.
#[derive(Debug, Default)]
pub struct Found {
    pub faults: Vec<Fault>,
    pub open: Vec<Open>,
    /// Logical id and schema of each resource.
    types: Vec<(String, Schema)>,
}

impl Found {
    /// Holds every resource of a form against the schema of its type, and every attribute that is asked for.
    pub fn of(form: &Form) -> Self {
        let mut leaves: BTreeMap<&str, HashMap<String, usize>> = BTreeMap::new();
        for (index, leaf) in form.leaves.iter().enumerate() {
            if let [section, id, inside @ ..] = &leaf.path[..]
                && section == "Resources"
            {
                leaves.entry(id).or_default().insert(inside.join("/"), index);
            }
        }
        let none = HashMap::new();
        let mut found = Self::default();
        let resources = form.tree["Resources"].as_object();
        for (id, resource) in resources.into_iter().flatten() {
            found.resource(id, resource, leaves.get(id.as_str()).unwrap_or(&none));
        }
        let known: BTreeMap<&str, Schema> = found.types.iter().map(|(id, schema)| (id.as_str(), *schema)).collect();
        let outputs = form.tree["Outputs"].as_object();
        let mut attributes = Vec::new();
        for (id, entry) in resources.into_iter().flatten().chain(outputs.into_iter().flatten()) {
            for (path, target, attribute) in references::attributes(entry) {
                let Some(schema) = known.get(target.as_str()) else { continue };
                if !schema.has_attribute(&attribute) {
                    let near = nearest(&attribute, schema.attributes());
                    let message = format!("`{target}` ({}) has no attribute `{attribute}`{near}", schema.name);
                    attributes.push(Fault { kind: Kind::Attribute, resource: id.clone(), path, message });
                }
            }
        }
        found.faults.extend(attributes);
        found.faults.sort();
        found.faults.dedup();
        found
    }

    /// Resources whose type CloudFormation does not have in a Region. A Region of which the schemas know nothing has all.
    pub fn missing_in(&self, region: &str) -> Vec<Fault> {
        let Some(index) = regions().position(|known| known == region) else { return Vec::new() };
        let missing = self.types.iter().filter(|(_, schema)| !schema.is_in(index));
        let fault = |(id, schema): &(String, Schema)| Fault {
            kind: Kind::Region,
            resource: id.clone(),
            path: "Type".to_owned(),
            message: format!("CloudFormation's registry of {} does not list `{}` in {region}", date(), schema.name),
        };
        missing.map(fault).collect()
    }

    fn resource(&mut self, id: &str, resource: &Value, leaves: &HashMap<String, usize>) {
        let Some(kind) = resource["Type"].as_str() else { return };
        let Some(schema) = Schema::of(kind) else {
            // A row of the table is how an estate declares a type of its own, or one that is newer than the schemas.
            let is_own = kind.starts_with("Custom::") || kind.ends_with("::MODULE");
            if !is_own && resources::table().get(kind).is_none() {
                let message = format!("CloudFormation has no resource type `{kind}`{}", registry::near(kind));
                let (resource, path) = (id.to_owned(), "Type".to_owned());
                self.faults.push(Fault { kind: Kind::Type, resource, path, message });
            }
            return;
        };
        self.types.push((id.to_owned(), schema));
        let empty = Value::Object(serde_json::Map::new());
        let (properties, path) = match resource.get("Properties") {
            Some(properties) => (properties, "Properties"),
            None => (&empty, "Type"),
        };
        let mut walker = Walker::new(schema.root, leaves, path.to_owned());
        walker.value(schema.root, properties, 0);
        self.faults.extend(walker.faults.into_iter().map(|fault| fault.of(id)));
        let open = walker.open.into_iter().map(|(leaf, path, of)| Open {
            leaf,
            resource: id.to_owned(),
            path,
            root: schema.root,
            schema: of,
        });
        self.open.extend(open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What is said about one resource: `path: message`.
    fn said(resource: Value) -> Vec<String> {
        let mut found = Found::default();
        found.resource("It", &resource, &HashMap::new());
        found.faults.sort();
        found.faults.iter().map(|fault| format!("{:?} {}: {}", fault.kind, fault.path, fault.message)).collect()
    }

    fn queue(properties: Value) -> Vec<String> {
        said(json!({ "Type": "AWS::SQS::Queue", "Properties": properties }))
    }

    #[test]
    fn every_schema_can_be_read_and_every_pattern_is_an_expression() {
        let (types, mut broken) = registry::check(if std::env::var_os("PROPERTY_PERCENT").is_some() { 1 } else { 10 });
        assert!(types > 1_800, "{types} types");
        // Their expressions repeat a class of Unicode hundreds of times, or are none in any language; they refuse nothing.
        const KNOWN: [&str; 5] = [
            "AWS::ARCRegionSwitch::",
            "AWS::Connect::",
            "AWS::IoTSecureTunneling::",
            "AWS::SSMContacts::",
            "AWS::SageMaker::",
        ];
        broken.retain(|one| !KNOWN.iter().any(|known| one.starts_with(known)));
        assert_eq!(broken, Vec::<String>::new());
        assert!(regions().count() > 30 && source().contains("cfn-lint"));
    }

    #[test]
    fn a_type_that_does_not_exist_is_named_with_its_neighbour() {
        let expected =
            "Type Type: CloudFormation has no resource type `AWS::SQS::Queu`, did you mean `AWS::SQS::Queue`?";
        assert_eq!(said(json!({ "Type": "AWS::SQS::Queu" })), [expected]);
        assert_eq!(said(json!({ "Type": "Custom::Anything", "Properties": { "A": 1 } })), [""; 0]);
        assert_eq!(said(json!({ "Type": "AWSS::SQS::Queue" })).len(), 1);
    }

    #[test]
    fn properties_are_those_of_the_type() {
        assert_eq!(queue(json!({ "QueueName": "a", "VisibilityTimeout": 30 })), [""; 0]);
        assert_eq!(
            queue(json!({ "QueueNam": "a" })),
            ["Property Properties/QueueNam: `AWS::SQS::Queue` has no property `QueueNam`, did you mean `QueueName`?"]
        );
        assert_eq!(queue(json!({ "Arn": "a" })), ["Property Properties/Arn: `Arn` is read-only"]);
        let function =
            json!({ "Type": "AWS::Lambda::Function", "Properties": { "Handler": "x", "Runtime": "nodejs22.x" } });
        assert_eq!(
            said(function),
            [
                "Required Properties: `AWS::Lambda::Function` lacks the property `Code`",
                "Required Properties: `AWS::Lambda::Function` lacks the property `Role`",
            ]
        );
        assert_eq!(said(json!({ "Type": "AWS::Lambda::Function" })).len(), 2);
    }

    #[test]
    fn what_cloudformation_puts_together_may_be_anything() {
        for value in [
            json!({ "Ref": "Parameter" }),
            json!({ "Fn::Sub": "${Parameter}" }),
            json!({ "Fn::GetAtt": ["Other", "Arn"] }),
            json!("{{resolve:ssm:/seconds}}"),
        ] {
            assert_eq!(queue(json!({ "VisibilityTimeout": value })), [""; 0], "{value}");
        }
        let branch = |value: i64| json!({ "VisibilityTimeout": { "Fn::If": ["C", 30, value] } });
        assert_eq!(queue(branch(43_200)), [""; 0]);
        assert_eq!(queue(branch(43_201)).len(), 1);
        let absent = json!({ "Code": { "Ref": "AWS::NoValue" }, "Role": "arn:aws:iam::1:role/x" });
        let absent = said(json!({ "Type": "AWS::Lambda::Function", "Properties": absent }));
        assert!(absent.iter().any(|fault| fault.contains("lacks the property `Code`")), "{absent:?}");
    }

    #[test]
    fn values_are_those_that_the_service_takes() {
        for (value, expected) in [
            (json!({ "VisibilityTimeout": 43_200 }), None),
            (json!({ "VisibilityTimeout": "43200" }), None),
            (json!({ "VisibilityTimeout": 43_201 }), Some("`VisibilityTimeout` is 43201, at most 43200 is taken")),
            (json!({ "VisibilityTimeout": "soon" }), Some("`VisibilityTimeout` is \"soon\", expected a whole number")),
            (json!({ "VisibilityTimeout": 1.5 }), Some("`VisibilityTimeout` is 1.5, expected a whole number")),
            (json!({ "VisibilityTimeout": null }), Some("`VisibilityTimeout` is null, which CloudFormation refuses")),
            (json!({ "FifoQueue": "maybe" }), Some("`FifoQueue` is \"maybe\", expected true or false")),
            (json!({ "FifoQueue": "true" }), None),
            (json!({ "Tags": "a" }), Some("`Tags` is \"a\", expected a list")),
            (json!({ "Tags": [{ "Key": "a" }] }), Some("`Tags[0]` lacks the property `Value`")),
            (
                json!({ "Tags": [{ "Key": "", "Value": "b" }] }),
                Some("`Tags[0].Key` has 0 characters, at least 1 are taken"),
            ),
            (
                json!({ "Tags": [{ "Key": "a\u{7}", "Value": "b" }] }),
                Some("`Tags[0].Key` is \"a\\u{7}\", which does not match"),
            ),
        ] {
            let found = queue(value.clone());
            match expected {
                None => assert_eq!(found, [""; 0], "{value}"),
                Some(text) => assert!(found.len() == 1 && found[0].contains(text), "{value}: {found:?}"),
            }
        }
        let retention =
            |days: i64| said(json!({ "Type": "AWS::Logs::LogGroup", "Properties": { "RetentionInDays": days } }));
        assert_eq!(retention(30), [""; 0]);
        assert!(retention(31)[0].contains("`RetentionInDays` is 31, taken are 1, 3, 5"), "{:?}", retention(31));
    }

    #[test]
    fn attributes_are_those_of_the_type() {
        let queue = Schema::of("AWS::SQS::Queue").unwrap();
        assert!(queue.has_attribute("Arn") && !queue.has_attribute("Arm") && !queue.has_attribute(""));
        let nested = Schema::of("AWS::CloudFormation::Stack").unwrap();
        assert!(nested.has_attribute("Outputs.Anything") && !nested.has_attribute("Output"));
    }

    #[test]
    fn types_are_missing_in_some_regions() {
        let schema = Schema::of("AWS::SQS::Queue").unwrap();
        assert!((0..regions().count()).all(|region| schema.is_in(region)));
        let mut found = Found::default();
        found.resource("It", &json!({ "Type": "AWS::AppRunner::Service", "Properties": {} }), &HashMap::new());
        let reported = found.missing_in("mx-central-1");
        assert_eq!(reported.len(), 1, "{reported:?}");
        assert!(
            reported[0].message.ends_with("does not list `AWS::AppRunner::Service` in mx-central-1"),
            "{reported:?}"
        );
        assert_eq!(found.missing_in("us-east-1"), []);
        assert_eq!(found.missing_in("xx-nowhere-1"), []);
    }
}
