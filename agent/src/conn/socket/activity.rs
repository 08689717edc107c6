//! What a connection has done, as the passes have seen it: its last use, what its peer has not
//! acknowledged, its bytes; and the state of the MPTCP connection that it is a subflow of.
//!
//! Kept in a column beside the rows (`store::slab`), because only passes write it and only listings
//! read it. Guarantees: 44 bytes a row; pure, no clock. The kernel's times are 32-bit jiffies that
//! wrap: a time that a later pass finds unchanged keeps its first reading.

use agent_common::record::{Socket, flag as socket_flag, known};
use agent_common::tcp;
use catalogue::labels::SocketState;
use catalogue::limits::IDLE_AGES;

use super::moment::{Moment, Tick, moment_of};
use super::multipath::{Multipath, MultipathView};
use crate::conn::nanos::Nanos;

/// How long after its handshake a connection that is not accepted counts as such.
pub(crate) const ACCEPT_GRACE: Nanos = Nanos::from_secs(10);

/// How many time-outs in a row show that the peer does not acknowledge.
const TIMEOUTS: u8 = 3;
/// How long something has to be unacknowledged without any progress, nanoseconds.
const STALL: u64 = 15_000_000_000;

/// Bits of [`Activity::bits`], beside those of [`known`].
mod bit {
    /// Keepalive is on.
    pub(super) const KEEPALIVE: u8 = 1 << 4;
    /// The connection was in the accept queue at the last pass, and had been for ten seconds.
    pub(super) const NOT_ACCEPTED: u8 = 1 << 5;
    /// `bind` took part in the choice of the local port.
    pub(super) const PORT_BY_BIND: u8 = 1 << 6;
    /// The process has read something between the last two looks.
    pub(super) const READS: u8 = 1 << 7;
}

const _: () = assert!(
    known::MEMBERS & (bit::KEEPALIVE | bit::NOT_ACCEPTED | bit::PORT_BY_BIND | bit::READS) == 0,
    "a bit means one thing"
);

/// What a connection has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Activity {
    sent: Option<Moment>,
    received: Option<Moment>,
    acked: Option<Moment>,
    /// Since when something has been unacknowledged without progress.
    stalled: Option<Moment>,
    /// Up to where the peer had acknowledged.
    acknowledged: u32,
    /// How many bytes the process had read, modulo 2^32.
    read: u32,
    bytes: Bytes,
    timeouts: u8,
    backoff: u8,
    probes: u8,
    bits: u8,
    /// The state of the MPTCP connection that it is a subflow of.
    multipath: Multipath,
}

const _: () = assert!(size_of::<Activity>() == 44);

/// What a connection has done, as a listing shows it. Times are nanoseconds of `CLOCK_MONOTONIC`,
/// exact to a tenth of a second, as of the last pass; `None` stands for what no pass has seen yet
/// and for what the kernel does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActivityView {
    /// When data was last sent or retransmitted.
    pub sent: Option<u64>,
    /// When data was last received.
    pub received: Option<u64>,
    /// When an acknowledgement was last received.
    pub acked: Option<u64>,
    /// Since when something has been unacknowledged without any progress.
    pub stalled: Option<u64>,
    /// Whether something was not acknowledged at the last look, a SYN among it.
    pub in_flight: Option<bool>,
    /// Time-outs in a row without an acknowledgement.
    pub timeouts: u8,
    /// How often the time-out was doubled.
    pub backoff: u8,
    /// Window or keepalive probes that were not answered.
    pub probes: u8,
    /// Whether keepalive is on.
    pub keepalive: Option<bool>,
    /// Payload bytes sent, without retransmitted ones, and received.
    pub bytes: Option<[u64; 2]>,
    /// Whether it was in the accept queue at the last pass, and had been for ten seconds.
    pub not_accepted: bool,
    /// Whether `bind` took part in the choice of the local port.
    pub bound: bool,
    /// Whether the process has read something between the last two looks.
    pub reads: bool,
    /// The MPTCP connection that it is a subflow of; `None` for plain TCP, and if a reading of the
    /// descriptor tables has not met the connection.
    pub multipath: Option<MultipathView>,
}

