//! Codes of rendering: TN3xxx.

use super::{Code, Explanation, entry, error};
use crate::finding::Severity;

registry![
    TN3001 = error(
        "a template cannot be rendered",
        "Tera could not parse or evaluate a template: a syntax error, an unknown filter, a partial that is missing or a value that the context does not have.",
        "Correct the template at the place shown. `templates/context.yaml` lists everything a template may use.",
    ),
    TN3002 = error(
        "a template decides on a value outside `shape`",
        "Tenants of one shape share one parsed template into which only values are filled. A condition, filter or calculation on any other value would make two tenants of one shape differ in structure without notice.",
        "Name what the template must decide on in `shape` of `templates/blueprint.yaml`, or print the value as it is.",
    ),
    TN3003 = error(
        "the rendered template is not CloudFormation YAML",
        "The text that the templates gave is not valid YAML, has a duplicate key, or uses a tag that CloudFormation does not know.",
        "Correct the partial at the place shown; `tenantry render NAME` prints what was rendered as far as it goes.",
    ),
    TN3004 = error(
        "a value stands where it could change the template's structure",
        "Values are printed inside double quotes on one line, where they are escaped; numbers may stand alone. A bare text could become a number, a list or a second key, and a key made of a value could collide with another.",
        "Put double quotes around the value, and make logical ids of `shape` values only.",
    ),
    TN3005 = error(
        "a reference has no target",
        "A `Ref`, `Fn::GetAtt`, `Fn::Sub`, `DependsOn`, `Condition`, `Fn::If` or `Fn::FindInMap` names what the template does not have. CloudFormation would refuse the whole template.",
        "Correct the name, or add what it names to a partial.",
    ),
    TN3006 = error(
        "resources depend on each other in a circle",
        "CloudFormation orders resources by their references and refuses a template in which that order does not exist.",
        "Break the circle: name one of the resources by its fixed name, or split the rule into a resource of its own (a security group rule, a bucket policy).",
    ),
    TN3007 = error(
        "the template exceeds a limit of CloudFormation",
        "A template may hold 500 resources, 200 outputs and 200 parameters, and be at most 1 MB (51,200 bytes without an artifacts bucket). These limits are hard. Source: AWS CloudFormation User Guide, \"CloudFormation quotas\".",
        "Use fewer zones, or move a layer into a stack of its own.",
    ),
    TN3008 = error(
        "the release is used outside the release record",
        "Only the release record and its outputs may carry the release and the digest, so that a release which changes nothing else shows one changed resource.",
        "Use `release.*` only in the resource `ReleaseRecord` and the outputs `TenantryRelease` and `TenantryDigest`.",
    ),
    TN3009 = error(
        "a resource is malformed",
        "A logical id is not alphanumeric, a resource has no type or an attribute that CloudFormation does not know, an output has no value, or the template lacks its `Resources` or has an unknown section.",
        "Correct the partial at the place shown.",
    ),
    TN3010 = error(
        "the functions' artifacts are missing",
        "The template names each function's artifact by its digest. Without the artifacts, or the lock file that lists their digests, there is nothing to name.",
        "Run `make functions`, or give the directory of a release's artifacts with `--functions`.",
    ),
    TN3012 = error(
        "a template takes too long or becomes too large",
        "A template may run 16 MiB of loops and includes, give 4 MiB of text, keep values of 16 KiB and have expressions of 4 KiB: a hundred times what a template of CloudFormation's largest size needs. Without these limits one template could stop every command.",
        "Make the loop shorter, or remove what makes the value grow.",
    ),
    TN3013 = error(
        "a template names what does not exist",
        "In a condition Tera takes an undefined name for false, so a misspelt name would leave a part of the template out for every tenant. Names in branches that no tenant takes today would fail on the first that does.",
        "Correct the name. `templates/context.yaml` lists everything a template may use; flags stand in `policies/flags.yaml`.",
    ),
    TN3014 = entry(
        Severity::Info,
        "templates/context.yaml is not what templates see",
        "The file shows for one tenant all that a template may use. It was written for another blueprint, or before this one was changed.",
        "Write the names that are missing into it, and take out those that no template sees.",
    ),
];
