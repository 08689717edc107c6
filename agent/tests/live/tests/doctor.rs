//! `tcpwarden doctor`: what limits TCP in a namespace is found and named, and in a healthy one
//! nothing is.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use serde_json::Value;
use testkit::traffic;

use super::Test;
use crate::harness::agent::{Agent, binary};
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, wait_for};
use crate::roles::TEST_NAME;
use crate::workload::{LOOPBACKS, Site, begin};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("host::doctor::few_ports_and_a_full_accept_queue_are_found_and_named", ill),
    ("host::doctor::a_healthy_namespace_has_no_warning", healthy),
    ("host::doctor::without_an_agent_the_settings_of_the_namespace_are_judged", alone),
];

/// The exit codes.
const HEALTHY: i32 = 0;
const ILL: i32 = 9;
/// Where no agent is.
const NOWHERE: &str = "unix:/nonexistent/tcpwarden.sock";
/// Checks of the whole machine, on which other programs run.
const OF_MACHINE: [&str; 5] =
    ["descriptors", "open_files", "cgroup_tasks", "tcp_memory", "orphans"];

/// What `tcpwarden doctor` prints in a namespace, and its exit code.
fn doctor(netns: &Netns, agent: &str, options: &[&str]) -> (String, i32) {
    let mut command = Command::new(binary());
    command.args(["doctor", "--agent", agent]).args(options);
    let output = netns.enter(move || command.output().expect("run the program"));
    let code = output.status.code().unwrap_or_else(|| panic!("it ended with {output:?}"));
    (String::from_utf8(output.stdout).expect("text"), code)
}

/// Its findings in a namespace, those of nothing too, and its exit code.
fn findings(netns: &Netns, agent: &str) -> (Vec<Value>, i32) {
    let (text, code) = doctor(netns, agent, &["--json", "--all"]);
    let found = serde_json::from_str(&text);
    (found.unwrap_or_else(|error| panic!("it printed no JSON ({error}): {text}")), code)
}

/// The findings of a check.
fn of<'a>(found: &'a [Value], check: &str) -> Vec<&'a Value> {
    found.iter().filter(|one| one["check"] == check).collect()
}

/// Asserts severity and numbers of a finding, that its text has these words, and that it advises.
fn is(one: &Value, severity: &str, numbers: [u64; 2], words: &[&str]) {
    assert_eq!(one["severity"], severity, "{one}");
    assert_eq!([&one["measured"], &one["limit"]].map(Value::as_u64), numbers.map(Some), "{one}");
    for word in words {
        assert!(one.to_string().contains(word), "{word:?} in {one}");
    }
    for field in ["costs", "change"] {
        assert!(one[field].as_str().is_some_and(|text| !text.is_empty()), "{field} of {one}");
    }
}

