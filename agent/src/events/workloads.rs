//! In which workload a socket is, by its cgroup or its process, as the agent names it.
//!
//! Used by `watch`. Guarantees: walks of the hierarchy take at most a twentieth of the time, so a
//! cgroup that is younger than the pause between two of them may not be known yet; at most
//! [`MOST`] answers are kept, and those of one walk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use crate::workload::hierarchy::{self, Hierarchy};
use crate::workload::{HOST, Key, Sight, process};

/// The most answers that are kept before a walk. Beyond it all are asked for anew.
const MOST: usize = 1 << 15;
/// The shortest time between two walks, and the share of the time that walks may take.
const MIN_PAUSE: Duration = Duration::from_millis(100);
const PAUSE_FACTOR: u32 = 20;
/// How long the answer for a process holds, also that there is none: its id may be reused.
const HOLDS: Duration = Duration::from_secs(10);

/// The workloads that are known.
#[derive(Debug)]
pub(crate) struct Workloads {
    root: PathBuf,
    unified: Option<Hierarchy>,
    sight: Sight,
    known: HashMap<Key, (Option<Arc<str>>, Instant)>,
    /// When the next walk may begin.
    next: Instant,
}

impl Workloads {
    /// Looks at what is visible below `root`, which is `/` except in tests.
    pub(crate) fn below(root: &Path) -> Self {
        let unified = Hierarchy::find(root).filter(|unified| unified.whole);
        let sight = hierarchy::sight(root, unified.as_ref());
        let (known, next) = (HashMap::new(), Instant::now());
        Self { root: root.to_owned(), unified, sight, known, next }
    }

    /// Returns the workload of a socket; `None` if it is not known.
    pub(super) fn of(&mut self, cgroup: u64, tgid: u32) -> Option<Arc<str>> {
        if self.sight == Sight::Blind {
            return Some(HOST.into());
        }
        let key = self.sight.key(cgroup, tgid)?;
        let now = Instant::now();
        let holds = |(_, since): &&(_, Instant)| match key {
            Key::Cgroup(_) => true,
            Key::Process(_) => now.duration_since(*since) < HOLDS,
        };
        if let Some((name, _)) = self.known.get(&key).filter(holds) {
            return name.clone();
        }
        if self.known.len() >= MOST {
            self.known.clear();
        }
        match key {
            Key::Cgroup(_) => self.walk(now),
            Key::Process(tgid) => {
                let name = process::workload(&self.root, tgid).map(|one| one.name);
                self.known.insert(key, (name, now));
            }
        }
        self.known.get(&key).and_then(|(name, _)| name.clone())
    }

    /// Lists the cgroups again, unless it did so a moment ago.
    fn walk(&mut self, now: Instant) {
        let Some(unified) = self.unified.as_ref().filter(|_| self.next <= now) else { return };
        let found = unified.walk().found;
        let named =
            found.iter().map(|(id, one)| (Key::Cgroup(*id), (Some(Arc::clone(&one.name)), now)));
        self.known.extend(named);
        self.next = now + (now.elapsed() * PAUSE_FACTOR).max(MIN_PAUSE);
    }
}

impl Workloads {
    /// Nothing is visible but these cgroups.
    pub(crate) fn these(names: &[(u64, &str)]) -> Self {
        let now = Instant::now();
        let known = names.iter().map(|(id, name)| (Key::Cgroup(*id), (Some((*name).into()), now)));
        Self {
            root: PathBuf::new(),
            unified: None,
            sight: Sight::Cgroups,
            known: known.collect(),
            next: now,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_process_is_looked_up_once_and_one_that_ended_has_no_workload() {
        let root = std::env::temp_dir().join(format!("tcpwarden-events-{}", std::process::id()));
        let place = |process: &str, unit: &str| {
            let folder = root.join("proc").join(process);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("cgroup"), format!("1:name=systemd:/system.slice/{unit}\n"))
                .unwrap();
        };
        place("self", "x.service");
        fs::create_dir_all(root.join("proc/self/ns")).unwrap();
        std::os::unix::fs::symlink("pid:[4026531836]", root.join("proc/self/ns/pid")).unwrap();
        place("77", "web.service");
        let mut workloads = Workloads::below(&root);
        let first = workloads.of(5, 77);
        place("77", "other.service");
        let second = workloads.of(5, 77);
        let gone = workloads.of(5, 78);
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(first.as_deref(), Some("web.service"));
        assert_eq!((second, gone), (first, None), "it holds for {HOLDS:?}");
    }

    #[test]
    fn without_a_hierarchy_or_processes_all_is_the_hosts() {
        let mut blind = Workloads::below(Path::new("/proc/self/nothing"));
        assert_eq!(blind.of(1, 1).as_deref(), Some(HOST));
    }
}
