//! The resolver thread: finds the workloads that the connection table asks for, and confirms the
//! known ones every ten seconds.
//!
//! Started by `run`; woken by the ingest thread when a socket has an unknown cgroup. Guarantees:
//! walks of less than a quarter of a second take at most a twentieth of one CPU, however many
//! cgroups are created; the table is locked only to read what it asks for and to give the answers.
//! The names of containers come from files (`names`) and are looked for before the table is told.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::hierarchy::{self, Hierarchy, MAX_CGROUPS};
use super::names::{Cache, Naming};
use super::{Key, Sight, Workload, process};
use crate::clock::monotonic;
use crate::conn::Nanos;
use crate::ingest::{SharedTable, lock};

/// The shortest time between two rounds: sockets of a new cgroup come in bursts.
const MIN_PAUSE: Duration = Duration::from_millis(100);
/// The pause after a walk, as a multiple of its own duration.
const PAUSE_FACTOR: u32 = 20;
/// The longest pause: shorter than the table waits for a name.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// The time between two rounds that confirm everything. A process id may be reused; the id of a
/// cgroup is not (it contains a generation, `kernfs_new_node`, 5.5).
const CONFIRM: Duration = Duration::from_secs(10);
/// The most processes that one round confirms.
const MAX_PROCESSES: usize = 2048;

/// The state of the thread.
pub(crate) struct Resolver {
    root: PathBuf,
    unified: Option<Hierarchy>,
    table: SharedTable,
    names: Cache,
    /// Whether the log says already that there are too many cgroups.
    warned: bool,
}

impl Resolver {
    /// Gives the table the workloads of every cgroup below `root`, which is `/` except in tests, or
    /// of every process, so that they are known before the first socket.
    #[must_use]
    pub(crate) fn new(root: &Path, table: SharedTable, naming: Naming) -> Self {
        let unified = Hierarchy::find(root);
        if unified.as_ref().is_some_and(|unified| !unified.whole) {
            tracing::warn!(
                "/sys/fs/cgroup is that of a container: workloads are looked up by process; mount \
                 the host's for better ones"
            );
        }
        let unified = unified.filter(|unified| unified.whole);
        let sight = hierarchy::sight(root, unified.as_ref());
        match sight {
            Sight::Blind => tracing::warn!(
                "neither /sys/fs/cgroup nor the host's /proc shows cgroups: every workload is \
                 `host`"
            ),
            Sight::Processes => tracing::warn!(
                "the unified cgroup hierarchy is not visible: workloads are looked up by process"
            ),
            Sight::Mixed | Sight::Unified | Sight::Cgroups => {}
        }
        let names = Cache::new(root, naming);
        let mut new = Self { root: root.to_owned(), unified, table, names, warned: false };
        if matches!(sight, Sight::Processes | Sight::Mixed) {
            let found = new.find(false, process::all(root, MAX_PROCESSES));
            lock(&new.table).tell_workloads(found, Nanos::new(monotonic()));
        }
        lock(&new.table).see_workloads(sight);
        new.round(true);
        new
    }

    /// Works until the other end of `wanted` is gone.
    pub(crate) fn run(mut self, wanted: &Receiver<()>) {
        let mut confirmed = Instant::now();
        loop {
            let due = CONFIRM.saturating_sub(confirmed.elapsed());
            if wanted.recv_timeout(due) == Err(RecvTimeoutError::Disconnected) {
                return;
            }
            let started = Instant::now();
            let all = confirmed.elapsed() >= CONFIRM;
            let walked = self.round(all);
            if all {
                confirmed = Instant::now();
            }
            // Requests wait in the channel meanwhile.
            let pause = if walked { started.elapsed() * PAUSE_FACTOR } else { MIN_PAUSE };
            std::thread::sleep(pause.clamp(MIN_PAUSE, MAX_PAUSE));
        }
    }

