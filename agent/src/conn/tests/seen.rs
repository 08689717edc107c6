//! What every snapshot of a test has to have seen.

use catalogue::labels::SocketState;

use crate::conn::snapshot::Snapshot;

/// Panics where a gauge is above 0 that no snapshot has seen so.
pub(super) fn check(snapshot: &Snapshot) {
    for group in &snapshot.groups {
        for (state, gauge) in SocketState::ALL.iter().zip(&group.states) {
            assert!(gauge.oldest_since.is_none() || group.seen.has(*state), "{group:?}");
            let mut older = (0..).zip(gauge.older_than);
            assert!(older.all(|(age, count)| count == 0 || group.seen.has_older(*state, age)));
        }
    }
}
