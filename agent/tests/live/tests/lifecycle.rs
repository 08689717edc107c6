//! Start and end: `check`, the two signals, and what is left in the kernel after `kill -9`.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use agent_common::probe::PROBES;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::Test;
use crate::harness::agent::{Agent, binary};
use crate::harness::events::Events;
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, in_a_guest, wait_for};
use crate::workload::{LOOPBACKS, Site, Tally, short};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("portable::check_command", check_command),
    ("portable::version", version),
    ("portable::shutdown::sigterm_ends_with_0_at_once", || ends_well(Signal::SIGTERM)),
    ("portable::shutdown::sigint_ends_with_0_at_once", || ends_well(Signal::SIGINT)),
    ("portable::shutdown::kill_leaves_nothing_attached", killed),
    ("portable::every_thread_gives_up_privileges", unprivileged),
    ("portable::events_count_and_duration_end_the_stream", bounded_streams),
];

/// `CAP_SYS_PTRACE`, `CAP_SYS_ADMIN` and `CAP_BPF` are bits 19, 21 and 39, and no program started
/// from here gets more. The thread that starts the HTTP process has `CAP_KILL`, `CAP_SETGID` and
/// `CAP_SETUID`, bits 5 to 7, and uses the first, so that the process ends with it. Of the threads
/// that answer it, one may read what other processes execute; the others may do nothing. The thread
/// that looks through NAT has `CAP_NET_ADMIN`, bit 12, and enters other namespaces.
fn unprivileged() {
    const READ: u64 = 1 << 19;
    const ENTER: u64 = READ | 1 << 21;
    const PASSES: u64 = ENTER | 1 << 39;
    const NAT: u64 = ENTER | 1 << 12;
    let agent = Agent::start(&[]);
    let _page = agent.scrape();
    let (mut lanes, mut nat) = (Vec::new(), Vec::new());
    for (name, status) in agent.threads() {
        let line = |key: &str| {
            status.lines().find_map(|line| line.strip_prefix(key)).expect(key).trim().to_owned()
        };
        let set = |key: &str| u64::from_str_radix(&line(key), 16).expect("a mask");
        let (used, held) = (set("CapEff:"), set("CapPrm:"));
        let (may_use, may_hold) = match name.trim() {
            "http" => (1 << 5, 0b111 << 5 | READ),
            "http-lane" => {
                lanes.push(held);
                (READ, READ)
            }
            "nat" => {
                nat.push((used, held));
                (NAT, NAT)
            }
            _ => (PASSES, PASSES),
        };
        assert_eq!(used & !may_use, 0, "thread {name} uses {used:x}");
        assert_eq!(held & !may_hold, 0, "thread {name} holds {held:x}");
        assert_eq!(line("NoNewPrivs:"), "1", "thread {name}");
        assert_eq!(line("CapBnd:").trim_matches('0'), "", "thread {name}: the bounding set");
    }
    assert_eq!(nat, [(NAT, NAT)], "what the thread has that looks through NAT");
    lanes.sort_unstable();
    assert_eq!(lanes, [0, 0, 0, READ], "what the threads hold that answer the HTTP process");
}

fn check_command() {
    let output = Command::new(binary()).arg("check").output().expect("run check");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let mut all_attached = true;
    for probe in PROBES.iter().map(|probe| probe.name) {
        let line = text.lines().find(|line| {
            line.split_whitespace()
                .any(|word| word.trim_matches(|c: char| !c.is_alphanumeric() && c != '_') == probe)
        });
        let line = line.unwrap_or_else(|| panic!("no line about {probe} in\n{text}"));
        if line.contains("attached") {
            continue;
        }
        all_attached = false;
        let (_, reason) = ["unsupported", "failed"]
            .iter()
            .find_map(|state| line.split_once(state))
            .unwrap_or_else(|| panic!("no state in {line:?}"));
        assert!(reason.trim().len() > 3, "no reason in {line:?}");
    }
    let code = if all_attached { 0 } else { 6 };
    assert_eq!(output.status.code(), Some(code), "the exit code of check, which said\n{text}");
}

