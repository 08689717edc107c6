//! The process that speaks HTTP: what it may do, what becomes of the agent when it dies, and what
//! one gets who breaks into it.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Test;
use crate::harness::agent::{Agent, binary, scratch};
use crate::harness::{PATIENCE, wait_for};
use crate::workload::{LOOPBACKS, Site};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("portable::http_is_a_process_that_may_do_nothing", nothing),
    ("portable::no_process_of_the_agent_has_huge_pages", small_pages),
    ("portable::lists_that_were_read_leave_no_memory_behind", given_back),
    ("portable::http_is_started_again_once", again),
    ("host::http_hears_no_signal_that_is_for_the_agent", signalled),
    ("host::http_is_started_from_a_file_with_capabilities", from_a_file_with_capabilities),
    #[cfg(target_arch = "x86_64")]
    ("host::break_in::nothing_is_gained_by_a_break_in", broken_into),
    #[cfg(target_arch = "x86_64")]
    ("host::break_in::a_fault_ends_the_process", faulted),
    #[cfg(target_arch = "x86_64")]
    ("host::break_in::no_program_that_is_executed_gains_a_capability", locked),
    #[cfg(target_arch = "x86_64")]
    ("host::break_in::the_process_ends_with_an_agent_that_is_killed", orphaned),
];

/// The program that breaks in.
const BREAK_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/programs/break_in.py");

/// The program that makes a process fault.
#[cfg(target_arch = "x86_64")]
const FAULT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/programs/fault.py");

/// The program that prints secure bits.
#[cfg(target_arch = "x86_64")]
const SECURE_BITS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/programs/secure_bits.py");

/// The kernel's answer to a call that is not allowed, EPERM.
const NOT_PERMITTED: &str = "-1";

/// The child of an agent that has this name.
fn child(agent: &Agent, name: &str) -> Option<u32> {
    all().into_iter().find(|pid| {
        let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        comm.trim() == name && status(*pid, "PPid:") == agent.pid().to_string()
    })
}

/// Every process.
fn all() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").expect("the processes").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// What the kernel says of a process.
pub(super) fn status(pid: u32, key: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.unwrap_or_default().trim().to_owned()
}

/// The process of an agent that speaks HTTP.
pub(super) fn http(agent: &Agent) -> u32 {
    wait_for("the HTTP process", PATIENCE, || child(agent, "tcpwarden-http"))
}

fn nothing() {
    let agent = Agent::start(&[]);
    let _page = agent.scrape();
    let pid = http(&agent);
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(status(pid, set).trim_matches('0'), "", "{set} of the HTTP process");
    }
    assert_eq!(status(pid, "NoNewPrivs:"), "1");
    assert_eq!(status(pid, "Seccomp:"), "2", "its system calls are filtered");
    assert_eq!(status(pid, "Uid:"), "65534\t65534\t65534\t65534");
    assert_eq!(status(pid, "Gid:"), "65534\t65534\t65534\t65534");
    assert_eq!(status(pid, "Threads:"), "1");
    let maps = std::fs::metadata(format!("/proc/{pid}/maps")).expect("its maps");
    assert_eq!(maps.uid(), 0, "others of its user may not trace it");
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("its files").flatten();
    for file in files.map(|file| std::fs::read_link(file.path()).unwrap_or_default()) {
        let is_harmless = ["socket:", "anon_inode:[event", "pipe:", "/dev/null"]
            .iter()
            .any(|kind| file.to_string_lossy().starts_with(kind));
        let is_log = file == std::fs::read_link("/proc/self/fd/2").unwrap_or_default()
            || file.starts_with(PathBuf::from("/tmp"));
        assert!(is_harmless || is_log, "the HTTP process has {}", file.display());
    }
    let lister = wait_for("the lister", PATIENCE, || child(&agent, "tcpwarden-list"));
    assert_eq!(status(lister, "CapPrm:").trim_matches('0'), "");
    assert_eq!(status(lister, "Seccomp:"), "2", "the lister's system calls are filtered");
}

fn small_pages() {
    let agent = Agent::start(&[]);
    let _page = agent.scrape();
    let lister = wait_for("the lister", PATIENCE, || child(&agent, "tcpwarden-list"));
    for pid in [agent.pid(), http(&agent), lister] {
        assert_eq!(status(pid, "THP_enabled:"), "0", "huge pages of process {pid}");
    }
}

/// A list of as many connections as one answer has.
const LIST: &str = "/api/v1/connections?limit=1000";

/// Reads a few lists at a time, several times.
fn crowd(agent: &Agent) {
    for _ in 0..4 {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(agent.get(LIST).0, 200));
            }
        });
    }
}

fn given_back() {
    let agent = Agent::start(&[]);
    let site = Site::open(LOOPBACKS[0]);
    let _held: Vec<_> = (0..500).map(|_| site.pair()).collect();
    // A smaller answer is no piece of memory that could be kept.
    let bytes = wait_for("a long list", PATIENCE, || {
        Some(agent.get(LIST).1.len()).filter(|bytes| *bytes > 160 << 10)
    });
    let pid = http(&agent);
    let before = resident(pid);
    crowd(&agent);
    let after = resident(pid);
    assert!(
        after < before + bytes / 2,
        "{before} bytes of memory before, {after} after, list {bytes}"
    );
}

