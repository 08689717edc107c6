//! The evidence against a suspect as one sentence.
//!
//! Used by `suspect`.

use std::fmt::Write as _;
use std::time::Duration;

use catalogue::labels::Role;

use super::{InSeconds, Suspect, is_inherited};
use crate::duration_text;
use crate::leaks::kind::Kind;
use crate::workload::HOST;

/// Returns a sentence such as `process orders-api (pid 4711) in orders.service holds 412 close_wait
/// connections towards port 5432, the oldest 3 h 12 min, growing by 2 a minute`.
pub(super) fn sentence(suspect: &Suspect, role: Role, kind: Kind) -> String {
    let connections = suspect.connections;
    let what = if kind == Kind::MptcpCloseWait { "MPTCP" } else { &suspect.state };
    let mut text = owner(suspect);
    // Writing to a String cannot fail.
    if suspect.workload != HOST {
        let _ = write!(text, " in {}", suspect.workload);
    }
    let plural = if connections == 1 { "connection" } else { "connections" };
    let verb = if nobody_holds(suspect) { "left" } else { "holds" };
    let _ = write!(text, " {verb} {connections} {what} {plural}");
    let _ = match (suspect.service_port, role) {
        (None, _) => write!(text, " of several ports"),
        (Some(0), _) => Ok(()),
        (Some(port), Role::Client) => write!(text, " towards port {port}"),
        (Some(port), Role::Server) => write!(text, " on its port {port}"),
        (Some(port), Role::Unknown) => write!(text, " with port {port}"),
    };
    if nobody_holds(suspect) {
        text.push_str(" that nobody holds any more");
    }
    text.push_str(&evidence(suspect, kind));
    if is_inherited(suspect.inherited, suspect.connections) {
        text.push_str(", inherited from the process that opened them");
    }
    text.push_str(&growth(suspect.growth_per_minute));
    if kind == Kind::EstablishedGrowing {
        text.push_str(": connections are opened and not given back");
    }
    text
}

/// Returns when a limit is reached: `; at the descriptor limit (1024) in about 40m (25m to 1h10m)`.
pub(crate) fn exhaustion(limit: &str, when: &InSeconds) -> String {
    let minutes = |seconds: f64| {
        let whole = Duration::try_from_secs_f64((seconds / 60.0).ceil().max(1.0) * 60.0);
        whole.map_or_else(|_too_long| "?".to_owned(), duration_text::short)
    };
    let (from, about) = (minutes(when.from), minutes(when.about));
    let to = when.to.map_or_else(|| "never".to_owned(), minutes);
    format!("; {limit} in about {about} ({from} to {to})")
}

/// Returns whether all its connections are orphans.
fn nobody_holds(suspect: &Suspect) -> bool {
    suspect.orphans > 0 && suspect.orphans >= suspect.connections
}

/// Returns the process: `process orders-api (pid 4711)`.
fn owner(suspect: &Suspect) -> String {
    let process = &suspect.process;
    match (suspect.pids.as_slice(), suspect.connections_of_other_pids) {
        ([], _) if process == "unknown" => "a process that is not known".to_owned(),
        ([], _) => format!("process {process}"),
        ([one], 0) => format!("process {process} (pid {})", one.pid),
        ([most, ..], _) => format!("process {process} (several pids, most in {})", most.pid),
    }
}

/// Returns what the connections show, and for how long.
fn evidence(suspect: &Suspect, kind: Kind) -> String {
    let whose = if suspect.connections == 1 { "for" } else { "the oldest" };
    let bound = if suspect.oldest_age_at_least { "at least " } else { "" };
    let age = text_of(suspect.oldest_age_seconds);
    let idle = text_of(suspect.longest_idle_seconds);
    let established = suspect.state == "established";
    match kind {
        Kind::EstablishedGrowing => {
            format!("{}, the oldest idle for {idle}", use_of(suspect))
        }
        Kind::IdleWithoutKeepalive => format!(", idle for up to {idle}, without keepalive"),
        Kind::MptcpCloseWait => {
            format!(" whose peer has closed, never closed, {whose} {bound}{age}")
        }
        Kind::PoolStale => format!(", closed by the server while idle, {whose} {bound}{age}"),
        Kind::NeverAccepted if established => format!(", never accepted, {whose} {bound}{age}"),
        Kind::NeverRead if established => {
            format!(" with bytes that nobody reads, {whose} {bound}{age}")
        }
        Kind::Unacknowledged if suspect.state == "established" || suspect.state == "close_wait" => {
            format!(" whose peer does not acknowledge, {whose} {bound}{age}")
        }
        _ => format!("{}, {whose} {bound}{age}", stages(suspect)),
    }
}

/// Returns how the connections of a growing group were used: `: each was used once and never again,
/// none was closed`. The use of those younger than a minute says nothing yet.
fn use_of(suspect: &Suspect) -> String {
    let Suspect { used_once, older, connections, births_unseen, .. } = *suspect;
    // Of one whose birth was not seen it is not known how often it was used.
    let is_known = used_once > 0 && used_once >= older && births_unseen == 0;
    let once = match is_known {
        true if older >= connections => ": each was used once and never again",
        true => ": each that is older than a minute was used once and never again",
        false => "",
    };
    let closed = if suspect.closed == Some(0) { ", none was closed" } else { "" };
    format!("{once}{closed}")
}

/// Returns a time for a sentence.
fn text_of(seconds: f64) -> String {
    let age = Duration::try_from_secs_f64(seconds);
    debug_assert!(age.is_ok(), "the age is a difference of two times");
    duration_text::short(age.unwrap_or_default())
}

/// Returns the stage of most connections in CLOSE_WAIT: `, 400 of them read but never closed`.
fn stages(suspect: &Suspect) -> String {
    let all = suspect.connections;
    let known = [
        (suspect.read, "read but never closed"),
        (suspect.unread, "not read to the end"),
        (suspect.unaccepted, "never accepted"),
    ];
    match known.into_iter().rev().max_by_key(|(count, _)| *count) {
        None | Some((0, _)) => String::new(),
        Some((count, words)) if count == all => format!(", {words}"),
        Some((count, words)) => format!(", {count} of them {words}"),
    }
}

/// Returns how the number of connections changes: `, growing by 2 a minute`. The number is whole
/// from 1 on and has one decimal below.
fn growth(per_minute: Option<f64>) -> String {
    let direction = |growth: f64| if growth > 0.0 { "growing" } else { "shrinking" };
    match per_minute {
        None => String::new(),
        Some(growth) if growth.abs() < 0.1 => ", steady".to_owned(),
        Some(growth) if growth.abs() < 1.0 => {
            format!(", {} by {:.1} a minute", direction(growth), growth.abs())
        }
        Some(growth) => format!(", {} by {:.0} a minute", direction(growth), growth.abs()),
    }
}
