//! Codes of drift: TN55xx.

use super::{Explanation, entry, error};
use crate::finding::Severity;

pub(super) const CODES: &[Explanation] = &[
    error(
        "TN5501",
        "a stack runs another release than git says",
        "A fix that was released is not there, or something runs that was never released to this ring.",
        "Deploy the release, or check out the one that the stack should run.",
    ),
    error(
        "TN5502",
        "a stack's template was edited by hand",
        "The stack runs what no release renders: the next deploy undoes it, and nobody has reviewed it.",
        "Bring the change into the templates, or restore the stack with `tenantry drift --fix`.",
    ),
    error(
        "TN5503",
        "a stack's tags, protection or state are not as they should be",
        "Tags say whose a resource is, protection keeps a slip from deleting a customer's stack, and a stack that an update \
         left half done takes no further change.",
        "Restore it with `tenantry drift --fix`; a stack that is stuck needs a person first.",
    ),
    error(
        "TN5504",
        "a tenant has no stack",
        "Git says that the tenant exists and AWS has nothing of it.",
        "Deploy it, or take its file out of the estate.",
    ),
    error(
        "TN5505",
        "the stack of a tenant's name is not owned by this estate",
        "A name proves nothing. The tags of a stack say whose it is: organisation, estate id and tenant.",
        "Rename the tenant; or take the stack over with `tenantry deploy --adopt STACK`, which names every resource that it loses.",
    ),
    error(
        "TN5510",
        "a resource of the template is gone",
        "Somebody deleted it behind CloudFormation's back; what depends on it fails, and so may the next update.",
        "Restore it with `tenantry drift --fix`. What held data comes back empty.",
    ),
    error(
        "TN5511",
        "a property is not as the template says",
        "What was tested is not what runs.",
        "Restore it with `tenantry drift --fix`, or bring the change into the templates.",
    ),
    error(
        "TN5512",
        "network access is open that the template does not open",
        "A rule lets packets through that nobody reviewed: the walls around a customer are only as good as their weakest rule.",
        "Take the rule out with `tenantry drift --fix`, and find out who needed it.",
    ),
    error(
        "TN5513",
        "encryption is weaker than the template says",
        "Data rests or travels without the tenant's own key, or without encryption at all.",
        "Restore it with `tenantry drift --fix`; what was written meanwhile must be written again.",
    ),
    error(
        "TN5514",
        "a route leads out of a subnet that should have none",
        "Data subnets have no way to the internet, so that a fault in what runs there leaks nothing.",
        "Take the route out with `tenantry drift --fix`.",
    ),
    error(
        "TN5515",
        "something can be public that must not be",
        "One more slip and the world can read it.",
        "Restore it with `tenantry drift --fix`.",
    ),
    error(
        "TN5516",
        "permissions are not as the template says",
        "Somebody may do more than was reviewed, or the denial of unencrypted transport is gone.",
        "Restore them with `tenantry drift --fix`, and look through the trail for what was done with them.",
    ),
    error(
        "TN5517",
        "a tag is not as the template says",
        "Costs and ownership are told by tags.",
        "Restore it with `tenantry drift --fix`, or accept it for a time.",
    ),
    error(
        "TN5518",
        "something that watches was silenced",
        "The next fault pages nobody.",
        "Restore it with `tenantry drift --fix`.",
    ),
    error(
        "TN5519",
        "a function runs other code than its release",
        "The code was replaced past the release: nobody knows what it does with the customer's data.",
        "Restore it with `tenantry drift --fix`, and find out what the other code was.",
    ),
    error(
        "TN5520",
        "something lives with a tenant that no template declares",
        "It is a snowflake: no release updates it, no policy checks it, and it may be a way in or out.",
        "Delete it, bring it into the templates, or accept it for a time in `policies/drift-accepted.yaml`.",
    ),
    entry(
        "TN5531",
        Severity::Warning,
        "accepted drift has expired",
        "Drift is accepted for a time, so that somebody decides again.",
        "Restore what differs, or write a new reason and date.",
    ),
    entry(
        "TN5532",
        Severity::Note,
        "an entry accepts drift that is no longer there",
        "It would hide the next difference in the same place.",
        "Remove the entry.",
    ),
    error(
        "TN5533",
        "the list of accepted drift cannot be used",
        "An entry needs a tenant, a resource, a reason and a last day at most a year away; one that cannot be read must \
         not hide anything.",
        "Correct the entry.",
    ),
];