fn version() {
    let output = Command::new(binary()).arg("--version").output().expect("run --version");
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = text.lines().collect();
    let [version, commit, id] = lines[..] else { panic!("not three lines: {text}") };
    assert_eq!(version, format!("tcpwarden {}", env!("CARGO_PKG_VERSION")));
    assert!(commit.starts_with("commit: "), "{text}");
    // The linker's note, which debug symbols are found by, is in what is shipped.
    let id = id.strip_prefix("build id: ").unwrap_or_else(|| panic!("no build id: {text}"));
    assert!(id.len() >= 16 && id.chars().all(|digit| digit.is_ascii_hexdigit()), "{text}");
}

/// A guest under emulation needs longer than the second that is promised on a machine.
const GRACE: Duration = Duration::from_secs(5);

fn ends_well(signal: Signal) {
    let netns = Netns::new();
    let agent = Agent::start(&[]);
    let (log, programs) = (agent.log(), programs(agent.pid()));
    netns.enter(|| short::mixed(&Site::open(LOOPBACKS[0]), 20));
    let (status, took) = agent.stop(signal);
    assert_eq!(status.code(), Some(0), "the exit status after {signal}; log at start:\n{log}");
    let limit = if in_a_guest() { GRACE } else { Duration::from_secs(1) };
    assert!(took < limit, "it took {took:?} to end after {signal}, not {limit:?}");
    unloaded(&programs);
}

fn killed() {
    let agent = Agent::start(&[]);
    let programs = programs(agent.pid());
    agent.stop(Signal::SIGKILL);
    unloaded(&programs);
}

/// The programs that a running agent has in the kernel, by number; all that it cannot do without
/// are there.
fn programs(pid: u32) -> BTreeSet<u32> {
    let files = std::fs::read_dir(format!("/proc/{pid}/fdinfo"))
        .expect("list the descriptors of the agent")
        .flatten();
    let texts = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
    let ids = texts.filter_map(|text| {
        text.lines().find_map(|line| line.strip_prefix("prog_id:")?.trim().parse().ok())
    });
    let ids: BTreeSet<u32> = ids.collect();
    let loaded =
        aya::programs::loaded_programs().flatten().filter(|program| ids.contains(&program.id()));
    let names: Vec<String> =
        loaded.filter_map(|program| program.name_as_str().map(str::to_owned)).collect();
    for program in ["state", "state_second", "retransmit_skb"] {
        assert_eq!(
            names.iter().filter(|name| *name == program).count(),
            1,
            "the program {program} among those of the agent: {names:?}"
        );
    }
    ids
}

/// Waits until the kernel has let go of every one of them.
fn unloaded(programs: &BTreeSet<u32>) {
    let left = || {
        aya::programs::loaded_programs().flatten().find(|program| programs.contains(&program.id()))
    };
    wait_for("the kernel to let go of the programs", PATIENCE, || left().is_none().then_some(()));
}

fn bounded_streams() {
    let output = Command::new(binary())
        .args(["events", "--json", "--duration", "0.5"])
        .output()
        .expect("run events");
    assert_eq!(
        output.status.code(),
        Some(0),
        "the exit of a stream with a duration: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.first().map(|line| &line["type"]), Some(&"ready".into()), "the first line");
    assert_eq!(lines.last().map(|line| &line["type"]), Some(&"summary".into()), "the last line");

    let netns = Netns::new();
    let events = Events::start();
    netns.enter(|| short::client_first(&Site::open(LOOPBACKS[0]), &mut Tally::default()));
    events.wait("12 transitions of a connection and its listener", || {
        (events.of(netns.inode, "transition").len() == 12).then_some(())
    });
    let summary = events.stop();
    assert!(summary["transitions"].as_u64() >= Some(12), "the summary {summary}");
}
