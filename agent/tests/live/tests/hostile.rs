//! What must not bring the agent down: a log that nobody reads, output that nobody reads, limits.

use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use testkit::page::Page;

use super::Test;
use super::errors::{expect, finish, listen};
use crate::harness::agent::{Agent, binary};
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, listing, wait_for};
use crate::roles;
use crate::workload::Site;

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("host::hostile::a_log_that_nobody_reads_stops_nothing", unread_log),
    ("host::hostile::events_end_without_a_reader_and_with_one_that_does_not_read", unread_events),
    ("host::hostile::limits_are_not_blamed_on_the_kernel", limits),
    ("host::hostile::a_hangup_does_not_end_the_agent", hangup),
    ("host::hostile::a_flood_of_names_hides_no_leak", names),
    ("host::hostile::check_tells_what_it_cannot_see", blind),
    ("host::hostile::namespaces_that_no_process_shows_are_told", shut_out),
    ("host::hostile::a_held_lock_stops_neither_passes_nor_the_end", held_lock),
];

/// How long an end may take.
const SOON: Duration = Duration::from_secs(3);

/// A child that is killed when the test fails.
struct Killed(Child);

impl Killed {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().expect("start the program"))
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.0.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("send a signal");
    }

    /// How it ends, if it does so soon.
    fn end(&mut self) -> Option<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < SOON {
            if let Some(status) = self.0.try_wait().expect("its status") {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The agent starts, answers and ends on SIGTERM while a full disk, a full pipe or a pipe without
/// a reader is its standard error.
fn unread_log() {
    let full_disk = File::options().write(true).open("/dev/full").expect("open /dev/full");
    let (unread, full_pipe) = io::pipe().expect("a pipe");
    let (gone, no_reader) = io::pipe().expect("a pipe");
    drop(gone);
    let logs: [(&str, Stdio); 3] = [
        ("a full disk", full_disk.into()),
        ("a pipe that nobody reads", full_pipe.into()),
        ("a pipe without a reader", no_reader.into()),
    ];
    for (what, log) in logs {
        let address = listen();
        let mut agent = Command::new(binary());
        agent.args(["run", "--log", "trace", "--reconcile-interval", "0.2"]);
        agent.args(["--listen", &address, "--socket", "none"]).stdout(Stdio::null()).stderr(log);
        let mut agent = Killed::start(&mut agent);
        let asks = || finish(&["tcpwarden", "connections", "--agent", &address]).status.success();
        wait_for(&format!("an answer of the agent with {what}"), PATIENCE, || asks().then_some(()));
        // It logs all the time, far more than a pipe holds.
        std::thread::sleep(Duration::from_secs(2));
        assert!(asks(), "{what}: it still answers");
        agent.signal(Signal::SIGTERM);
        let status = agent.end();
        assert_eq!(status.and_then(|status| status.code()), Some(0), "{what}: {status:?}");
    }
    drop(unread);
}

/// Five hundred connections, each of which is an event.
fn traffic() {
    let netns = Netns::new();
    netns.enter(|| {
        let site = Site::open(Ipv4Addr::LOCALHOST.into());
        for _ in 0..500 {
            drop(site.pair());
        }
    });
}

fn unread_events() {
    let events = |words: &[&str], output: io::PipeWriter| {
        let mut command = Command::new(binary());
        command.arg("events").args(words).stdout(output).stderr(Stdio::null());
        Killed::start(&mut command)
    };
    let (reader, output) = io::pipe().expect("a pipe");
    let mut gone = events(&[], output);
    std::thread::sleep(Duration::from_secs(1));
    drop(reader);
    assert!(gone.end().is_some(), "it ends with its reader");

    let (_reader, output) = io::pipe().expect("a pipe");
    let mut stuck = events(&["--duration", "3"], output);
    std::thread::sleep(Duration::from_secs(1));
    traffic();
    std::thread::sleep(Duration::from_secs(1));
    assert!(stuck.end().is_some(), "--duration ends it although nobody reads");

    let (_reader, output) = io::pipe().expect("a pipe");
    let mut told = events(&[], output);
    std::thread::sleep(Duration::from_secs(1));
    traffic();
    told.signal(Signal::SIGTERM);
    assert!(told.end().is_some(), "SIGTERM ends it although nobody reads");
}

fn limits() {
    let listen = listen();
    for limit in ["--nofile=16:16", "--nofile=24:24", "--nofile=100:100"] {
        let output = finish(&["prlimit", limit, &program(), "run", "--listen", &listen]);
        expect(&output, 1, &["descriptors"]);
    }
    let output = finish(&["prlimit", "--as=60000000", &program(), "run", "--listen", &listen]);
    expect(&output, 1, &["memory"]);
}

fn program() -> String {
    binary().display().to_string()
}

fn hangup() {
    let agent = Agent::start(&[]);
    let pid = i32::try_from(agent.pid()).expect("a process id");
    kill(Pid::from_raw(pid), Signal::SIGHUP).expect("send SIGHUP");
    wait_for("a word about SIGHUP", PATIENCE, || agent.log().contains("SIGHUP").then_some(()));
    assert_eq!(agent.get("/healthz").0, 200, "it answers");
}

/// Processes that hold their connections take every label; the one that leaks comes after them.
fn names() {
    const LEAKED: usize = 20;
    let (netns, agent) = (Netns::new(), Agent::start(&["--max-series", "4"]));
    let server = roles::start(&netns, "answer-once", "names-server");
    let address = roles::line(&server);
    let server_row = format!("netns={}&process=names-server&workload=host", netns.inode);
    // While a workload has no name, there are spare labels for it.
    wait_for("the name of the workload", PATIENCE, || {
        (!listing::rows(&agent, &server_row).is_empty()).then_some(())
    });
    let _flood: Vec<_> = (0..12)
        .map(|number| {
            let role = format!("forget {address} 1");
            let member = roles::start(&netns, &role, &format!("flood-{number}"));
            roles::ready(&member, 1);
            member
        })
        .collect();
    let leaker = roles::start(&netns, &format!("forget {address} {LEAKED}"), "late-leaker");
    roles::ready(&leaker, 1);
    let ours = format!("netns={}&state=close_wait", netns.inode);
    wait_for("the leak under the name of its process", PATIENCE, || {
        let listed = listing::rows(&agent, &format!("{ours}&process=late-leaker"));
        (listed.len() == LEAKED).then_some(())
    });
    let suspect = || {
        let (_, body) = agent.get("/api/v1/leaks?process=late-leaker");
        let answer: Value = serde_json::from_str(&body).expect("an answer in JSON");
        let found = answer["suspects"].as_array()?.first()?;
        let is_whole = found["pids"][0]["pid"] == leaker.id() && found["connections"] == LEAKED;
        is_whole.then_some(())
    };
    wait_for("the suspect with all of its connections", Duration::from_mins(1), suspect);
    let others = [("process", "~other"), ("state", "close_wait")];
    let (_, page) = agent.get("/metrics");
    let count = Page::parse(&page).sum("connections", &others);
    let shown = || page.lines().filter(|line| line.contains("connections{")).collect::<Vec<_>>();
    let least = i64::try_from(LEAKED).expect("a count");
    assert!(count >= least, "metrics show them as ~other: {:#?}", shown());
}

/// Without a capability, or in a pid namespace of its own, `check` says what that hides.
fn blind() {
    for (words, named) in [
        (&["unshare", "--pid", "--fork", "--mount-proc"][..], "hostPID"),
        (
            &["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace"],
            "cap_sys_ptrace",
        ),
        (&["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"], "cap_sys_admin"),
    ] {
        let output = finish(&[words, &[&program(), "check"]].concat());
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(6), "{words:?}: {said}");
        assert!(said.contains(named), "nothing of {named}: {said}");
    }
}

/// Without CAP_SYS_PTRACE the process of another user does not show its network namespace: the
/// metric, the log and `check` say so if nothing else shows that namespace. With it they do not.
fn shut_out() {
    let mut command = Command::new("unshare");
    let user = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
    command.args(["--net", "setpriv"]).args(user).args(["sleep", "60"]);
    let _other = Killed::start(&mut command);
    let told = |text: &str| text.contains("cannot look into every network namespace");
    for (words, hides) in [
        (&[][..], false),
        (&["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace"], true),
    ] {
        let agent = Agent::start_through(words, &[]);
        let limited = agent.scrape().sum("visibility_limited", &[("limit", "network_namespaces")]);
        assert_eq!(limited, i64::from(hides), "through {words:?}: {}", agent.log());
        assert_eq!(told(&agent.log()), hides, "through {words:?}: {}", agent.log());
        let output = finish(&[words, &[&program(), "check"]].concat());
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(told(&said), hides, "through {words:?}: {said}");
    }
}

/// A program that holds the lock of a socket.
const HOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/programs/held_lock.py");

/// A process holds the lock of a socket: the agent goes on with the other network namespaces, one
/// that comes later becomes ready, and both end when they are told.
fn held_lock() {
    let (held, other) = (Netns::new(), Netns::new());
    let agent = Agent::start(&["--reconcile-interval", "1"]);
    let mut command = Command::new("python3");
    command.arg(HOLDER);
    let mut holder = roles::start_command(&held, command);
    roles::ready(&holder, 1);
    let holds = |agent: &Agent| agent.log().contains("may hold the lock of a socket");
    wait_for("a word about the lock", PATIENCE, || holds(&agent).then_some(()));
    let passed = || {
        let page = agent.scrape();
        page.value("reconcile_last_completed_timestamp_seconds", &[]).expect("the time of a pass")
    };
    let (_site, before) = (other.enter(|| Site::open(Ipv4Addr::LOCALHOST.into())), passed());
    wait_for("passes that go on", PATIENCE, || (passed() > before + 2.0).then_some(()));
    let listener = format!("netns={}&state=listen", other.inode);
    assert_eq!(listing::rows(&agent, &listener).len(), 1, "a socket of another namespace");
    assert_eq!(agent.get("/readyz").0, 200, "it is ready");

    let later = Agent::start(&[]);
    assert!(holds(&later), "the later one knows of the lock: {}", later.log());
    let (status, took) = later.stop(Signal::SIGTERM);
    assert!(status.success() && took < SOON, "the later one ends: {status}, {took:?}");

    holder.close_input();
    let unread = || agent.scrape().value("connections_unverified", &[]);
    wait_for("the namespace to be read again", PATIENCE, || (unread() == Some(0.0)).then_some(()));
    let mut command = Command::new("python3");
    command.arg(HOLDER);
    let again = roles::start_command(&held, command);
    roles::ready(&again, 1);
    std::thread::sleep(Duration::from_secs(2));
    let (status, took) = agent.stop(Signal::SIGTERM);
    assert!(status.success() && took < SOON, "it ends while it waits: {status}, {took:?}");
}
