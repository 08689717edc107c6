//! What the connections of one group show at one time, as counts.
//!
//! The survey adds each connection; the sampler keeps some of the counts; the judge reads all.

use catalogue::labels::{Role, SocketState, Stage};

use crate::leaks::times::Times;

/// The facts about one connection. Times are `CLOCK_MONOTONIC`, nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connection {
    /// When it was born; `None` if it is older than the agent.
    pub(crate) born: Option<u64>,
    /// When it entered its state; for a connection that is older than the agent, the latest time
    /// that is possible.
    pub(crate) entered: u64,
    /// When data was last sent or received; never when an acknowledgement was.
    pub(crate) last_used: u64,
    /// When a pass last looked at it: what it has done since is not known. `None` for now.
    pub(crate) looked: Option<u64>,
    /// Whether keepalive is armed.
    pub(crate) has_keepalive: bool,
    /// Where it waits; `None` in ESTABLISHED once it was accepted.
    pub(crate) stage: Option<Stage>,
    /// How many bytes the process has not read; in CLOSE_WAIT without the end of the stream.
    pub(crate) unread_bytes: u32,
    /// When data was last received.
    pub(crate) last_received: u64,
    /// When a pass last saw that the process had read, or first saw that bytes wait.
    pub(crate) last_read: u64,
    /// Whether it received data before the peer closed.
    pub(crate) was_used: bool,
    /// The consecutive retransmits on timeout (`icsk_retransmits`).
    pub(crate) retransmits: u8,
    /// Since when data waits for an acknowledgement without one, as passes saw it.
    pub(crate) unacknowledged_since: Option<u64>,
    /// Whether its process was forked after the handshake and has never used it.
    pub(crate) is_inherited: bool,
}

/// Counts of the connections of a group. An age is 0 if there is no such connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// How many there are.
    pub(crate) count: u64,
    /// How many are older than [`Times::quiet`]. This and `aged` leave out a connection without a
    /// known birth, unless it is in use: whether it was used more than once is not known.
    pub(crate) settled: u64,
    /// How many of those were used at their birth only, and not for [`Times::quiet`].
    pub(crate) unused: u64,
    /// How many have a birth that was not seen.
    pub(crate) births_unseen: u64,
    /// How many are older than [`Times::aged`].
    pub(crate) aged: u64,
    /// How many of those were used at their birth only.
    pub(crate) used_once: u64,
    /// How many have been idle for as long as counts in their role.
    pub(crate) idle: u64,
    /// How many of those have keepalive armed.
    pub(crate) idle_with_keepalive: u64,
    /// How many of the idle were used at their birth only; their birth is known.
    pub(crate) idle_used_once: u64,
    /// How many of the idle have a birth that is known.
    pub(crate) idle_born: u64,
    /// In CLOSE_WAIT: how many are unaccepted, unread, read.
    pub(crate) stages: [u64; Stage::COUNT],
    /// In CLOSE_WAIT: how many were used by their process, and only the end of the stream is not
    /// read.
    pub(crate) stale: u64,
    /// Of a client: how many its process has inherited. A server's child for each connection has
    /// too, and serves it.
    pub(crate) inherited: u64,
    /// How many had waited in the accept queue for [`Times::unaccepted`] when a pass last looked.
    pub(crate) unaccepted: u64,
    /// In ESTABLISHED: how many hold bytes that nobody has read for [`Times::unread`].
    pub(crate) unread: u64,
    /// How many have data that the peer does not acknowledge.
    pub(crate) unacknowledged: u64,
    /// In ESTABLISHED: of how many the peer has closed the MPTCP connection (DATA_FIN).
    pub(crate) data_fin: u64,
    /// How long the oldest has been in the state, nanoseconds; so the next.
    pub(crate) oldest: u64,
    /// The age of the oldest of `unaccepted`.
    pub(crate) oldest_unaccepted: u64,
    /// How long the oldest of `unread` has not been read.
    pub(crate) oldest_unread: u64,
    /// How long the longest idle one has been idle, whether or not that counts as idle.
    pub(crate) longest_idle: u64,
}

impl Tally {
    /// Adds a connection that is in `state` at `now`.
    pub(crate) fn add(
        &mut self,
        connection: &Connection,
        (role, state): (Role, SocketState),
        now: u64,
        times: &Times,
    ) {
        self.count += 1;
        self.oldest = self.oldest.max(now.saturating_sub(connection.entered));
        let waits = connection.looked(now).saturating_sub(connection.entered);
        if connection.stage == Some(Stage::Unaccepted) && waits >= times.unaccepted {
            self.unaccepted += 1;
            self.oldest_unaccepted = self.oldest_unaccepted.max(waits);
        }
        self.inherited += u64::from(role == Role::Client && connection.is_inherited);
        self.unacknowledged += u64::from(connection.is_unacknowledged(now, times));
        match state {
            SocketState::Established => self.add_activity(connection, role, now, times),
            SocketState::CloseWait => self.add_stage(connection),
            _ => {}
        }
    }

    fn add_stage(&mut self, connection: &Connection) {
        let Some(stage) = connection.stage else { return };
        self.stages[stage.index()] += 1;
        let end_only = stage == Stage::Unread && connection.unread_bytes == 0;
        let is_own = connection.was_used && !connection.is_inherited;
        self.stale += u64::from(end_only && is_own);
    }

    fn add_activity(&mut self, connection: &Connection, role: Role, now: u64, times: &Times) {
        let now = connection.looked(now);
        let idle = now.saturating_sub(connection.last_used);
        self.longest_idle = self.longest_idle.max(idle);
        let unread = now.saturating_sub(connection.last_received.max(connection.last_read));
        if connection.unread_bytes > 0 && unread >= times.unread && connection.stage.is_none() {
            self.unread += 1;
            self.oldest_unread = self.oldest_unread.max(unread);
        }
        let once =
            connection.born.map(|born| connection.last_used.saturating_sub(born) <= times.single);
        let is_once = once == Some(true);
        self.births_unseen += u64::from(once.is_none());
        let lives = connection.born.map(|born| now.saturating_sub(born));
        let older = |than: u64| lives.map_or(idle < times.quiet, |age| age >= than);
        if older(times.quiet) {
            self.settled += 1;
            self.unused += u64::from(is_once && idle >= times.quiet);
        }
        if older(times.aged) {
            self.aged += 1;
            self.used_once += u64::from(is_once);
        }
        if idle >= times.idle(role) {
            self.idle += 1;
            self.idle_with_keepalive += u64::from(connection.has_keepalive);
            self.idle_born += u64::from(once.is_some());
            self.idle_used_once += u64::from(is_once);
        }
    }
}

impl Connection {
    /// Returns the time until which it is known what it has done: it may have been used, or
    /// accepted, since a pass last looked.
    fn looked(&self, now: u64) -> u64 {
        self.looked.map_or(now, |looked| looked.min(now))
    }

    /// Returns whether the peer does not acknowledge data: enough retransmits on timeout, or no
    /// progress in looks that are far enough apart. The time of the last acknowledgement does not
    /// tell: a connection that idled for an hour and writes has an old one for a round trip.
    #[must_use]
    pub(crate) fn is_unacknowledged(&self, now: u64, times: &Times) -> bool {
        let since = self.unacknowledged_since;
        self.retransmits >= times.retransmits
            || since.is_some_and(|since| now.saturating_sub(since) >= times.unacknowledged)
    }
}
