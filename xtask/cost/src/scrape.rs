//! The table onto the page.

use crate::Work;

/// What is counted.
pub const WORK: &[Work] = &[];
