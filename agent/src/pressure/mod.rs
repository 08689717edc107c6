//! What `/proc` tells of pressure: port ranges and refused connections of a network namespace, the
//! memory and the settings of TCP, descriptors of processes.
//!
//! Driven by the reconcile thread, never by a scrape. Guarantees: every file is read up to a bound
//! and parsed without trust; what is missing or does not make sense is absent, never an error that
//! stops a pass.

pub mod descriptors;
pub mod host;
pub mod netns;
pub(crate) mod parse;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// The most bytes that are taken from a file: `/proc/net/netstat` has some 5 KiB.
const MOST_BYTES: u64 = 256 * 1024;

/// A small file as text; none where it cannot be read.
fn text(path: impl AsRef<Path>) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
