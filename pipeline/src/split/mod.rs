//! The splitter: an object becomes parts of predictable size, cut only between messages.
//!
//! [`decode`], [`cutter`] and [`names`] decide and know nothing of stores; [`run`] reads and writes.

pub mod cutter;
pub mod decode;
pub(crate) mod header;
pub mod names;
pub mod run;
mod uploads;
