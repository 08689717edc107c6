//! The memory that this process may use, by its cgroup (version 2).
//!
//! Read once, at the start of the agent.

use std::path::Path;

use super::text;

/// The least memory with which the agent runs, bytes: with less the kernel has killed it.
pub(crate) const LEAST: u64 = 48 << 20;

/// Returns the lowest limit of the cgroups that this process is in, bytes; `None` without one.
pub(crate) fn limit() -> Option<u64> {
    let cgroups = text("/proc/self/cgroup")?;
    lowest(Path::new("/sys/fs/cgroup"), &cgroups)
}

/// Returns the lowest limit along the path of the unified hierarchy that is mounted at `root`.
fn lowest(root: &Path, cgroups: &str) -> Option<u64> {
    let path = cgroups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let limit_at = |cgroup: &Path| text(root.join(cgroup).join("memory.max"))?.trim().parse().ok();
    // A path that leads outside is of a cgroup namespace that does not contain this process.
    let inside = !Path::new(path).components().any(|part| part.as_os_str() == "..");
    Path::new(path).ancestors().filter(|_| inside).filter_map(limit_at).min()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_lowest_limit_on_the_way_counts() {
        let root = std::env::temp_dir().join(format!("tcpwarden-memory-{}", std::process::id()));
        let unit = root.join("system.slice/a.service");
        fs::create_dir_all(&unit).unwrap();
        fs::write(unit.join("memory.max"), "max\n").unwrap();
        let lines = "1:name=systemd:/x\n0::/system.slice/a.service\n";
        assert_eq!(lowest(&root, lines), None);
        fs::write(root.join("system.slice/memory.max"), "33554432\n").unwrap();
        assert_eq!(lowest(&root, lines), Some(32 << 20));
        fs::write(unit.join("memory.max"), "1048576\n").unwrap();
        assert_eq!(lowest(&root, lines), Some(1 << 20));
        for other in ["0::/../x\n", "4:memory:/y\n", "", "0::/gone\n"] {
            assert_eq!(lowest(&root, other), None, "{other:?}");
        }
        fs::remove_dir_all(&root).unwrap();
    }
}
