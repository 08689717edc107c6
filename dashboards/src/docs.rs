//! The metric reference.

use crate::File;

/// docs/metrics.md.
#[must_use]
pub fn files() -> Vec<File> {
    vec![File { path: "docs/metrics.md".to_owned(), text: catalogue::reference::render() }]
}
