//! The cgroups of the unified hierarchy: which directory has which id.
//!
//! Used by the resolver. Facts: a cgroup's id is the inode number of its directory (`cgroup_id`,
//! 5.5 and later; seen on 6.18), and the entry of a directory carries it, so a walk opens
//! directories only. Guarantees: a walk reads at most [`MOST`] directories, the upper ones first,
//! and follows no link.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::path::classify;
use super::{Sight, Workload};

/// The most cgroups that a walk takes in.
pub(crate) const MOST: usize = 16_384;
/// The longest path that is followed, in bytes; longer ones come from somebody who nests cgroups
/// for sport.
const LONGEST: usize = 1024;
/// The id of the root of a hierarchy (`kernfs_create_root`, 5.5).
pub(crate) const ROOT: u64 = 1;
/// Where the unified hierarchy is mounted: alone, or beside the older ones.
const PLACES: [&str; 2] = ["sys/fs/cgroup", "sys/fs/cgroup/unified"];

/// Where the unified hierarchy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    top: PathBuf,
    /// Whether its top is the hierarchy's root, not that of a cgroup namespace.
    pub(crate) whole: bool,
}

/// What a walk found.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Every cgroup by its id, and what it stands for.
    pub(crate) found: Vec<(u64, Arc<Workload>)>,
    /// Whether there were more than [`MOST`].
    pub(crate) truncated: bool,
}

impl Hierarchy {
    /// Looks for it below `root`, which is `/` but in tests.
    #[must_use]
    pub(crate) fn find(root: &Path) -> Option<Self> {
        let top = PLACES.into_iter().map(|place| root.join(place)).find(|top| {
            top.join("cgroup.procs").exists() && top.join("cgroup.controllers").exists()
        })?;
        let whole = fs::metadata(&top).is_ok_and(|top| top.ino() == ROOT);
        Some(Self { top, whole })
    }

    /// Lists all cgroups; those that come or go meanwhile may be among them or not.
    #[must_use]
    pub(crate) fn walk(&self) -> Survey {
        self.walk_at_most(MOST)
    }

    fn walk_at_most(&self, most: usize) -> Survey {
        let host = Arc::new(Workload::host());
        let top = fs::metadata(&self.top).map_or(ROOT, |top| top.ino());
        let mut survey = Survey { found: vec![(top, Arc::clone(&host))], truncated: false };
        let mut queue = VecDeque::from([(String::new(), host)]);
        while let Some((above, parent)) = queue.pop_front() {
            let entries = fs::read_dir(self.top.join(above.trim_start_matches('/')))
                .into_iter()
                .flatten()
                .flatten();
            for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
                if survey.found.len() >= most {
                    survey.truncated = true;
                    return survey;
                }
                // What is not text cannot be asked for again by this name: it is listed and not
                // entered.
                let path = format!("{above}/{}", entry.file_name().to_string_lossy());
                if path.len() > LONGEST {
                    survey.truncated = true;
                    continue;
                }
                let workload = classify(&path);
                let workload =
                    if workload == *parent { Arc::clone(&parent) } else { Arc::new(workload) };
                survey.found.push((entry.ino(), Arc::clone(&workload)));
                queue.push_back((path, workload));
            }
        }
        survey
    }
}

/// The first process namespace, in which the kernel numbers the processes of its records
/// (`PROC_PID_INIT_INO`, 3.8).
const FIRST_PROCESSES: &str = "pid:[4026531836]";

/// What there is to see below `root`: the unified hierarchy, alone or not, or only `/proc`; the
/// latter only where it shows processes under the numbers that records carry.
#[must_use]
pub(crate) fn sight(root: &Path, unified: Option<&Hierarchy>) -> Sight {
    let first = fs::read_link(root.join("proc/self/ns/pid"))
        .is_ok_and(|link| link == Path::new(FIRST_PROCESSES));
    // `proc_cgroup_show`: the unified hierarchy is number 0, every other line is an older one.
    let own = fs::read_to_string(root.join("proc/self/cgroup")).ok().filter(|_| first);
    match (unified, own) {
        (None, None) => Sight::Blind,
        (None, Some(_)) => Sight::Processes,
        (Some(_), Some(own)) if own.lines().any(|line| !line.starts_with("0::")) => Sight::Mixed,
        (Some(_), Some(_)) => Sight::Unified,
        (Some(_), None) => Sight::Cgroups,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of directories that goes when the test ends.
    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str, directories: &[&str], files: &[(&str, &str)]) -> Self {
            let tree =
                Self(std::env::temp_dir().join(format!("tcpwarden-{name}-{}", std::process::id())));
            for directory in directories {
                fs::create_dir_all(tree.0.join(directory)).unwrap();
            }
            for (file, text) in files {
                let path = tree.0.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            tree
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const UNIFIED: [(&str, &str); 2] =
        [("sys/fs/cgroup/cgroup.procs", ""), ("sys/fs/cgroup/cgroup.controllers", "")];

    #[test]
    fn every_directory_is_found_under_the_inode_that_it_has() {
        let directories =
            ["sys/fs/cgroup/system.slice/nginx.service/worker", "sys/fs/cgroup/other"];
        let tree = Tree::new("walk", &directories, &UNIFIED);
        let survey = Hierarchy::find(&tree.0).unwrap().walk();
        let name = |path: &str| {
            let inode = fs::metadata(tree.0.join(path)).unwrap().ino();
            survey
                .found
                .iter()
                .find(|(id, _)| *id == inode)
                .map(|(_, workload)| workload.name.to_string())
        };
        assert_eq!(name(directories[0]).as_deref(), Some("nginx.service"));
        assert_eq!(name(directories[1]).as_deref(), Some("host"));
        assert_eq!(name("sys/fs/cgroup").as_deref(), Some("host"));
        assert_eq!((survey.found.len(), survey.truncated), (5, false));
    }

    #[test]
    fn a_walk_ends_at_its_bound_and_says_so() {
        let tree = Tree::new("bound", &["sys/fs/cgroup/a/b/c", "sys/fs/cgroup/d"], &UNIFIED);
        let survey = Hierarchy::find(&tree.0).unwrap().walk_at_most(3);
        assert_eq!((survey.found.len(), survey.truncated), (3, true));
    }

    #[test]
    fn what_there_is_to_see_is_told_apart() {
        let mixed = "5:memory:/\n1:name=systemd:/\n0::/\n";
        let with = |own| [&UNIFIED[..], &[("proc/self/cgroup", own)]].concat();
        let (first, nested) = (FIRST_PROCESSES, "pid:[4026532000]");
        for (name, files, space, seen) in [
            ("blind", vec![], first, Sight::Blind),
            ("v1", vec![("proc/self/cgroup", "1:name=systemd:/\n")], first, Sight::Processes),
            ("v1-nested", vec![("proc/self/cgroup", "1:name=systemd:/\n")], nested, Sight::Blind),
            ("mixed", with(mixed), first, Sight::Mixed),
            ("mixed-nested", with(mixed), nested, Sight::Cgroups),
            ("v2", with("0::/init.scope\n"), first, Sight::Unified),
        ] {
            let tree = Tree::new(name, &["proc/self/ns"], &files);
            std::os::unix::fs::symlink(space, tree.0.join("proc/self/ns/pid")).unwrap();
            assert_eq!(sight(&tree.0, Hierarchy::find(&tree.0).as_ref()), seen, "{name}");
        }
    }
}
