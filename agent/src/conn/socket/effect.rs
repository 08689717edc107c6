//! What a pass under way has to know of a record.

/// What became of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing that a pass asks for.
    None,
    /// A row was put into this place.
    Stored(u32),
    /// A socket closed.
    Closed { sk: u64, time: u64 },
}
