//! The pages that others read: `/metrics` as Prometheus judges it, health, readiness, the start
//! page.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::Test;
use crate::harness::agent::{Agent, scratch};
use crate::harness::netns::Netns;
use crate::workload::{LOOPBACKS, Site, short};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("portable::metrics_are_there_from_the_start", present),
    ("portable::the_history_of_the_page_survives_a_restart", kept),
    ("host::metrics_page", pages),
];

/// Families that stand on the page of an agent that has just started, whatever the machine does.
const ALWAYS: &[&str] = &[
    "resets_sent_total",
    "resets_received_total",
    "retransmit_failures_total",
    "transitions_total",
    "events_total",
    "events_lost_total",
    "decode_errors_total",
    "reconcile_duration_seconds_count",
    "reconcile_corrections_total",
    "reconcile_last_completed_timestamp_seconds",
    "connections_tracked",
    "connections_limit",
    "connections_refused_total",
    "connections_unattributed",
    "label_overflow_total",
    "probe_attached",
    "probe_info",
    "build_info",
    "time_wait_sockets",
    "fin_wait2_orphan_sockets",
    "syn_recv_sockets",
    "listen_overflows_total",
    "segments_sent_total",
    "listen_netns_drops_total",
    "ephemeral_ports",
    "ephemeral_ports_used_ratio",
    "tcp_memory_bytes",
    "sysctl",
];

/// The second agent begins with what the first one has seen, and adds to it when a sample is due:
/// on a slow machine that may be before it is asked to end.
fn kept() {
    let directory = scratch("state");
    let options = ["--state-directory", directory.to_str().expect("a path of letters")];
    let [first, second] = [(); 2].map(|()| {
        let agent = Agent::start(&options);
        // The first sample is taken within a second of the first pass.
        std::thread::sleep(std::time::Duration::from_millis(2500));
        assert_eq!(agent.get("/").0, 200);
        let (status, _) = agent.stop(Signal::SIGTERM);
        assert!(status.success(), "its end: {status}");
        let text = std::fs::read_to_string(directory.join("history.json")).expect("the history");
        serde_json::from_str::<Value>(&text).expect("JSON")
    });
    std::fs::remove_dir_all(&directory).expect("take the directory away");
    for (ring, interval) in [("fine", 10), ("coarse", 120)] {
        let [before, after] = [&first, &second].map(|content| samples(content, ring));
        assert!(!before.is_empty(), "no sample in {first}");
        assert!(after.starts_with(before), "{ring}: {first} became {second}");
        let [ended, last] =
            [&first, &second].map(|content| content[ring]["last"]["awake"].as_u64().expect("when"));
        if after.len() == before.len() {
            assert_eq!(ended, last, "{ring}: no sample, but a later time");
        } else {
            assert!(last >= ended + interval * 1_000_000_000, "{ring}: {last} after {ended}");
        }
    }
}

/// The samples of a ring in the file of the history, the oldest first.
fn samples<'a>(content: &'a Value, ring: &str) -> &'a [Value] {
    content[ring]["samples"].as_array().expect("samples")
}

fn present() {
    let agent = Agent::start(&[]);
    let page = agent.scrape();
    let missing: Vec<_> = ALWAYS.iter().filter(|name| !page.has(name)).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}; the page:\n{}", page.text);
    for (name, label, values) in [
        ("events_lost_total", "ring", &["state", "retransmit"] as &[_]),
        ("decode_errors_total", "reason", &["truncated", "oversized", "unknown_kind", "bad_state"]),
        ("events_total", "event", &["transition", "retransmit"]),
        ("reconcile_corrections_total", "kind", &["missed_open", "missed_close", "wrong_state"]),
    ] {
        for value in values {
            assert_eq!(
                page.all(name, &[(label, value)]).count(),
                1,
                "one line {name}{{{label}={value:?}}} from the start"
            );
        }
    }
    assert_eq!(
        page.sum("probe_attached", &[("probe", "inet_sock_set_state")]),
        1,
        "the state probe is attached"
    );
    assert!(
        page.all("process_resident_memory_bytes", &[]).any(|sample| sample.value > 0.0),
        "the agent's own memory is on its page"
    );
}

/// promtool, from the path or from where `cargo xtask setup` puts it.
fn promtool() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/tools/promtool");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).map(|dir| dir.join("promtool")).chain([own]);
    places.into_iter().find(|file| file.exists()).expect(
        "promtool is neither in PATH nor in target/tools: run `cargo xtask setup` or \
            install prometheus",
    )
}

fn pages() {
    let netns = Netns::new();
    let agent = Agent::start(&[]);
    netns.enter(|| {
        for ip in LOOPBACKS {
            short::mixed(&Site::open(ip), 100);
        }
    });
    std::thread::sleep(std::time::Duration::from_secs(1));
    let page = agent.scrape();
    assert!(
        page.sum("connections_opened_total", &[]) >= 300,
        "the page has no workload on it:\n{}",
        page.text
    );
    let mut child = Command::new(promtool())
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start promtool");
    child
        .stdin
        .take()
        .expect("its input")
        .write_all(page.text.as_bytes())
        .expect("hand over the page");
    let output = child.wait_with_output().expect("its verdict");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success() && said.trim().is_empty(),
        "promtool check metrics said ({}):\n{said}",
        output.status
    );

    assert_eq!(agent.get("/healthz").0, 200, "the status of /healthz");
    assert_eq!(agent.get("/readyz").0, 200, "the status of /readyz");
    let (status, body) = agent.get("/");
    assert_eq!(status, 200, "the status of the start page");
    for word in ["tcpwarden", "/metrics", "inet_sock_set_state"] {
        assert!(body.contains(word), "the start page has nothing about {word}:\n{body}");
    }
    assert_eq!(agent.get("/nothing-here").0, 404, "the status of a page that is not there");
}
