//! The drill-down as its users have it: a leak made on purpose is found by the commands and ranked
//! first.

use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::Test;
use crate::harness::agent::{Agent, binary};
use crate::harness::events::Events;
use crate::harness::netns::Netns;
use crate::harness::wait_for;
use crate::roles;

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("portable::a_leak_is_found_by_its_age_and_ranked_first", leak),
    ("host::events_name_the_owner_of_an_older_socket_as_the_agent_does", older),
    ("host::a_leaker_of_root_has_the_whole_name_of_its_executable", whole_name),
    ("host::arguments_are_for_readers_of_a_socket_file_and_a_suspect_fails_a_command", arguments),
];

/// Connections that are leaked.
const LEAKED: usize = 30;
/// The name of the process that leaks.
const LEAKER: &str = "live-leaker";

/// What a command prints that asks the agent, and its exit code.
pub(super) fn run(agent: &Agent, words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(binary())
        .args(words)
        .args(["--agent", &agent.address()])
        .output()
        .expect("run the program");
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

fn json(agent: &Agent, words: &[&str]) -> Value {
    let (code, text) = run(agent, words);
    assert_eq!(code, Some(0), "the exit code of {words:?}, which said {text}");
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{words:?} printed no JSON ({error}): {text}"))
}

/// Thirty peers close and a process that accepted them never does.
fn leak() {
    let (netns, agent) = (Netns::new(), Agent::start(&[]));
    let leaker = roles::start(&netns, &format!("listen 127.0.0.1:0 {LEAKED}"), LEAKER);
    let address = roles::line(&leaker);
    let streams: Vec<_> = netns
        .enter(|| (0..LEAKED).map(|_| TcpStream::connect(&address).expect("connect")).collect());
    roles::ready(&leaker, 1);
    drop(streams);
    found(&agent, leaker.id(), &address);
    drop(leaker);
    wait_for("a process that has ended to be no suspect", Duration::from_secs(10), || {
        (json(&agent, &["leaks", "--json", "--process", LEAKER])["matched"] == 0).then_some(())
    });
}

fn found(agent: &Agent, pid: u32, address: &str) {
    let filters = ["connections", "--state", "close_wait", "--process", LEAKER, "--netns"];
    let netns = &std::fs::metadata(format!("/proc/{pid}/ns/net"))
        .map(|file| std::os::unix::fs::MetadataExt::ino(&file))
        .expect("it");
    let netns = netns.to_string();
    let words = [&filters[..], &[&netns, "--json"]].concat();
    let answer = wait_for("all leaked connections to be listed", Duration::from_secs(10), || {
        let answer = json(agent, &words);
        (answer["matched"] == LEAKED).then_some(answer)
    });
    assert_eq!(
        (&answer["returned"], &answer["truncated"]),
        (&LEAKED.into(), &false.into()),
        "{answer}"
    );
    for one in answer["connections"].as_array().expect("connections") {
        let local =
            format!("{}:{}", one["local_address"].as_str().unwrap_or_default(), one["local_port"]);
        assert_eq!(
            (local.as_str(), &one["pid"], &one["role"]),
            (address, &pid.into(), &"server".into()),
            "a leaked connection: {one}"
        );
        let age = one["age_seconds"].as_f64().expect("an age");
        assert!((0.0..60.0).contains(&age) && one["age_at_least"] == false, "its age: {one}");
    }
    let early = json(agent, &["leaks", "--json", "--process", LEAKER]);
    assert_eq!(early["matched"], 0, "a suspect before ten seconds were over: {early}");
    let first = wait_for("the leak to be the first suspect", Duration::from_secs(30), || {
        let (status, body) = agent.get("/api/v1/leaks");
        assert_eq!(status, 200, "the status of /api/v1/leaks, with {body}");
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        let first = answer["suspects"][0].clone();
        (first["process"] == LEAKER && first["connections"] == LEAKED).then_some(first)
    });
    let port: u16 = address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    assert_eq!(
        (&first["state"], &first["service_port"], &first["kind"]),
        (&"close_wait".into(), &port.into(), &"never_read".into())
    );
    assert_eq!(first["pids"], serde_json::json!([{"pid": pid, "connections": LEAKED}]));
    let sentence = format!("process {LEAKER} (pid {pid})");
    assert!(
        first["sentence"]
            .as_str()
            .is_some_and(|text| text.starts_with(&sentence) && text.contains("30 close_wait")),
        "{first}"
    );
    let (code, text) = run(agent, &["leaks"]);
    assert!(
        code == Some(0) && text.starts_with("1. process live-leaker"),
        "`tcpwarden leaks` said {text}"
    );
    let (code, text) = run(agent, &["connections", "--process", LEAKER, "--limit", "5"]);
    assert!(
        code == Some(0) && text.contains("5 of 31 connections that match shown"),
        "`tcpwarden connections` said {text}"
    );
}

/// The kernel cuts a command name to 15 bytes, and shows the link to an executable of root to
/// nobody who has fewer capabilities, unless with `CAP_SYS_PTRACE`.
fn whole_name() {
    let (netns, agent) = (Netns::new(), Agent::start(&[]));
    let program = std::env::current_exe().expect("the path of this program");
    let program = program.file_name().and_then(|name| name.to_str()).expect("its name");
    let (cut, _) = program.split_at_checked(15).expect("a name that the kernel cuts");
    let mut command = roles::command(&format!("listen 127.0.0.1:0 {LEAKED}"), cut);
    // Nor do the arguments tell.
    command.arg0("a title");
    let leaker = roles::start_command(&netns, command);
    let address = roles::line(&leaker);
    let streams: Vec<_> = netns
        .enter(|| (0..LEAKED).map(|_| TcpStream::connect(&address).expect("connect")).collect());
    roles::ready(&leaker, 1);
    drop(streams);
    let suspect = wait_for("the suspect", Duration::from_secs(30), || {
        let answer = json(&agent, &["leaks", "--json"]);
        let suspects = answer["suspects"].as_array().expect("suspects");
        suspects.iter().find(|one| one["pids"][0]["pid"] == leaker.id()).cloned()
    });
    assert_eq!(suspect["name"], program, "the name of {suspect}");
}

/// Who may read a socket file sees the arguments of a suspect, without secrets; anybody on loopback
/// sees none. `--fail-on` ends with 8 if somebody is accused with that certainty.
fn arguments() {
    let netns = Netns::new();
    let mut command = roles::command(&format!("listen 127.0.0.1:0 {LEAKED}"), LEAKER);
    command.args(["--shard=7", "--password=hunter2"]);
    let leaker = roles::start_command(&netns, command);
    let address = roles::line(&leaker);
    let agents = [Agent::start(&[]), Agent::start_on_tcp()];
    let code =
        |certainty| run(&agents[0], &["leaks", "--process", LEAKER, "--fail-on", certainty]).0;
    assert_eq!([code("possible"), code("likely")], [Some(0); 2], "nobody leaks yet");
    let streams: Vec<_> = netns
        .enter(|| (0..LEAKED).map(|_| TcpStream::connect(&address).expect("connect")).collect());
    roles::ready(&leaker, 1);
    drop(streams);
    let shown = agents.each_ref().map(|agent| {
        wait_for("the suspect", Duration::from_secs(30), || {
            let answer = json(agent, &["leaks", "--process", LEAKER, "--json"]);
            let line = answer["suspects"][0]["command_line"].as_str()?;
            Some(line.to_owned())
        })
    });
    let [whole, public] = &shown;
    assert!(whole.contains("--shard=7") && whole.contains("--password="), "{shown:?}");
    assert!(!public.contains("--") && !public.is_empty(), "on loopback: {public}");
    assert!(!shown.concat().contains("hunter2"), "a secret: {shown:?}");
    assert_eq!([code("possible"), code("likely")], [Some(8), Some(0)], "for less than a minute");
}

/// The peer closes, so no process has a part in what happens to the socket.
fn older() {
    let (netns, agent) = (Netns::new(), Agent::start(&[]));
    let holder = roles::start(&netns, "listen 127.0.0.1:0 1", LEAKER);
    let address = roles::line(&holder);
    let stream = netns.enter(|| TcpStream::connect(&address).expect("connect"));
    roles::ready(&holder, 1);
    wait_for("its owner", Duration::from_secs(10), || {
        let of = ["connections", "--json", "--state", "established", "--process", LEAKER];
        (json(&agent, &of)["matched"] == 1).then_some(())
    });
    let events = Events::start_with(&["--agent", &agent.address(), "--process", LEAKER]);
    drop(stream);
    let closing = events.wait("the peer's close", || {
        let of_holder = events.of(netns.inode, "transition");
        of_holder.into_iter().find(|event| event["new"] == "close_wait")
    });
    assert_eq!(
        (&closing["process"], &closing["owner_process"], &closing["owner_pid"], &closing["role"]),
        (&Value::Null, &LEAKER.into(), &holder.id().into(), &"server".into())
    );
    // The command finds the workload of what is younger by itself, and the same.
    let known = &json(&agent, &["connections", "--json", "--process", LEAKER])["connections"][0];
    let workload = known["workload"].as_str().expect("its workload");
    assert_eq!(closing["owner_workload"], workload, "of {known}");
    let younger = Events::start_with(&["--workload", workload, "--process", LEAKER]);
    let another = roles::start(&netns, "listen 127.0.0.1:0 1", LEAKER);
    let listening = younger.wait("another listener", || {
        younger.of(netns.inode, "transition").into_iter().find(|event| event["new"] == "listen")
    });
    assert_eq!(
        (&listening["owner_pid"], &listening["owner_workload"]),
        (&another.id().into(), &workload.into())
    );
}
