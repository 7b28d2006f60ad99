//! Soft-release flags: the catalogue, and what a tenant's flags evaluate to.
//!
//! In: [`Catalogue`] and a [`Subject`] (who asks). Out: an [`Evaluation`] per flag in the vocabulary of OpenFeature, or
//! the bare [`Values`]. The same evaluation decides what the templates see, what the functions see ([`app_config`]),
//! and what people are shown. It knows neither files, nor the clock, nor AWS.

mod catalogue;
mod check;
mod delivery;
mod evaluate;
pub mod lint;
mod readers;

pub use catalogue::{Catalogue, Flag, Kind, Reads, Rollout, Rules, State, ValueType, Values};
pub use check::{Contradiction, Fault, contradictions, faults};
pub use delivery::{Difference, app_config, differences, values_of, with_value};
pub use evaluate::{BUCKETS, ErrorCode, Evaluation, Reason, Step, Subject, Trace, bucket, evaluate, trace, values};
pub use readers::{Read, functions_reads, template_reads};
