//! One destination in trouble as a sentence.

use std::net::SocketAddr;
use std::time::Duration;

use catalogue::labels::Role;

use super::live::WAITING;
use crate::conn::trouble::{Trouble, TroubleKind};
use crate::duration_text::short;

/// Returns the sentence, for example: process orders-api (pid 4711, host) failed 40 connects to
/// 10.0.0.9:5432: refused, first 12m3s ago, last 2s ago.
pub(super) fn sentence(one: &Trouble, now: u64) -> String {
    let pid = if one.tgid == 0 { String::new() } else { format!("pid {}, ", one.tgid) };
    let who = format!("process {} ({pid}{})", one.process, one.workload);
    let ago = |time: u64| short(Duration::from_nanos(now.saturating_sub(time)));
    let since = if one.first == one.last {
        format!("{} ago", ago(one.last))
    } else {
        format!("first {} ago, last {} ago", ago(one.first), ago(one.last))
    };
    let (many, connects) = (one.count, plural(one.count, "connect"));
    let (to, longest) = (destination(one), short(Duration::from_nanos(one.longest)));
    match one.kind {
        TroubleKind::Failures => {
            let reason = one.reason.replace('_', " ");
            format!("{who} failed {many} {connects} {to}: {reason}, {since}")
        }
        TroubleKind::Slow if one.reason == WAITING => {
            format!("{who} waits for {many} {connects} {to}: no answer yet, for up to {longest}")
        }
        TroubleKind::Slow => {
            format!("{who} had {many} slow {connects} {to}: up to {longest}, {since}")
        }
        TroubleKind::Resets => {
            let whose = if one.reason == "rst_received" { "the peer" } else { "this side" };
            let connections = plural(many, "connection");
            format!("{who} had {many} {connections} {to} broken off: reset by {whose}, {since}")
        }
        TroubleKind::Retransmits => {
            format!("{who} retransmitted {many} {} {to}: {since}", plural(many, "segment"))
        }
    }
}

fn plural(count: u64, noun: &str) -> String {
    if count == 1 { noun.to_owned() } else { format!("{noun}s") }
}

fn destination(one: &Trouble) -> String {
    let address = one.peer.to_canonical();
    match one.role {
        Role::Server => format!("from {address} at port {}", one.port),
        Role::Client => format!("to {}", SocketAddr::new(address, one.port)),
        Role::Unknown => format!("with {address}"),
    }
}
