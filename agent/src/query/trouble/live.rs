//! What connections that live tell: segments that they retransmitted, and connects that wait.
//!
//! Guarantee: at most [`MOST`] entries; what does not fit is counted as left out.

use std::net::Ipv6Addr;
use std::sync::Arc;

use catalogue::labels::Role;
use hashbrown::HashMap;

use crate::conn::trouble::{Trouble, TroubleKind};
use crate::conn::{RowView, States};
use crate::ingest::SharedTable;
use crate::listing::filter::Filter;
use crate::listing::walk;

/// The most entries of connections that live.
const MOST: usize = 4096;
/// The reason of a connect that has waited for [`SLOW`].
pub(super) const WAITING: &str = "waiting";
/// How long a connect waits until it is slow, nanoseconds.
const SLOW: u64 = 1_000_000_000;

/// What two entries of one destination have in common.
type Key = (TroubleKind, &'static str, Arc<str>, Arc<str>, Role, u32, Ipv6Addr, u16);

fn key(one: &Trouble) -> Key {
    let (process, workload) = (Arc::clone(&one.process), Arc::clone(&one.workload));
    (one.kind, one.reason, process, workload, one.role, one.netns, one.peer, one.port)
}

/// What connections that live tell.
#[derive(Default)]
pub(super) struct Live {
    pub(super) entries: Vec<Trouble>,
    pub(super) left_out: u64,
}

/// Walks over the rows that match.
pub(super) fn troubles(table: &SharedTable, filter: &Filter, now: u64) -> Live {
    let (mut entries, mut left_out) = (HashMap::new(), 0);
    walk::rows(table, States::ALL, |row| {
        if is_in_trouble(&row, now) && filter.matches(&row, now) {
            for one in of_row(&row, now) {
                let key = key(&one);
                if entries.len() >= MOST && !entries.contains_key(&key) {
                    left_out += one.count;
                } else {
                    add(&mut entries, key, one);
                }
            }
        }
    });
    Live { entries: entries.into_values().collect(), left_out }
}

/// Returns the entries with those of one destination added up.
pub(super) fn merged(all: impl Iterator<Item = Trouble>) -> Vec<Trouble> {
    let mut entries = HashMap::new();
    for one in all {
        add(&mut entries, key(&one), one);
    }
    entries.into_values().collect()
}

fn add(entries: &mut HashMap<Key, Trouble>, key: Key, one: Trouble) {
    let Some(entry) = entries.get_mut(&key) else {
        entries.insert(key, one);
        return;
    };
    entry.count += one.count;
    if one.last >= entry.last {
        (entry.last, entry.tgid) = (one.last, one.tgid);
    }
    entry.first = entry.first.min(one.first);
    entry.longest = entry.longest.max(one.longest);
}

fn waits(row: &RowView, now: u64) -> bool {
    row.waits_for_an_answer() && now.saturating_sub(row.entered) >= SLOW
}

fn is_in_trouble(row: &RowView, now: u64) -> bool {
    row.retransmitted > 0 || waits(row, now)
}

fn of_row(row: &RowView, now: u64) -> impl Iterator<Item = Trouble> {
    let one = Trouble {
        kind: TroubleKind::Retransmits,
        reason: "",
        process: Arc::clone(&row.process),
        workload: Arc::clone(&row.workload),
        tgid: row.pid().unwrap_or(0),
        role: row.role,
        netns: row.netns,
        peer: row.peer_address,
        port: row.service_port,
        count: row.retransmitted.into(),
        first: row.born,
        // The time of the last segment moves with retransmits.
        last: row.activity.sent.map_or(now, |sent| sent.max(row.entered)),
        longest: 0,
    };
    let waiting = waits(row, now).then(|| Trouble {
        kind: TroubleKind::Slow,
        reason: WAITING,
        count: 1,
        first: row.entered,
        last: now,
        longest: now.saturating_sub(row.entered),
        ..one.clone()
    });
    (row.retransmitted > 0).then_some(one).into_iter().chain(waiting)
}
