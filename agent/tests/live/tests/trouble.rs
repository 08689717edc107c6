//! `tcpwarden trouble`: connects that fail or are slow, connections that are reset, and segments
//! that are retransmitted, each with its process, its destination and its count.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;
use socket2::Socket;

use super::Test;
use crate::harness::agent::{Agent, binary};
use crate::harness::kernel::Counters;
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, wait_for};
use crate::roles::{self, TEST_NAME};
use crate::workload::{NOWHERE, Site, Tally, abort, begin, black_hole, expect_reset, loss, short};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("portable::trouble::connects_that_fail_are_counted_by_destination_and_reason", failures),
    ("portable::trouble::connects_that_wait_are_slow_and_the_full_queue_is_named", slow),
    ("portable::trouble::resets_are_counted_at_both_ends_by_who_sent_them", resets),
    ("portable::trouble::retransmitted_syns_are_those_of_the_kernel", retransmits),
    ("host::trouble::retransmits_over_a_lossy_path_are_those_of_the_kernel", lossy),
    ("host::trouble::segments_of_which_no_record_is_left_are_counted", unseen),
];

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// A port below every range that the tests use: nobody listens there.
const CLOSED: u16 = 1;

/// What `tcpwarden trouble --json` says of a kind in a namespace.
fn troubles(agent: &Agent, netns: &Netns, kind: &str) -> Vec<Value> {
    let inode = netns.inode.to_string();
    let output = Command::new(binary())
        .args(["trouble", "--json", "--kind", kind, "--netns", &inode])
        .args(["--agent", &agent.address()])
        .output()
        .expect("run the program");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "`trouble` ended with {output:?}");
    let answer: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("`trouble` printed no JSON ({error}): {text}"));
    let lines = answer["troubles"].as_array().expect("a list of troubles").clone();
    assert_eq!(
        (&answer["matched"], &answer["returned"], &answer["left_out"]),
        (&lines.len().into(), &lines.len().into(), &0.into()),
        "how many there are: {answer}"
    );
    lines
}

/// A line that is expected: role, reason, peer, service port, count.
type Line = (&'static str, Option<&'static str>, IpAddr, u16, u64);

/// Waits until a kind has these lines and no others, all of this process, and returns them in the
/// order of the expected ones.
fn expect(agent: &Agent, netns: &Netns, kind: &str, wanted: &[Line]) -> Vec<Value> {
    let is = |line: &Value, (role, reason, peer, port, count): &Line| {
        line["kind"] == kind
            && (&line["process"], &line["pid"]) == (&TEST_NAME.into(), &std::process::id().into())
            && (&line["role"], &line["reason"]) == (&(*role).into(), &Value::from(*reason))
            && (&line["peer_address"], &line["port"]) == (&peer.to_string().into(), &(*port).into())
            && (&line["netns"], &line["count"]) == (&netns.inode.into(), &(*count).into())
    };
    let mut seen = Vec::new();
    let found = testkit::wait::poll(PATIENCE, || {
        seen = troubles(agent, netns, kind);
        let line = |one| seen.iter().find(|line| is(line, one)).cloned();
        let lines: Option<Vec<_>> = wanted.iter().map(line).collect();
        lines.filter(|_| seen.len() == wanted.len())
    });
    found.unwrap_or_else(|| panic!("{kind} should be {wanted:?}; they are {seen:#?}"))
}

/// Asserts that the times of a line lie between a moment and now.
fn is_since(line: &Value, begun: Instant) {
    let [first, last] = ["first_seen_seconds", "last_seen_seconds"]
        .map(|field| line[field].as_f64().unwrap_or_else(|| panic!("no {field} in {line}")));
    let most = begun.elapsed().as_secs_f64();
    assert!(0.0 <= last && last <= first && first <= most, "within {most} s: {line}");
}

fn failures() {
    let (netns, agent) = (Netns::new(), Agent::start(&[]));
    netns.enter(black_hole);
    netns.sysctl("net/ipv4/tcp_syn_retries", "1");
    let begun = Instant::now();
    let (closed, hole) = (SocketAddr::new(LOCALHOST, CLOSED), |port| (NOWHERE, port).into());
    netns.enter(|| {
        for _ in 0..20 {
            TcpStream::connect(closed).expect_err("nobody listens there");
        }
        for _ in 0..5 {
            TcpStream::connect_timeout(&hole(7), Duration::from_millis(100))
                .expect_err("nobody answers");
        }
        short::timed_out(hole(8), 4, &mut Tally::default());
    });
    let lines = expect(
        &agent,
        &netns,
        "failures",
        &[
            ("client", Some("refused"), LOCALHOST, CLOSED, 20),
            ("client", Some("canceled"), NOWHERE.into(), 7, 5),
            ("client", Some("timed_out"), NOWHERE.into(), 8, 4),
        ],
    );
    for line in &lines {
        is_since(line, begun);
    }
    let pid = std::process::id();
    let start = format!("process {TEST_NAME} (pid {pid}, ");
    let end = format!(" failed 20 connects to {closed}: refused, first ");
    assert!(
        lines[0]["sentence"]
            .as_str()
            .is_some_and(|text| text.starts_with(&start) && text.contains(&end)),
        "{}",
        lines[0]
    );
}

