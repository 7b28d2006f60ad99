//! Releases through the command line, in a git repository of their own: cut, verified, rolled, halted, taken back, on
//! an endpoint on loopback.

#![cfg(test)]

#[path = "../endpoint/artifacts.rs"]
mod artifacts;
mod ci;
mod cut;
mod estate;
#[path = "../endpoint/process.rs"]
mod process;
mod rolls;
mod small;
