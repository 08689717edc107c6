//! Leaks that hide in ESTABLISHED: connections that are opened, used once and not given back.
//!
//! A leak is a number of idle connections that grows. A used pool has none idle, an idle pool does
//! not grow, connections of a morning ramp are used. A client's are idle after minutes and, as long
//! as no connection is that old, if they were used once at their birth. A server cannot know
//! whether a silent peer lives: it is suspected only if connections without keepalive, silent since
//! their birth, add up for an hour and hardly any closes.

use super::{Certainty, Evidence, Verdict, certain, change};
use crate::leaks::growth::{Rise, Series};
use crate::leaks::kind::Kind;
use crate::leaks::times::Times;
use catalogue::labels::Role;

/// Returns the verdict on a group whose connections are opened and not given back.
pub(super) fn growing(evidence: &Evidence<'_>, times: &Times) -> Option<Verdict> {
    let verdict = match evidence.role {
        Role::Client => client(evidence, times),
        Role::Server | Role::Unknown => server(evidence, times),
    };
    verdict.filter(|verdict| verdict.connections > 0)
}

/// Returns a note on idle connections that nothing will end if their peer is gone.
pub(super) fn without_keepalive(evidence: &Evidence<'_>) -> Option<Verdict> {
    let connections = evidence.tally.idle.saturating_sub(evidence.tally.idle_with_keepalive);
    Evidence::on(Kind::IdleWithoutKeepalive, Certainty::Likely, connections)
        .map(|verdict| Verdict { accuses: false, ..verdict })
}

fn client(evidence: &Evidence<'_>, times: &Times) -> Option<Verdict> {
    let tally = &evidence.tally;
    let all_unused = nearly_all(tally.unused, tally.settled);
    let rise = |series: Series<'_>, is_so: &dyn Fn(&Rise<'_>) -> bool| {
        series
            .rise(times.possible)
            .filter(|rise| evidence.is_opened(rise, times) && is_so(rise))
            .map(|rise| (rise.over, evidence.certainty(&rise, times)))
    };
    // Beside connections in use, those that were used once must be most of what was added.
    let added = |rise: &Rise<'_>| change(evidence.count, rise.over);
    let most = |rise: &Rise<'_>| added(rise).is_some_and(|added| rise.by * 2.0 >= added);
    // Connections of a pool that is used less and less become idle, but none is added.
    let more = |rise: &Rise<'_>| added(rise).is_some_and(|added| added * 2.0 >= rise.by);
    let once = nearly_all(tally.used_once, tally.aged)
        || nearly_all(tally.idle_used_once, tally.idle_born);
    let by_count = rise(evidence.count, &|_| all_unused);
    let by_unused = rise(evidence.unused, &|rise| most(rise) && more(rise));
    let by_idle = rise(evidence.idle, &|rise| {
        rise.over >= times.likely && more(rise) && is_still_idle(evidence, rise, times)
    });
    let idle_trend = evidence.idle.confirmed(times.z, times.trend).is_some();
    let lasting = by_idle.is_some_and(|(over, _)| over >= times.likely_by_trend && idle_trend);
    let (series, connections) = match (by_count, by_unused, by_idle) {
        (Some(_), _, _) => (evidence.count, tally.count),
        (None, Some(_), _) => (evidence.unused, tally.unused.max(tally.idle)),
        (None, None, Some(_)) => (evidence.idle, tally.idle),
        (None, None, None) => return None,
    };
    let kept = [by_count, by_unused, by_idle]
        .into_iter()
        .flatten()
        .any(|(_, certainty)| certainty == Certainty::Likely);
    let certainty = certain(lasting || kept && once);
    Some(told(evidence, series, connections, (certainty, times)))
}

fn server(evidence: &Evidence<'_>, times: &Times) -> Option<Verdict> {
    let tally = &evidence.tally;
    let silent = nearly_all(tally.idle_used_once, tally.idle_born)
        && tally.idle_with_keepalive.saturating_mul(10) <= tally.idle;
    let rise = Series { fine: evidence.idle.long, long: &[] }.rise(times.server)?;
    let kept = evidence.certainty(&rise, times) == Certainty::Likely;
    let certainty = certain(rise.over >= times.server.saturating_mul(2));
    let verdict = told(evidence, evidence.idle, tally.idle, (certainty, times));
    let is_leak = silent && kept && verdict.trend && is_still_idle(evidence, &rise, times);
    is_leak.then_some(verdict)
}

/// Returns whether the connections that began the rise of the idle ones can be idle to this day.
/// Where each is used from time to time, none is idle for that long. A tenth is left to the time
/// between two samples.
fn is_still_idle(evidence: &Evidence<'_>, rise: &Rise<'_>, times: &Times) -> bool {
    evidence.tally.longest_idle >= times.idle(evidence.role).saturating_add(rise.over / 10 * 9)
}

fn told(
    evidence: &Evidence<'_>,
    series: Series<'_>,
    connections: u64,
    (certainty, times): (Certainty, &Times),
) -> Verdict {
    let growth = series.growth(times.z, times.history());
    let closed = growth.and_then(|growth| change(evidence.closes, growth.over)).map(whole);
    // A service that ended and came again counts from zero.
    let closed = closed.filter(|closed| *closed <= u64::from(u32::MAX / 2));
    let trend = series.confirmed(times.z, times.trend).is_some();
    let kind = Kind::EstablishedGrowing;
    Verdict { kind, certainty, accuses: true, connections, growth, trend, closed }
}

/// Returns a difference of counts as a count; one that fell is 0.
fn whole(difference: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and counts are whole"
    )]
    let whole = difference as u64;
    whole
}

/// Returns whether more than nine of ten are so; not if there are none.
fn nearly_all(so: u64, all: u64) -> bool {
    so.saturating_mul(10) > all.saturating_mul(9)
}