impl ActivityView {
    /// Returns when data was last sent or received; `None` if that is not known.
    #[must_use]
    pub fn used(&self) -> Option<u64> {
        self.sent.max(self.received)
    }
}

impl Activity {
    /// Nothing known: a connection that no pass has seen.
    pub(crate) const NONE: Self = Self {
        sent: None,
        received: None,
        acked: None,
        stalled: None,
        acknowledged: 0,
        read: 0,
        bytes: Bytes { low: [0; 2], high: [0; 2] },
        timeouts: 0,
        backoff: 0,
        probes: 0,
        bits: 0,
        multipath: Multipath::UNKNOWN,
    };

    /// Adds one to each count of [`IDLE_AGES`] for longer than which the connection has carried no
    /// data, if it is in ESTABLISHED and its last use is known.
    #[inline]
    pub(crate) fn add_idle(
        &self,
        state: SocketState,
        now: Nanos,
        counts: &mut [u64; IDLE_AGES.len()],
    ) {
        let (SocketState::Established, Some(used)) = (state, self.used()) else { return };
        let idle = now.saturating_sub(used);
        if idle > Nanos::from_secs(IDLE_AGES[0]) {
            for (count, than) in counts.iter_mut().zip(IDLE_AGES) {
                *count += u64::from(idle > Nanos::from_secs(than));
            }
        }
    }

    /// Takes what an entry of the kernel's list tells; `waits` says whether it should have been
    /// accepted by now.
    #[inline]
    pub(crate) fn take(&mut self, entry: &Socket, tick: Tick, waits: bool) {
        let from = &entry.activity;
        let waiting = if waits { bit::NOT_ACCEPTED } else { 0 };
        #[expect(clippy::cast_possible_truncation, reason = "modulo 2^32")]
        let read = (from.bytes_received as u32).wrapping_sub(entry.receive_queue);
        let reads = if read == self.read { 0 } else { bit::READS };
        self.read = read;
        self.bits = from.known & known::MEMBERS | bits_of(entry.flags) | waiting | reads;
        if has_shaken_hands(entry.state) && from.known & known::TIMES != 0 {
            let now = Moment::at(Nanos::new(entry.time));
            self.sent = Some(moment_of(self.sent, now, from.sent_ago, tick));
            self.received = Some(moment_of(self.received, now, from.received_ago, tick));
            self.acked = Some(moment_of(self.acked, now, from.acked_ago, tick));
        }
        if from.unacknowledged == 0 {
            self.stalled = None;
        } else if self.stalled.is_none() || self.acknowledged != from.acknowledged {
            self.stalled = Some(Moment::at(Nanos::new(entry.time)));
        }
        self.acknowledged = from.acknowledged;
        self.bytes = Bytes::new(from.bytes_sent, from.bytes_received);
        (self.timeouts, self.backoff, self.probes) = (from.timeouts, from.backoff, from.probes);
        if entry.outer == 0 {
            self.multipath = Multipath::UNKNOWN;
        }
    }

    /// Takes the state of the MPTCP connection that it is a subflow of, by its code, as the
    /// descriptor tables showed it by `now`; 0 if they did not, `None` if they were not read.
    pub(crate) fn take_multipath(&mut self, code: Option<u8>, leads: bool, now: Nanos) {
        let code = code.unwrap_or_else(|| self.multipath.code());
        self.multipath = self.multipath.shown(code, leads, now);
    }

    /// Returns what a listing shows of it.
    pub(crate) fn view(&self) -> ActivityView {
        let has = |bits: u8| self.bits & bits != 0;
        let time = |moment: Option<Moment>| moment.map(|moment| moment.time().get());
        ActivityView {
            sent: time(self.sent),
            received: time(self.received),
            acked: time(self.acked),
            stalled: time(self.stalled),
            in_flight: has(known::UNACKNOWLEDGED).then_some(self.stalled.is_some()),
            timeouts: self.timeouts,
            backoff: self.backoff,
            probes: self.probes,
            keepalive: has(known::KEEPALIVE).then(|| has(bit::KEEPALIVE)),
            bytes: has(known::BYTES).then(|| self.bytes.both()),
            not_accepted: has(bit::NOT_ACCEPTED),
            bound: has(bit::PORT_BY_BIND),
            reads: has(bit::READS),
            multipath: self.multipath.view(),
        }
    }

