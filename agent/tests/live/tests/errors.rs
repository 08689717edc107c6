//! What goes wrong, said in a way that helps: the exit code and the words of each error, and what
//! the agent does without.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::Signal;
use testkit::address::Address;
use testkit::launch::{self, Launch};
use testkit::process::Ending;

use super::Test;
use crate::harness::agent::{Agent, binary, scratch};
use crate::harness::wait_for;

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("host::errors::no_privileges", no_privileges),
    ("host::errors::no_btf", no_btf),
    ("host::errors::port_taken", port_taken),
    ("host::errors::unix_socket_in_use", socket_in_use),
    ("host::errors::stale_unix_socket_is_replaced", stale_socket),
    ("host::a_socket_file_is_for_the_group_that_is_named", socket_of_a_group),
    ("host::errors::configuration", configuration),
    ("host::errors::command_line", command_line),
    ("host::without_tracefs_it_works", || {
        works_without("/sys/kernel/tracing", "inet_sock_set_state");
    }),
    ("host::without_cgroups_it_works", || works_without("/sys/fs/cgroup", "inet_sock_set_state")),
];

/// Runs a command line, in pieces, to its end, which must come within ten seconds. An agent among
/// it has no socket file but what the line names.
pub(super) fn finish(words: &[&str]) -> Output {
    let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    if words[0] == "tcpwarden" {
        words[0] = binary().display().to_string();
    }
    let child = Command::new("timeout")
        .args(["--signal", "TERM", "10"])
        .args(&words)
        .env("TCPWARDEN_SOCKET", "none")
        .stdin(Stdio::null())
        .output();
    child.unwrap_or_else(|error| panic!("run {words:?}: {error}"))
}

/// Asserts on the exit code and on words of the message, which come on stderr.
pub(super) fn expect(output: &Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "the exit code; it said\n{said}");
    for word in words {
        assert!(
            said.to_lowercase().contains(&word.to_lowercase()),
            "the message has nothing about {word:?}:\n{said}"
        );
    }
    assert!(!said.contains("panicked"), "a panic is no message:\n{said}");
}

pub(super) fn listen() -> String {
    format!("unix:{}", scratch("sock").display())
}

/// A copy of the program where everyone can execute it.
pub(super) struct Shared(PathBuf);

impl Shared {
    pub(super) fn new() -> Self {
        let path = scratch("bin");
        std::fs::copy(binary(), &path).expect("copy the program");
        Self(path)
    }

