//! The memory that this process may use, by its cgroup of either version.
//!
//! Read once, at the start of the agent.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::text;

/// The least memory with which the agent is known to run, bytes. Its start takes 50 MiB for a
/// moment, for the kernel's types, whose size differs.
pub(crate) const LEAST: u64 = 64 << 20;
/// What the agent takes without rows and rings, bytes, while it answers.
const BESIDES: u64 = 31 << 20;
/// What a row takes, bytes, with its entry of the index and while a pass runs.
const ROW: u64 = 192;
/// The rows of the table where nothing limits them.
const MOST_ROWS: usize = 1_000_000;
/// The rows of the table however little memory there is.
const LEAST_ROWS: usize = 10_000;
/// The most cgroups that are looked at for the one of this process.
const MOST_CGROUPS: usize = 50_000;
/// The inode of the initial cgroup namespace (`PROC_CGROUP_INIT_INO`, 4.6).
const INITIAL_CGROUPS: u64 = 0xEFFF_FFFB;
/// The limits of version 2: beyond the first the kernel kills, beyond the second it slows down.
const UNIFIED: &[&str] = &["memory.max", "memory.high"];
/// The limit of version 1.
const LEGACY: &[&str] = &["memory.limit_in_bytes"];
/// No limit of version 1 that is one lies above (`PAGE_COUNTER_MAX`, 6.18, in pages).
const NO_LIMIT: u64 = 1 << 62;

/// Returns the lowest limit of the cgroups that this process is in, bytes; `None` without one.
pub(crate) fn limit() -> Option<u64> {
    let root = Path::new("/sys/fs/cgroup");
    lowest(root, &text("/proc/self/cgroup")?).or_else(|| {
        let own = fs::metadata("/proc/self/ns/cgroup").ok()?.ino();
        (own != INITIAL_CGROUPS).then(|| lowest_around(root, std::process::id()))?
    })
}

/// Returns how many rows the table may have where nobody says so: as many as fit into a limit of
/// memory beside rings of so many bytes, 10,000 at the least and a million at the most.
pub(crate) fn rows(limit: Option<u64>, rings: u64) -> usize {
    let Some(limit) = limit else { return MOST_ROWS };
    let rows = limit.saturating_sub(BESIDES).saturating_sub(rings) / ROW;
    usize::try_from(rows).map_or(MOST_ROWS, |rows| rows.clamp(LEAST_ROWS, MOST_ROWS))
}

/// Returns the lowest limit in the hierarchies that are mounted below `root`: that of version 2,
/// alone or beside others, and that of version 1 for memory. A line of `cgroups` is
/// `number:controllers:path`, the number and the controllers of version 2 are `0` and nothing
/// (`proc_cgroup_show`, 6.18).
fn lowest(root: &Path, cgroups: &str) -> Option<u64> {
    let limit = |line: &str| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?.strip_prefix('/')?);
        match controllers {
            "" => {
                along(root, path, UNIFIED).or_else(|| along(&root.join("unified"), path, UNIFIED))
            }
            _ if controllers.split(',').any(|one| one == "memory") => {
                along(&root.join("memory"), path, LEGACY)
            }
            _ => None,
        }
    };
    cgroups.lines().filter_map(limit).min()
}

/// Returns the lowest limit along a path; without one, version 1 has a number near the largest.
fn along(top: &Path, path: &str, files: &[&str]) -> Option<u64> {
    let limit_in = |file: &Path| text(file)?.trim().parse().ok();
    // A path that leads outside is of a cgroup namespace that does not contain this process.
    let inside = !Path::new(path).components().any(|part| part.as_os_str() == "..");
    let cgroups = Path::new(path).ancestors().filter(|_| inside).map(|at| top.join(at));
    let limits = cgroups.flat_map(|cgroup| files.iter().map(move |file| cgroup.join(file)));
    limits.filter_map(|file| limit_in(&file)).filter(|limit| *limit < NO_LIMIT).min()
}

/// Returns the lowest limit of the process with this id where its cgroup namespace begins below
/// what is mounted: its path does not say where it is then, so it is looked for.
fn lowest_around(root: &Path, pid: u32) -> Option<u64> {
    let tops = [(root.to_owned(), UNIFIED), (root.join("unified"), UNIFIED)];
    let tops = tops.into_iter().chain([(root.join("memory"), LEGACY)]);
    let limit = |(top, files): (PathBuf, &[&str])| {
        let cgroup = cgroup_of(&top, pid)?;
        along(&top, cgroup.strip_prefix(&top).ok()?.to_str()?, files)
    };
    tops.filter_map(limit).min()
}

