//! Codes of blueprints: TN6xxx.

use super::{Code, Explanation, entry, error};
use crate::finding::Severity;

registry![
    TN6001 = error(
        "the blueprint is not YAML",
        "Nothing can be read from a file that is not YAML or that exceeds the limits of a file.",
        "Correct the syntax at the place shown.",
    ),
    TN6002 = error(
        "a key of the blueprint is unknown",
        "A misspelt key would be ignored without a message, and so would its value.",
        "Use the suggested key, or remove it.",
    ),
    TN6003 = error(
        "a value of the blueprint is malformed",
        "The key needs a value of another type, or a required key is missing.",
        "Correct the value as the message says.",
    ),
    TN6004 = error(
        "a name is invalid or is used twice",
        "Parameters, tables, derived values and functions share one namespace in formulas.",
        "Rename one of the two.",
    ),
    TN6005 = error(
        "a parameter's schema contradicts itself",
        "A default that does not match its own schema, or bounds that exclude every value, would fail for each tenant.",
        "Correct the default or the bounds.",
    ),
    TN6010 = error(
        "a formula is not CEL",
        "The formula cannot be parsed.",
        "Correct the expression at the place shown; the language is described at https://cel.dev.",
    ),
    TN6011 = error(
        "a formula refers to an unknown name",
        "The name is not a parameter, a table, a fact, a derived value or a function.",
        "Use the suggested name, or declare this one.",
    ),
    TN6012 = error(
        "a formula has the wrong type",
        "CEL does not convert between integers, doubles and strings.",
        "Convert with `double()`, `int()`, `ceil()` or `string()`, or write `2.0` for `2`.",
    ),
    TN6013 = error(
        "formulas have a circular reference",
        "A value cannot be derived from itself.",
        "Break the cycle at one of the formulas in the message.",
    ),
    TN6014 = error(
        "a formula exceeds the evaluation budget",
        "A formula is evaluated for each tenant of the fleet, so its number of steps is limited in advance.",
        "Loop over a smaller table, or give the list `maxItems`.",
    ),
    TN6015 = error(
        "a formula has no value for these inputs",
        "A division by zero, an overflow, a number that is not finite, or a table without a matching row.",
        "Correct the formula, or the range of the parameters that it uses.",
    ),
    TN6016 = error(
        "a derived value is outside its bounds",
        "The service that the value is for would reject it.",
        "Clamp the formula, or correct the bounds.",
    ),
    TN6020 = error(
        "the tiers of the network cannot fit",
        "The tiers' shares of a zone exceed the zone's block, or their demand does not fit in it.",
        "Use smaller shares, or a larger block.",
    ),
    TN6021 = error(
        "the shape names a value that is not finite",
        "Each combination of the shape's values is rendered separately, so only booleans, enumerations and small ranges are allowed.",
        "Use a boolean, an enumeration or an integer with narrow bounds, or derive one.",
    ),
    TN6022 = error(
        "an undeclared name is used",
        "The shape, the workload, a watch or a check refers to a name that the blueprint does not declare.",
        "Declare it, or correct the name.",
    ),
    TN6023 = entry(
        Severity::Warning,
        "a range is not declared",
        "Without a minimum and a maximum, Tenantry cannot check that every formula has a value.",
        "Give the parameter `minimum` and `maximum`.",
    ),
    TN6024 = error(
        "more workload gives a smaller subnet",
        "A subnet that exists cannot change its size, so a growing tenant would not fit the subnets that it has.",
        "Make the tier's formula grow with its parameters.",
    ),
];
