//! The socket file beside the addresses, several addresses, and who is answered where.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use testkit::launch::{Launch, Output};
use testkit::process::{Ending, Process};

use super::Test;
use super::errors::{Shared, expect, finish};
use crate::harness::agent::{Agent, binary, scratch};
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, wait_for};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("host::socket::who_asks_decides_what_an_address_answers", who_asks),
    ("host::socket::a_second_agent_names_the_first_and_serves_its_addresses", second),
    ("host::socket::the_commands_find_the_agent_by_its_usual_socket_file", usual),
    ("host::socket::where_no_socket_file_can_be_made_the_addresses_are_served", read_only),
    ("host::socket::listeners_that_were_handed_over_are_served", handed_over),
];

/// Starts what a command line executes in the end, an agent.
fn start(words: &[&str]) -> Process {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    let launch = Launch::new("the agent", command)
        .output(Output::LinesAndLog)
        .ending(Ending::Signal(Signal::SIGTERM));
    launch.spawn().expect("start the agent")
}

/// The next line that an agent prints.
fn line(agent: &Process) -> String {
    let line = agent.line(PATIENCE).expect("its output");
    line.unwrap_or_else(|| panic!("no line; log:\n{}", agent.tail(30)))
}

/// How a network namespace is entered.
fn into(netns: &Netns) -> String {
    format!("--net=/proc/{}/ns/net", netns.pid())
}

/// Asks with curl in a network namespace; the status, or 0 if there is no connection.
fn curl(netns: &Netns, url: &str) -> u16 {
    let words = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "20", url];
    let output = netns.enter(|| Command::new("curl").args(words).output().expect("run curl"));
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a status")
}

/// What holds the mode of a file, and its user.
fn mode(path: &Path) -> (u32, u32) {
    let file =
        std::fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (file.mode() & 0o7777, file.uid())
}

/// An address that others can reach, one of loopback, and a socket file, of one agent.
fn who_asks() {
    let (here, there) = Netns::joined();
    let path = scratch("sock");
    let (file, program) = (path.display().to_string(), binary().display().to_string());
    let agent = start(&[
        "nsenter",
        &into(&here),
        "--",
        &program,
        "run",
        "--listen",
        "0.0.0.0:10793",
        "--listen",
        "127.0.0.1:10794",
        "--socket",
        &file,
    ]);
    let lines = [(); 3].map(|()| line(&agent));
    assert_eq!(
        lines,
        [
            "listening on http://0.0.0.0:10793/metrics".to_owned(),
            "listening on http://127.0.0.1:10794/metrics".to_owned(),
            format!("listening on unix:{file}"),
        ]
    );
    for (from, url, status) in [
        (&there, "http://10.77.0.1:10793/metrics", 200),
        (&there, "http://10.77.0.1:10793/api/v1/leaks", 403),
        (&there, "http://10.77.0.1:10793/api/v1/connections", 403),
        (&there, "http://10.77.0.1:10794/metrics", 0),
        (&here, "http://10.77.0.1:10793/api/v1/leaks", 403),
        (&here, "http://127.0.0.1:10793/api/v1/leaks", 200),
        (&here, "http://127.0.0.1:10794/api/v1/leaks", 200),
        (&here, "http://127.0.0.1:10794/metrics", 200),
    ] {
        assert_eq!(curl(from, url), status, "{url} from {}", from.inode);
    }
    let address = format!("unix:{file}");
    expect(&finish(&["tcpwarden", "leaks", "--json", "--agent", &address]), 0, &[]);
    assert_eq!(mode(&path), (0o600, 0), "mode and user of the socket file");
    let shared = Shared::new();
    let copy = shared.path();
    let words = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    let words = [&words[..], &[&copy, "leaks", "--agent", &address]].concat();
    expect(&finish(&words), 7, &["permission denied"]);
    drop(agent);
    assert!(!path.exists(), "the file goes with its agent");
}

/// Two agents that want one file; then one that finds the file of a dead one.
fn second() {
    let path = scratch("sock");
    let file = path.display().to_string();
    let options = ["--socket", &file];
    let first = Agent::start(&options);
    let later = Agent::start(&options);
    let warning = format!("is that of a living agent (pid {})", first.pid());
    assert!(later.log().contains(&warning), "{warning:?} is not in\n{}", later.log());
    assert_eq!(later.get("/healthz").0, 200, "it serves its address");
    let asked = || finish(&["tcpwarden", "leaks", "--json", "--agent", &format!("unix:{file}")]);
    drop(later);
    expect(&asked(), 0, &[]);
    first.stop(Signal::SIGKILL);
    assert!(path.exists(), "one that is killed leaves its file");
    expect(&asked(), 7, &["refused"]);
    let third = Agent::start(&options);
    assert!(!third.log().contains("living agent"), "{}", third.log());
    expect(&asked(), 0, &[]);
    drop(third);
    // Harness agents are killed.
    let _ = std::fs::remove_file(&path);
}

