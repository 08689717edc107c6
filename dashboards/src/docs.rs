//! The metric reference docs/metrics.md, for [`files`](crate::files). The catalogue has its text.

use crate::{File, markdown};

/// Returns docs/metrics.md.
#[must_use]
pub fn files() -> Vec<File> {
    let text = markdown::wrap(&catalogue::reference::render());
    vec![File { path: "docs/metrics.md".to_owned(), text }]
}