fn ill() {
    let (netns, agent) = (Netns::new(), Agent::start(&[]));
    netns.sysctl("net/ipv4/ip_local_port_range", "40000 40019");
    netns.sysctl("net/ipv4/ip_local_reserved_ports", "40007,40010-40012");
    netns.sysctl("net/ipv4/tcp_tw_reuse", "0");
    let (site, taken, listener, waiting) = netns.enter(|| {
        let site = Site::open_at(SocketAddr::new(LOOPBACKS[0], 7300));
        let taken: Vec<_> = (0..16).map(|_| site.pair()).collect();
        let listener = traffic::listen(SocketAddr::new(LOOPBACKS[0], 7301), 4).expect("listen");
        let address = listener.local_addr().expect("its address");
        let waiting: Vec<_> =
            (0..5).map(|_| TcpStream::connect(address).expect("connect")).collect();
        (site, taken, listener, (waiting, [begin(address), begin(address)]))
    });
    let of_pid = format!("{TEST_NAME} (pid {}", std::process::id());
    let found = wait_for("a full queue and no port left", PATIENCE, || {
        let (found, code) = findings(&netns, &agent.address());
        assert_eq!(code, ILL, "{found:?}");
        let queue = of(&found, "accept_queue").iter().any(|one| one["measured"] == 5);
        let ports = of(&found, "ephemeral_ports").iter().any(|one| one["measured"] == 16);
        (queue && ports).then_some(found)
    });
    let queue = of(&found, "accept_queue");
    is(queue[0], "critical", [5, 4], &[&of_pid, "127.0.0.1:7301", "changes nothing"]);
    let ports = of(&found, "ephemeral_ports");
    is(ports[0], "critical", [16, 16], &["127.0.0.1 -> 127.0.0.1:7300", &of_pid]);
    is(of(&found, "port_range")[0], "warning", [16, 1000], &["40000 to 40019", "4 are reserved"]);
    assert_eq!(of(&found, "listen_overflows")[0]["severity"], "note", "{found:?}");
    // The worst comes first in the text.
    let (text, code) = doctor(&netns, &agent.address(), &[]);
    let at = |word: &str| text.find(word).unwrap_or_else(|| panic!("{word:?} in {text}"));
    assert!(at("CRITICAL  accept_queue") < at("WARNING   port_range"), "{text}");
    assert_eq!((code, text.contains("\nOK ")), (ILL, false), "{text}");
    // A queue from which all is taken is no finding any more.
    let accepted: Vec<_> = (0..5).map(|_| listener.accept().expect("accept")).collect();
    wait_for("the queue to be empty", PATIENCE, || {
        let (found, _) = findings(&netns, &agent.address());
        of(&found, "accept_queue").iter().all(|one| one["severity"] != "critical").then_some(())
    });
    drop((site, taken, waiting, accepted));
}

fn healthy() {
    let (netns, agent) = (Netns::new(), Agent::start(&[]));
    let kept = netns.enter(|| {
        let site = Site::open(LOOPBACKS[0]);
        let pairs: Vec<_> = (0..5).map(|_| site.pair()).collect();
        (site, pairs)
    });
    let (found, code) = findings(&netns, &agent.address());
    let elsewhere = |one: &Value| {
        let is_of_machine = OF_MACHINE.iter().any(|check| one["check"] == *check);
        let namespace = format!("network namespace {}", netns.inode);
        let subject = one["subject"].as_str().unwrap_or_default();
        is_of_machine || (subject.contains("network namespace 4") && !subject.contains(&namespace))
    };
    let ill = |one: &&Value| one["severity"] == "warning" || one["severity"] == "critical";
    let (others, own): (Vec<&Value>, Vec<&Value>) =
        found.iter().filter(ill).partition(|one| elsewhere(one));
    assert!(own.is_empty(), "{own:#?}");
    assert_eq!(code, if others.is_empty() { HEALTHY } else { ILL }, "{others:?}");
    for check in ["accept_queue", "ephemeral_ports", "keepalive", "agent_lost", "agent_version"] {
        assert!(!of(&found, check).is_empty(), "{check} in {found:?}");
        assert!(of(&found, check).iter().all(|one| one["severity"] != "unknown"), "{found:?}");
    }
    drop(kept);
}

fn alone() {
    let netns = Netns::new();
    netns.sysctl("net/ipv4/tcp_abort_on_overflow", "1");
    netns.sysctl("net/ipv4/tcp_retries2", "3");
    netns.sysctl("net/core/somaxconn", "128");
    let (found, _) = findings(&netns, NOWHERE);
    for (check, value) in [("tcp_abort_on_overflow", 1), ("tcp_retries2", 3), ("somaxconn", 128)] {
        let one = of(&found, check)[0];
        assert_eq!((&one["severity"], &one["measured"]), (&"note".into(), &value.into()), "{one}");
        assert!(one["change"].as_str().is_some_and(|text| text.contains("sysctl -w")), "{one}");
    }
    for check in ["accept_queue", "ephemeral_ports", "keepalive", "agent"] {
        let one = of(&found, check)[0];
        assert_eq!(one["severity"], "unknown", "{one}");
        assert!(one["says"].as_str().is_some_and(|text| text.contains("/nonexistent/")), "{one}");
    }
    assert_ne!(of(&found, "descriptors")[0]["severity"], "unknown", "{found:?}");
}
