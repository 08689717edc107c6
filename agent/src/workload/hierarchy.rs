//! Lists the cgroups of the unified hierarchy with their ids.
//!
//! Used by the resolver. Facts: the id of a cgroup is the inode number of its directory
//! (`cgroup_id`, 5.5; checked on 6.18), and directory entries carry inode numbers, so a walk opens
//! directories only. Guarantees: a walk reads at most [`MAX_CGROUPS`] directories, the upper ones
//! first, and follows no link.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::path::workload_at;
use super::{Sight, Workload};

/// The most cgroups of one walk.
pub(crate) const MAX_CGROUPS: usize = 16_384;
/// The longest path that is followed, bytes. Longer paths have no use and can only be hostile.
const MAX_PATH: usize = 1024;
/// The id of the root of a hierarchy (`kernfs_create_root`, 5.5).
pub(crate) const ROOT: u64 = 1;
/// Where the unified hierarchy is mounted: alone, or together with older ones.
const PLACES: [&str; 2] = ["sys/fs/cgroup", "sys/fs/cgroup/unified"];

/// The unified hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    top: PathBuf,
    /// Whether its top is the root of the hierarchy and not that of a cgroup namespace.
    pub(crate) whole: bool,
}

/// The result of a walk.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// The id of every cgroup with its workload.
    pub(crate) found: Vec<(u64, Arc<Workload>)>,
    /// Whether there are more than [`MAX_CGROUPS`], or one has a path that is too long.
    pub(crate) truncated: bool,
}

impl Hierarchy {
    /// Looks for it below `root`, which is `/` except in tests.
    #[must_use]
    pub(crate) fn find(root: &Path) -> Option<Self> {
        let top = PLACES.into_iter().map(|place| root.join(place)).find(|top| {
            top.join("cgroup.procs").exists() && top.join("cgroup.controllers").exists()
        })?;
        let whole = fs::metadata(&top).is_ok_and(|top| top.ino() == ROOT);
        Some(Self { top, whole })
    }

    /// Lists all cgroups. Those that are created or removed meanwhile may be missing.
    #[must_use]
    pub(crate) fn walk(&self) -> Survey {
        self.walk_at_most(MAX_CGROUPS)
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
                // A name that is not UTF-8 is changed here: the cgroup is listed, but reading its
                // directory fails.
                let path = format!("{above}/{}", entry.file_name().to_string_lossy());
                if path.len() > MAX_PATH {
                    survey.truncated = true;
                    continue;
                }
                let workload = workload_at(&path);
                let workload =
                    if workload == *parent { Arc::clone(&parent) } else { Arc::new(workload) };
                survey.found.push((entry.ino(), Arc::clone(&workload)));
                queue.push_back((path, workload));
            }
        }
        survey
    }
}

/// The initial pid namespace, whose process ids the kernel's records have (`PROC_PID_INIT_INO`,
/// 3.8).
const INITIAL_PID_NAMESPACE: &str = "pid:[4026531836]";

/// Returns what is visible below `root`: the unified hierarchy, alone or not, or only `/proc`.
/// `/proc` counts only if its process ids are those of the kernel's records.
#[must_use]
pub(crate) fn sight(root: &Path, unified: Option<&Hierarchy>) -> Sight {
    let first = fs::read_link(root.join("proc/self/ns/pid"))
        .is_ok_and(|link| link == Path::new(INITIAL_PID_NAMESPACE));
    // `proc_cgroup_show`: the unified hierarchy has number 0, every other line is an older one.
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

    /// A tree of directories, removed when it is dropped.
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
        let (first, nested) = (INITIAL_PID_NAMESPACE, "pid:[4026532000]");
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