/// Starts an agent without any option where /run and loopback are its own.
fn alone(netns: &Netns, run: &str) -> Process {
    let line = format!("mount -t tmpfs -o {run} none /run && exec '{}' run", binary().display());
    start(&["nsenter", &into(netns), "--", "unshare", "--mount", "sh", "-c", &line])
}

/// Runs a command line where that agent is.
fn beside(agent: &Process, words: &[&str]) -> std::process::Output {
    let pid = agent.id();
    let (net, mount) = (format!("--net=/proc/{pid}/ns/net"), format!("--mount=/proc/{pid}/ns/mnt"));
    let program = binary().display().to_string();
    finish(&[&["nsenter", &net, &mount, "--", &program], words].concat())
}

/// Neither the agent nor the commands are told where.
fn usual() {
    let netns = Netns::new();
    let agent = alone(&netns, "mode=755");
    assert_eq!(line(&agent), "listening on http://127.0.0.1:10793/metrics");
    assert_eq!(line(&agent), "listening on unix:/run/tcpwarden/tcpwarden.sock");
    let folder = format!("/proc/{}/root/run/tcpwarden", agent.id());
    let folder = Path::new(&folder);
    assert_eq!(mode(folder), (0o755, 0), "mode and user of the folder");
    assert_eq!(mode(&folder.join("tcpwarden.sock")), (0o600, 0), "of the file");
    expect(&beside(&agent, &["leaks", "--json"]), 0, &[]);
    // Loopback is closed: it is the file that answers.
    netns.filter("table inet t {\n chain i {\n type filter hook input priority 0\n drop\n }\n }");
    expect(&beside(&agent, &["connections", "--json"]), 0, &[]);
    drop(agent);
    let empty = Netns::new();
    let line = format!("mount -t tmpfs none /run && exec '{}' leaks", binary().display());
    let words = ["nsenter", &into(&empty), "--", "unshare", "--mount", "sh", "-c", &line];
    let both = ["unix:/run/tcpwarden/tcpwarden.sock: no such file", "127.0.0.1:10793: connection"];
    expect(&finish(&words), 7, &both);
}

fn read_only() {
    let netns = Netns::new();
    let agent = alone(&netns, "ro");
    assert_eq!(line(&agent), "listening on http://127.0.0.1:10793/metrics");
    let said = "there is no socket file /run/tcpwarden/tcpwarden.sock (Read-only file system";
    wait_for("the warning", PATIENCE, || agent.log().contains(said).then_some(()));
    expect(&beside(&agent, &["leaks", "--json"]), 0, &[]);
}

/// What a service manager does: it listens, and executes the agent with the descriptors from 3 on.
const MANAGER: &str = "
import os, socket, sys
tcp = socket.create_server(('127.0.0.1', 10799))
unix = socket.socket(socket.AF_UNIX)
unix.bind(sys.argv[1]); unix.listen()
high = [os.dup2(one.fileno(), 50 + place) for place, one in enumerate([tcp, unix])]
for place, one in enumerate(high):
    os.dup2(one, 3 + place, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='2')
os.execv(sys.argv[2], sys.argv[2:])
";

fn handed_over() {
    let (netns, path) = (Netns::new(), scratch("sock"));
    let (file, program) = (path.display().to_string(), binary().display().to_string());
    let words = ["python3", "-c", MANAGER, &file, &program, "run"];
    let agent = start(&[&["nsenter", &into(&netns), "--"], &words[..]].concat());
    assert_eq!(line(&agent), "listening on http://127.0.0.1:10799/metrics");
    assert_eq!(line(&agent), format!("listening on unix:{file}"));
    assert_eq!(curl(&netns, "http://127.0.0.1:10799/metrics"), 200);
    assert_eq!(curl(&netns, "http://127.0.0.1:10793/metrics"), 0, "the default has no listener");
    expect(&finish(&["tcpwarden", "leaks", "--agent", &format!("unix:{file}")]), 0, &[]);
    drop(agent);
    assert!(path.exists(), "the file belongs to who made it");
    std::fs::remove_file(&path).expect("remove it");
}
