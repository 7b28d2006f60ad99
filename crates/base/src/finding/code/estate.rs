//! Codes of the estate's files: TN1xxx.

use super::{Code, Explanation, entry, error};
use crate::finding::Severity;

registry![
    TN1000 = error(
        "a file of the estate cannot be read",
        "Tenantry reads the whole estate before it does anything, so that no decision is based on some of the files only.",
        "Check that the file exists and is readable.",
    ),
    TN1001 = error(
        "a file is not UTF-8 text",
        "YAML is text, and text in an estate is UTF-8; another encoding would be read differently on different machines.",
        "Save the file as UTF-8. Some editors call UTF-16 `Unicode`.",
    ),
    TN1002 = error(
        "a file is not valid YAML",
        "The file cannot be parsed beyond the place shown, or it has a duplicate key, of which only one value would be used.",
        "Correct the file at the place shown; the cause is often on the line before.",
    ),
    TN1003 = error(
        "a file exceeds a limit",
        "Files of more than 1 MiB, 32 levels, 50,000 values or 100 aliases are rejected: no spec needs that much, and parsing it could exhaust memory.",
        "Split the file, or replace aliases with their content.",
    ),
    TN1004 = error(
        "a field is unknown",
        "The default of a misspelt field would stay in force without notice.",
        "Correct the name; `tenantry schema tenant` lists all fields.",
    ),
    TN1005 = error(
        "a value has the wrong type",
        "YAML reads an unquoted account ID as a number and drops its leading zeros.",
        "Use a value of the type in the message, and quote account IDs.",
    ),
    TN1006 = error(
        "a value is missing",
        "The field has no default, neither built in nor in `defaults` of fleet.yaml.",
        "Add the field to the tenant's file, or to the fleet's defaults if all tenants have the same value.",
    ),
    TN1007 = error(
        "a value is not allowed",
        "The value is outside the field's range, does not match its pattern, or is not in its list of values.",
        "Choose one of the values that the message allows.",
    ),
    TN1008 = error(
        "a tenant has two files",
        "The file name without its extension is the tenant's name, in any case: two such files are two specs for one customer.",
        "Delete or rename one of the files.",
    ),
    TN1009 = error(
        "a file name is not a valid tenant name",
        "The name becomes part of the names of AWS resources, which allow no other characters and lengths.",
        "Rename the file: 2 to 32 lower case letters, digits and single hyphens, starting with a letter.",
    ),
    TN1010 = error(
        "an address block has host bits set",
        "`10.0.0.1/18` could mean the address or the block that contains it.",
        "Use the block's first address.",
    ),
    TN1011 = error(
        "address blocks overlap",
        "Two VPCs with overlapping blocks can never be peered or connected to one network, and changing the block of one means replacing it.",
        "Give the newer tenant another block: `tenantry new` allocates a free one.",
    ),
    TN1012 = error(
        "an address block is not in a pool",
        "Blocks are allocated from the fleet's pools, so that they never overlap with the rest of the company's network.",
        "Choose a block in a pool for the tenant's Region, or add a pool to fleet.yaml.",
    ),
    TN1013 = error(
        "an address block overlaps with a reserved range",
        "The fleet reserves the range for something else, such as an office or a peered network.",
        "Choose another block.",
    ),
    TN1014 = error(
        "an account is unknown",
        "Only accounts listed in fleet.yaml have a control plane and a role to deploy with.",
        "Correct the ID, or add the account to fleet.yaml and run `tenantry bootstrap`.",
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
        "No template and no function reads a flag that is not in the catalogue.",
        "Correct it, or add the flag to policies/flags.yaml.",
    ),
    TN1018 = error(
        "a region has too few zones",
        "The tenant asks for more availability zones than fleet.yaml lists for its region.",
        "Ask for fewer zones in `network.zones` (two at least), or choose another region.",
    ),
    TN1019 = error(
        "a time zone is unknown",
        "Maintenance windows are in the customer's time zone.",
        "Use a name from the IANA time zone database, such as `Europe/Zagreb`.",
    ),
    TN1020 = error(
        "a file that a parameter names cannot be used",
        "Bundles of certificate authorities decide which clients are accepted, and revocation lists which ones no longer are.",
        "A bundle contains PEM certificates of authorities and nothing else, at most as many as the blueprint allows. A revocation file contains one PEM revocation list, version 2, of an authority in the bundle. `openssl crl -inform DER -in FILE` converts a list to PEM.",
    ),
    TN1021 = error(
        "the tenant's subnets do not fit",
        "Every subnet must have enough addresses for the peak demand with one Availability Zone lost and a deployment in progress. A block that is too small is reported now, and not when functions have taken the last address.",
        "Give the tenant a block of the size in the message, or lower the demand. `tenantry explain NAME` shows the numbers.",
    ),
    TN1022 = error(
        "a name is used twice",
        "Pools, rings and zones are identified by their names.",
        "Rename or remove one.",
    ),
    TN1023 = error(
        "a flag's definition is wrong",
        "Every value in the catalogue must be one of the flag's variants, and every flag that it refers to must exist: otherwise tenants would get an unintended default.",
        "Correct policies/flags.yaml at the place shown.",
    ),
    TN1024 = error(
        "two flags of a tenant conflict",
        "If a flag is on, the flags in its `requires` must be on and those in its `conflicts` off, whatever decides their values: the tenant's file, a targeting rule or a rollout.",
        "Change one of the two; `tenantry flags why TENANT FLAG` shows what decided.",
    ),
    TN1025 = error(
        "a flag has expired",
        "A flag that outlives its purpose is an untested branch that everyone has to read.",
        "Remove the flag from templates and functions, keeping the behaviour of its value, then run `tenantry flags retire FLAG`; or move its date and give the reason in the commit.",
    ),
    TN1026 = entry(
        Severity::Info,
        "a flag expires soon",
        "`tenantry flags lint` fails from that date on.",
        "Remove the flag from templates and functions, keeping the behaviour of its value, then run `tenantry flags retire FLAG`.",
    ),
    TN1027 = entry(
        Severity::Warning,
        "nothing reads a flag",
        "Setting it changes nothing, which is misleading.",
        "Remove it with `tenantry flags retire FLAG`.",
    ),
    TN1028 = error(
        "an undefined flag is read",
        "A template that reads an undefined flag cannot be rendered; a function treats an undelivered flag as off. Structural flags are delivered to templates, runtime flags to functions.",
        "Add the flag to policies/flags.yaml, or correct its `reads`.",
    ),
    TN1029 = entry(
        Severity::Info,
        "a flag is the same for every tenant",
        "A release flag with the same value for all tenants has served its purpose, and its rules change nothing.",
        "Retire the flag, or remove its rules.",
    ),
    TN1030 = error(
        "a ring's waves, window or freeze are invalid",
        "Waves are cumulative shares of the ring, so each must be larger than the one before. A window or freeze that never applies would block releases for ever, or never.",
        "Correct the entry in the message in `fleet.yaml`.",
    ),
    TN1031 = error(
        "a host name is too long for a certificate",
        "ACM allows 64 bytes for the first domain name of a certificate. With a longer name the stack fails when it requests the certificate, after half of it was created.",
        "Choose a shorter DNS zone for the account, or a shorter tenant name before the tenant is deployed.",
    ),
    TN1032 = error(
        "two accounts name one hosted zone",
        "A hosted zone belongs to one account. CloudFormation writes the host name and the certificate's validation record in the account of the stack, so the stacks of the other account fail or wait for hours.",
        "Create a zone for each account, delegated from the parent zone, and name it in `fleet.yaml`.",
    ),
    TN1033 = error(
        "a name is reserved",
        "Names of a stack's resources begin with the organisation and the tenant. Some names collide with a stack, bucket or topic of the control plane, which a deploy of the tenant would take over; others have a prefix that an AWS service reserves.",
        "Choose another name for the tenant or the organisation.",
    ),
    TN1035 = error(
        "two groups of clients that must be apart share a certificate authority",
        "A client with a certificate of the authority is accepted by both: a stolen sensor's key would open the dashboards. The same holds for the same key in another certificate, and for an authority that issued the other's certificate.",
        "Issue the certificates of one group from an authority with its own key and without an issuer in common in either bundle, and set the parameter to its bundle.",
    ),
    TN1036 = entry(
        Severity::Error,
        "a revocation list is out of date",
        "The authority's next list was due by then. Certificates that were revoked since are not in this list, so stolen ones may still be accepted.",
        "Fetch the authority's current list, commit it and deploy.",
    ),
    TN1037 = entry(
        Severity::Warning,
        "the control plane's list of accounts is too long",
        "Without the ID of an AWS organization, the trust policy of the central logs' role lists every account. IAM allows 2,048 characters there unless the account's quota was raised; `bootstrap` fails beyond that.",
        "Set `aws_organization_id` in `fleet.yaml` if all accounts belong to one AWS organization; else raise the quota on the length of role trust policies.",
    ),
    TN1038 = entry(
        Severity::Warning,
        "tenants share a certificate authority that each should have for itself",
        "A client's certificate is checked against the tenant's authority only. If several tenants share an authority, a client of one of them is accepted as a client of the others.",
        "Give each tenant its own authority, for example an intermediate authority: use the intermediate's certificate, not the root's. If the tenants belong to one customer, ignore the warning.",
    ),
    TN1039 = entry(
        Severity::Warning,
        "the signature of a revocation list was not checked",
        "Tenantry can check these algorithms only: RSA with SHA-256, SHA-384 or SHA-512, ECDSA on P-256 and P-384, and Ed25519.",
        "Check it with `openssl crl -verify -CAfile FILE`, or have the authority sign with one of these algorithms.",
    ),
    TN1041 = error(
        "a pool is in a range that a VPC cannot use",
        "Amazon VPC refuses blocks in 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16 and 224.0.0.0/4: every stack of the pool would fail at its first resource.",
        "Use private addresses: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, or 100.64.0.0/10 if nothing else uses it.",
    ),
    TN1042 = entry(
        Severity::Warning,
        "a pool has public addresses",
        "A VPC may use them, but it cannot reach their owners on the internet.",
        "Use private addresses; if the organisation owns these, set `public: true` on the pool.",
    ),
    TN1043 = error(
        "a pool is smaller than a tenant's block",
        "The pool can never allocate a block of its tenants' prefix length.",
        "Enlarge the pool, or give its tenants smaller blocks.",
    ),
    TN1044 = error(
        "an address cannot be a source address",
        "No packet from outside has this source address, so the entry allows no traffic.",
        "Correct the entry, or remove it.",
    ),
    TN1045 = error(
        "no certificate of an authority is valid today",
        "Every client's certificate is refused while none of its authorities is valid.",
        "Add a valid certificate of the authority to the bundle.",
    ),
    TN1046 = entry(
        Severity::Warning,
        "a certificate of an authority expires soon or has expired",
        "From that day on, the client certificates that it issued are rejected.",
        "Add the authority's next certificate to the bundle before that day, and remove expired ones.",
    ),
    TN1047 = entry(Severity::Info, "a freeze is over", "It no longer has any effect.", "Remove it from `fleet.yaml`.",),
    TN1048 = error(
        "a zone or a prefix list belongs to another Region",
        "AZ IDs begin with the short code of their Region. A subnet in a zone of another Region cannot be created, and a rule with a prefix list of another Region is rejected.",
        "Use those of the Region: `aws ec2 describe-availability-zones` and `aws ec2 describe-managed-prefix-lists` with `--region REGION` list the IDs.",
    ),
    TN1049 = entry(
        Severity::Info,
        "the table of regions does not know a region or a zone",
        "Facts from the table are unknown for it: missing services, and whether an account must enable the Region.",
        "Compare the name with AWS's list; add the region to `policies/regions.yaml` of the estate.",
    ),
    TN1050 = entry(
        Severity::Info,
        "a copy of a schema is old",
        "The schema of a tenant's file is generated from the blueprint and the fleet's defaults. An editor with an old copy reports valid files as errors, and misses real ones.",
        "Regenerate it with `tenantry schema`.",
    ),
    TN1051 = error(
        "the estate requires another version of tenantry",
        "`required_version` in `tenants/fleet.yaml` keeps a team on versions that render the same templates. Another version may misread the files or change every stack.",
        "Install an allowed version; raise `required_version` once the whole team and CI have the newer one.",
    ),
];
