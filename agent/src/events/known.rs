//! What is known of a socket beside its events.

use std::sync::Arc;

use catalogue::labels::Role;

/// What is known of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// The name and id of the process that last used it in an event, or that the agent named.
    pub(crate) owner: Option<(String, u32)>,
    /// The workload of that process, or the one that the agent named.
    pub(crate) workload: Option<Arc<str>>,
    /// Its side.
    pub(crate) role: Role,
}

impl Known {
    /// Nothing.
    pub(crate) const NOTHING: Self = Self { owner: None, workload: None, role: Role::Unknown };
}
