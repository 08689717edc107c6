//! Which gauges of leak states a group has had above 0.
//!
//! Kept by the groups, read by the metrics: such a gauge has a series from its first value on, so
//! that it is seen to fall to 0, and none before.

use catalogue::labels::SocketState;
use catalogue::limits::STUCK_AGES;

/// The gauges of a state: one of its sockets, and one for each of [`STUCK_AGES`].
const GAUGES: usize = 1 + STUCK_AGES.len();

/// The gauges that were above 0 at a snapshot or before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen(u64);

const _: () = assert!(SocketState::COUNT * GAUGES <= 64, "each gauge has a bit");

impl Seen {
    /// Notes the gauges of a state that are above 0: whether a socket is in it, and how many have
    /// been for longer than each of [`STUCK_AGES`].
    pub(super) fn note(&mut self, state: SocketState, has: bool, older: [u64; STUCK_AGES.len()]) {
        let gauges = std::iter::once(has).chain(older.map(|count| count > 0));
        for (place, is_above) in (0..).zip(gauges) {
            self.0 |= u64::from(is_above) << (state.index() * GAUGES + place);
        }
    }

    /// Adds the gauges of another group.
    pub(crate) const fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Returns whether a socket was in the state.
    #[must_use]
    pub const fn has(self, state: SocketState) -> bool {
        self.bit(state, 0)
    }

    /// Returns whether a socket was in the state for longer than this one of [`STUCK_AGES`].
    #[must_use]
    pub const fn has_older(self, state: SocketState, age: usize) -> bool {
        self.bit(state, 1 + age)
    }

    const fn bit(self, state: SocketState, place: usize) -> bool {
        self.0 >> (state.index() * GAUGES + place) & 1 == 1
    }
}
