//! Who fails, waits, is reset or retransmits, towards whom: a bounded sketch of destinations.
//!
//! Fed by `apply` from ends and openings that are not healthy; a healthy one does not come here.
//! Guarantees: at most [`MOST`] entries a kind are kept. If there are more, those that were quiet
//! for [`QUIET`] go first, then the small ones give way (Misra and Gries, 1982), and what they had
//! counted is counted as left out. So a count is a lower bound, and the largest is never lost.

use std::sync::Arc;

use catalogue::labels::Role;
use hashbrown::HashMap;

use super::groups::Groups;
use crate::conn::nanos::Nanos;
use crate::conn::report::trouble::{Trouble, TroubleKind};
use crate::conn::socket::row::{Row, address};
use crate::workload::Key as WorkloadKey;

/// The most entries of a kind.
const MOST: usize = 1024;
/// How long an entry is quiet until it begins anew.
const QUIET: Nanos = Nanos::from_secs(3600);
/// How long a connect takes that is slow.
pub(crate) const SLOW: Nanos = Nanos::from_secs(1);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    process: Arc<str>,
    cgroup: u64,
    netns: u32,
    port: u16,
    role: Role,
    reason: &'static str,
    peer: [u64; 2],
}

struct Entry {
    workload: Arc<str>,
    tgid: u32,
    count: u64,
    first: Nanos,
    last: Nanos,
    longest: Nanos,
}

/// The entries of one kind.
#[derive(Default)]
struct Sketch {
    entries: HashMap<Key, Entry>,
    left_out: u64,
}

/// The entries of every kind.
#[derive(Default)]
pub(crate) struct Troubles([Sketch; TroubleKind::ALL.len()]);

/// One thing that went wrong.
#[derive(Clone, Copy)]
pub(crate) struct Mishap {
    pub(crate) kind: TroubleKind,
    pub(crate) reason: &'static str,
    pub(crate) count: u64,
    pub(crate) time: Nanos,
    pub(crate) took: Nanos,
}

impl Troubles {
    /// Counts what went wrong with the connection of a row.
    #[cold]
    pub(crate) fn count(&mut self, row: &Row, groups: &Groups, mishap: Mishap) {
        let (process, workload) = groups.labels(row.group);
        let key = Key {
            process,
            cgroup: row.cgroup,
            netns: row.netns,
            port: row.service_port(),
            role: row.role,
            reason: mishap.reason,
            peer: row.peer,
        };
        self.0[mishap.kind as usize].count(key, workload, row.tgid, mishap);
    }

    /// Gives its name to the workload of entries that were made before it was known.
    pub(crate) fn name(&mut self, key: WorkloadKey, name: &Arc<str>, unknown: &Arc<str>) {
        for (of, entry) in self.0.iter_mut().flat_map(|sketch| &mut sketch.entries) {
            let is_its = match key {
                WorkloadKey::Cgroup(cgroup) => of.cgroup == cgroup,
                WorkloadKey::Process(tgid) => entry.tgid == tgid,
            };
            if is_its && entry.workload == *unknown {
                entry.workload = Arc::clone(name);
            }
        }
    }

    /// Returns the entries of a kind, in no particular order, and how much was left out.
    pub(crate) fn shown(&self, kind: TroubleKind) -> (Vec<Trouble>, u64) {
        let sketch = &self.0[kind as usize];
        let show = |(key, entry): (&Key, &Entry)| Trouble {
            kind,
            reason: key.reason,
            process: Arc::clone(&key.process),
            workload: Arc::clone(&entry.workload),
            tgid: entry.tgid,
            role: key.role,
            netns: key.netns,
            peer: address(key.peer),
            port: key.port,
            count: entry.count,
            first: entry.first.get(),
            last: entry.last.get(),
            longest: entry.longest.get(),
        };
        (sketch.entries.iter().map(show).collect(), sketch.left_out)
    }
}

impl Sketch {
    fn count(&mut self, key: Key, workload: Arc<str>, tgid: u32, mishap: Mishap) {
        let Mishap { mut count, time, took, .. } = mishap;
        if self.entries.len() >= MOST && !self.entries.contains_key(&key) {
            count -= self.make_room(count, time);
            if count == 0 {
                return;
            }
        }
        let new = || Entry {
            workload: Arc::clone(&workload),
            tgid,
            count: 0,
            first: time,
            last: time,
            longest: Nanos::ZERO,
        };
        let entry = self.entries.entry(key).or_insert_with(new);
        if time.saturating_sub(entry.last) > QUIET {
            *entry = new();
        }
        entry.count += count;
        entry.last = entry.last.max(time);
        entry.longest = entry.longest.max(took);
        (entry.workload, entry.tgid) = (workload, tgid);
        debug_assert!(self.entries.len() <= MOST, "only so many destinations are kept");
    }

