//! Codes of drift: TN55xx.

use super::{Code, Explanation, entry, error};
use crate::finding::Severity;

registry![
    TN5501 = error(
        "a stack runs another release than git says",
        "A fix that was released is not there, or something runs that was never released to this ring.",
        "Deploy the release, or check out the one that the stack should run.",
    ),
    TN5502 = error(
        "a stack's template was edited by hand",
        "The stack runs what no release renders: the next deploy undoes it, and it was not reviewed.",
        "Bring the change into the templates, or restore the stack with `tenantry drift --fix`.",
    ),
    TN5503 = error(
        "a stack's tags, protection or state are not as they should be",
        "Tags say whose a resource is, protection keeps a slip from deleting a customer's stack, and a stack that an update \
         left half done takes no further change.",
        "Restore it with `tenantry drift --fix`; a stack that blocks deploys needs `tenantry rescue` first.",
    ),
    TN5504 = error(
        "a tenant has no stack",
        "Git has the tenant, and AWS has no stack for it.",
        "Deploy it, or take its file out of the estate.",
    ),
    TN5505 = error(
        "the stack of a tenant's name is not owned by this estate",
        "A name proves nothing. The tags of a stack say whose it is: organisation, estate id and tenant.",
        "Rename the tenant; or take the stack over with `tenantry deploy --adopt STACK`, which lists every resource that would be deleted.",
    ),
    TN5510 = error(
        "a resource of the template is gone",
        "It was deleted outside CloudFormation; what depends on it fails, and so may the next update.",
        "Restore it with `tenantry drift --fix`. What held data comes back empty.",
    ),
    TN5511 = error(
        "a property is not as the template says",
        "What was tested is not what runs.",
        "Restore it with `tenantry drift --fix`, or bring the change into the templates.",
    ),
    TN5512 = error(
        "network access is open that the template does not open",
        "A rule that was not reviewed lets packets through; isolation of a customer is only as strong as its weakest rule.",
        "Take the rule out with `tenantry drift --fix`, and find out who needed it.",
    ),
    TN5513 = error(
        "encryption is weaker than the template says",
        "Data at rest or in transit is not encrypted with the tenant's own key, or not at all.",
        "Restore it with `tenantry drift --fix`; what was written meanwhile must be written again.",
    ),
    TN5514 = error(
        "a route leads out of a subnet that should have none",
        "Data subnets have no way to the internet, so that a fault in what runs there leaks nothing.",
        "Take the route out with `tenantry drift --fix`.",
    ),
    TN5515 = error(
        "something can be public that must not be",
        "One more mistake makes it readable by everyone.",
        "Restore it with `tenantry drift --fix`.",
    ),
    TN5516 = error(
        "permissions are not as the template says",
        "A principal may do more than was reviewed, or the denial of unencrypted transport is missing.",
        "Restore them with `tenantry drift --fix`, and look through the trail for what was done with them.",
    ),
    TN5517 = error(
        "a tag is not as the template says",
        "Costs and ownership are attributed by tags.",
        "Restore it with `tenantry drift --fix`, or accept it for a time.",
    ),
    TN5518 = error(
        "monitoring was disabled",
        "The next fault does not page the on-call engineer.",
        "Restore it with `tenantry drift --fix`.",
    ),
    TN5519 = error(
        "a function runs other code than its release",
        "The code was replaced outside a release: what it does with the customer's data is unknown.",
        "Restore it with `tenantry drift --fix`, and find out what the other code was.",
    ),
    TN5520 = error(
        "an unmanaged resource is in a tenant's network or account",
        "It is a snowflake: no release updates it, no policy checks it, and it may be a way in or out.",
        "Delete it, bring it into the templates, or accept it for a time in `policies/drift-accepted.yaml`.",
    ),
    TN5531 = entry(
        Severity::Warning,
        "accepted drift has expired",
        "Drift is accepted for a limited time, so that it is decided again.",
        "Restore what differs, or write a new reason and date.",
    ),
    TN5532 = entry(
        Severity::Info,
        "an entry accepts drift that is no longer there",
        "It would hide the next difference in the same place.",
        "Remove the entry.",
    ),
    TN5533 = error(
        "the list of accepted drift cannot be used",
        "An entry needs a tenant, a resource, a reason and a last day at most a year away; one that cannot be read must \
         not hide anything.",
        "Correct the entry.",
    ),
];
