//! The cgroups that limit how many processes and threads there may be.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;

use crate::bounded;

/// The most cgroups that are looked at.
const MAX_CGROUPS: usize = 8192;

/// How many processes and threads a cgroup has, and may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tasks {
    /// Its directory.
    pub(crate) cgroup: String,
    /// Processes and threads.
    pub(crate) current: u64,
    /// Their limit.
    pub(crate) max: u64,
}

/// Returns the cgroups with a limit of tasks, of either version: those of version 2 below the root,
/// those of version 1 below `pids`. `None` if none can be listed.
pub(super) fn tasks(root: &Path) -> Option<Vec<Tasks>> {
    let is_unified = root.join("cgroup.controllers").exists();
    let top = if is_unified { root.to_owned() } else { root.join("pids") };
    fs::read_dir(&top).ok()?;
    let mut left = VecDeque::from([top]);
    let mut found = Vec::new();
    for _ in 0..MAX_CGROUPS {
        let Some(cgroup) = left.pop_front() else { break };
        found.extend(tasks_of(&cgroup));
        let below = fs::read_dir(&cgroup).into_iter().flatten().flatten();
        let is_directory = |one: &fs::DirEntry| one.file_type().is_ok_and(|kind| kind.is_dir());
        let fit = MAX_CGROUPS.saturating_sub(left.len());
        left.extend(below.filter(is_directory).map(|one| one.path()).take(fit));
    }
    Some(found)
}

fn tasks_of(cgroup: &Path) -> Option<Tasks> {
    let number = |name| bounded::text(&cgroup.join(name), 64).ok()?.trim().parse().ok();
    // Without a limit it is `max`.
    let (max, current) = (number("pids.max")?, number("pids.current")?);
    Some(Tasks { cgroup: cgroup.display().to_string(), current, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cgroups_with_a_limit_of_tasks_are_found_in_either_version() {
        let root = std::env::temp_dir().join(format!("tcpwarden-tasks-{}", std::process::id()));
        let old = root.join("pids/a.service");
        fs::create_dir_all(&old).unwrap();
        fs::write(old.join("pids.current"), "9\n").unwrap();
        fs::write(old.join("pids.max"), "10\n").unwrap();
        let found = tasks(&root).unwrap();
        assert_eq!((found[0].current, found[0].max, found.len()), (9, 10, 1));
        fs::write(root.join("cgroup.controllers"), "pids\n").unwrap();
        fs::write(old.join("pids.max"), "max\n").unwrap();
        assert_eq!(tasks(&root), Some(Vec::new()));
        let new = root.join("b.scope");
        fs::create_dir_all(&new).unwrap();
        fs::write(new.join("pids.current"), "garbage").unwrap();
        fs::write(new.join("pids.max"), "5").unwrap();
        assert_eq!(tasks(&root), Some(Vec::new()));
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(tasks(&root), None);
    }
}
