//! Codes of the estate's files: TN1xxx.

use super::{Explanation, error};

pub(super) const CODES: &[Explanation] = &[
    error(
        "TN1000",
        "a file of the estate cannot be read",
        "Tenantry reads the whole estate before it does anything, so that no decision rests on half of the files.",
        "Check that the file exists and is readable.",
    ),
    error(
        "TN1001",
        "a file is not UTF-8 text",
        "YAML is text, and text in an estate is UTF-8; another encoding would be read differently on different machines.",
        "Save the file as UTF-8. Editors call UTF-16 also `Unicode`.",
    ),
    error(
        "TN1002",
        "a file is not valid YAML",
        "The file stops being YAML at the place shown, or has the same key twice, of which only one would count.",
        "Correct the file at the place shown; often the cause is one line above it.",
    ),
    error(
        "TN1003",
        "a file exceeds a limit",
        "Files of more than 1 MiB, more than 32 levels, 50,000 values or 100 aliases are refused: nobody writes such a spec, and reading one could exhaust memory.",
        "Split the file, or write out what aliases repeat.",
    ),
    error(
        "TN1004",
        "a field is unknown",
        "A misspelt field would silently leave its default in force.",
        "Correct the name; `tenantry schema tenant` lists them all.",
    ),
    error(
        "TN1005",
        "a value has the wrong type",
        "Account ids must stand in quotes, or YAML reads them as numbers and drops their zeros.",
        "Write a value of the type that is asked for.",
    ),
    error(
        "TN1006",
        "a value is missing",
        "The field has no default, neither built in nor in `defaults` of fleet.yaml.",
        "Add the field to the tenant's file, or to the fleet's defaults if it is the same for everybody.",
    ),
    error(
        "TN1007",
        "a value is not allowed",
        "The value lies outside the range, the pattern or the list of its field.",
        "Choose a value that the message allows.",
    ),
    error(
        "TN1008",
        "a tenant has two files",
        "The stem of a file is the tenant's name, whatever its ending and case: two files of one stem are two specs for one customer.",
        "Delete or rename one of the files.",
    ),
    error(
        "TN1009",
        "a file's name is no tenant's name",
        "The name becomes part of the names of AWS resources, which allow no more than this.",
        "Rename the file: 2 to 32 lower case letters, digits and single hyphens, starting with a letter.",
    ),
    error(
        "TN1010",
        "an address block has host bits set",
        "`10.0.0.1/18` could mean the address or the block around it.",
        "Write the block's first address.",
    ),
    error(
        "TN1011",
        "address blocks overlap",
        "Two VPCs of overlapping blocks can never be peered or reached through one network, and moving one means building it anew.",
        "Give the newer tenant another block: `tenantry new` finds one.",
    ),
    error(
        "TN1012",
        "an address block lies in no pool",
        "Blocks come from the fleet's pools, so that they never meet the rest of the company's network.",
        "Choose a block inside a pool that is for the tenant's region, or add a pool to fleet.yaml.",
    ),
    error(
        "TN1013",
        "an address block touches a reserved range",
        "The fleet reserves the range for something else, such as an office or a peered network.",
        "Choose another block.",
    ),
    error(
        "TN1014",
        "an account is unknown",
        "Only accounts listed in fleet.yaml have a control plane and a role to deploy with.",
        "Correct the id, or add the account to fleet.yaml and run `tenantry bootstrap`.",
    ),
    error(
        "TN1015",
        "a region is unknown",
        "Only regions listed in fleet.yaml have a control plane and known zones.",
        "Correct the region, or add it to fleet.yaml with its zones and run `tenantry bootstrap`.",
    ),
    error(
        "TN1016",
        "a ring is unknown",
        "A tenant outside every ring would never get a release.",
        "Correct the ring, or add it to fleet.yaml.",
    ),
    error(
        "TN1017",
        "a flag or its value is unknown",
        "A flag that is not in the catalogue is read by nothing.",
        "Correct it, or add the flag to policies/flags.yaml.",
    ),
    error(
        "TN1018",
        "a region has too few zones",
        "The tenant asks for more availability zones than fleet.yaml lists for its region.",
        "Ask for fewer zones in `network.zones` (two at least), or choose another region.",
    ),
    error(
        "TN1019",
        "a time zone is unknown",
        "Maintenance windows are kept in the customer's own time.",
        "Use a name of the IANA database, such as `Europe/Zagreb`.",
    ),
    error(
        "TN1020",
        "a CA bundle cannot be used",
        "The bundle decides which client certificates open the tenant's two doors.",
        "Put PEM certificates of authorities, and nothing else, into the file.",
    ),
    error(
        "TN1021",
        "the tenant's subnets do not fit",
        "Every subnet must hold its demand at the peak, with a zone lost and a deployment under way; a block that is too small is found now and not when functions have taken the last address.",
        "Give the tenant a block of the size that the message names, or lower the demand. `tenantry explain NAME` shows the numbers.",
    ),
    error(
        "TN1022",
        "a name stands twice",
        "Pools, rings and zones are told apart by their names.",
        "Rename or remove one.",
    ),
];
