//! From bytes to records, without trust: every length, kind and state code is checked.
//!
//! Called for each record of the rings and the iterators. It cannot panic, and names what it
//! refuses.

use agent_common::record::{
    Activity, Child, Close, Endpoints, Holder, Retransmit, Socket, State, kind,
};
use agent_common::tcp;

/// A record of either ring or of an iterator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// A transition that does not end in CLOSE.
    State(State),
    /// A transition into CLOSE.
    Close(Close),
    /// A retransmission.
    Retransmit(Retransmit),
    /// A retransmitted SYN-ACK.
    SynAck(Retransmit),
    /// An entry of the socket list.
    Socket(Socket),
    /// A descriptor of a process.
    Holder(Holder),
    /// A connection in an accept queue.
    Child(Child),
}

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes are shorter than a record of their kind.
    Truncated,
    /// The bytes are longer than a record of their kind.
    Oversized,
    /// The first byte names no kind.
    UnknownKind,
    /// The record has a state code that no kernel has.
    BadState,
}

impl DecodeError {
    /// Every variant, in the order of [`Self::index`].
    pub const ALL: [Self; 4] =
        [Self::Truncated, Self::Oversized, Self::UnknownKind, Self::BadState];

    /// Returns the text in the metric's label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Oversized => "oversized",
            Self::UnknownKind => "unknown_kind",
            Self::BadState => "bad_state",
        }
    }

    /// Returns the position in [`Self::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Returns the length of a record of a kind, bytes.
#[must_use]
pub const fn length_of(kind: u8) -> Option<usize> {
    Some(match kind {
        kind::STATE => size_of::<State>(),
        kind::CLOSE => size_of::<Close>(),
        kind::RETRANSMIT | kind::SYNACK => size_of::<Retransmit>(),
        kind::SOCKET => size_of::<Socket>(),
        kind::HOLDER => size_of::<Holder>(),
        kind::CHILD => size_of::<Child>(),
        _ => return None,
    })
}

/// Reads one record that fills `bytes`.
///
/// # Errors
/// If the bytes are not exactly one record of the kind that their first byte names.
#[inline]
pub fn decode(bytes: &[u8]) -> Result<Record, DecodeError> {
    let record = match *bytes.first().ok_or(DecodeError::Truncated)? {
        kind::STATE => Record::State(Reader::over::<{ size_of::<State>() }>(bytes)?.state()),
        kind::CLOSE => Record::Close(Reader::over::<{ size_of::<Close>() }>(bytes)?.close()),
        kind::RETRANSMIT => {
            Record::Retransmit(Reader::over::<{ size_of::<Retransmit>() }>(bytes)?.retransmit())
        }
        kind::SYNACK => {
            Record::SynAck(Reader::over::<{ size_of::<Retransmit>() }>(bytes)?.retransmit())
        }
        kind::SOCKET => Record::Socket(Reader::over::<{ size_of::<Socket>() }>(bytes)?.socket()),
        kind::HOLDER => Record::Holder(Reader::over::<{ size_of::<Holder>() }>(bytes)?.holder()),
        kind::CHILD => Record::Child(Reader::over::<{ size_of::<Child>() }>(bytes)?.child()),
        _ => return Err(DecodeError::UnknownKind),
    };
    if has_known_states(&record) { Ok(record) } else { Err(DecodeError::BadState) }
}

#[inline]
fn has_known_states(record: &Record) -> bool {
    let known = |code: u8| (tcp::ESTABLISHED..=tcp::NEW_SYN_RECV).contains(&code);
    match record {
        Record::State(state) => known(state.old) && known(state.new) && state.new != tcp::CLOSE,
        Record::Close(close) => known(close.state.old) && close.state.new == tcp::CLOSE,
        Record::Retransmit(retransmit) | Record::SynAck(retransmit) => known(retransmit.state),
        Record::Socket(socket) => known(socket.state),
        Record::Holder(_) | Record::Child(_) => true,
    }
}

/// Takes fixed-width integers off the front. Beyond the end it would yield zeros, but `decode` has
/// checked the length before. It is inlined as a whole, so that the compiler sees the length too
/// and leaves no check.
struct Reader<'a> {
    bytes: &'a [u8],
}

