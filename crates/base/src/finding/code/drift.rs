//! Codes of drift: TN55xx.

use super::{Code, Explanation, entry, error};
use crate::finding::Severity;

registry![
    TN5501 = error(
        "a stack runs another release than git",
        "A released fix is missing from the stack, or the stack runs something that was never released to this ring.",
        "Deploy the release, or check out the one that the stack should run.",
    ),
    TN5502 = error(
        "a stack's template was edited by hand",
        "No release renders this template: the change was not reviewed, and the next deploy reverts it.",
        "Bring the change into the templates, or restore the stack with `tenantry drift --fix`.",
    ),
    TN5503 = error(
        "a stack's tags, protection or status differ",
        "Tags identify the owner of a resource, termination protection prevents accidental deletion of a customer's stack, and a \
         stack whose update failed half-way accepts no further change.",
        "Restore it with `tenantry drift --fix`; a stack that blocks deploys needs `tenantry rescue` first.",
    ),
    TN5504 = error(
        "a tenant has no stack",
        "Git has the tenant, and AWS has no stack for it.",
        "Deploy it, or remove its file from the estate.",
    ),
    TN5505 = error(
        "the stack of a tenant's name is not owned by this estate",
        "A name proves nothing. The tags of a stack identify its owner: organisation, estate ID and tenant.",
        "Rename the tenant; or take the stack over with `tenantry deploy --adopt STACK`, which lists every resource that would be deleted.",
    ),
    TN5510 = error(
        "a resource of the template was deleted",
        "It was deleted outside CloudFormation. Resources that depend on it fail, and so may the next update.",
        "Restore it with `tenantry drift --fix`. A resource that held data is restored empty.",
    ),
    TN5511 = error(
        "a property differs from the template",
        "The running configuration is not the one that was tested.",
        "Restore it with `tenantry drift --fix`, or bring the change into the templates.",
    ),
    TN5512 = error(
        "network access is open that the template does not allow",
        "A rule that was not reviewed lets packets through; isolation of a customer is only as strong as its weakest rule.",
        "Remove the rule with `tenantry drift --fix`, and find out who needed it.",
    ),
    TN5513 = error(
        "encryption is weaker than the template says",
        "Data at rest or in transit is not encrypted with the tenant's own key, or not at all.",
        "Restore it with `tenantry drift --fix`; data written in the meantime must be written again.",
    ),
    TN5514 = error(
        "a route leads out of a subnet that should have none",
        "Data subnets have no route to the internet, so that a vulnerability in the code there cannot leak data.",
        "Remove the route with `tenantry drift --fix`.",
    ),
    TN5515 = error(
        "a resource can become public",
        "One more mistake makes the resource readable by everyone.",
        "Restore it with `tenantry drift --fix`.",
    ),
    TN5516 = error(
        "permissions differ from the template",
        "A principal has more permissions than were reviewed, or the statement that denies unencrypted transport is missing.",
        "Restore them with `tenantry drift --fix`, and check CloudTrail for what was done with them.",
    ),
    TN5517 = error(
        "a tag differs from the template",
        "Costs and ownership are attributed by tags.",
        "Restore it with `tenantry drift --fix`, or accept it for a limited time.",
    ),
    TN5518 = error(
        "monitoring was disabled",
        "The next fault does not page the on-call engineer.",
        "Restore it with `tenantry drift --fix`.",
    ),
    TN5519 = error(
        "a function does not run its release's code",
        "The code was replaced outside a release: what it does with the customer's data is unknown.",
        "Restore it with `tenantry drift --fix`, and find out what the other code was.",
    ),
    TN5520 = error(
        "an unmanaged resource is in a tenant's network or account",
        "It is a snowflake: no release updates it, no policy checks it, and it may be a way in or out.",
        "Delete it, bring it into the templates, or accept it for a limited time in `policies/drift-accepted.yaml`.",
    ),
    TN5531 = entry(
        Severity::Warning,
        "accepted drift has expired",
        "Drift is accepted for a limited time, so that the decision is reviewed.",
        "Restore the template's value, or set a new reason and date.",
    ),
    TN5532 = entry(
        Severity::Info,
        "an entry accepts drift that no longer exists",
        "It would hide the next difference in the same place.",
        "Remove the entry.",
    ),
    TN5533 = error(
        "the list of accepted drift cannot be used",
        "An entry needs a tenant, a resource, a reason and an end date within a year. An entry that cannot be read must \
         not hide drift.",
        "Correct the entry.",
    ),
];
