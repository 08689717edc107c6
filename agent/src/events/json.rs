//! The JSON lines of `events --json`. The field names are a contract with the readers.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;
use std::time::SystemTime;

use agent_common::record::{Close, Endpoints, Retransmit, State, kind};
use agent_common::tcp;
use catalogue::labels::state_name;
use serde::Serialize;

use super::known::Known;
use super::{Summary, names};
use crate::conn::retransmit::phase_and_kind;
use crate::duration_text;
use crate::kernel::probe::ProbeState;

#[derive(Serialize)]
struct Ready<'a> {
    r#type: &'static str,
    probes: BTreeMap<&'a str, String>,
}

#[derive(Serialize)]
struct End {
    r#type: &'static str,
    #[serde(flatten)]
    summary: Summary,
}

#[derive(Serialize)]
struct Transition {
    r#type: &'static str,
    time: String,
    time_ns: u64,
    old: &'static str,
    new: &'static str,
    #[serde(flatten)]
    place: Place,
    process: Option<String>,
    pid: Option<u32>,
    uid: u32,
    #[serde(flatten)]
    whose: Whose,
    error: Option<String>,
    #[serde(flatten)]
    totals: Option<Totals>,
}

/// Whose socket it is, as far as this or an earlier event told.
#[derive(Serialize)]
struct Whose {
    role: &'static str,
    owner_process: Option<String>,
    owner_pid: Option<u32>,
    owner_workload: Option<String>,
}

impl Whose {
    fn of(known: &Known) -> Self {
        let (owner_process, owner_pid) = known.owner.clone().unzip();
        let owner_workload = known.workload.as_deref().map(str::to_owned);
        Self { role: known.role.as_str(), owner_process, owner_pid, owner_workload }
    }
}

#[derive(Serialize)]
struct Totals {
    bytes_sent: u64,
    bytes_received: u64,
    srtt_us: u32,
    retransmitted_segments: u32,
}

#[derive(Serialize)]
struct Retransmitted {
    r#type: &'static str,
    time: String,
    time_ns: u64,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    segments: u32,
    error: Option<String>,
    #[serde(flatten)]
    place: Place,
    #[serde(flatten)]
    whose: Whose,
}

#[derive(Serialize)]
struct Place {
    sk: String,
    netns: u32,
    cgroup: u64,
    family: &'static str,
    local_address: IpAddr,
    local_port: u16,
    peer_address: IpAddr,
    peer_port: u16,
}

impl Place {
    fn of(ends: &Endpoints, family: u16) -> Self {
        Self {
            sk: format!("{:016x}", ends.sk),
            netns: ends.netns,
            cgroup: ends.cgroup,
            family: names::family(family),
            local_address: names::address(ends.local),
            local_port: ends.local_port,
            peer_address: names::address(ends.peer),
            peer_port: ends.peer_port,
        }
    }
}

pub(super) fn ready(out: &mut impl Write, probes: &[(&str, &ProbeState)]) -> io::Result<()> {
    let described = probes.iter().map(|(name, state)| (*name, describe(state))).collect();
    line(out, &Ready { r#type: "ready", probes: described })
}

/// Returns the state of a probe with its reason.
pub(super) fn describe(state: &ProbeState) -> String {
    match state.reason() {
        "" => state.as_str().to_owned(),
        reason => format!("{}: {reason}", state.as_str()),
    }
}

pub(super) fn summary(out: &mut impl Write, summary: Summary) -> io::Result<()> {
    line(out, &End { r#type: "summary", summary })
}

pub(super) fn transition(
    out: &mut impl Write,
    wall: SystemTime,
    record: &State,
    close: Option<&Close>,
    known: &Known,
) -> io::Result<()> {
    let (process, pid) = names::owner(record).unzip();
    let totals = close.map(|close| Totals {
        bytes_sent: close.bytes_sent,
        bytes_received: close.bytes_received,
        srtt_us: close.srtt_us,
        retransmitted_segments: close.retransmitted,
    });
    let error = if record.new == tcp::CLOSE { names::error(record.err.into()) } else { None };
    let transition = Transition {
        r#type: "transition",
        time: duration_text::rfc3339(wall),
        time_ns: record.time,
        old: state_name(record.old),
        new: state_name(record.new),
        place: Place::of(&record.ends, record.family),
        process,
        pid,
        uid: record.uid,
        whose: Whose::of(known),
        error,
        totals,
    };
    line(out, &transition)
}

pub(super) fn retransmit(
    out: &mut impl Write,
    wall: SystemTime,
    record: &Retransmit,
    known: &Known,
) -> io::Result<()> {
    let synack = record.kind == kind::SYNACK;
    let (phase, kind) = phase_and_kind(record.state, record.ca_state, record.pending);
    let retransmitted = Retransmitted {
        r#type: if synack { "synack_retransmit" } else { "retransmit" },
        time: duration_text::rfc3339(wall),
        time_ns: record.time,
        state: state_name(record.state),
        phase: (!synack).then(|| phase.as_str()),
        kind: (!synack).then(|| kind.as_str()),
        segments: record.segments,
        error: names::error(record.err.into()),
        place: Place::of(&record.ends, record.family),
        whose: Whose::of(known),
    };
    line(out, &retransmitted)
}

/// Writes one object as one line in one write.
fn line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(value)?;
    bytes.push(b'\n');
    out.write_all(&bytes)
}