/// Returns the cgroup below `top` that contains the process, among the first [`MOST_CGROUPS`].
fn cgroup_of(top: &Path, pid: u32) -> Option<PathBuf> {
    let pid = pid.to_string();
    let mut left = VecDeque::from([top.to_owned()]);
    for _ in 0..MOST_CGROUPS {
        let cgroup = left.pop_front()?;
        let processes = text(cgroup.join("cgroup.procs"));
        if processes.is_some_and(|processes| processes.lines().any(|one| one == pid)) {
            return Some(cgroup);
        }
        let below = fs::read_dir(&cgroup).into_iter().flatten().flatten();
        left.extend(
            below
                .filter(|one| one.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|one| one.path()),
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_table_has_as_many_rows_as_fit() {
        let rings = 9 << 20;
        let of = |mebibytes: u64| rows(Some(mebibytes << 20), rings);
        assert_eq!((rows(None, rings), of(4096)), (1_000_000, 1_000_000));
        assert_eq!((of(64), of(48), of(12)), (131_072, 43_690, 10_000));
        assert_eq!(rows(Some(64 << 20), 33 << 20), 10_000, "large rings");
        assert_eq!((rows(Some(0), 0), rows(Some(u64::MAX), u64::MAX)), (10_000, 10_000));
    }

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
        fs::write(unit.join("memory.high"), "524288\n").unwrap();
        assert_eq!(lowest(&root, lines), Some(1 << 19), "the kernel slows it down from there");
        for other in ["0::/../x\n", "4:memory:/y\n", "", "0::/gone\n"] {
            assert_eq!(lowest(&root, other), None, "{other:?}");
        }
        let old = root.join("memory/x/y");
        fs::create_dir_all(&old).unwrap();
        fs::write(old.join("memory.limit_in_bytes"), "9223372036854771712\n").unwrap();
        let lines = "5:pids:/z\n4:cpu,memory:/x/y\n0::/\n";
        assert_eq!(lowest(&root, lines), None, "version 1 without a limit");
        fs::write(root.join("memory/x/memory.limit_in_bytes"), "67108864\n").unwrap();
        assert_eq!(lowest(&root, lines), Some(64 << 20));
        fs::create_dir_all(root.join("unified/a")).unwrap();
        fs::write(root.join("unified/a/memory.max"), "4096\n").unwrap();
        assert_eq!(lowest(&root, "0::/a\n"), Some(4096), "version 2 beside others");
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_process_in_a_namespace_of_cgroups_is_looked_for() {
        let root = std::env::temp_dir().join(format!("tcpwarden-around-{}", std::process::id()));
        let pod = root.join("kubepods.slice/pod7/agent");
        fs::create_dir_all(&pod).unwrap();
        fs::create_dir_all(root.join("other.slice")).unwrap();
        fs::write(root.join("cgroup.procs"), "1\n").unwrap();
        fs::write(root.join("other.slice/cgroup.procs"), "145\n4\n").unwrap();
        fs::write(root.join("other.slice/memory.max"), "4096\n").unwrap();
        fs::write(pod.join("cgroup.procs"), "3\n45\n").unwrap();
        assert_eq!(lowest_around(&root, 45), None, "it has no limit");
        fs::write(pod.parent().unwrap().join("memory.max"), "134217728\n").unwrap();
        fs::write(pod.join("memory.max"), "max\n").unwrap();
        assert_eq!(lowest_around(&root, 45), Some(128 << 20));
        assert_eq!(lowest_around(&root, 4), Some(4096));
        assert_eq!(lowest_around(&root, 5), None, "in no cgroup");
        let old = root.join("memory/x");
        fs::create_dir_all(&old).unwrap();
        fs::write(old.join("cgroup.procs"), "45\n").unwrap();
        fs::write(old.join("memory.limit_in_bytes"), "1048576\n").unwrap();
        assert_eq!(lowest_around(&root, 45), Some(1 << 20), "version 1 beside version 2");
        fs::remove_dir_all(&root).unwrap();
    }
}
