//! The agent as a library: `main.rs` is the only program that runs it, `xtask/cost` measures its
//! parts and `dashboards` checks commands against it. ARCHITECTURE.md is the map.
//!
//! A module is `pub` only if one of these uses it.
// Only `kernel::heap` and `kernel::lookup` allow unsafe code.
#![deny(unsafe_code)]

mod bounded;
pub mod cli;
pub(crate) mod client;
pub(crate) mod clock;
pub mod commands;
pub mod config;
pub mod conn;
pub mod doctor;
pub(crate) mod duration_text;
pub(crate) mod events;
pub mod exit;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
#[cfg(test)]
mod golden;
pub(crate) mod handover;
pub(crate) mod history;
pub(crate) mod housekeeping;
pub mod http;
pub mod ingest;
pub(crate) mod internal_error;
pub mod kernel;
pub(crate) mod leaks;
pub mod lister;
pub(crate) mod listing;
pub mod log;
pub mod metrics;
pub(crate) mod nat;
pub(crate) mod nearest;
pub(crate) mod output;
pub mod pressure;
pub(crate) mod process;
pub mod query;
pub(crate) mod rate_limited;
pub(crate) mod reconcile;
pub(crate) mod sandbox;
pub(crate) mod size_text;
pub(crate) mod spawn;
pub(crate) mod table;
pub mod top;
pub(crate) mod verify;
pub(crate) mod version;
pub(crate) mod web;
pub mod workload;

use std::os::fd::AsFd as _;

/// Prints a line on standard output. A failure is ignored: if standard output is closed, there is
/// no reader.
pub fn print_line(line: &str) {
    log::say(std::io::stdout().as_fd(), &format!("{line}\n"));
}

/// Prints an error on standard error, after the program's name. A failure is ignored.
pub fn print_error(error: &exit::Error) {
    log::say(std::io::stderr().as_fd(), &format!("tcpwarden: {error}\n"));
}
