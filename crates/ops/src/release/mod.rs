//! Releases: from a tag of the estate's repository to the fleet, ring by ring and wave by wave, and back.
//!
//! A release is rendered from its tag ([`candidate`]), never from the work tree; its [`manifest`] says what it is. The
//! [`itinerary`] is pure; [`roll`] follows it with the shared [`record`], [`gates`] watch it, [`back`] undoes it.

pub mod back;
pub mod candidate;
#[cfg(test)]
#[cfg(unix)]
mod checkouts;
pub mod diff;
pub mod gates;
pub mod itinerary;
pub mod manifest;
pub mod name;
pub mod record;
pub mod repository;
pub mod roll;
pub mod signature;
pub mod skew;
pub mod store;
mod tree;
mod wave;

pub use candidate::{Candidate, CandidateError};
pub use manifest::Manifest;
pub use repository::{Repository, RepositoryError};