    pub(super) fn path(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn no_privileges() {
    let program = Shared::new();
    let program = program.0.display().to_string();
    let listen = listen();
    for words in [&["run", "--listen", &listen] as &[_], &["check"], &["events", "--duration", "1"]]
    {
        let output = finish(
            &[
                &["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", &program],
                words,
            ]
            .concat(),
        );
        expect(&output, 3, &["root"]);
    }
}

fn no_btf() {
    let line = format!(
        "mount -t tmpfs none /sys/kernel/btf && exec '{}' run --listen '{}'",
        binary().display(),
        listen()
    );
    expect(&finish(&["unshare", "-m", "sh", "-c", &line]), 4, &["btf"]);
}

fn port_taken() {
    // Taken and not connected to: it makes no traffic.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("take a port");
    let address = taken.local_addr().expect("its address").to_string();
    expect(&finish(&["tcpwarden", "run", "--listen", &address]), 5, &[&address]);
}

fn socket_in_use() {
    let path = scratch("sock");
    let listener = UnixListener::bind(&path).expect("take a path");
    let output = finish(&["tcpwarden", "run", "--listen", &format!("unix:{}", path.display())]);
    drop(listener);
    let _ = std::fs::remove_file(&path);
    expect(&output, 5, &[&path.display().to_string()]);
}

/// A user who is in the group, and one who is not.
fn socket_of_a_group() {
    const GROUP: &str = "4711";
    let agent = Agent::start(&["--socket-group", GROUP]);
    let program = Shared::new();
    let ask = |group: &str| {
        let program = program.0.display().to_string();
        let user = ["setpriv", "--reuid", "65534", "--regid", group, "--clear-groups", &program];
        finish(&[&user[..], &["leaks", "--json", "--agent", &agent.address()]].concat())
    };
    expect(&ask(GROUP), 0, &[]);
    expect(&ask("4712"), 7, &["permission denied"]);
}

fn stale_socket() {
    let path = scratch("sock");
    drop(UnixListener::bind(&path).expect("leave a socket behind"));
    assert!(path.exists(), "a socket file outlives its listener");
    let command = testkit::agent::Agent::command(&binary(), &Address::Unix(path.clone()), &[]);
    let agent = Launch::new("the agent", command)
        .output(launch::Output::Log)
        .ending(Ending::Signal(Signal::SIGKILL))
        .spawn()
        .expect("start it");
    let answered = std::panic::catch_unwind(|| {
        wait_for("an answer at the socket", std::time::Duration::from_secs(20), || {
            std::os::unix::net::UnixStream::connect(&path).ok().map(drop)
        });
    });
    drop(agent);
    let _ = std::fs::remove_file(&path);
    assert!(answered.is_ok(), "a socket file that nobody listens on keeps the agent from starting");
}

fn configuration() {
    let file = scratch("toml");
    let path = file.display().to_string();
    for (text, words) in [
        ("reconcile-intervall = 5\n", &["reconcile-intervall", &*path] as &[&str]),
        ("ring-bytes = 5000\n", &["ring-bytes", "5000"]),
        ("ring-bytes = \"many\"\n", &["ring-bytes"]),
        ("this is not toml", &[&path]),
    ] {
        std::fs::write(&file, text).expect("write a configuration");
        let output = finish(&["tcpwarden", "run", "--config", &path, "--listen", &listen()]);
        let _ = std::fs::remove_file(&file);
        expect(&output, 2, words);
    }
    expect(&finish(&["tcpwarden", "run", "--config", &path]), 2, &[&path]);
}

fn command_line() {
    for (words, said) in [
        (&["run", "--no-such-flag"] as &[&str], &["--no-such-flag"] as &[&str]),
        (&["run", "--ring-bytes", "5000"], &["ring-bytes", "power of two"]),
        (&["run", "--ring-bytes", "lots"], &["ring-bytes", "lots"]),
        (&["run", "--reconcile-interval", "0.01"], &["reconcile-interval", "0.2"]),
        (&["run", "--listen", "nonsense"], &["listen", "nonsense"]),
        (&["events", "--duration=-1"], &["duration"]),
        (&["no-such-command"], &["no-such-command"]),
        (&[], &["usage"]),
    ] {
        expect(&finish(&[&["tcpwarden"], words].concat()), 2, said);
    }
    let output = finish(&[
        "env",
        "TCPWARDEN_RING_BYTES=5000",
        &binary().display().to_string(),
        "run",
        "--listen",
        &listen(),
    ]);
    expect(&output, 2, &["5000"]);
}

/// Runs `check` with an empty file system in place of one that the agent can do without.
fn works_without(mount: &str, probe: &str) {
    let line = format!("mount -t tmpfs none {mount} && exec '{}' check", binary().display());
    let output = finish(&["unshare", "-m", "sh", "-c", &line]);
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        matches!(output.status.code(), Some(0 | 6)),
        "check without {mount} gave {}:\n{text}",
        output.status
    );
    assert!(
        text.lines().any(|line| line.contains(probe) && line.contains("attached")),
        "{probe} is not attached without {mount}:\n{text}"
    );
    // And an agent that starts as usual afterwards: nothing was left behind.
    let (status, _) = Agent::start(&[]).stop(Signal::SIGTERM);
    assert!(status.success(), "the agent after that ended with {status}");
}
