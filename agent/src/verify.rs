//! When the descriptor tables of all processes are read: whose sockets are whose changes without an
//! event, by fork, accept, exec, a descriptor passed on, the end of a process.
//!
//! Used by the reconcile thread. Every pass reads the tables, and a pass comes early where a socket
//! has been in a leak state for `after` and was never looked at in it, or where a process has ended
//! and sockets that it owned live on. The reading is O(descriptors of the machine), sockets or not,
//! so it is bounded by what it costs, one percent of one CPU however large the machine.
//! Early passes keep a distance of up to five seconds, so a leak is verified when it is ten to
//! fifteen seconds old.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::clock::monotonic;
use crate::conn::Nanos;
use crate::ingest::decode::Record;
use crate::ingest::{SharedTable, lock};
use crate::listing::walk::PLACES;

/// A reading, and a look for processes that have ended, comes at the earliest this many times its
/// cost after the one before began: one percent of one CPU each.
pub(crate) const SHARE: u32 = 100;
/// Early passes keep half of `after` as their distance, and this at the most.
const APART: Duration = Duration::from_secs(5);
/// The most processes whose end is watched for; those beyond are found out by the next regular
/// pass.
const MOST_WATCHED: usize = 4096;

/// What is known of the last reading.
#[derive(Debug)]
pub(crate) struct Verify {
    after: Duration,
    /// From when on the next reading is within bounds.
    reading_from: Option<Instant>,
    /// From when on the next look is within bounds.
    looking_from: Option<Instant>,
    /// The holders that the reading has met.
    watched: HashSet<u32>,
    /// Whether the kernel numbers processes as this one sees them: not so in a pid namespace.
    same_numbers: bool,
}

impl Verify {
    /// Nothing read yet; owners are to be verified `after` a socket entered a leak state.
    #[must_use]
    pub(crate) fn new(after: Duration) -> Self {
        Self {
            after,
            reading_from: None,
            looking_from: None,
            watched: HashSet::new(),
            same_numbers: false,
        }
    }

    /// Whether a reading is within bounds.
    #[must_use]
    pub(crate) fn affordable(&self, now: Instant) -> bool {
        self.reading_from.is_none_or(|from| now >= from)
    }

    /// Returns the agent's process id, if `/proc` and the kernel agree on ids.
    pub(crate) fn agent(&self) -> Option<u32> {
        self.same_numbers.then(std::process::id)
    }

    /// A reading begins.
    pub(crate) fn begin(&mut self) {
        self.watched.clear();
    }

    /// Takes what a record tells of processes; `reader` is the id of the process that reads, in
    /// the agent's pid namespace.
    pub(crate) fn see(&mut self, record: &Record, reader: u32) {
        match record {
            Record::Socket(entry) => self.same_numbers = entry.reader == reader,
            Record::Holder(entry) if self.watched.len() < MOST_WATCHED => {
                self.watched.insert(entry.tgid);
            }
            _ => {}
        }
    }

    /// A reading that began then has ended. It cost the time that it took, or the CPU time of this
    /// process meanwhile where that is less: on a machine without a free CPU it waits for most of
    /// its time.
    pub(crate) fn end(&mut self, began: Instant, cpu_time: Duration, now: Instant) {
        let cost = now.saturating_duration_since(began).min(cpu_time);
        self.reading_from = Some(began + cost * SHARE);
        // What comes into doubt in the meantime is checked together.
        self.looking_from = Some(now + (self.after / 2).min(APART));
    }

    /// Whether a pass should come before its time.
    pub(crate) fn is_due(&mut self, table: &SharedTable) -> bool {
        let now = Instant::now();
        if !self.affordable(now) || self.looking_from.is_some_and(|from| now < from) {
            return false;
        }
        let ended = self.ended();
        let after = Nanos::new(u64::try_from(self.after.as_nanos()).unwrap_or(u64::MAX));
        let waits = lock(table)
            .view()
            .unverified_since()
            .is_some_and(|since| Nanos::new(monotonic()).saturating_sub(since) >= after);
        let due = waits || (!ended.is_empty() && is_outlived(table, &ended));
        self.looking_from = Some(now + now.elapsed() * SHARE);
        due
    }

    /// The holders that have ended since the last look; each is told once.
    fn ended(&mut self) -> HashSet<u32> {
        if !self.same_numbers {
            return HashSet::new();
        }
        self.watched.extract_if(|tgid| has_ended(*tgid)).collect()
    }
}

