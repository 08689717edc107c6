//! The table of `events` for people.

use std::io::{self, Write};
use std::time::SystemTime;

use agent_common::record::{Close, Retransmit, State, kind};
use agent_common::tcp;
use catalogue::labels::state_name;

use super::known::Known;
use super::{Summary, json, names};
use crate::conn::retransmit::phase_and_kind;
use crate::duration_text;
use crate::kernel::probe::ProbeState;
use crate::table::{self, Cell, Rule};

/// Time, process, process id, both ends, and what happened.
const COLUMNS: [Rule; 6] = [
    Rule::LEFT.least(16),
    Rule::LEFT.least(16),
    Rule::RIGHT.least(7),
    Rule::LEFT.least(24),
    Rule::LEFT.least(24),
    Rule::LEFT,
];

pub(super) fn ready(out: &mut impl Write, probes: &[(&str, &ProbeState)]) -> io::Result<()> {
    for (name, state) in probes {
        writeln!(out, "{name}: {}", json::describe(state))?;
    }
    Ok(())
}

pub(super) fn header(out: &mut impl Write) -> io::Result<()> {
    row(out, "TIME", ("PROCESS", "PID"), ("LOCAL", "PEER"), "EVENT")?;
    out.flush()
}

pub(super) fn summary(out: &mut impl Write, summary: Summary) -> io::Result<()> {
    let Summary { transitions, retransmits, lost } = summary;
    writeln!(out, "{transitions} transitions, {retransmits} retransmits, {lost} lost")
}

pub(super) fn transition(
    out: &mut impl Write,
    wall: SystemTime,
    record: &State,
    close: Option<&Close>,
    known: &Known,
) -> io::Result<()> {
    let (process, pid) = owner(known);
    let (local, peer) = names::ends(&record.ends);
    let mut event = vec![format!("{} -> {}", state_name(record.old), state_name(record.new))];
    if record.new == tcp::CLOSE {
        event.extend(names::error(record.err.into()));
    }
    if let Some(close) = close.filter(|_| record.old != tcp::LISTEN) {
        event.push(format!("sent={} received={}", close.bytes_sent, close.bytes_received));
        if close.srtt_us > 0 {
            event.push(format!("srtt={}us", close.srtt_us));
        }
        if close.retransmitted > 0 {
            event.push(format!("retransmitted={}", close.retransmitted));
        }
    }
    row(out, &clock(wall), (&process, &pid), (&local, &peer), &event.join(" "))
}

pub(super) fn retransmit(
    out: &mut impl Write,
    wall: SystemTime,
    record: &Retransmit,
    known: &Known,
) -> io::Result<()> {
    let (process, pid) = owner(known);
    let (local, peer) = names::ends(&record.ends);
    let segments = record.segments;
    let event = if record.kind == kind::SYNACK {
        format!("syn-ack retransmit, segments={segments}")
    } else {
        let (phase, kind) = phase_and_kind(record.state, record.ca_state, record.pending);
        format!(
            "retransmit in {}, {} {}, segments={segments}",
            state_name(record.state),
            phase.as_str(),
            kind.as_str()
        )
    };
    let failed = names::error(record.err.into())
        .map(|error| format!(" failed: {error}"))
        .unwrap_or_default();
    row(out, &clock(wall), (&process, &pid), (&local, &peer), &format!("{event}{failed}"))
}

/// Returns name and id of the owner, as far as this or an earlier event told.
fn owner(known: &Known) -> (String, String) {
    let unknown = || "-".to_owned();
    let owner = known.owner.as_ref();
    let pid = owner.map_or_else(unknown, |(_, pid)| pid.to_string());
    (owner.map_or_else(unknown, |(name, _)| name.clone()), pid)
}

/// Returns the time of the day in UTC with milliseconds: `14:16:55.867Z`.
fn clock(wall: SystemTime) -> String {
    let time = duration_text::rfc3339(wall);
    time.split_once('T').map_or_else(String::new, |(_, clock)| clock.to_owned())
}

fn row(
    out: &mut impl Write,
    time: &str,
    owner: (&str, &str),
    ends: (&str, &str),
    event: &str,
) -> io::Result<()> {
    let cells = [time, owner.0, owner.1, ends.0, ends.1, event].map(Cell::from);
    writeln!(out, "{}", table::line(&COLUMNS, &cells, 1))
}
