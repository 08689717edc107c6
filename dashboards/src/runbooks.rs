//! What to do when an alert fires: one page each, its numbers from the rule.

use crate::File;

/// The pages.
#[must_use]
pub fn files() -> Vec<File> {
    Vec::new()
}
