//! Codes of blueprints: TN6xxx.

use super::{Explanation, entry, error};
use crate::finding::Severity;

pub(super) const CODES: &[Explanation] = &[
    error(
        "TN6001",
        "the blueprint is not YAML",
        "Nothing can be read from a file that is not YAML or that exceeds the limits of a file.",
        "Correct the syntax at the place shown.",
    ),
    error(
        "TN6002",
        "a word of the blueprint is unknown",
        "A misspelt word would be ignored without a message, and what it should do would not happen.",
        "Use the word that is suggested, or remove it.",
    ),
    error(
        "TN6003",
        "a value of the blueprint has the wrong form",
        "The word needs a value of another type, or a word that must be present is missing.",
        "Write the value as the message says.",
    ),
    error(
        "TN6004",
        "a name is invalid or is used twice",
        "Parameters, tables, derived values and functions share one set of names in formulas.",
        "Rename one of the two.",
    ),
    error(
        "TN6005",
        "a parameter's schema contradicts itself",
        "A default that its own schema refuses, or bounds that exclude every value, would fail for each tenant.",
        "Correct the default or the bounds.",
    ),
    error(
        "TN6010",
        "a formula is not CEL",
        "The formula cannot be parsed.",
        "Correct the expression at the place shown; the language is described at https://cel.dev.",
    ),
    error(
        "TN6011",
        "a formula refers to an unknown name",
        "The name is not a parameter, a table, a fact, a derived value or a function.",
        "Use the name that is suggested, or declare it.",
    ),
    error(
        "TN6012",
        "a formula has the wrong type",
        "CEL does not convert between whole numbers, doubles and texts.",
        "Convert with `double()`, `int()`, `ceil()` or `string()`, or write `2.0` for `2`.",
    ),
    error(
        "TN6013",
        "formulas refer to each other in a circle",
        "A value cannot be derived from itself.",
        "Break the circle at one of the formulas named.",
    ),
    error(
        "TN6014",
        "a formula exceeds the evaluation budget",
        "A formula is evaluated for each tenant of the fleet, so its steps are bounded before it is evaluated.",
        "Loop over a smaller table, or give the list `maxItems`.",
    ),
    error(
        "TN6015",
        "a formula has no value for these inputs",
        "A division by zero, an overflow, a number that is not finite, or a table without a row that satisfies.",
        "Correct the formula or the range of the parameters it refers to.",
    ),
    error(
        "TN6016",
        "a derived value is outside its bounds",
        "The value would be refused by the service that it is for.",
        "Clamp the formula, or correct the bounds.",
    ),
    error(
        "TN6020",
        "the tiers of the network cannot fit",
        "The shares of a zone add up to more than the zone has, or the demand does not fit into a block.",
        "Give smaller shares, or a larger block.",
    ),
    error(
        "TN6021",
        "the shape names a value that is not finite",
        "Each combination of the shape's values is a form of its own: only booleans, enumerations and small ranges may decide.",
        "Name a boolean, an enumeration or a whole number with narrow bounds, or derive one.",
    ),
    error(
        "TN6022",
        "a name that is referred to is not declared",
        "The shape, the workload, a watch or a check names something that the blueprint does not declare.",
        "Declare it, or correct the name.",
    ),
    entry(
        "TN6023",
        Severity::Warning,
        "a range is not declared",
        "Without a minimum and a maximum it cannot be checked that every formula has a value.",
        "Give the parameter `minimum` and `maximum`.",
    ),
    error(
        "TN6024",
        "more workload gives a smaller subnet",
        "A subnet that exists cannot change its size, so a growing tenant would not fit the subnets that it has.",
        "Make the tier's formula grow with its parameters.",
    ),
];
