//! The codes of findings about blueprints; `tenantry_base::finding` explains them.

use tenantry_base::finding::Code;

/// The blueprint is not YAML.
pub const SYNTAX: Code = Code::TN6001;
/// A word of the blueprint is unknown.
pub const UNKNOWN_WORD: Code = Code::TN6002;
/// A value of the blueprint has the wrong form.
pub const SHAPE: Code = Code::TN6003;
/// A name is invalid or is used twice.
pub const NAME: Code = Code::TN6004;
/// A parameter's schema contradicts itself.
pub const SCHEMA: Code = Code::TN6005;
/// A formula is not CEL.
pub const FORMULA: Code = Code::TN6010;
/// A formula refers to an unknown name.
pub const REFERENCE: Code = Code::TN6011;
/// A formula has the wrong type.
pub const TYPE: Code = Code::TN6012;
/// Formulas refer to each other in a circle.
pub const CIRCLE: Code = Code::TN6013;
/// A formula exceeds the evaluation budget.
pub const BUDGET: Code = Code::TN6014;
/// A formula has no value for these inputs.
pub const EVALUATION: Code = Code::TN6015;
/// A derived value is outside its bounds.
pub const BOUNDS: Code = Code::TN6016;
/// The tiers of the network cannot fit.
pub const TIER: Code = Code::TN6020;
/// The shape names a value that is not finite.
pub const FINITE: Code = Code::TN6021;
/// A name that is referred to is not declared.
pub const UNDECLARED: Code = Code::TN6022;
/// A range is not declared.
pub const UNCHECKED: Code = Code::TN6023;
/// More workload gives a smaller subnet.
pub const SHRINKS: Code = Code::TN6024;
