//! The gate, through the binary and against an endpoint on loopback: what is red stops a deploy unless it is accepted.

#![cfg(test)]

#[path = "../endpoint/process.rs"]
mod process;