/// The memory of a process that no file backs, bytes.
fn resident(pid: u32) -> usize {
    let text = status(pid, "RssAnon:");
    let kibibytes = text.split_whitespace().next().and_then(|word| word.parse::<usize>().ok());
    kibibytes.expect("what it holds") << 10
}

/// Ends the HTTP process, and waits until the agent has seen it.
fn end(agent: &Agent) -> u32 {
    let pid = http(agent);
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).expect("end the HTTP process");
    wait_for("its end", PATIENCE, || (child(agent, "tcpwarden-http") != Some(pid)).then_some(()));
    pid
}

fn again() {
    let mut agent = Agent::start(&[]);
    let first = end(&agent);
    assert_ne!(http(&agent), first);
    assert_eq!(agent.get("/readyz").0, 200, "the same agent answers");
    end(&agent);
    assert_eq!(agent.ended().code(), Some(1), "the end of an agent that nobody can ask");
    assert!(agent.log().contains("the HTTP process has ended twice"), "{}", agent.log());
}

/// Signals that are sent to all processes of a service, or by name.
fn signalled() {
    let agent = Agent::start(&[]);
    let pid = http(&agent);
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM, Signal::SIGTSTP] {
        kill(Pid::from_raw(pid.cast_signed()), signal).expect("send a signal");
    }
    assert_eq!(agent.get("/readyz").0, 200);
    assert_eq!(http(&agent), pid, "the same process");
    assert!(!agent.log().contains("is started again"), "{}", agent.log());
}

/// Makes a process fault or spin.
#[cfg(target_arch = "x86_64")]
fn make(pid: u32, what: &str) {
    let done = Command::new("python3").args([FAULT, &pid.to_string(), what]).status();
    assert!(done.expect("run the program that makes it fault").success());
}

/// A process that does nothing for its own end.
#[cfg(target_arch = "x86_64")]
fn orphaned() {
    let agent = Agent::start(&[]);
    let pid = http(&agent);
    make(pid, "spin");
    agent.stop(Signal::SIGKILL);
    wait_for("the end of the HTTP process", PATIENCE, || {
        let state = status(pid, "State:");
        (state.is_empty() || state.starts_with('Z')).then_some(())
    });
}

/// The kernel refuses to execute a file with a capability that is not in the bounding set.
fn from_a_file_with_capabilities() {
    let copy = scratch("program");
    std::fs::copy(binary(), &copy).expect("copy the program");
    // All that there can be here: one that the bounding set lacks already keeps this test out.
    let all = u64::from_str_radix(&status(std::process::id(), "CapBnd:"), 16).expect("a mask");
    let [low, high] = [&all.to_le_bytes()[..4], &all.to_le_bytes()[4..]];
    // VFS_CAP_REVISION_2 and effective; then permitted and inheritable, low and high.
    let words = [&0x0200_0001_u32.to_le_bytes()[..], low, &[0; 4], high, &[0; 4]].concat();
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(&copy, "security.capability", &words, flags).expect("set capabilities");
    let script = format!("shift; exec {} \"$@\"", copy.display());
    let agent = Agent::start_through(&["sh", "-c", &script, "sh"], &[]);
    assert_eq!(agent.get("/readyz").0, 200);
    std::fs::remove_file(&copy).expect("remove the copy");
}

/// What no handler of a signal can mend.
#[cfg(target_arch = "x86_64")]
fn faulted() {
    let agent = Agent::start(&[]);
    let pid = http(&agent);
    make(pid, "fault");
    wait_for("another process", PATIENCE, || (http(&agent) != pid).then_some(()));
    assert_eq!(agent.get("/readyz").0, 200);
    assert!(agent.log().contains("SIGSEGV"), "{}", agent.log());
}

/// Root's own rights at `execve` are off, nothing turns them on again, and no capability is kept or
/// handed on: all bits but `SECBIT_KEEP_CAPS` (`capability.h`).
#[cfg(target_arch = "x86_64")]
fn locked() {
    let agent = Agent::start(&[]);
    let output = Command::new("python3").args([SECURE_BITS, &agent.pid().to_string()]).output();
    let output = output.expect("run the program that prints secure bits");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "239", "{output:?}");
    assert_eq!(agent.get("/readyz").0, 200, "it goes on");
}

#[cfg(target_arch = "x86_64")]
fn broken_into() {
    let agent = Agent::start(&[]);
    let pid = http(&agent);
    let output = Command::new("python3").args([BREAK_IN, &pid.to_string()]).output();
    let output = output.expect("run the program that breaks in");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let answers: Vec<_> = text.lines().filter_map(|line| line.split_once(' ')).collect();
    assert_eq!(answers.first(), Some(&("read", "-9")), "a call that is allowed gets through");
    assert!(answers.len() > 26, "{text}");
    let ends = answers.iter().filter(|(call, _)| *call == "shutdown").count();
    assert_eq!(ends, 2, "the listener and the log:\n{text}");
    for (call, answer) in &answers[1..] {
        assert_eq!(*answer, NOT_PERMITTED, "{call} in the HTTP process");
    }
    assert_eq!(agent.get("/readyz").0, 200, "it goes on");
}
