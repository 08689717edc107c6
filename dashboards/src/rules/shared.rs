//! Parts of expressions and limits that several alerts have in common.

use catalogue::labels::{SocketState, Stage};
use catalogue::metrics::connections::CONNECTIONS;
use catalogue::metrics::pressure::CLOSE_WAIT;

use crate::alert::{Term, Unit, limit, term};
use crate::rules::promql::{among, eq, indent, named, ne, not_other, series, sum};
use crate::threshold::{STUCK_CONNECTIONS, USED_RATIO_CRITICAL, USED_RATIO_WARNING};
use crate::timing::{HORIZON, STUCK_AGE, TREND, Timing};

/// Sockets in CLOSE_WAIT that the process holds, accepted or its own; the others are the business
/// of the listener. Nor what many processes hold together under `~other` or `~young`: a few each
/// are no leak.
pub(crate) fn held() -> String {
    series(&CLOSE_WAIT, &[ne("stage", Stage::Unaccepted.as_str()), named("process")])
}

/// Those that no process holds.
pub(crate) fn unaccepted() -> String {
    sum(
        &["stage"],
        &series(&CLOSE_WAIT, &[eq("stage", Stage::Unaccepted.as_str()), named("process")]),
    )
}

pub(crate) fn stuck_terms(timing: &Timing) -> Vec<Term> {
    vec![
        limit(
            "count",
            STUCK_CONNECTIONS,
            Unit::Count,
            "sockets of one process that are that old",
            timing,
        ),
        term("age", timing.span(STUCK_AGE), "time in the state"),
    ]
}

/// Past the one limit, or past the other and on the way to all of it, by the last stretch of
/// `history` and by that before: a step, a warm-up or another process in the same series is in one
/// of the two, a climb in both.
pub(crate) fn now_or_soon(ratio: &str, history: &str, left: &str, timing: &Timing) -> String {
    let soon = indent(&soon(ratio, history, left, timing));
    let level = timing.limit("critical", USED_RATIO_CRITICAL);
    format!("{ratio} >= {level}\nor (\n{soon}\n)")
}

/// Past the lower limit and on the way to all of it: by the last stretch of `history` and by that
/// before, or by the time that is `left`, which the agent tells from a longer history. That may be
/// another process of the name, so the share itself has to rise.
pub(crate) fn soon(ratio: &str, history: &str, left: &str, timing: &Timing) -> String {
    let (trend, horizon) = (timing.span(TREND), timing.seconds(HORIZON));
    let ahead = |offset: &str| format!("predict_linear({history}{offset}, {horizon}) >= 1");
    let ahead = format!("{}\nand\n{}", ahead(""), ahead(&format!(" offset {trend}")));
    let rises = format!("{ratio} > max_over_time({history} offset {trend})");
    let ahead = indent(&format!("{ahead}\nor\n{left} <= {horizon}\nand\n{rises}"));
    let level = timing.limit("warning", USED_RATIO_WARNING);
    format!("({ratio} >= {level})\nand (\n{ahead}\n)")
}

pub(crate) fn near_terms(timing: &Timing) -> Vec<Term> {
    let level = limit(
        "critical",
        USED_RATIO_CRITICAL,
        Unit::Share,
        "share in use, whatever the trend",
        timing,
    );
    [vec![level], soon_terms(timing)].concat()
}

pub(crate) fn soon_terms(timing: &Timing) -> Vec<Term> {
    vec![
        limit(
            "warning",
            USED_RATIO_WARNING,
            Unit::Share,
            "share in use, if the trend reaches all of it",
            timing,
        ),
        term("horizon", timing.span(HORIZON), "time within which the trend reaches all of it"),
        term(
            "trend",
            timing.span(TREND),
            "history from which the trend is told, and as much before it, by itself; the agent \
             tells it from twenty minutes or more",
        ),
    ]
}

/// Says what `~young` is, where an alert is of it.
pub(crate) const SHORT_LIVED: &str = "{{ if eq $labels.process `~young` }}; ~young stands for \
    programs that end soon, each of a name of its own{{ end }}";

/// Neither processes nor ports that share a label: a share of such a mix is nobody's.
pub(crate) fn one_service() -> [String; 2] {
    [named("process"), not_other("port")]
}

/// Connections that can carry data towards this side, or hold some that came.
pub(crate) fn connections() -> String {
    let states = [
        SocketState::Established,
        SocketState::CloseWait,
        SocketState::FinWait1,
        SocketState::FinWait2,
    ];
    sum(&["state"], &series(&CONNECTIONS, &[among("state", &states.map(SocketState::as_str))]))
}

pub(crate) fn nothing(_timing: &Timing) -> Vec<Term> {
    Vec::new()
}
