//! Cgroups of the tests' own.

use std::fs;
use std::path::{Path, PathBuf};

/// A cgroup, or several in each other; removed with the processes that it must not outlive.
pub(crate) struct Group {
    top: PathBuf,
    /// The innermost.
    pub(crate) leaf: PathBuf,
}

impl Group {
    /// Makes `name/below` in a hierarchy.
    pub(crate) fn make(hierarchy: &Path, name: &str, below: &str) -> Self {
        let top = hierarchy.join(name);
        let leaf = top.join(below);
        fs::create_dir_all(&leaf)
            .unwrap_or_else(|error| panic!("make the cgroup {}: {error}", leaf.display()));
        Self { top, leaf }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A process that has ended leaves its cgroup a moment later.
        for path in self.leaf.ancestors().take_while(|path| path.starts_with(&self.top)) {
            let start = std::time::Instant::now();
            while fs::remove_dir(path).is_err()
                && start.elapsed() < std::time::Duration::from_secs(2)
            {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
    }
}

/// Where the unified hierarchy is mounted.
pub(crate) fn hierarchy() -> PathBuf {
    let places = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(PathBuf::from);
    places
        .into_iter()
        .find(|place| place.join("cgroup.controllers").exists())
        .expect("a mounted cgroup v2 hierarchy")
}
