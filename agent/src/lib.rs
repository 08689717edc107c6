//! The agent as a library, so that its parts can be tested and measured one by one; `main.rs` is
//! the only program that uses it. See ARCHITECTURE.md for the map.
// One module may: `kernel::heap`.
#![deny(unsafe_code)]

pub mod cli;
pub mod client;
pub mod clock;
pub mod commands;
pub mod config;
pub mod conn;
pub mod duration_text;
pub mod events;
pub mod exit;
pub mod housekeeping;
pub mod http;
pub mod ingest;
pub mod kernel;
pub mod leaks;
pub mod listing;
pub mod metrics;
pub mod pressure;
pub mod rate_limited;
pub mod reconcile;
pub mod verify;
pub mod workload;

use std::io::Write as _;

/// Prints a line on standard output. A failure is ignored: if standard output is closed, there is
/// no reader.
pub fn print_line(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Prints an error on standard error, after the program's name. A failure is ignored.
pub fn print_error(error: &exit::Error) {
    let _ = writeln!(std::io::stderr().lock(), "tcpwarden: {error}");
}
