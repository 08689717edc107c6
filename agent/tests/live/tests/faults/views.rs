//! What the agent sees of the machine is not as usual: a clock that is shifted, a `/proc` that
//! hides, no tracefs, no cgroups, cgroups that cannot be written, little memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{OFTEN, exact, lost};
use crate::harness::agent::Agent;
use crate::harness::cgroup::{Group, hierarchy};
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, listing, wait_for};
use crate::roles::{self, TEST_NAME};
use crate::tests::Test;
use crate::workload::hanging::Hanging;
use crate::workload::{LOOPBACKS, Site};

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    ("host::faults::ages_are_right_in_a_time_namespace", shifted),
    ("host::faults::names_and_gauges_are_right_whatever_is_mounted", mounted),
    ("host::faults::it_runs_in_64_mib_and_warns_of_less", squeezed),
];

/// Connections of this process in a namespace, and of one that leaks.
fn hold(netns: &Netns) -> Hanging {
    let mut hanging = Hanging::default();
    netns.enter(|| {
        let site = Site::open(LOOPBACKS[0]);
        hanging.established(&site, 3);
        hanging.forgotten(&site, 4);
        hanging.keep(site);
    });
    hanging
}

/// The clock of the agent is ahead of the machine's, or behind; ages are not.
fn shifted() {
    for seconds in ["100000", "-20"] {
        let (netns, start) = (Netns::new(), Instant::now());
        let words = ["unshare", "--time", "--monotonic", seconds, "--boottime", seconds];
        let agent = Agent::start_through(&words, &OFTEN);
        let _held = hold(&netns);
        exact(&agent, seconds);
        let rows = listing::rows(&agent, &format!("netns={}", netns.inode));
        assert_eq!(rows.len(), 11, "sockets of the namespace with a shift of {seconds} s");
        let most = start.elapsed().as_secs_f64();
        for row in &rows {
            let age = row["age_seconds"].as_f64().expect("an age");
            assert!((0.0..most).contains(&age), "{seconds} s: an age of {age} s in {row}");
        }
        let labels = [("process", TEST_NAME), ("state", "close_wait")];
        let oldest = agent.scrape().value("connections_oldest_state_age_seconds", &labels);
        let most = start.elapsed().as_secs_f64();
        let is_right = oldest.is_some_and(|age| age > 0.0 && age < most);
        assert!(is_right, "{seconds} s: the oldest in close_wait is {oldest:?} s old");
        let passed = agent.scrape().value("reconcile_last_completed_timestamp_seconds", &[]);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let ago = now.expect("a time after 1970").as_secs_f64() - passed.expect("a pass");
        assert!((-1.0..5.0).contains(&ago), "{seconds} s: the last pass ended {ago} s ago");
    }
}

/// What is mounted before the agent starts, as lines of a shell.
const MOUNTS: [(&str, &str); 4] = [
    ("a /proc that hides", "mount -t proc -o hidepid=2 proc /proc"),
    (
        "neither tracefs nor cgroups",
        "mount -t tmpfs none /sys/kernel/tracing && mount -t tmpfs none /sys/fs/cgroup",
    ),
    (
        "cgroups that cannot be written",
        "mount --bind /sys/fs/cgroup /sys/fs/cgroup && mount -o remount,bind,ro /sys/fs/cgroup",
    ),
    (
        "cgroups of version 1 only",
        "mkdir -p /tmp/tcpwarden-v1 && mount -t cgroup -o none,name=tcpwarden-live none \
         /tmp/tcpwarden-v1 && mount -t tmpfs none /sys/fs/cgroup && mkdir /sys/fs/cgroup/systemd \
         && mount --move /tmp/tcpwarden-v1 /sys/fs/cgroup/systemd && rmdir /tmp/tcpwarden-v1",
    ),
];

fn mounted() {
    for (what, line) in MOUNTS {
        let netns = Netns::new();
        let line = format!("{line} && exec \"$@\"");
        let agent =
            Agent::start_through(&["unshare", "--mount", "sh", "-ec", &line, "agent"], &OFTEN);
        let _held = hold(&netns);
        let site = netns.enter(|| Site::open(LOOPBACKS[0]));
        let victim = roles::start(&netns, &format!("connect {} 5", site.address), roles::VICTIM);
        let _accepted: Vec<_> = (0..5).map(|_| site.accept()).collect();
        roles::ready(&victim, 1);
        exact(&agent, what);
        for (process, state, count) in
            [(roles::VICTIM, "established", 5), (TEST_NAME, "close_wait", 4)]
        {
            let labels = [("process", process), ("state", state)];
            wait_for(&format!("{what}: {state} of {process}"), PATIENCE, || {
                (agent.scrape().sum("connections", &labels) == count).then_some(())
            });
        }
        assert_eq!(lost(&agent), 0, "{what}: records lost");
    }
}

/// A cgroup with a limit of memory, in whichever version has the controller here.
fn limited(mebibytes: u64) -> (Group, PathBuf) {
    let name = format!("tcpwarden-memory-{}", std::process::id());
    let old = Path::new("/sys/fs/cgroup/memory");
    let (top, file, members) = if old.join("memory.limit_in_bytes").exists() {
        (old.to_owned(), "memory.limit_in_bytes", "tasks")
    } else {
        let top = hierarchy();
        let _ = fs::write(top.join("cgroup.subtree_control"), "+memory");
        (top, "memory.max", "cgroup.procs")
    };
    let group = Group::make(&top, &name, "");
    fs::write(group.leaf.join(file), (mebibytes << 20).to_string()).expect("limit its memory");
    let members = group.leaf.join(members);
    (group, members)
}

fn squeezed() {
    let join = "echo $$ > \"$1\" && shift && exec \"$@\"";
    let apart = join.replace("exec", "exec unshare --cgroup");
    let netns = Netns::new();
    let (group, members) = limited(64);
    let members = members.display().to_string();
    let agent = Agent::start_through(&["sh", "-ec", join, "agent", &members], &OFTEN);
    super::beside(&netns, 5000, || ());
    exact(&agent, "64 MiB");
    assert!(!agent.log().contains("the kernel may kill it"), "64 MiB are enough: {}", agent.log());
    let rows = agent.scrape().value("connections_limit", &[]);
    assert_eq!(rows, Some(131_072.0), "rows that fit into 64 MiB");
    drop(agent);
    // As in a pod that has the host's cgroups mounted: its path in them is not in /proc.
    let agent = Agent::start_through(&["sh", "-ec", &apart, "agent", &members], &OFTEN);
    let rows = agent.scrape().value("connections_limit", &[]);
    assert_eq!(rows, Some(131_072.0), "rows that fit, in a namespace of cgroups");
    drop(agent);
    drop(group);

    let (_group, members) = limited(24);
    let members = members.display().to_string();
    let binary = crate::harness::agent::binary().display().to_string();
    let listen = crate::tests::errors::listen();
    let line = format!("{join} || true");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &line, "agent", &members, &binary, "run", "--listen", &listen]);
    command.args(["--socket", "none"]);
    let agent = testkit::launch::Launch::new("the agent", command)
        .output(testkit::launch::Output::Log)
        .spawn()
        .expect("start it");
    // It may be killed by then, which is what the warning is for.
    wait_for("a word about the memory", Duration::from_secs(20), || {
        agent.log().contains("allows 24 MiB of memory").then_some(())
    });
    drop(agent);
    // One that is killed leaves its socket file.
    let _ = fs::remove_file(listen.trim_start_matches("unix:"));
}
