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
        "a template branches on a value outside `shape`",
        "Tenants of the same shape share one parsed template, and only values are filled in. A condition, filter or calculation on any other value would make two tenants of the same shape differ in structure without notice.",
        "Add the value to `shape` in `templates/blueprint.yaml`, or print it as it is.",
    ),
    TN3003 = error(
        "the rendered template is not CloudFormation YAML",
        "The output of the templates is not valid YAML, has a duplicate key, or uses a tag that CloudFormation does not know.",
        "Correct the partial at the place shown; `tenantry render NAME` prints the output up to that place.",
    ),
    TN3004 = error(
        "a value could change the template's structure",
        "Values are printed inside double quotes on one line, where they are escaped; numbers need no quotes. An unquoted string could become a number, a list or a second key, and a key built from a value could collide with another.",
        "Put double quotes around the value, and build logical IDs from `shape` values only.",
    ),
    TN3005 = error(
        "a reference has no target",
        "A `Ref`, `Fn::GetAtt`, `Fn::Sub`, `DependsOn`, `Condition`, `Fn::If` or `Fn::FindInMap` refers to something that the template does not have. CloudFormation would reject the whole template.",
        "Correct the name, or add its target to a partial.",
    ),
    TN3006 = error(
        "resources have a circular dependency",
        "CloudFormation orders resources by their references, and rejects a template without such an order.",
        "Break the cycle: refer to one of the resources by its fixed name, or split the rule into a resource of its own (a security group rule, a bucket policy).",
    ),
    TN3007 = error(
        "the template exceeds a limit of CloudFormation",
        "A template may hold 500 resources, 200 outputs and 200 parameters, and be at most 1 MB (51,200 bytes without an artifacts bucket). These limits are hard. Source: AWS CloudFormation User Guide, \"CloudFormation quotas\".",
        "Use fewer zones, or move a layer into its own stack.",
    ),
    TN3008 = error(
        "the release is used outside the release record",
        "Only the release record and its outputs may carry the release and the digest, so that a release that changes nothing else changes one resource.",
        "Use `release.*` only in the resource `ReleaseRecord` and the outputs `TenantryRelease` and `TenantryDigest`.",
    ),
    TN3009 = error(
        "a resource is malformed",
        "A logical ID is not alphanumeric, a resource has no type or an attribute that CloudFormation does not know, an output has no value, or the template lacks its `Resources` or has an unknown section.",
        "Correct the partial at the place shown.",
    ),
    TN3010 = error(
        "the functions' artifacts are missing",
        "The template refers to each function's artifact by digest, so it needs the artifacts, or the lock file that lists their digests.",
        "Run `make functions`, or give the directory of a release's artifacts with `--functions`.",
    ),
    TN3012 = error(
        "a template takes too long or becomes too large",
        "A template may expand 16 MiB of loops and includes, print 4 MiB of text, keep values of 16 KiB and have expressions of 4 KiB: a hundred times what CloudFormation's largest template needs. Without these limits one template could block every command.",
        "Make the loop shorter, or remove what makes the value grow.",
    ),
    TN3013 = error(
        "a template uses an undefined name",
        "In a condition Tera treats an undefined name as false, so a misspelt name would omit part of the template for every tenant. An undefined name in a branch that no tenant takes today would fail on the first tenant that does.",
        "Correct the name. `templates/context.yaml` lists everything a template may use; flags are in `policies/flags.yaml`.",
    ),
    TN3014 = entry(
        Severity::Info,
        "templates/context.yaml is out of date",
        "The file shows every value that a template may use, for one tenant. It was written for another blueprint, or before this one changed.",
        "Add the missing names, and remove those that templates do not see.",
    ),
];
