//! The workload of a process, from `/proc/PID/cgroup`. It is needed if the unified hierarchy is not
//! visible or has the process in its root.
//!
//! Used by the resolver. Guarantees: one bounded read; a file in an unknown format returns `None`.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::path::workload_at;
use super::{Kind, Workload};

/// The most bytes that are read: more than all hierarchies with usual paths have.
const MAX_BYTES: u64 = 16 * 1024;

/// The order of the hierarchies: the unified one, then that of systemd, which has every unit, then
/// the controllers that container runtimes always use. Others come last, in the order of the file.
const ORDER: [&str; 5] = ["", "name=systemd", "memory", "pids", "cpu"];

/// Returns the workload of a process; `None` if it has ended. `root` is `/` except in tests.
#[must_use]
pub(crate) fn workload(root: &Path, tgid: u32) -> Option<Workload> {
    let mut bytes = Vec::new();
    File::open(root.join(format!("proc/{tgid}/cgroup")))
        .ok()?
        .take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .ok()?;
    parse(&String::from_utf8_lossy(&bytes))
}

/// Returns the ids of all processes, at most `most`.
pub(crate) fn all(root: &Path, most: usize) -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir(root.join("proc")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).take(most)
}

/// Returns the workload from the first hierarchy, in [`ORDER`], that has the process in a unit,
/// container or pod; `host` if none has.
pub(super) fn parse(text: &str) -> Option<Workload> {
    let mut lines: Vec<(usize, &str)> = text
        .lines()
        .filter_map(|line| line.split_once(':')?.1.split_once(':'))
        .map(|(names, path)| (rank(names), path))
        .collect();
    if lines.is_empty() {
        return None;
    }
    lines.sort_by_key(|(rank, _)| *rank);
    let placed = lines
        .into_iter()
        .map(|(_, path)| workload_at(path))
        .find(|workload| workload.kind != Kind::Host);
    Some(placed.unwrap_or_else(Workload::host))
}

/// Returns the position in [`ORDER`] of the hierarchy with these controllers.
fn rank(names: &str) -> usize {
    let of = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
    names.split(',').map(of).min().unwrap_or(ORDER.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Option<String> {
        parse(text).map(|workload| workload.name.to_string())
    }

    const ID: &str = "3f2a9c0d1e4b5a69788796a5b4c3d2e1f00123456789abcdef0123456789abcd";

    #[test]
    fn the_first_hierarchy_that_places_it_counts_and_the_unified_one_is_asked_first() {
        assert_eq!(name("0::/system.slice/nginx.service\n").as_deref(), Some("nginx.service"));
        assert_eq!(
            name("9:memory:/a.service\n1:name=systemd:/b.service\n0::/c.service\n").as_deref(),
            Some("c.service")
        );
        assert_eq!(
            name("9:memory:/a.service\n1:name=systemd:/b.service\n0::/\n").as_deref(),
            Some("b.service")
        );
        assert_eq!(
            name("11:cpu,cpuacct:/x.service\n9:memory:/a.service\n1:name=systemd:/\n").as_deref(),
            Some("a.service")
        );
        assert_eq!(
            name(&format!("12:devices:/docker/{ID}\n1:name=systemd:/\n")).as_deref(),
            Some("3f2a9c0d1e4b")
        );
        assert_eq!(
            name(&format!("4:memory:/kubepods/burstable/pod{}/{ID}\n", "a".repeat(32))).as_deref(),
            Some("3f2a9c0d1e4b")
        );
    }

    #[test]
    fn a_process_at_large_is_the_hosts_and_no_line_is_no_answer() {
        assert_eq!(name("4:memory:/some/dir\n1:name=systemd:/\n0::/\n").as_deref(), Some("host"));
        assert_eq!(name(""), None);
        assert_eq!(name("no colons\nx:y\n"), None);
        assert_eq!(name("1:name=systemd:/a:b.service\n").as_deref(), Some("a:b.service"));
    }

    #[test]
    fn the_file_of_a_process_is_read_below_the_root_that_is_given() {
        let root = std::env::temp_dir().join(format!("tcpwarden-proc-{}", std::process::id()));
        std::fs::create_dir_all(root.join("proc/77")).unwrap();
        std::fs::write(root.join("proc/77/cgroup"), "1:name=systemd:/system.slice/ssh.service\n")
            .unwrap();
        let found = workload(&root, 77).map(|workload| workload.name.to_string());
        std::fs::write(root.join("proc/77/cgroup"), vec![0xff; 40_000]).unwrap();
        let hostile = workload(&root, 77);
        let processes: Vec<u32> = all(&root, 9).collect();
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(processes, [77]);
        assert_eq!(
            (found.as_deref(), hostile, workload(&root, 77)),
            (Some("ssh.service"), None, None)
        );
    }
}