#[expect(
    clippy::inline_always,
    reason = "out of line the length is not known: 300 instructions a record instead of 60"
)]
impl<'a> Reader<'a> {
    /// Reads exactly `N` bytes. The compiler knows the number, so no read below checks it again.
    #[inline(always)]
    fn over<const N: usize>(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        match <&[u8; N]>::try_from(bytes) {
            Ok(bytes) => Ok(Self { bytes }),
            Err(_) if bytes.len() < N => Err(DecodeError::Truncated),
            Err(_) => Err(DecodeError::Oversized),
        }
    }

    #[inline(always)]
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((head, tail)) = self.bytes.split_first_chunk::<N>() else { return [0; N] };
        self.bytes = tail;
        *head
    }

    #[inline(always)]
    fn u8(&mut self) -> u8 {
        u8::from_ne_bytes(self.take())
    }

    #[inline(always)]
    fn u16(&mut self) -> u16 {
        u16::from_ne_bytes(self.take())
    }

    #[inline(always)]
    fn u32(&mut self) -> u32 {
        u32::from_ne_bytes(self.take())
    }

    #[inline(always)]
    fn u64(&mut self) -> u64 {
        u64::from_ne_bytes(self.take())
    }

    #[inline(always)]
    fn endpoints(&mut self) -> Endpoints {
        Endpoints {
            sk: self.u64(),
            cgroup: self.u64(),
            local: [self.u64(), self.u64()],
            peer: [self.u64(), self.u64()],
            netns: self.u32(),
            local_port: self.u16(),
            peer_port: self.u16(),
        }
    }

    #[inline(always)]
    fn state(&mut self) -> State {
        State {
            kind: self.u8(),
            old: self.u8(),
            new: self.u8(),
            flags: self.u8(),
            err: self.u16(),
            family: self.u16(),
            time: self.u64(),
            ends: self.endpoints(),
            tgid: self.u32(),
            uid: self.u32(),
            comm: self.take(),
        }
    }

    #[inline(always)]
    fn close(&mut self) -> Close {
        Close {
            state: self.state(),
            bytes_sent: self.u64(),
            bytes_received: self.u64(),
            srtt_us: self.u32(),
            retransmitted: self.u32(),
        }
    }

    #[inline(always)]
    fn retransmit(&mut self) -> Retransmit {
        Retransmit {
            kind: self.u8(),
            state: self.u8(),
            ca_state: self.u8(),
            pending: self.u8(),
            err: i16::from_ne_bytes(self.take()),
            family: self.u16(),
            time: self.u64(),
            ends: self.endpoints(),
            segments: self.u32(),
            total: self.u32(),
        }
    }

    #[inline(always)]
    fn socket(&mut self) -> Socket {
        Socket {
            kind: self.u8(),
            state: self.u8(),
            substate: self.u8(),
            flags: self.u8(),
            reader: self.u32(),
            time: self.u64(),
            ends: self.endpoints(),
            receive_queue: self.u32(),
            send_queue: self.u32(),
            syn_queue: self.u32(),
            drops: self.u32(),
            outer: self.u64(),
            activity: self.activity(),
        }
    }

    #[inline(always)]
    fn activity(&mut self) -> Activity {
        Activity {
            bytes_received: self.u64(),
            bytes_sent: self.u64(),
            sent_ago: self.u32(),
            received_ago: self.u32(),
            acked_ago: self.u32(),
            acknowledged: self.u32(),
            unacknowledged: self.u32(),
            timeouts: self.u8(),
            backoff: self.u8(),
            probes: self.u8(),
            known: self.u8(),
        }
    }

    #[inline(always)]
    fn child(&mut self) -> Child {
        Child {
            kind: self.u8(),
            pad: self.u8(),
            pad2: self.u16(),
            pad3: self.u32(),
            listener: self.u64(),
            sk: self.u64(),
        }
    }

    #[inline(always)]
    fn holder(&mut self) -> Holder {
        Holder {
            kind: self.u8(),
            state: self.u8(),
            pad1: self.u16(),
            tgid: self.u32(),
            sk: self.u64(),
            started: self.u64(),
            fd: self.u32(),
            pad2: self.u32(),
            comm: self.take(),
        }
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
