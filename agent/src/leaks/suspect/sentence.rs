//! The evidence against a suspect as one sentence.
//!
//! Used by `suspect`.

use std::fmt::Write as _;
use std::time::Duration;

use catalogue::labels::Role;

use super::Suspect;
use crate::duration_text;
use crate::workload::HOST;

/// Returns a sentence such as `process orders-api (pid 4711) in orders.service holds 412 close_wait
/// connections towards port 5432, the oldest 3 h 12 min, growing by 2 a minute`.
pub(super) fn sentence(suspect: &Suspect, role: Role) -> String {
    let Suspect { process, state, connections, .. } = suspect;
    let mut text = match (suspect.pids.as_slice(), suspect.connections_of_other_pids) {
        ([], _) if process == "unknown" => "a process that is not known".to_owned(),
        ([], _) => format!("process {process}"),
        ([one], 0) => format!("process {process} (pid {})", one.pid),
        ([most, ..], _) => format!("process {process} (several pids, most in {})", most.pid),
    };
    // Writing to a String cannot fail.
    if suspect.workload != HOST {
        let _ = write!(text, " in {}", suspect.workload);
    }
    let plural = if *connections == 1 { "connection" } else { "connections" };
    let _ = write!(text, " holds {connections} {state} {plural}");
    let _ = match (suspect.service_port, role) {
        (None, _) => write!(text, " of several ports"),
        (Some(port), Role::Client) => write!(text, " towards port {port}"),
        (Some(port), Role::Server) => write!(text, " on its port {port}"),
        (Some(port), Role::Unknown) => write!(text, " with port {port}"),
    };
    text.push_str(&stages(suspect));
    let age = Duration::try_from_secs_f64(suspect.oldest_age_seconds);
    debug_assert!(age.is_ok(), "the age is a difference of two times");
    let age = duration_text::long(age.unwrap_or_default());
    let bound = if suspect.oldest_age_at_least { "at least " } else { "" };
    let whose = if *connections == 1 { "for" } else { "the oldest" };
    let _ = write!(text, ", {whose} {bound}{age}");
    text.push_str(&growth(suspect.growth_per_minute));
    text
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