/// Two connections fill the queue; two others wait until somebody accepts. They just fit then: of a
/// client too many the kernel would drop the last acknowledgement of the handshake.
fn slow() {
    let (netns, agent) = (Netns::new(), Agent::start(&[]));
    let listen = || testkit::traffic::listen(SocketAddr::new(LOCALHOST, 0), 1).expect("listen");
    let listener = netns.enter(listen);
    let address = listener.local_addr().expect("its address");
    let full = netns.enter(|| [(); 2].map(|()| TcpStream::connect(address).expect("connect")));
    let begun = Instant::now();
    let late: Vec<Socket> = netns.enter(|| (0..2).map(|_| begin(address)).collect());
    // One that waits for its first write has asked nobody.
    netns.sysctl("net/ipv4/tcp_fastopen", "5");
    let put_off = roles::start(&netns, &format!("defer {address} 3"), "put-off");
    roles::ready(&put_off, 1);
    let waiting = ("client", Some("waiting"), LOCALHOST, address.port(), 2);
    let connecting = begun.elapsed();
    expect(&agent, &netns, "slow", &[waiting]);
    let least = begun.elapsed().saturating_sub(connecting).as_secs_f64();
    let lines = troubles(&agent, &netns, "slow");
    is_since(&lines[0], begun);
    let longest = lines[0]["longest_seconds"].as_f64().expect("the longest wait");
    let most = begun.elapsed().as_secs_f64();
    assert!((least..=most).contains(&longest), "between {least} and {most} s: {}", lines[0]);
    let cause = format!("the accept queue of process {TEST_NAME} (pid {}", std::process::id());
    wait_for("the cause", PATIENCE, || {
        let lines = troubles(&agent, &netns, "slow");
        let is_full = |text: &str| text.starts_with(&cause) && text.contains("is full (2 of 1)");
        lines.first()?["cause"].as_str().is_some_and(is_full).then_some(())
    });
    let accepted: Vec<_> = (0..4).map(|_| listener.accept().expect("accept")).collect();
    let took = begun.elapsed().as_secs_f64();
    let done = ("client", None, LOCALHOST, address.port(), 2);
    let lines = expect(&agent, &netns, "slow", &[done]);
    let longest = lines[0]["longest_seconds"].as_f64().expect("the longest connect");
    assert!((1.0..=took).contains(&longest), "it took at most {took} s: {}", lines[0]);
    assert!(troubles(&agent, &netns, "failures").is_empty(), "no connect failed");
    drop((full, late, accepted));
}

fn resets() {
    let (netns, agent) = (Netns::new(), Agent::start(&[]));
    let site = netns.enter(|| Site::open(LOCALHOST));
    let begun = Instant::now();
    netns.enter(|| {
        for number in 0..11 {
            let (client, server) = site.pair();
            let (aborted, other) = if number < 7 { (server, client) } else { (client, server) };
            abort(aborted);
            expect_reset(&other);
        }
        // An orderly end is no trouble.
        for _ in 0..5 {
            short::client_first(&site, &mut Tally::default());
        }
    });
    let port = site.address.port();
    let lines = expect(
        &agent,
        &netns,
        "resets",
        &[
            ("client", Some("rst_received"), LOCALHOST, port, 7),
            ("server", Some("rst_sent"), LOCALHOST, port, 7),
            ("client", Some("rst_sent"), LOCALHOST, port, 4),
            ("server", Some("rst_received"), LOCALHOST, port, 4),
        ],
    );
    for line in &lines {
        is_since(line, begun);
    }
}

/// How many segments the kernel has retransmitted in a namespace.
fn retransmitted(netns: &Netns) -> u64 {
    Counters::of(netns.pid()).get("RetransSegs").try_into().expect("a count")
}

