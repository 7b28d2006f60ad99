//! Releases through the command line, in a git repository of their own: cut, verified, rolled, halted, taken back, on
//! an endpoint on loopback.

mod ci;
mod cut;
mod estate;
mod rolls;
pub(crate) mod small;

pub(crate) use estate::git;
