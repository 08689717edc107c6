//! What a pass under way has to know of a record that was applied.
//!
//! Returned by `apply`, taken by the pass. It keeps `apply` free of any knowledge of passes. It
//! fits into a register: the caller has the record, and with it the socket and the time.

use crate::conn::ids::RowId;

/// What became of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing that a pass asks for.
    None,
    /// A row was put into the table.
    Stored(RowId),
    /// The socket of the record closed.
    Closed,
}
