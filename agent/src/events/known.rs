//! What is known of a socket beside its events.

use catalogue::labels::Role;

/// What is known of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// The name and id of the process that last used it in an event, or that the agent named.
    pub(crate) owner: Option<(String, u32)>,
    /// Its side.
    pub(crate) role: Role,
}

impl Known {
    /// Nothing.
    pub(crate) const NOTHING: Self = Self { owner: None, role: Role::Unknown };
}
