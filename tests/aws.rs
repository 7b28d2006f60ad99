//! Tests against the local AWS endpoint, most of them through the tool's binary. One test binary, because each links the
//! whole tool.

#![cfg(test)]

#[path = "endpoint/artifacts.rs"]
mod artifacts;
#[path = "blueprints/main.rs"]
mod blueprints;
#[path = "capacity/main.rs"]
mod capacity;
#[path = "cli/main.rs"]
mod cli;
#[path = "drift/main.rs"]
mod drift;
#[path = "emulator/main.rs"]
mod emulator;
#[path = "faults/main.rs"]
mod faults;
#[path = "gate/main.rs"]
mod gate;
#[path = "paging/main.rs"]
mod paging;
#[path = "endpoint/process.rs"]
mod process;
#[path = "release/main.rs"]
mod release;
#[path = "replay/main.rs"]
mod replay;