    /// Answers what the table asks for; with `all`, also confirms everything else. Returns whether
    /// that needed a walk.
    fn round(&mut self, all: bool) -> bool {
        let wanted = lock(&self.table).view().wanted_workloads();
        let cgroups = wanted.keys.iter().any(|key| matches!(key, Key::Cgroup(_)));
        let known =
            if all { &wanted.processes[..wanted.processes.len().min(MAX_PROCESSES)] } else { &[] };
        let asked = wanted
            .keys
            .iter()
            .filter_map(|key| if let Key::Process(tgid) = key { Some(*tgid) } else { None });
        let found = self.find(all || cgroups, asked.chain(known.iter().copied()));
        if all {
            self.names.expire(Instant::now());
        }

        let mut table = lock(&self.table);
        let now = Nanos::new(monotonic());
        table.tell_workloads(found, now);
        // A key that was asked for and was not found has been removed.
        let gone: Vec<_> = table
            .view()
            .wanted_workloads()
            .keys
            .into_iter()
            .filter(|key| wanted.keys.contains(key))
            .collect();
        table.tell_workloads(gone.into_iter().map(|key| (key, None)), now);
        all || cgroups
    }

    /// Returns the workloads of every cgroup, with `walk`, and those of some processes.
    fn find(
        &mut self,
        walk: bool,
        processes: impl Iterator<Item = u32>,
    ) -> Vec<(Key, Option<Arc<Workload>>)> {
        let hierarchy = self.unified.as_ref().filter(|_| walk);
        let survey = hierarchy.map(Hierarchy::walk).unwrap_or_default();
        if survey.truncated && !std::mem::replace(&mut self.warned, true) {
            tracing::warn!(
                most = MAX_CGROUPS,
                "there are more cgroups than one walk reads: the workload of the others is \
                 `unknown`"
            );
        }
        let mut names = self.names.round(Instant::now());
        let cgroups =
            survey.found.into_iter().map(|(id, workload)| (Key::Cgroup(id), Some(workload)));
        let process =
            |tgid| (Key::Process(tgid), process::workload(&self.root, tgid).map(Arc::new));
        cgroups
            .chain(processes.map(process))
            .map(|(key, workload)| (key, workload.map(|workload| names.named(&workload))))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Mutex;

    use agent_common::record::{Endpoints, State, flag};
    use agent_common::tcp;

    use super::*;
    use crate::conn::{Limits, Table};

    /// Returns the workload of the sockets of a process.
    fn shown(table: &SharedTable, tgid: u32) -> String {
        let rows: Vec<_> = lock(table)
            .view()
            .rows()
            .filter(|row| row.tgid == tgid)
            .map(|row| row.workload.to_string())
            .collect();
        rows.join(" ")
    }

    fn connect(table: &SharedTable, tgid: u32) {
        let ends = Endpoints {
            sk: tgid.into(),
            cgroup: 1,
            netns: 1,
            peer_port: 80,
            ..Endpoints::default()
        };
        let (old, new) = (tcp::CLOSE, tcp::SYN_SENT);
        lock(table).transition(&State {
            old,
            new,
            flags: flag::LOCKED,
            ends,
            tgid,
            comm: [b'a'; 16],
            ..State::default()
        });
    }

    #[test]
    fn without_the_unified_hierarchy_processes_are_looked_up_at_the_start_and_when_asked_for() {
        let root = std::env::temp_dir().join(format!("tcpwarden-resolver-{}", std::process::id()));
        let place = |process: &str, unit: &str| {
            fs::create_dir_all(root.join("proc").join(process)).unwrap();
            fs::write(
                root.join("proc").join(process).join("cgroup"),
                format!("4:pids:/\n1:name=systemd:/system.slice/{unit}\n"),
            )
            .unwrap();
        };
        place("self", "agent.service");
        place("77", "early.service");
        fs::create_dir_all(root.join("proc/self/ns")).unwrap();
        std::os::unix::fs::symlink("pid:[4026531836]", root.join("proc/self/ns/pid")).unwrap();
        let table: SharedTable = Arc::new(Mutex::new(Table::new(Limits::default())));
        let mut resolver = Resolver::new(&root, Arc::clone(&table), Naming::Id);
        place("78", "late.service");
        for tgid in [77, 78, 79] {
            connect(&table, tgid);
        }
        let before = [77, 78, 79].map(|tgid| shown(&table, tgid));
        resolver.round(false);
        let after = [77, 78, 79].map(|tgid| shown(&table, tgid));
        place("77", "moved.service");
        resolver.round(true);
        connect(&table, 77);
        let moved = shown(&table, 77);
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(before, ["early.service", "unknown", "unknown"]);
        assert_eq!(after, ["early.service", "late.service", "unknown"]);
        assert_eq!(
            (moved.as_str(), lock(&table).view().wants_workloads()),
            ("moved.service", false)
        );
    }
}
