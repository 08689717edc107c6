//! The times that the judge goes by, as parameters: long ones are proven on a simulated clock,
//! short ones live.

use crate::leaks::trend::Z;
use catalogue::labels::Role;

const SECOND: u64 = 1_000_000_000;
/// The shortest history from which growth is told, as a share of [`Times::possible`], in percent.
const LEAST_HISTORY: u64 = 90;

/// The times that the judge goes by, nanoseconds unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Times {
    /// A group that grows is listed from here on.
    pub(crate) possible: u64,
    /// A group that grows and is not closed is a likely leak from here on.
    pub(crate) likely: u64,
    /// Idle connections that grow for this long with a trend are a likely leak whatever else of the
    /// service is closed.
    pub(crate) likely_by_trend: u64,
    /// The idle connections of a server are looked at once they grow for this long.
    pub(crate) server: u64,
    /// An alert and a time to exhaustion rest on samples that reach back for at least this long:
    /// more than a pool takes that is recycled every quarter of an hour.
    pub(crate) trend: u64,
    /// The threshold of the trend test, without a unit.
    pub(crate) z: f64,
    /// The last use is that at the birth if it is this close to it.
    pub(crate) single: u64,
    /// A connection that was used once is looked at once it was quiet for this long.
    pub(crate) quiet: u64,
    /// A connection counts as used once from this age on.
    pub(crate) aged: u64,
    /// A client's connection is idle from here on.
    pub(crate) idle_client: u64,
    /// A server's, or one of an unknown role.
    pub(crate) idle_server: u64,
    /// A connection is never accepted from this age on.
    pub(crate) unaccepted: u64,
    /// Bytes are never read if neither bytes came nor were read for this long.
    pub(crate) unread: u64,
    /// Data is unacknowledged after this long without progress.
    pub(crate) unacknowledged: u64,
    /// Or after this number of retransmits on timeout.
    pub(crate) retransmits: u8,
    /// A connection that waits in CLOSE_WAIT, the accept queue or unread is likely stuck from here
    /// on.
    pub(crate) stuck: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            possible: 60 * SECOND,
            likely: 300 * SECOND,
            likely_by_trend: 1_200 * SECOND,
            server: 3_600 * SECOND,
            trend: 1_200 * SECOND,
            z: Z,
            single: 10 * SECOND,
            quiet: 30 * SECOND,
            aged: 60 * SECOND,
            idle_client: 300 * SECOND,
            idle_server: 3_600 * SECOND,
            unaccepted: 10 * SECOND,
            unread: 60 * SECOND,
            unacknowledged: 15 * SECOND,
            retransmits: 3,
            stuck: 60 * SECOND,
        }
    }
}

impl Times {
    /// Returns from when on a connection of this role is idle.
    #[must_use]
    pub(crate) fn idle(&self, role: Role) -> u64 {
        match role {
            Role::Client => self.idle_client,
            Role::Server | Role::Unknown => self.idle_server,
        }
    }

    /// Returns times that are `divisor` times shorter, for a live test; a divisor of 0 is 1. The
    /// threshold of the test and the number of retransmits stay.
    #[cfg(test)]
    pub(crate) fn divided_by(self, divisor: u64) -> Self {
        let short = |time: u64| time / divisor.max(1);
        Self {
            possible: short(self.possible),
            likely: short(self.likely),
            likely_by_trend: short(self.likely_by_trend),
            server: short(self.server),
            trend: short(self.trend),
            z: self.z,
            single: short(self.single),
            quiet: short(self.quiet),
            aged: short(self.aged),
            idle_client: short(self.idle_client),
            idle_server: short(self.idle_server),
            unaccepted: short(self.unaccepted),
            unread: short(self.unread),
            unacknowledged: short(self.unacknowledged),
            retransmits: self.retransmits,
            stuck: short(self.stuck),
        }
    }

    /// Returns the shortest history from which growth is told.
    #[must_use]
    pub(crate) fn history(&self) -> u64 {
        self.possible / 100 * LEAST_HISTORY
    }
}