/// Whether sockets live on that these processes owned. The table is not held for longer than a
/// slice of it takes.
fn is_outlived(table: &SharedTable, ended: &HashSet<u32>) -> bool {
    let mut from = Some(0);
    while let Some(place) = from {
        let (found, next) = lock(table).view().outlives(ended, place, PLACES);
        if found {
            return true;
        }
        from = next;
    }
    false
}

/// Whether no process has this number. One that took over the number is taken for the old one.
fn has_ended(tgid: u32) -> bool {
    // Signal 0 is never sent: the kernel only looks the process up. Without CAP_KILL it refuses
    // (EPERM) for one that is there.
    i32::try_from(tgid).is_ok_and(|pid| kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::sync::{Arc, Mutex};

    use agent_common::record::{Endpoints, Holder, Socket, State, flag};
    use agent_common::tcp::{CLOSE, ESTABLISHED, SYN_SENT};

    use super::*;
    use crate::conn::{Covered, Limits, Table};

    fn reader(reader: u32) -> Record {
        Record::Socket(Socket { reader, ..Socket::default() })
    }

    fn ends() -> Endpoints {
        Endpoints { sk: 64, peer_port: 80, local_port: 40_000, ..Endpoints::default() }
    }

    /// A table that knows one socket, last held by that process.
    fn table(tgid: u32, new: u8) -> SharedTable {
        let mut table = Table::new(Limits::default());
        let now = monotonic();
        table.transition(&State {
            old: CLOSE,
            new,
            flags: flag::LOCKED,
            tgid,
            time: now,
            ends: ends(),
            ..State::default()
        });
        Arc::new(Mutex::new(table))
    }

    #[test]
    fn readings_take_one_percent_of_a_cpu_at_the_most() {
        let mut verify = Verify::new(Duration::ZERO);
        let began = Instant::now();
        assert!(verify.affordable(began));
        verify.end(began, Duration::MAX, began + Duration::from_millis(50));
        assert!(!verify.is_due(&table(7, SYN_SENT)), "nor a pass for its sake");
        assert!(!verify.affordable(began + Duration::from_millis(4999)));
        assert!(verify.affordable(began + Duration::from_secs(5)));
        verify.end(began, Duration::from_millis(20), began + Duration::from_secs(9));
        assert!(!verify.affordable(began + Duration::from_millis(1999)));
        assert!(verify.affordable(began + Duration::from_secs(2)), "it waited for a CPU");
    }

    #[test]
    fn only_so_many_processes_are_watched() {
        let mut verify = Verify::new(Duration::ZERO);
        for tgid in 1..=u32::try_from(MOST_WATCHED + 1).unwrap() {
            verify.see(&Record::Holder(Holder { tgid, ..Holder::default() }), 1);
        }
        assert_eq!(verify.watched.len(), MOST_WATCHED);
    }

    #[test]
    fn a_socket_that_stays_in_a_leak_state_asks_for_a_reading_once() {
        let table = table(7, SYN_SENT);
        assert!(!Verify::new(Duration::from_mins(1)).is_due(&table), "it is young");
        assert!(Verify::new(Duration::ZERO).is_due(&table));
        let now = Nanos::new(monotonic());
        lock(&table).begin_pass(now);
        lock(&table).end_pass(now, &Covered { holders: Some(now), ..Covered::default() });
        assert!(!Verify::new(Duration::ZERO).is_due(&table), "it has been verified in this state");
    }

    #[test]
    fn the_end_of_a_process_asks_for_a_reading_where_its_sockets_live_on() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let held = Record::Holder(Holder { tgid: child.id(), ..Holder::default() });
        let due = |table: &SharedTable, number: u32| {
            let mut verify = Verify::new(Duration::from_hours(1));
            verify.see(&reader(number), std::process::id());
            verify.see(&held, std::process::id());
            verify.is_due(table)
        };
        let (own, foreign) = (table(child.id(), ESTABLISHED), table(1, ESTABLISHED));
        assert!(!due(&own, std::process::id()), "it lives");
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(due(&own, std::process::id()));
        assert!(!due(&foreign, std::process::id()), "it owned nothing");
        assert!(!due(&own, std::process::id() + 1), "its number may be another's here");
    }
}
