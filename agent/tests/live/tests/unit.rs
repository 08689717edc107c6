//! The unit that is shipped: what `systemd-analyze` marks, what the documentation says of it, and
//! what the agent tells the service manager.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::Test;
use crate::harness::PATIENCE;
use crate::harness::agent::{Agent, scratch};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("host::unit::each_mark_of_the_unit_has_its_reason_and_they_are_few", marks),
    ("host::unit::the_service_manager_hears_that_it_is_ready_alive_and_ending", notified),
];

/// What an agent says that is alive.
const ALIVE: &str = "WATCHDOG=1";

/// The most that the exposure may be, in tenths.
const MOST: &str = "25";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn analyze(options: &[&str]) -> std::process::Output {
    Command::new("systemd-analyze")
        .args(["security", "--offline=true"])
        .args(options)
        .arg(file("deploy/systemd/tcpwarden.service"))
        .output()
        .expect("run systemd-analyze, of the package systemd")
}

/// What a mark is about: `User=/DynamicUser=` is `User=`, a set of capabilities its names.
fn words(mark: &str) -> Vec<String> {
    let (setting, rest) = mark.split_once('=').expect("a setting");
    let mut words = vec![format!("{setting}=")];
    if let Some(names) = rest.strip_prefix("~CAP_") {
        let names = names.replace("SYS_(NICE|RESOURCE)", "SYS_RESOURCE");
        words.push(names);
    } else if rest.starts_with('~') && setting != "RestrictAddressFamilies" {
        words[0].push_str(rest);
    }
    words
}

fn marks() {
    let output = analyze(&["--threshold", MOST]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "more exposed than {MOST} tenths:\n{said}");
    let output = analyze(&["--json=short"]);
    let all: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let open = all.iter().filter(|one| one["set"] == false && !one["exposure"].is_null());
    let open: Vec<&str> = open.map(|one| one["name"].as_str().expect("a name")).collect();
    let text = std::fs::read_to_string(file("docs/capabilities.md")).expect("docs/capabilities.md");
    let (_, table) = text.split_once("| mark |").expect("the table of marks");
    let rows: Vec<&str> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.split('|').nth(1).expect("a first column"))
        .collect();
    let tells = |row: &str, mark: &str| words(mark).iter().all(|word| row.contains(word.as_str()));
    for mark in &open {
        assert!(rows.iter().any(|row| tells(row, mark)), "no reason for {mark} in {rows:?}");
    }
    for row in rows {
        for setting in row.split('`').skip(1).step_by(2) {
            let is_open = open.iter().any(|mark| words(mark)[0] == setting);
            assert!(is_open, "{setting} is closed, and the documentation says that it is not");
        }
    }
}

/// How long an agent of this test may be silent, as the manager would have it.
const WATCHDOG: Duration = Duration::from_millis(600);

/// Plays the service manager: the socket that it listens on, and no other part of it.
fn notified() {
    let socket = scratch("notify");
    let manager = UnixDatagram::bind(&socket).expect("listen as the service manager");
    let hears = |patience: Duration| {
        manager.set_read_timeout(Some(patience)).expect("set a time");
        let mut bytes = [0; 1024];
        let length = manager.recv(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..length]).trim().to_owned())
    };
    let (notify, watchdog) = (
        format!("NOTIFY_SOCKET={}", socket.display()),
        format!("WATCHDOG_USEC={}", WATCHDOG.as_micros()),
    );
    let agent = Agent::start_through(&["env", &notify, &watchdog], &[]);
    let first = std::iter::from_fn(|| hears(PATIENCE)).find(|word| word != ALIVE);
    let first = first.expect("a first word");
    assert!(first.starts_with("READY=1\nSTATUS=listening on unix:/tmp/"), "{first}");
    for _ in 0..6 {
        assert_eq!(hears(WATCHDOG).as_deref(), Some(ALIVE));
    }
    let pid = Pid::from_raw(i32::try_from(agent.pid()).expect("a process id"));
    // A stopped process says nothing, and goes on when it may.
    kill(pid, Signal::SIGSTOP).expect("stop it");
    while hears(WATCHDOG / 2).is_some() {}
    assert_eq!(hears(WATCHDOG), None);
    kill(pid, Signal::SIGCONT).expect("let it go on");
    assert_eq!(hears(PATIENCE).as_deref(), Some(ALIVE));
    let (status, _) = agent.stop(Signal::SIGTERM);
    let last = std::iter::from_fn(|| hears(WATCHDOG)).find(|word| word != ALIVE);
    assert_eq!((last.as_deref(), status.code()), (Some("STOPPING=1"), Some(0)));
    std::fs::remove_file(&socket).expect("remove the socket");
}