    /// Makes room for an entry with this count: entries that have been quiet go, or else all become
    /// smaller by as much as makes the smallest vanish, at most by `count`. Returns how much of
    /// `count` that took.
    fn make_room(&mut self, count: u64, now: Nanos) -> u64 {
        self.entries.retain(|_, entry| now.saturating_sub(entry.last) <= QUIET);
        if self.entries.len() < MOST {
            return 0;
        }
        let smallest = self.entries.values().map(|entry| entry.count).min().unwrap_or(0);
        let by = smallest.min(count);
        let left_out = &mut self.left_out;
        *left_out += by;
        self.entries.retain(|_, entry| {
            entry.count -= by;
            *left_out += by;
            entry.count > 0
        });
        by
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(port: u16) -> Key {
        Key {
            process: Arc::from("app"),
            cgroup: 1,
            netns: 1,
            port,
            role: Role::Client,
            reason: "refused",
            peer: [0; 2],
        }
    }

    fn one(time: u64) -> Mishap {
        Mishap {
            kind: TroubleKind::Failures,
            reason: "refused",
            count: 1,
            time: Nanos::from_secs(time),
            took: Nanos::ZERO,
        }
    }

    fn host() -> Arc<str> {
        Arc::from("host")
    }

    #[test]
    fn the_largest_is_kept_however_many_there_are_and_nothing_is_lost_unseen() {
        let mut sketch = Sketch::default();
        let mut all = 0_u64;
        for round in 0..40_u16 {
            for port in 0..2000_u16 {
                sketch.count(key(3000 + round * 1500 + port), host(), 7, one(1));
                all += 1;
            }
            for _ in 0..200 {
                sketch.count(key(1), host(), 8, one(2));
                all += 1;
            }
        }
        assert!(sketch.entries.len() <= MOST);
        let kept: u64 = sketch.entries.values().map(|entry| entry.count).sum();
        assert_eq!(kept + sketch.left_out, all, "what is not kept is counted");
        let largest = sketch.entries.iter().max_by_key(|(_, entry)| entry.count).unwrap();
        assert_eq!(largest.0.port, 1);
        assert!(largest.1.count + all / (MOST as u64) >= 8000, "too low by little");
    }

    #[test]
    fn what_was_quiet_for_an_hour_begins_anew_and_makes_room() {
        let mut sketch = Sketch::default();
        for _ in 0..3 {
            sketch.count(key(1), host(), 7, one(10));
        }
        sketch.count(key(1), host(), 9, one(3700));
        let entry = &sketch.entries[&key(1)];
        assert_eq!((entry.count, entry.tgid), (1, 9));
        assert_eq!((entry.first, entry.last), (Nanos::from_secs(3700), Nanos::from_secs(3700)));
        for port in 2..1026 {
            sketch.count(key(port), host(), 7, one(3800));
        }
        assert_eq!((sketch.entries.len(), sketch.left_out), (0, 1025), "all were new");
        for port in 1..=1024 {
            sketch.count(key(port), host(), 7, one(3800));
        }
        sketch.count(key(5000), host(), 7, one(9000));
        assert_eq!((sketch.entries.len(), sketch.left_out), (1, 1025), "the quiet ones went");
    }

    #[test]
    fn a_workload_that_gets_its_name_late_has_it_in_its_entries_too() {
        let unknown: Arc<str> = Arc::from("unknown");
        let mut troubles = Troubles::default();
        troubles.0[0].count(key(1), Arc::clone(&unknown), 7, one(1));
        troubles.0[0].count(Key { cgroup: 2, ..key(2) }, Arc::clone(&unknown), 8, one(1));
        let named = |troubles: &Troubles| {
            let (mut all, _) = troubles.shown(TroubleKind::Failures);
            all.sort_by_key(|one| one.port);
            all.iter().map(|one| one.workload.to_string()).collect::<Vec<_>>()
        };
        troubles.name(WorkloadKey::Cgroup(1), &Arc::from("a.service"), &unknown);
        assert_eq!(named(&troubles), ["a.service", "unknown"]);
        troubles.name(WorkloadKey::Process(8), &Arc::from("b.service"), &unknown);
        troubles.name(WorkloadKey::Cgroup(1), &Arc::from("c.service"), &unknown);
        assert_eq!(named(&troubles), ["a.service", "b.service"], "a name that is known stays");
    }
}
