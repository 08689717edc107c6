//! Every row and every observation of a socket, as far as the state machine can tell them apart.

use agent_common::record::{self, Endpoints, Socket, State};
use agent_common::tcp;
use catalogue::labels::{Role, SocketState, state_name};

use crate::conn::nanos::Nanos;
use crate::conn::socket::observation::Observation;
use crate::conn::socket::row::{MARGIN, Row, flag};

/// When the rows entered their state, nanoseconds.
pub(super) const ENTERED: u64 = 1_000_000_000;
/// When they were born.
pub(super) const BORN: u64 = 400_000_000;
/// When those whose opening was observed opened.
pub(super) const OPENED: u64 = 700_000_000;
/// When an entry was read that is close to the row's last change.
const NEAR: u64 = LATER - 1;
/// When any other observation of a later moment was made.
pub(super) const LATER: u64 = ENTERED + MARGIN.get();

/// The errors that a close can have, with their names in `state_machine.txt`.
pub(super) const ERRORS: [(u16, &str); 9] = [
    (0, "0"),
    (32, "EPIPE"),
    (101, "ENETUNREACH"),
    (103, "ECONNABORTED"),
    (104, "ECONNRESET"),
    (110, "ETIMEDOUT"),
    (111, "ECONNREFUSED"),
    (113, "EHOSTUNREACH"),
    (5, "OTHER"),
];

/// Whose ports an observation has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ports {
    /// The row's.
    Same,
    /// The row's, and neither has a local port.
    Unset,
    OtherNamespace,
    OtherLocal,
    OtherPeer,
}

impl Ports {
    const ALL: [Self; 5] =
        [Self::Same, Self::Unset, Self::OtherNamespace, Self::OtherLocal, Self::OtherPeer];

    /// Whether they show that the socket is another.
    pub(super) fn are_others(self) -> bool {
        !matches!(self, Self::Same | Self::Unset)
    }

    /// The ends of the row that is observed.
    fn of_row(self) -> Endpoints {
        let local_port = if self == Self::Unset { 0 } else { 40_000 };
        Endpoints { sk: 64, netns: 7, local_port, peer_port: 443, ..Endpoints::default() }
    }

    /// The ends that the observation has.
    fn of_observation(self) -> Endpoints {
        let ends = self.of_row();
        match self {
            Self::Same | Self::Unset => ends,
            Self::OtherNamespace => Endpoints { netns: 8, ..ends },
            Self::OtherLocal => Endpoints { local_port: 40_001, ..ends },
            Self::OtherPeer => Endpoints { peer_port: 444, ..ends },
        }
    }
}

/// When an entry was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Before,
    Near,
    After,
}

/// What was observed, in state codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Record { old: u8, new: u8 },
    Listed { state: u8 },
}

/// An observation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) kind: Kind,
    pub(super) ports: Ports,
    pub(super) read: Read,
    pub(super) error: u16,
    /// Whether a task holds the socket's lock: told apart where there is no error.
    pub(super) locked: bool,
    record: State,
    entry: Socket,
}

impl Seen {
    fn new(kind: Kind, ports: Ports, read: Read, (error, locked): (u16, bool)) -> Self {
        let ends = ports.of_observation();
        let time = match read {
            Read::Before => ENTERED - 1,
            Read::Near => NEAR,
            Read::After => LATER,
        };
        let (old, new, state) = match kind {
            Kind::Record { old, new } => (old, new, 0),
            Kind::Listed { state } => (0, 0, state),
        };
        let flags = if locked { record::flag::LOCKED } else { 0 };
        let record = State { old, new, err: error, flags, time, ends, ..State::default() };
        let entry = Socket { state, time, ends, ..Socket::default() };
        Self { kind, ports, read, error, locked, record, entry }
    }

