//! Readings of `/proc` that show pressure: port ranges and refused connections of a network
//! namespace, the memory and the settings of TCP, descriptors of processes.
//!
//! Called by the reconcile thread, never by a scrape. Guarantees: every file is read up to a bound
//! and parsed without trust; what is missing or makes no sense is `None`, never an error that stops
//! a pass.

pub mod descriptors;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
pub mod host;
pub(crate) mod memory;
pub mod netns;
pub(crate) mod parse;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// The most bytes that are read from a file; `/proc/net/netstat` has about 5 KiB.
const MAX_BYTES: u64 = 256 * 1024;

/// Returns a small file as text; `None` if it cannot be read.
fn text(path: impl AsRef<Path>) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
