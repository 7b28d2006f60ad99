//! What every tenant of a fleet gets, as data: a **blueprint** declares parameters, tables of facts, formulas, subnet tiers,
//! checks, names and what a template may decide on.
//!
//! In: the text of `blueprint.yaml`. Out: a [`Blueprint`], or every finding at once, each at its line and column. A
//! blueprint then gives, for each tenant: its [`Parameters`], the derived values ([`Blueprint::evaluate`]) with their
//! reasoning ([`Evaluation::explain`]), the findings of its own checks, its subnets ([`Blueprint::lay_out`]) and names. The
//! crate is pure: it reads no file, knows no AWS SDK, no template and no terminal.
//!
//! # The language of formulas
//!
//! Formulas are [CEL](https://cel.dev), the expression language of Kubernetes' validation rules, Envoy and Google Cloud
//! IAM: total by design (no recursion, no loop without a list), side-effect free, with whole numbers and doubles distinguished
//!. The parser and the interpreter are the crate `cel` (MIT, of the `cel-rust` organisation on GitHub, a release in most
//! months of 2026). `cel-interpreter` is its former name, `cel-cxx` needs a tool chain for C++; `cel-core` (0.5) and `rscel`
//! were not tried.
//!
//! - **Types.** The crate has no type checker, so [`formula`] checks every name, operator and call before anything is
//!   evaluated. `1 + 2.0` is a finding, as CEL has no such overload.
//! - **Budget.** It has no limit on evaluation either ([issue 56](https://github.com/cel-rust/cel-rust/issues/56)). A
//!   formula loops over tables and lists of known length only, so its worst number of steps is counted when it is compiled
//!   ([`MOST_STEPS`]).
//! - **Numbers.** Whole numbers are 64 bits and checked: overflow and division by zero are errors. Doubles are IEEE 754:
//!   a result that is not finite is a finding, and [`Blueprint::check`] finds those that a bound would hide.
//! - **Functions.** [`FUNCTIONS`] and [`MACROS`] list what formulas may call.
//!
//! `docs/blueprints.md` describes the words of the file.

pub mod addresses;
mod changes;
mod check;
pub mod codes;
mod document;
mod evaluate;
pub mod formula;
mod functions;
mod images;
mod layout;
mod model;
mod names;
mod nearest;
mod parameters;
mod read;
mod schema;
mod types;

pub use changes::{Changed, FieldChange};
pub use check::CheckOptions;
pub use evaluate::{Evaluation, Explained, Inputs};
pub use formula::{Formula, LONGEST_FORMULA, MOST_STEPS, Reference};
pub use functions::{FUNCTIONS, Function, MACROS};
pub use images::Image;
pub use layout::{Layout, LayoutError, Subnet};
pub use model::{
    Artifacts, Blueprint, Check, Decision, Derived, Message, Name, NetworkRules, Redrive, Rejects, Routing, Rules,
    Section, Table, Tier, Watch,
};
pub use names::{Owner, fit};
pub use parameters::{Facts, Parameters};
pub use read::{API_VERSION, CORE_FIELDS, FACTS};

/// The text of the default blueprint, `templates/blueprint.yaml`.
pub const BUILT_IN: &str = include_str!("../../../templates/blueprint.yaml");
pub use schema::{FileFormat, FileRule, Parameter};
pub use types::{Field, Type, Value};