    /// Every one.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let records = (0..16).flat_map(|old| (0..16).map(move |new| Kind::Record { old, new }));
        let listed = (0..16).map(|state| Kind::Listed { state });
        records.chain(listed).flat_map(|kind| {
            Ports::ALL.into_iter().flat_map(move |ports| {
                let reads: &[Read] = match kind {
                    Kind::Record { .. } => &[Read::After],
                    Kind::Listed { .. } => &[Read::Before, Read::Near, Read::After],
                };
                let closes = matches!(kind, Kind::Record { new: tcp::CLOSE, .. });
                let errors = if closes { &ERRORS[..] } else { &ERRORS[..1] };
                let of_read = move |read: &Read| {
                    let read = *read;
                    let unlocked = errors.iter().map(|(error, _)| (*error, false));
                    let ends = unlocked.chain(closes.then_some((0, true)));
                    ends.map(move |end| Self::new(kind, ports, read, end))
                };
                reads.iter().flat_map(of_read)
            })
        })
    }

    /// The observation that the agent makes of it; none where it ignores it.
    pub(super) fn observation(&self) -> Option<Observation<'_>> {
        match self.kind {
            Kind::Record { .. } => Observation::of_record(&self.record),
            Kind::Listed { .. } => Observation::of_entry(&self.entry),
        }
    }

    /// When it was made.
    pub(super) const fn time(&self) -> u64 {
        self.record.time
    }

    /// Whether it is a transition into CLOSE.
    pub(super) const fn closes(&self) -> bool {
        matches!(self.kind, Kind::Record { new: tcp::CLOSE, .. })
    }

    /// The state of a row that takes it.
    pub(super) fn state(&self) -> u8 {
        match self.kind {
            Kind::Record { old, new: tcp::CLOSE } => old,
            Kind::Record { new, .. } => new,
            Kind::Listed { state } => state,
        }
    }

    /// The observation in words.
    pub(super) fn text(&self) -> String {
        let mut text = match self.kind {
            Kind::Record { old, new: tcp::CLOSE } => {
                let error = ERRORS.iter().find(|(error, _)| *error == self.error);
                let error = error.map_or("?", |(_, name)| name);
                let lock = if self.locked { ", locked" } else { "" };
                format!("observed close in {} with error {error}{lock}", state_name(old))
            }
            Kind::Record { old, new } => {
                format!("observed transition {} -> {}", state_name(old), state_name(new))
            }
            Kind::Listed { state } => {
                format!("listed in {}, read {:?} its last change", state_name(state), self.read)
                    .to_lowercase()
            }
        };
        match self.ports {
            Ports::Same => {}
            Ports::Unset => text.push_str(" without a local port"),
            Ports::OtherNamespace => text.push_str(" in another namespace"),
            Ports::OtherLocal => text.push_str(" with another local port"),
            Ports::OtherPeer => text.push_str(" with another peer port"),
        }
        text
    }
}

/// What the lines of `state_machine.txt` ask of a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// Its state code; none without a row.
    pub(super) state: Option<u8>,
    pub(super) flags: u8,
    pub(super) role: Role,
}

impl View {
    /// The flags that a line can name.
    pub(super) const FLAGS: [&'static str; 6] =
        ["connected", "born_before", "entered_before", "fin_local", "fin_remote", "client"];

    /// Those of a row, in the same order.
    const BITS: [u8; 5] = [
        flag::CONNECTED,
        flag::BORN_BEFORE,
        flag::ENTERED_BEFORE,
        flag::FIN_LOCAL,
        flag::FIN_REMOTE,
    ];

    /// Every row that keeps the rules of a row, and none.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let none = Self { state: None, flags: 0, role: Role::Unknown };
        let states = (0..16).filter(|code| SocketState::from_code(*code).is_some());
        let rows = states.flat_map(|state| {
            (0..32_u8).flat_map(move |mask| {
                let bits = Self::BITS.iter().enumerate();
                let flags = bits.filter(|(at, _)| mask & (1 << at) != 0).map(|(_, bit)| *bit).sum();
                let view = move |role: &Role| Self { state: Some(state), flags, role: *role };
                Role::ALL.iter().map(view)
            })
        });
        std::iter::once(none)
            .chain(rows.filter(|view| view.row(Ports::Same).broken_rule().is_none()))
    }

    /// The row, as it is for an observation with these ports.
    pub(super) fn row(self, ports: Ports) -> Row {
        let Some(state) = self.state.and_then(SocketState::from_code) else { return Row::ABSENT };
        let mut row = Row::new(&ports.of_row(), state, self.role, Nanos::new(BORN));
        row.entered = Nanos::new(ENTERED);
        if self.flag("connected") && !self.flag("born_before") {
            row.opened_at(Nanos::new(OPENED));
        }
        row.flags |= self.flags;
        row
    }

    /// Whether a flag is set.
    pub(super) fn flag(self, name: &str) -> bool {
        match Self::FLAGS.iter().position(|flag| *flag == name) {
            Some(at) if at < Self::BITS.len() => self.flags & Self::BITS[at] != 0,
            _ => self.role == Role::Client,
        }
    }

    /// The row in words.
    pub(super) fn text(self) -> String {
        let Some(state) = self.state else { return "no row".to_owned() };
        let flags = Self::FLAGS[..Self::BITS.len()].iter().filter(|name| self.flag(name));
        let flags: Vec<&str> = flags.copied().chain([self.role.as_str()]).collect();
        format!("row in {} ({})", state_name(state), flags.join(", "))
    }
}
