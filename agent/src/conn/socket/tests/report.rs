//! What has come of an observation, as expected and as the state machine answered; and how the two
//! differ, in words.

use catalogue::labels::{Role, SocketState};

use crate::conn::nanos::Nanos;
use crate::conn::socket::outcome::{Ending, Opening, Outcome, Stay};
use crate::conn::socket::relation::Relation;
use crate::conn::socket::row::{Row, flag};

/// What has come of an observation; the words are those of `state_machine.txt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Report<'a> {
    pub(super) relation: &'a str,
    pub(super) state: SocketState,
    /// The kind of the correction, or `no`.
    pub(super) correction: &'a str,
    pub(super) opening: &'a str,
    /// How the socket ended and why, or `alive`.
    pub(super) ending: (&'a str, &'a str),
    pub(super) side: Role,
    pub(super) flags: u8,
    pub(super) entered: Nanos,
    pub(super) stay: Option<Stay>,
    pub(super) lasted: Option<Nanos>,
}

impl Report<'_> {
    /// What the state machine has answered.
    pub(super) fn of(row: &Row, outcome: &Outcome) -> Self {
        let correction = outcome.relation.correction();
        Self {
            relation: relation(outcome.relation),
            state: row.state,
            correction: correction.map_or("no", |correction| correction.as_str()),
            opening: opening(outcome.opening),
            ending: ending(outcome.ending),
            side: row.role,
            flags: row.flags & !(flag::LIVE | flag::ORPHAN),
            entered: row.entered,
            stay: outcome.stay,
            lasted: match outcome.ending {
                Some(Ending::Closed { lasted, .. }) => lasted,
                _ => None,
            },
        }
    }

    /// How two reports differ: all that a reader asks first of `self`, and of `got` what differs.
    /// The rest follows from that, and is told only if that agrees.
    pub(super) fn against(&self, got: &Self) -> String {
        let (first, first_got) = (self.first(), got.first());
        if first != first_got {
            let differing = first_got.iter().zip(&first).filter(|(got, expected)| got != expected);
            let differing: Vec<&str> = differing.map(|(got, _)| got.as_str()).collect();
            return format!("expected {}; got {}", first.join(", "), differing.join(", "));
        }
        let pairs = self.rest().into_iter().zip(got.rest());
        let (expected, got): (Vec<_>, Vec<_>) =
            pairs.filter(|(expected, got)| expected != got).unzip();
        format!("{} is right; expected {}; got {}", first[0], expected.join(", "), got.join(", "))
    }

    /// What a reader asks first.
    pub(super) fn first(&self) -> [String; 5] {
        [
            self.relation.replace('_', " "),
            format!("state {}", self.state.as_str()),
            match self.correction {
                "no" => "no correction".to_owned(),
                kind => format!("correction {kind}"),
            },
            match self.opening {
                "nothing" => "not counted as open now".to_owned(),
                how => format!("counted as open ({how})"),
            },
            match self.ending {
                ("alive", _) => "not closed".to_owned(),
                (how, why) => format!("{how} {why}").trim_end().to_owned(),
            },
        ]
    }

    fn rest(&self) -> [String; 5] {
        [
            format!("side {}", self.side.as_str()),
            format!("flags {}", flags(self.flags)),
            format!("in its state since {} ns", self.entered.get()),
            format!("counted for the state it left {:?}", self.stay),
            format!("lasted {:?} ns", self.lasted),
        ]
    }
}

/// A relation as `state_machine.txt` calls it.
fn relation(relation: Relation) -> &'static str {
    match relation {
        Relation::Birth => "birth",
        Relation::Unseen => "unseen",
        Relation::InOrder => "in_order",
        Relation::Skipped => "skipped",
        Relation::Confirmed => "confirmed",
        Relation::Outdated => "outdated",
        Relation::OtherSocket => "other_socket",
    }
}

/// An opening as `state_machine.txt` calls it.
fn opening(opening: Option<Opening>) -> &'static str {
    match opening {
        Some(Opening::Seen { connect: Some(_) }) => "opened timed",
        Some(Opening::Seen { connect: None }) => "opened",
        Some(Opening::Missed) => "missed",
        Some(Opening::Found) => "found",
        None => "nothing",
    }
}

/// An ending as `state_machine.txt` calls it.
fn ending(ending: Option<Ending>) -> (&'static str, &'static str) {
    match ending {
        Some(Ending::Closed { reason, .. }) => ("closed", reason.as_str()),
        Some(Ending::Failed(reason)) => ("failed", reason.as_str()),
        Some(Ending::Uncounted) => ("uncounted", ""),
        None => ("alive", ""),
    }
}

/// The names of the flags that are set.
fn flags(flags: u8) -> String {
    let names = [
        (flag::CONNECTED, "connected"),
        (flag::BORN_BEFORE, "born_before"),
        (flag::ENTERED_BEFORE, "entered_before"),
        (flag::FIN_LOCAL, "fin_local"),
        (flag::FIN_REMOTE, "fin_remote"),
    ];
    let set = names.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name);
    format!("({})", set.collect::<Vec<_>>().join(", "))
}
