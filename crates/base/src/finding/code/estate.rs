//! Codes of the estate's files: TN1xxx.

use super::{Code, Explanation, entry, error};
use crate::finding::Severity;

registry![
    TN1000 = error(
        "a file of the estate cannot be read",
        "Tenantry reads the whole estate before it does anything, so that no decision rests on half of the files.",
        "Check that the file exists and is readable.",
    ),
    TN1001 = error(
        "a file is not UTF-8 text",
        "YAML is text, and text in an estate is UTF-8; another encoding would be read differently on different machines.",
        "Save the file as UTF-8. Editors call UTF-16 also `Unicode`.",
    ),
    TN1002 = error(
        "a file is not valid YAML",
        "The file stops being YAML at the place shown, or has the same key twice, of which only one would count.",
        "Correct the file at the place shown; often the cause is one line above it.",
    ),
    TN1003 = error(
        "a file exceeds a limit",
        "Files of more than 1 MiB, more than 32 levels, 50,000 values or 100 aliases are rejected: no spec needs as much, and reading it could exhaust memory.",
        "Split the file, or write out what aliases repeat.",
    ),
    TN1004 = error(
        "a field is unknown",
        "A misspelt field would silently leave its default in force.",
        "Correct the name; `tenantry schema tenant` lists them all.",
    ),
    TN1005 = error(
        "a value has the wrong type",
        "Account ids must stand in quotes, or YAML reads them as numbers and drops their zeros.",
        "Write a value of the type that is asked for.",
    ),
    TN1006 = error(
        "a value is missing",
        "The field has no default, neither built in nor in `defaults` of fleet.yaml.",
        "Add the field to the tenant's file, or to the fleet's defaults if it is the same for everybody.",
    ),
    TN1007 = error(
        "a value is not allowed",
        "The value lies outside the range, the pattern or the list of its field.",
        "Choose a value that the message allows.",
    ),
    TN1008 = error(
        "a tenant has two files",
        "The stem of a file is the tenant's name, whatever its ending and case: two files of one stem are two specs for one customer.",
        "Delete or rename one of the files.",
    ),
    TN1009 = error(
        "a file's name is no tenant's name",
        "The name becomes part of the names of AWS resources, which allow no more than this.",
        "Rename the file: 2 to 32 lower case letters, digits and single hyphens, starting with a letter.",
    ),
    TN1010 = error(
        "an address block has host bits set",
        "`10.0.0.1/18` could mean the address or the block around it.",
        "Write the block's first address.",
    ),
    TN1011 = error(
        "address blocks overlap",
        "Two VPCs of overlapping blocks can never be peered or reached through one network, and moving one means building it anew.",
        "Give the newer tenant another block: `tenantry new` finds one.",
    ),
    TN1012 = error(
        "an address block lies in no pool",
        "Blocks come from the fleet's pools, so that they never meet the rest of the company's network.",
        "Choose a block inside a pool that is for the tenant's region, or add a pool to fleet.yaml.",
    ),
    TN1013 = error(
        "an address block touches a reserved range",
        "The fleet reserves the range for something else, such as an office or a peered network.",
        "Choose another block.",
    ),
    TN1014 = error(
        "an account is unknown",
        "Only accounts listed in fleet.yaml have a control plane and a role to deploy with.",
        "Correct the id, or add the account to fleet.yaml and run `tenantry bootstrap`.",
    ),
    TN1015 = error(
        "a region is unknown",
        "Only regions listed in fleet.yaml have a control plane and known zones.",
        "Correct the region, or add it to fleet.yaml with its zones and run `tenantry bootstrap`.",
    ),
    TN1016 = error(
        "a ring is unknown",
        "A tenant outside every ring would never get a release.",
        "Correct the ring, or add it to fleet.yaml.",
    ),
    TN1017 = error(
        "a flag or its value is unknown",
        "A flag that is not in the catalogue is read by nothing.",
        "Correct it, or add the flag to policies/flags.yaml.",
    ),
    TN1018 = error(
        "a region has too few zones",
        "The tenant asks for more availability zones than fleet.yaml lists for its region.",
        "Ask for fewer zones in `network.zones` (two at least), or choose another region.",
    ),
    TN1019 = error(
        "a time zone is unknown",
        "Maintenance windows are kept in the customer's own time.",
        "Use a name of the IANA database, such as `Europe/Zagreb`.",
    ),
    TN1020 = error(
        "a file that a parameter names cannot be used",
        "Bundles of certificate authorities decide who gets through, and their revocation lists who no longer does.",
        "Put PEM certificates of authorities, and nothing else, into a bundle (no more than the blueprint allows), and one PEM revocation list, version 2, of an authority of the bundle into a revocation file. `openssl crl -inform DER -in FILE` prints PEM.",
    ),
    TN1021 = error(
        "the tenant's subnets do not fit",
        "Every subnet must hold its demand at the peak, with a zone lost and a deployment under way; a block that is too small is found now and not when functions have taken the last address.",
        "Give the tenant a block of the size that the message names, or lower the demand. `tenantry explain NAME` shows the numbers.",
    ),
    TN1022 =
        error("a name stands twice", "Pools, rings and zones are identified by their names.", "Rename or remove one.",),
    TN1023 = error(
        "a flag's definition is wrong",
        "Every value that the catalogue gives must be one that the flag can have, and every flag that it names must exist: otherwise tenants would get an unintended default.",
        "Correct policies/flags.yaml at the place shown.",
    ),
    TN1024 = error(
        "two flags of a tenant cannot go together",
        "A flag that is on needs those that it `requires` on, and those that it `conflicts` with off, whatever turned them on: the tenant itself, a rule or a rollout.",
        "Change one of the two; `tenantry flags why TENANT FLAG` shows what decided.",
    ),
    TN1025 = error(
        "a flag has expired",
        "A flag that outlives its purpose is a branch that is not tested and that everyone has to read.",
        "Make its value the only one in templates and functions, then `tenantry flags retire FLAG`; or move its date and say why in the commit.",
    ),
    TN1026 = entry(
        Severity::Info,
        "a flag expires soon",
        "From its date on, `tenantry flags lint` fails.",
        "Make its value the only one in templates and functions, then `tenantry flags retire FLAG`.",
    ),
    TN1027 = entry(
        Severity::Warning,
        "nothing reads a flag",
        "Setting it changes nothing, which is misleading.",
        "Remove it with `tenantry flags retire FLAG`.",
    ),
    TN1028 = error(
        "a flag is read that is not there",
        "A template without a flag that it reads cannot be rendered; a function takes a flag that is not delivered for off. Structural flags are delivered to templates, flags of run time to functions.",
        "Add the flag to policies/flags.yaml, or correct its `reads`.",
    ),
    TN1029 = entry(
        Severity::Info,
        "a flag is the same for every tenant",
        "A release flag that everybody has alike has done its work; rules that change nothing only have to be read.",
        "Retire the flag, or take its rules out.",
    ),
    TN1030 = error(
        "a ring's waves, window or freeze make no sense",
        "Waves say how much of the ring has the release after each, so each reaches further than the one before; a window or a freeze that can never hold would stop releases for ever or never.",
        "Correct what the message names in `fleet.yaml`.",
    ),
    TN1031 = error(
        "a host name is too long for a certificate",
        "ACM takes 64 octets for the first name of a certificate. A longer one fails the stack when its certificate is requested, after half of it was created.",
        "Choose a shorter DNS zone for the account, or a shorter tenant name before the tenant is deployed.",
    ),
    TN1032 = error(
        "two accounts name one hosted zone",
        "A hosted zone belongs to one account. CloudFormation writes the host name and the certificate's validation record in the account of the stack, so the stacks of the other account fail or wait for hours.",
        "Create a zone for each account, delegated from the parent zone, and name it in `fleet.yaml`.",
    ),
    TN1033 = error(
        "a name is reserved",
        "Names of a stack's resources begin with the organisation and the tenant. Some meet a stack, a bucket or a topic of the control plane, which a deploy of the tenant would take over; some are refused by an AWS service, which keeps the prefix for itself.",
        "Choose another name for the tenant or the organisation.",
    ),
    TN1035 = error(
        "two groups of clients that must be apart share a certificate authority",
        "A client with a certificate of the authority is accepted by both: a stolen sensor's key would open the dashboards. The same key in another certificate, or one authority that issued the other's certificate, comes to the same.",
        "Issue the certificates of one group from an authority with a key of its own and no common issuer in either bundle, and name its bundle in the parameter.",
    ),
    TN1036 = entry(
        Severity::Error,
        "a revocation list is out of date",
        "The authority promised a newer list for that time. What was revoked since is not in this one, so stolen certificates may still be accepted.",
        "Fetch the authority's current list, commit it and deploy.",
    ),
    TN1037 = entry(
        Severity::Warning,
        "the control plane's list of accounts is too long",
        "Without the id of an AWS organization, the role behind the central logs names every account in its trust policy. IAM takes 2,048 characters there unless the account's quota was raised, and `bootstrap` fails beyond it.",
        "Set `aws_organization_id` in `fleet.yaml` if all accounts belong to one AWS organization; else raise the quota of the role trust policy's length.",
    ),
    TN1038 = entry(
        Severity::Warning,
        "tenants share a certificate authority that each should have for itself",
        "A client's certificate is held against the tenant's own authority only. With one authority for several tenants, a client of one of them passes for a client of the others.",
        "Give each tenant an authority of its own, such as an intermediate authority for each: name the intermediate's certificate, not that of the root. Where the tenants are one customer, the warning can stay.",
    ),
    TN1039 = entry(
        Severity::Warning,
        "the signature of a revocation list was not checked",
        "Its algorithm is not among those that are checked here: RSA with SHA-256, SHA-384 or SHA-512, ECDSA on P-256 and P-384, and Ed25519.",
        "Check it with `openssl crl -verify -CAfile FILE`, or let the authority sign with one of those algorithms.",
    ),
    TN1041 = error(
        "a pool lies where no VPC can be",
        "Amazon VPC refuses blocks in 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16 and 224.0.0.0/4: every stack of the pool would fail at its first resource.",
        "Take private addresses: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, or 100.64.0.0/10 where nothing else uses it.",
    ),
    TN1042 = entry(
        Severity::Warning,
        "a pool has public addresses",
        "A VPC may have them, but their owners on the internet cannot be reached from it.",
        "Take private addresses; if the organisation owns these, say `public: true` at the pool.",
    ),
    TN1043 = error(
        "a pool is smaller than a tenant's block",
        "The pool can never give a block of the length that its tenants get.",
        "Widen the pool, or let its tenants have smaller blocks.",
    ),
    TN1044 = error(
        "an address cannot be a source address",
        "No packet from outside has such a source address, so the entry allows no traffic.",
        "Correct the entry, or remove it.",
    ),
    TN1045 = error(
        "no certificate of an authority holds today",
        "Every client's certificate is refused while none of its authorities is valid.",
        "Put a certificate of the authority that holds into the bundle.",
    ),
    TN1046 = entry(
        Severity::Warning,
        "a certificate of an authority ends",
        "From that day on the certificates that it issued are refused.",
        "Add the next certificate of the authority to the bundle before that day, and remove what has ended.",
    ),
    TN1047 = entry(
        Severity::Info,
        "a freeze is over",
        "It holds nothing any more, and only has to be read.",
        "Remove it from `fleet.yaml`.",
    ),
    TN1048 = error(
        "a zone or a prefix list is of another Region",
        "Ids of zones begin with the short code of their Region; a subnet in a zone of another one cannot be created. A rule for a prefix list of another Region is refused.",
        "Name those of the Region: `aws ec2 describe-availability-zones` and `aws ec2 describe-managed-prefix-lists` with `--region REGION` list their ids.",
    ),
    TN1049 = entry(
        Severity::Info,
        "the table of regions does not know a region or a zone",
        "What depends on the table is unknown for it: services that it lacks, and whether an account must opt in.",
        "Compare the name with AWS's list; add the region to `policies/regions.yaml` of the estate.",
    ),
    TN1050 = entry(
        Severity::Info,
        "a copy of a schema is old",
        "The schema of a tenant's file follows from the blueprint and the fleet's defaults. An editor that checks against an old copy refuses what holds, and lets pass what does not.",
        "Write it again with `tenantry schema`.",
    ),
    TN1051 = error(
        "the estate requires another version of tenantry",
        "`required_version` in `tenants/fleet.yaml` keeps a team on versions that render the same templates. Another version may misread the files or change every stack.",
        "Install a version that is allowed; raise `required_version` once everybody and CI can have the newer one.",
    ),
];
