//! Blueprints through the crate's public functions: those of this repository, and many that are wrong.

#![cfg(test)]

mod blueprints;
mod default_blueprint;
mod findings;
mod speed;
mod support;
