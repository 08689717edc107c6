//! What runs out, and whose it is: a full accept queue, a limit of descriptors, a range of ports;
//! each used up by a program of its own, named in the metrics with its workload.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use socket2::Socket;
use testkit::page::Page;

use super::Test;
use crate::harness::agent::Agent;
use crate::harness::netns::Netns;
use crate::harness::wait_for;
use crate::workload::begin;
use crate::workload::programs::{Program, feed};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[("host::a_process_that_runs_out_of_something_is_named", named)];

/// A pass each half second, a look at descriptors each ten seconds.
const SOON: Duration = Duration::from_mins(1);

fn named() {
    let (agent, netns) = (Agent::start(&[]), Netns::new());
    let _queue = netns.enter(stuck_listener);
    let (_descriptors, open) = netns.enter(out_of_descriptors);
    let crowded = Netns::new();
    crowded.sysctl("net/ipv4/ip_local_port_range", "20000 20049");
    let _ports = crowded.enter(out_of_ports);
    says(
        &agent,
        &[("listen_backlog", "lk-backlog", 5.0), ("listen_backlog_limit", "lk-backlog", 4.0)],
    );
    says(&agent, &[("listen_backlog_used_ratio", "lk-backlog", 1.0)]);
    says(&agent, &[("process_open_fds", "lk-fds", open), ("process_max_fds", "lk-fds", 48.0)]);
    says(&agent, &[("connections", "lk-ports", 50.0)]);
    let netns = crowded.inode.to_string();
    wait_for("no port to be left", SOON, || {
        let page = agent.scrape();
        let ratio = value(&page, "ephemeral_ports_used_ratio", &[("netns", &netns)]);
        let failed = value(
            &page,
            "connect_failures_total",
            &[("process", "lk-ports"), ("workload", "host"), ("reason", "no_local_port")],
        );
        (is(ratio, 1.0) && is(failed, 1.0)).then_some(())
    });
    let dropped = value(&agent.scrape(), "listen_drops_total", &[("process", "lk-backlog")]);
    assert!(dropped > 0.0, "nothing was dropped at the listener whose queue is full");
}

/// A backlog of 4, which takes five connections; the SYNs of three more are dropped.
fn stuck_listener() -> (Program, Vec<TcpStream>, Vec<Socket>) {
    let mut program = Program::python(&["stops_accepting", "lk-backlog", "4"], None);
    let address = program.address("127.0.0.1");
    program.ready();
    let taken = (0..5).map(|_| TcpStream::connect(address).expect("connect")).collect();
    (program, taken, (0..3).map(|_| begin(address)).collect())
}

/// No more than 48 descriptors, but for those that it was started with: what is accepted is read
/// and never closed. Also how many it has then.
fn out_of_descriptors() -> (Program, f64) {
    let mut program = Program::python(&["descriptors", "lk-fds", "48"], None);
    feed(program.address("127.0.0.1"), 60, b"hello");
    program.ready();
    let pid = program.holders.first().expect("the process that holds them");
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").count();
    assert!(open >= 48, "it has {open} descriptors, fewer than its limit");
    (program, f64::from(u16::try_from(open).expect("a small number")))
}

/// Every one of fifty ports towards one destination.
fn out_of_ports() -> (Program, TcpListener) {
    let site = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 7200))).expect("listen");
    let mut program = Program::python(&["all_ports", "lk-ports", "60", "127.0.0.1", "7200"], None);
    program.ready();
    assert_eq!(
        program.said.get("stopped").map(String::as_str),
        Some("stopped by 99"),
        "the connect without a port ends with EADDRNOTAVAIL"
    );
    (program, site)
}

/// Waits until the families have these sums for these processes, all of them on the host itself.
fn says(agent: &Agent, claims: &[(&str, &str, f64)]) {
    let start = Instant::now();
    loop {
        let page = agent.scrape();
        let holds = |(family, process, wanted): &(&str, &str, f64)| {
            let labels = [("process", *process), ("workload", "host")];
            is(value(&page, family, &labels), *wanted)
        };
        if claims.iter().all(holds) {
            return;
        }
        let said = claims.iter().flat_map(|(family, process, _)| {
            page.text.lines().filter(move |line| line.contains(family) && line.contains(process))
        });
        assert!(
            start.elapsed() < SOON,
            "after {SOON:?} not {claims:?} but\n{}",
            said.collect::<Vec<_>>().join("\n")
        );
        std::thread::sleep(Duration::from_millis(250));
    }
}

fn value(page: &Page, family: &str, labels: &[(&str, &str)]) -> f64 {
    page.all(family, labels).map(|sample| sample.value).sum()
}

fn is(value: f64, wanted: f64) -> bool {
    (value - wanted).abs() < 0.001
}