    /// Returns when the connection was last used; see [`ActivityView::used`].
    pub(crate) fn used(&self) -> Option<Nanos> {
        self.sent.max(self.received).map(Moment::time)
    }

    /// Whether it should have been accepted by now; see [`ActivityView::not_accepted`].
    pub(crate) const fn is_not_accepted(&self) -> bool {
        self.bits & bit::NOT_ACCEPTED != 0
    }

    /// Whether the peer does not acknowledge at `now`: three time-outs in a row, or nothing for
    /// fifteen seconds.
    pub(crate) fn is_unacknowledged(&self, now: Nanos) -> bool {
        self.stalled.is_some_and(|since| is_stalled(since.time().get(), self.timeouts, now.get()))
    }
}

impl ActivityView {
    /// Returns whether the peer does not acknowledge at `now` (`CLOCK_MONOTONIC`, nanoseconds).
    #[must_use]
    pub fn is_unacknowledged(&self, now: u64) -> bool {
        self.stalled.is_some_and(|since| is_stalled(since, self.timeouts, now))
    }
}

/// Returns whether what has been unacknowledged `since` then shows that the peer does not
/// acknowledge.
const fn is_stalled(since: u64, timeouts: u8, now: u64) -> bool {
    timeouts >= TIMEOUTS || now.saturating_sub(since) >= STALL
}

/// Returns a lower bound on the age of a connection and of its state, as the time before which each
/// began. `None` where the kernel tells none.
///
/// The three times are set at the handshake and only grow, so a connection is at least as old as
/// the earliest. An acknowledgement comes with the FIN (CLOSE_WAIT) and with the one that ends
/// FIN_WAIT1 (`tcp_ack`, 6.18), so these states are at least as old as the last one.
pub(crate) fn began_before(entry: &Socket, tick: Tick) -> Option<(Nanos, Option<Nanos>)> {
    let from = &entry.activity;
    if from.known & known::TIMES == 0 || !has_shaken_hands(entry.state) {
        return None;
    }
    let time =
        |ago: u32| Nanos::new(entry.time.saturating_sub(u64::from(ago) * tick.nanoseconds()));
    let born = time(from.sent_ago.max(from.received_ago).max(from.acked_ago));
    let entered = match entry.state {
        tcp::ESTABLISHED => Some(born),
        tcp::CLOSE_WAIT | tcp::FIN_WAIT2 => Some(time(from.acked_ago)),
        _ => None,
    };
    Some((born, entered))
}

/// Returns whether the peer has acknowledged a SYN of this side: then no listener has made the
/// socket, although its port may be that of one.
pub(crate) const fn has_connected(entry: &Socket) -> bool {
    entry.activity.known & known::CONNECTED != 0
}

/// Whether the kernel has set the times of a connection in this state.
#[inline]
const fn has_shaken_hands(state: u8) -> bool {
    const BEFORE: u32 = 1 << tcp::LISTEN
        | 1 << tcp::SYN_SENT
        | 1 << tcp::SYN_RECV
        | 1 << tcp::NEW_SYN_RECV
        | 1 << tcp::CLOSE;
    BEFORE.unbounded_shr(state as u32) & 1 == 0
}

/// Bytes sent and received, 48 bits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bytes {
    low: [u32; 2],
    high: [u16; 2],
}

impl Bytes {
    #[inline]
    const fn new(sent: u64, received: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "each takes its bits")]
        Self {
            low: [sent as u32, received as u32],
            high: [(sent >> 32) as u16, (received >> 32) as u16],
        }
    }

    /// Returns both.
    fn both(self) -> [u64; 2] {
        let ([sent, received], [more_sent, more_received]) = (self.low, self.high);
        [(sent, more_sent), (received, more_received)]
            .map(|(low, high)| u64::from(low) | u64::from(high) << 32)
    }
}

/// Returns the bits that follow from the flags of an entry.
#[inline]
const fn bits_of(flags: u8) -> u8 {
    const { assert!(socket_flag::KEEPALIVE >> 3 == bit::KEEPALIVE) };
    const { assert!(socket_flag::PORT_BY_BIND == bit::PORT_BY_BIND) };
    flags >> 3 & bit::KEEPALIVE | flags & bit::PORT_BY_BIND
}
