//! Codes of capacity, quotas, zones and cost: TN2xxx.

use super::{Code, Explanation, entry, error};
use crate::finding::Severity;

registry![
    TN2101 = entry(
        Severity::Error,
        "a quota would be exceeded that can be raised",
        "AWS enforces a quota in the middle of a deployment, after much of the stack has been created.",
        "Request the increase with `tenantry quotas --all --request`, or place the tenant in another account or region.",
    ),
    TN2102 = entry(
        Severity::Error,
        "a quota would be exceeded that cannot be raised",
        "AWS does not raise this quota, so the deployment would fail every time.",
        "Make the stack smaller, or place the tenant in another account or region.",
    ),
    TN2103 = entry(
        Severity::Warning,
        "a quota is nearly exhausted",
        "Increases take hours to days; the next tenant may have to wait for one.",
        "Request the increase in advance: `tenantry quotas --all --request`.",
    ),
    TN2104 = entry(
        Severity::Unknown,
        "the usage of a quota is unknown",
        "The demand alone fits, but the existing usage of the account could not be read.",
        "Plan with credentials that may read the account's usage.",
    ),
    TN2105 = entry(
        Severity::Unknown,
        "the quota demand of a resource type is unknown",
        "`policies/resources.yaml` has no row for the type, the row has no `quotas`, or the amount is known at deployment only. Its demand is not counted.",
        "Add the row or the column to the estate's `policies/resources.yaml`; `quotas: {}` means that the type counts against no quota.",
    ),
    TN2106 = entry(
        Severity::Warning,
        "a stack alone needs more than a quota that can be raised",
        "Even in an empty account, this stack cannot be created with AWS's default quota.",
        "Request the increase with `tenantry quotas --all --request`. If the estate's accounts already have it, set the quota's `default` in `policies/quotas.yaml`.",
    ),
    TN2201 = entry(
        Severity::Error,
        "a subnet would run out of addresses",
        "At the workload's peak, with a zone lost and a deployment in progress, the subnet's resources need more \
         addresses than it has. Functions then fail to start, domains cannot be changed, load balancers cannot grow.",
        "Pin a larger subnet in `overrides`, give a new tenant a larger block, or lower the concurrency. A subnet that \
         exists cannot be enlarged.",
    ),
    TN2202 = entry(
        Severity::Warning,
        "a subnet is nearly out of addresses",
        "Peak demand fits with less than a fifth to spare, or growth exhausts it within ninety days.",
        "Plan the move to a larger subnet while there is time: a subnet that exists cannot be enlarged.",
    ),
    TN2203 = entry(
        Severity::Unknown,
        "the usage of a subnet is unknown",
        "The template's demand fits, but the current usage of the subnet could not be read, or a resource of the template takes an unknown number of its addresses.",
        "Plan with credentials that may call ec2:DescribeSubnets and ec2:DescribeNetworkInterfaces; say in the estate's `policies/resources.yaml` how many addresses the type takes (`addresses`).",
    ),
    TN2204 = entry(
        Severity::Error,
        "functions would exhaust the addresses of other resources in their subnet",
        "A spike of executions takes every address of the subnet, and the search domain or the load balancer beside them \
         can no longer replace a node. Where functions share a subnet they are counted as one interface \
         for 3 GiB of executions, because the other resources bear the risk.",
        "Give functions subnets of their own.",
    ),
    TN2301 = entry(
        Severity::Info,
        "a region offers fewer than three usable zones",
        "With two zones, losing one takes half of the capacity, and a search domain has no majority of master nodes left.",
        "None if the customer's data must stay there; else choose a Region with three zones.",
    ),
    TN2302 = entry(
        Severity::Error,
        "a zone cannot be used",
        "`fleet.yaml` uses AZ IDs, because `eu-west-1a` can be a different zone in each account, and an account may not \
         have every zone of a Region.",
        "List usable zones in `fleet.yaml`: `regions.<region>.zones`.",
    ),
    TN2303 = entry(
        Severity::Error,
        "an instance type is not offered in a zone",
        "The deployment would fail after half of the stack has been created.",
        "Pin another type in `overrides`, or use zones that have it.",
    ),
    TN2304 = entry(
        Severity::Error,
        "a region lacks a service or a resource type",
        "CloudFormation does not create resources of this type there.",
        "Place the tenant in another region.",
    ),
    TN2305 = entry(
        Severity::Error,
        "an account has not opted in to a region",
        "Regions launched after March 20, 2019 are disabled in an account until they are enabled.",
        "Enable the region in the account's settings; it takes minutes to hours.",
    ),
    TN2306 = entry(
        Severity::Unknown,
        "what a region offers is unknown",
        "Neither AWS nor the table of Regions has the answer; the deployment may need something that the Region does not offer.",
        "Plan with credentials that may call ec2:Describe*, es:ListInstanceTypeDetails and cloudformation:ListTypes.",
    ),
    TN2401 = entry(
        Severity::Info,
        "network interfaces of functions will remain for a while",
        "Lambda releases network interfaces 20 to 45 minutes after the last function that used them is deleted or \
         moved. Until then their security groups and subnets cannot be deleted, and both sets of interfaces use addresses.",
        "None needed: the stack stays in DELETE_IN_PROGRESS or UPDATE_COMPLETE_CLEANUP_IN_PROGRESS until then.",
    ),
    TN2402 = entry(
        Severity::Error,
        "a name is taken by a resource of an earlier stack",
        "A retained resource, such as a bucket or a domain, keeps its name. A new stack that creates a resource with that name fails.",
        "Import it into the stack, or delete it if its data is no longer needed.",
    ),
    TN2403 = entry(
        Severity::Error,
        "a resource with a fixed name would be replaced",
        "CloudFormation creates the new resource before it deletes the old one; both would have the same name, so the update fails.",
        "Change the name in the same change, or replace the resource in two steps: remove it, then add it.",
    ),
    TN2404 = entry(
        Severity::Unknown,
        "it is unknown whether a name is taken",
        "The account could not be read to find out whether the name is in use.",
        "Plan with credentials that may call cloudformation:GetResource (Cloud Control).",
    ),
    TN2405 = error(
        "a certificate is validated in a zone that DNS does not find",
        "ACM looks for the validation record from the internet. In a zone that is missing, private or not delegated it never \
         finds it, and the stack waits for its certificate until CloudFormation times out after hours.",
        "Delegate the zone: add its name servers to the parent zone, or at the registrar. Then wait until resolvers' cached \
         answers have expired.",
    ),
    TN2406 = entry(
        Severity::Unknown,
        "the delegation of a hosted zone is unknown",
        "Route 53 or DNS gave no answer, so the validation of a certificate may never complete.",
        "Plan with credentials that may call route53:GetHostedZone, on a machine that can query public DNS; \
         `TENANTRY_RESOLVER=ADDRESS` overrides the machine's resolver.",
    ),
    TN2501 = error(
        "the table of prices is invalid",
        "A wrong price, or one under a misspelt name, would make every cost estimate wrong without notice.",
        "Correct the row of `policies/prices.yaml` that the finding points at.",
    ),
    TN2502 = entry(
        Severity::Unknown,
        "the cost of a resource is unknown",
        "A resource type that is not in the table may be the most expensive one of the stack; the cost is a lower bound.",
        "Add `billing` to the type's row in the estate's `policies/resources.yaml`, and the prices of its items.",
    ),
    TN2503 = entry(
        Severity::Unknown,
        "a price is unknown",
        "An item without a price in its Region is unknown, not free; the cost is a lower bound.",
        "Add the region's prices to `policies/prices.yaml`, each with its source and date.",
    ),
    TN2504 = entry(
        Severity::Unknown,
        "a template does not declare its workload",
        "No resource contains arrival rates and run times of functions; the tenant's template writes them into its \
         metadata. Without it only the resources themselves have a cost.",
        "Render the stack with this version's templates, or add `Metadata.TenantryWorkload` to your own.",
    ),
    TN2601 = error(
        "a row of the table of resource types is invalid",
        "`policies/resources.yaml` states for each resource type whether it is stateful and which property names it. A misspelt \
         column would leave a database without protection.",
        "Correct the row that the finding points at; the comment at the head of the shipped table explains each column.",
    ),
    TN2602 = error(
        "a row of the table of quotas is invalid",
        "A row of an estate's `policies/quotas.yaml` adds a quota, or overrides columns of the row of this version that has its \
         id. A misspelt column would leave the old limit in force; one that contradicts what the row counts would compare \
         two different things.",
        "Correct the row that the finding points at.",
    ),
    TN2603 = error(
        "a row of the table of Regions is invalid",
        "A row of an estate's `policies/regions.yaml` adds a Region, or overrides columns of the row of this version. A zone \
         or a partition that is not the Region's would let a plan pass that AWS refuses.",
        "Correct the row that the finding points at.",
    ),
    TN2604 = entry(
        Severity::Warning,
        "nothing uses a row of a table",
        "A row of the estate's own prices, quotas or Regions is not used by any check: its key is misspelt, or what it was for no longer \
         exists.",
        "Correct the key, declare what uses the row, or remove it.",
    ),
];
