//! The one judge of leaks: what the evidence about a group of connections says.
//!
//! A group shares process, workload, role, service port and state; MPTCP connections that their
//! peers have closed are in groups of their own. The judge reads counts and series, keeps nothing,
//! and takes its times as parameters: long ones are tested on a simulated clock, short ones live.
//!
//! Guarantees: no input panics. A note never accuses. `trend` is set only after the trend test, and
//! alerts wait for it.

mod established;
#[cfg(test)]
mod tests;

use catalogue::labels::{Role, SocketState};

use crate::leaks::growth::{Growth, Rise, Series, seconds};
use crate::leaks::kind::Kind;
use crate::leaks::tally::Tally;
use crate::leaks::times::Times;

/// What is known of a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'a> {
    /// Its role.
    pub(crate) role: Role,
    /// Its state.
    pub(crate) state: SocketState,
    /// What its connections show now.
    pub(crate) tally: Tally,
    /// How many connections it had.
    pub(crate) count: Series<'a>,
    /// How many of them were used once and are quiet ([`Tally::unused`]).
    pub(crate) unused: Series<'a>,
    /// How many of them were idle ([`Tally::idle`]).
    pub(crate) idle: Series<'a>,
    /// How many connections of the service were opened so far; empty if that is not known.
    pub(crate) opens: Series<'a>,
    /// How many were closed so far.
    pub(crate) closes: Series<'a>,
    /// When the oldest of its processes was started, 0 if that is not known. What was before is not
    /// theirs: a process that leaks and is restarted every night is no pool.
    pub(crate) started: u64,
}

/// How sure a verdict is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Certainty {
    /// It can still turn out to be harmless.
    Possible,
    /// It has lasted, and what would excuse it was looked for.
    Likely,
}

/// What the judge says of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// What is wrong.
    pub(crate) kind: Kind,
    /// How sure that is.
    pub(crate) certainty: Certainty,
    /// Whether it accuses; if not, it is a note.
    pub(crate) accuses: bool,
    /// How many connections of the group it is about.
    pub(crate) connections: u64,
    /// How fast their number changes; `None` if that is not known yet.
    pub(crate) growth: Option<Growth>,
    /// Whether they grow by the trend test: alerts and the time to exhaustion wait for it.
    pub(crate) trend: bool,
    /// How many connections of the service were closed in the time of `growth`; `None` if that is
    /// not known, or says nothing of this kind.
    pub(crate) closed: Option<u64>,
}

/// Returns the gravest of [`verdicts`].
#[cfg(test)]
pub(crate) fn judge(evidence: &Evidence<'_>, times: &Times) -> Option<Verdict> {
    let gravity = |verdict: &Verdict| (verdict.accuses, verdict.certainty, verdict.connections);
    verdicts(evidence, times).max_by_key(gravity)
}

/// Returns all that is to be said of a group.
pub(crate) fn verdicts(
    evidence: &Evidence<'_>,
    times: &Times,
) -> impl Iterator<Item = Verdict> + use<> {
    let evidence = evidence.since_start();
    let by_state = match evidence.state {
        // A group of its own, in which all are so.
        SocketState::Established if evidence.tally.data_fin > 0 => {
            [evidence.transient(times), None, None, None]
        }
        SocketState::Established => [
            evidence.unaccepted(times),
            evidence.unread(times),
            established::growing(&evidence, times),
            established::without_keepalive(&evidence),
        ],
        SocketState::Listen | SocketState::SynRecv => [None; 4],
        _ => [evidence.transient(times), None, None, None],
    };
    let reaches_peer = matches!(evidence.state, SocketState::Established | SocketState::CloseWait);
    let unacknowledged = reaches_peer.then(|| evidence.unacknowledged()).flatten();
    by_state.into_iter().chain([unacknowledged]).flatten()
}

impl Certainty {
    /// Returns the text in JSON.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
        }
    }
}

impl<'a> Evidence<'a> {
    /// Returns the evidence without the samples of processes that are gone.
    fn since_start(&self) -> Self {
        let cut = |series: Series<'a>| series.since(self.started);
        let [count, unused, idle] = [self.count, self.unused, self.idle].map(cut);
        let [opens, closes] = [self.opens, self.closes].map(cut);
        Self { count, unused, idle, opens, closes, ..*self }
    }

    /// Returns the verdict on connections that are, or whose MPTCP connection is, in a transient
    /// state for too long.
    fn transient(&self, times: &Times) -> Option<Verdict> {
        let rise = self.count.rise(times.possible).filter(|rise| self.is_opened(rise, times));
        let kind = self.kind()?;
        let since = match kind {
            Kind::NoAnswer | Kind::Unacknowledged => 0,
            Kind::HalfClosed => times.likely,
            _ => times.stuck,
        };
        let certainty = match (kind, rise) {
            (Kind::PoolStale, Some(rise)) => self.certainty(&rise, times),
            (Kind::PoolStale, None) => Certainty::Possible,
            _ => certain(self.tally.oldest >= since),
        };
        let verdict = Verdict { certainty, ..self.verdict(kind, self.tally.count, times) };
        Some(Verdict { accuses: kind != Kind::PoolStale || rise.is_some(), ..verdict })
    }