/// Waits until the answer and the kernel agree on how many segments of one destination were
/// retransmitted, at least so many; the kernel's count is the same before and after.
fn agrees(agent: &Agent, netns: &Netns, least: u64, said: impl Fn(&[Value]) -> u64) -> Vec<Value> {
    let mut seen = (0, Vec::new());
    let found = testkit::wait::poll(PATIENCE, || {
        let before = retransmitted(netns);
        let lines = troubles(agent, netns, "retransmits");
        seen = (before, lines.clone());
        let is_so = before >= least && said(&lines) == before && retransmitted(netns) == before;
        is_so.then_some(lines)
    });
    found.unwrap_or_else(|| panic!("the kernel counts {} retransmits: {:#?}", seen.0, seen.1))
}

fn count(lines: &[Value]) -> u64 {
    lines.iter().map(|line| line["count"].as_u64().expect("a count")).sum()
}

fn retransmits() {
    let (netns, agent) = (Netns::new(), Agent::start(&[]));
    netns.enter(black_hole);
    netns.sysctl("net/ipv4/tcp_syn_retries", "3");
    let begun = Instant::now();
    let sockets: Vec<_> =
        netns.enter(|| (0..6).map(|_| begin((NOWHERE, 7).into())).collect::<Vec<_>>());
    let lines = agrees(&agent, &netns, 6, count);
    assert_eq!(lines.len(), 1, "one destination: {lines:#?}");
    // What the connections retransmitted stays when they have ended.
    drop(sockets);
    let sum = retransmitted(&netns);
    let wanted = ("client", None, NOWHERE.into(), 7, sum);
    let lines = expect(&agent, &netns, "retransmits", &[wanted]);
    is_since(&lines[0], begun);
}

fn lossy() {
    let (client, server) = Netns::joined();
    let agent = Agent::start(&[]);
    loss::rules(&client);
    loss::rules(&server);
    let [_, ip] = testkit::veth::IPV4;
    loss::transfers(&client, &server, ip.into(), 7100, 8, 300_000);
    let sent = agrees(&agent, &client, 1, count);
    // The kernel also counts SYN-ACKs, which a listener sends and no connection.
    let synacks = || agent.scrape().sum("synack_retransmits_total", &[("port", "7100")]);
    let with_synacks = |lines: &[Value]| count(lines) + u64::try_from(synacks()).expect("a count");
    let answered = agrees(&agent, &server, 1, with_synacks);
    let of = |lines: &[Value], role: &str, peer: Ipv4Addr| {
        lines.len() == 1
            && (&lines[0]["role"], &lines[0]["peer_address"], &lines[0]["port"])
                == (&role.into(), &peer.to_string().into(), &7100.into())
            && (&lines[0]["process"], &lines[0]["pid"])
                == (&TEST_NAME.into(), &std::process::id().into())
    };
    let [here, there] = testkit::veth::IPV4;
    assert!(of(&sent, "client", there), "the clients' retransmits: {sent:#?}");
    assert!(of(&answered, "server", here), "the server's retransmits: {answered:#?}");
}

/// An agent that is stopped, with a ring of one page, has no record of most retransmits.
fn unseen() {
    let (client, server) = Netns::joined();
    let mut agent =
        Agent::start(&["--retransmit-ring-bytes", "4096", "--reconcile-interval", "0.5"]);
    let passes = |agent: &Agent| agent.scrape().sum("reconcile_duration_seconds_count", &[]);
    let before = passes(&agent);
    wait_for("two passes", PATIENCE, || (passes(&agent) >= before + 2).then_some(()));
    loss::rules(&client);
    loss::rules(&server);
    let [_, ip] = testkit::veth::IPV4;
    agent.signal(Signal::SIGSTOP);
    // Some four hundred retransmits, where the ring has room for forty-six.
    loss::transfers(&client, &server, ip.into(), 7100, 24, 300_000);
    agent.signal(Signal::SIGCONT);
    let mut seen = [0; 4];
    let is_equal = testkit::wait::poll(PATIENCE, || {
        let kernel = retransmitted(&client) + retransmitted(&server);
        let page = agent.scrape();
        let told = page.sum("retransmitted_segments_total", &[("process", TEST_NAME)])
            + page.sum("synack_retransmits_total", &[("port", "7100")]);
        let unseen = page.sum("retransmitted_segments_unseen_total", &[]);
        let lost = page.sum("events_lost_total", &[("ring", "retransmit")]);
        seen = [i128::from(kernel), told.into(), unseen.into(), lost.into()];
        (seen[0] == seen[1] + seen[2] && seen[2] > 0 && seen[3] > 0).then_some(())
    });
    assert!(is_equal.is_some(), "the kernel's, told of, unseen, records lost: {seen:?}");
}
