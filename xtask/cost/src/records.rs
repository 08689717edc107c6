//! Records into the connection table.

use crate::Work;

/// What is counted.
pub const WORK: &[Work] = &[];
