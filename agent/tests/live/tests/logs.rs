//! The forms of the log: what the agent writes, and its HTTP process with it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use serde_json::Value;

use super::Test;
use crate::harness::agent::{Agent, scratch};
use crate::harness::{PATIENCE, wait_for};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("portable::the_log_as_json_is_an_object_a_line_of_both_processes", json),
    ("host::logs::the_journal_gets_entries_of_both_processes", journal),
];

/// Where the lines of the HTTP process come from.
const HTTP: &str = "tcpwarden::http::child";

fn json() {
    let agent = Agent::start(&["--log-format", "json", "--log", "debug"]);
    let log = agent.log();
    let (complete, _) = log.rsplit_once('\n').expect("lines of a log");
    let lines: Vec<Value> = complete
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let has = |message: &str, field: &str| {
        lines.iter().any(|line| line["message"] == message && line["fields"][field].is_string())
    };
    assert!(has("attached", "probe"), "{log}");
    assert!(lines.iter().any(|line| line["target"] == HTTP), "{log}");
    for line in &lines {
        let is_whole = ["timestamp", "level", "target", "message"].map(|key| line[key].is_string());
        assert_eq!(is_whole, [true; 4], "{line}");
    }
}

/// In a mount namespace of its own the agent finds a journal that this test is.
fn journal() {
    let folder = scratch("journal");
    std::fs::create_dir(&folder).expect("make a folder");
    let path = folder.join("socket");
    let socket = UnixDatagram::bind(&path).expect("be the journal");
    for (file, mode) in [(&folder, 0o755), (&path, 0o666)] {
        std::fs::set_permissions(file, Permissions::from_mode(mode)).expect("let nobody write");
    }
    socket.set_read_timeout(Some(Duration::from_millis(100))).expect("set a timeout");
    let line = format!(
        "mount -t tmpfs none /run; mkdir -p /run/systemd/journal; \
         mount --bind {} /run/systemd/journal; exec \"$@\"",
        folder.display()
    );
    let reader = std::thread::spawn(move || read(&socket));
    let agent = Agent::start_through(
        &["unshare", "--mount", "sh", "-ec", &line, "agent"],
        &["--log-format", "journald", "--log", "debug"],
    );
    let log = reader.join().expect("the reader");
    for part in ["PRIORITY=6\n", "MESSAGE=attached probe=", "TCPWARDEN_PROBE="] {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert!(!agent.log().contains("attached"), "nothing of it on standard error: {}", agent.log());
    drop(agent);
    std::fs::remove_dir_all(folder).expect("remove the folder");
}

/// Reads entries until one is of the HTTP process.
fn read(socket: &UnixDatagram) -> String {
    let mut all = String::new();
    wait_for("an entry of the HTTP process", PATIENCE, || {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(length) = socket.recv(&mut bytes) {
            all.push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
        all.contains(&format!("TARGET={HTTP}\n")).then_some(())
    });
    all
}