    /// Returns the kind of connections in a transient state. In CLOSE_WAIT it follows from the
    /// stage that most of them are in. `None` without connections.
    fn kind(&self) -> Option<Kind> {
        let [unaccepted, unread, read] = self.tally.stages;
        let is_stale = self.role == Role::Client
            && self.tally.stale.saturating_mul(10) >= unread.saturating_mul(9);
        let kind = match self.state {
            SocketState::CloseWait if read >= unaccepted.max(unread) => Kind::NeverClosed,
            SocketState::CloseWait if unread >= unaccepted && is_stale => Kind::PoolStale,
            SocketState::CloseWait if unread >= unaccepted => Kind::NeverRead,
            SocketState::CloseWait => Kind::NeverAccepted,
            SocketState::SynSent => Kind::NoAnswer,
            SocketState::FinWait2 => Kind::HalfClosed,
            SocketState::Established => Kind::MptcpCloseWait,
            _ => Kind::Unacknowledged,
        };
        (self.tally.count > 0).then_some(kind)
    }

    fn unaccepted(&self, times: &Times) -> Option<Verdict> {
        let certainty = certain(self.tally.oldest_unaccepted >= times.stuck);
        Self::on(Kind::NeverAccepted, certainty, self.tally.unaccepted)
    }

    fn unread(&self, times: &Times) -> Option<Verdict> {
        let certainty = certain(self.tally.oldest_unread >= times.likely);
        Self::on(Kind::NeverRead, certainty, self.tally.unread)
    }

    fn unacknowledged(&self) -> Option<Verdict> {
        Self::on(Kind::Unacknowledged, Certainty::Likely, self.tally.unacknowledged)
    }

    /// Returns a verdict that accuses, on some connections of the group. How fast their number
    /// changes is not sampled.
    fn on(kind: Kind, certainty: Certainty, connections: u64) -> Option<Verdict> {
        let (growth, trend, closed) = (None, false, None);
        let accuses = true;
        let verdict = Verdict { kind, certainty, accuses, connections, growth, trend, closed };
        (connections > 0).then_some(verdict)
    }

    /// Returns a verdict that accuses all of the group as possible, with its growth.
    fn verdict(&self, kind: Kind, connections: u64, times: &Times) -> Verdict {
        let growth = self.count.growth(times.z, times.history());
        let trend = self.count.confirmed(times.z, times.trend).is_some();
        let (certainty, accuses, closed) = (Certainty::Possible, true, None);
        Verdict { kind, certainty, accuses, connections, growth, trend, closed }
    }
}

/// Returns the certainty of what is likely if it has lasted.
fn certain(has_lasted: bool) -> Certainty {
    if has_lasted { Certainty::Likely } else { Certainty::Possible }
}

impl Evidence<'_> {
    /// Returns whether as many connections were opened as half of the rise, and still are: what
    /// only changed its state, its name, or became idle, is no growth. Where opens are not known,
    /// it may be.
    fn is_opened(&self, rise: &Rise<'_>, times: &Times) -> bool {
        // Six connections are expected in this time; one in six of those must come.
        let six = nanoseconds(seconds(rise.over) * 6.0 / rise.by);
        let pause = nanoseconds(rise.pause);
        let opened = |over: u64| {
            let over = over.min(rise.over);
            let share = seconds(over) / seconds(rise.over);
            change(self.opens, over).is_none_or(|opens| opens * 6.0 >= rise.by * share)
        };
        let half = change(self.opens, rise.over).is_none_or(|opens| opens * 2.0 >= rise.by);
        half && opened(pause.max(rise.over / 3)) && opened(pause.max(six).max(times.possible))
    }

    /// Returns how sure a rise is a leak: likely once it has lasted, connections were opened, and
    /// fewer than a tenth as many closed.
    fn certainty(&self, rise: &Rise<'_>, times: &Times) -> Certainty {
        let flow = change(self.opens, rise.over).zip(change(self.closes, rise.over));
        let is_kept = flow.is_some_and(|(opens, closes)| opens > 0.0 && closes * 10.0 < opens);
        certain(rise.over >= times.likely && is_kept)
    }
}

/// Returns seconds as nanoseconds; 0 for a negative number and for what is no number.
fn nanoseconds(seconds: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates"
    )]
    let nanoseconds = (seconds * 1e9) as u64;
    nanoseconds
}

/// Returns by how much a value changed in the last `over` nanoseconds; `None` if that is not known.
fn change(series: Series<'_>, over: u64) -> Option<f64> {
    let of = |samples: &[(u64, f64)]| {
        let last = samples.last()?;
        let from = last.0.saturating_sub(over);
        let place = samples.partition_point(|sample| sample.0 <= from).checked_sub(1)?;
        Some(last.1 - samples.get(place)?.1)
    };
    of(series.fine).or_else(|| of(series.long))
}
