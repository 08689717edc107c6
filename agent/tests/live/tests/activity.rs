//! What a connection has done: its last use, keepalive, its bytes, and what its peer does not
//! acknowledge.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::SockRef;

use super::Test;
use crate::harness::agent::Agent;
use crate::harness::descriptors::Ends;
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, listing, wait_for};
use crate::roles::TEST_NAME;
use crate::workload::raw::Silent;
use crate::workload::{Site, black_hole};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("portable::activity::the_last_use_of_a_connection_is_that_of_the_clock", last_use),
    ("portable::activity::peers_that_do_not_acknowledge_are_listed_and_no_others", unacknowledged),
    ("host::activity::times_and_bytes_are_those_of_ss_and_idle_ones_are_counted", like_ss),
];

/// Connections of each kind.
const COUNT: usize = 10;
/// How far the agent's times may lie from the truth, seconds: it keeps tenths of a second, and the
/// kernel jiffies.
const NEAR: f64 = 0.3;
/// How long ago the last pass may be on a slow machine, seconds; the interval is half of one.
const PASS: f64 = 2.0;
/// What clients and servers send.
const QUESTION: usize = 1000;
const ANSWER: usize = 3000;

/// When something was done: no earlier than the first, no later than the second. A slow machine may
/// let much time pass between the two.
type Moment = [Instant; 2];

/// Does it, and says when.
fn timed(deed: impl FnOnce()) -> Moment {
    let before = Instant::now();
    deed();
    [before, Instant::now()]
}

/// A connection that was used at two moments.
struct Used {
    client: TcpStream,
    server: TcpStream,
    asked: Moment,
    answered: Moment,
    keepalive: bool,
}

impl Used {
    fn ends(&self) -> [Ends; 2] {
        let [client, server] = [&self.client, &self.server].map(|stream| {
            let local = stream.local_addr().expect("its address");
            (local, stream.peer_addr().expect("the peer's address"))
        });
        [client, server]
    }
}

/// Clients that ask, wait for `pause`, and are answered; every second has keepalive.
fn used(site: &Site, pause: Duration) -> Vec<Used> {
    let mut pairs: Vec<_> = (0..COUNT)
        .map(|number| {
            let (mut client, server) = site.pair();
            let keepalive = number % 2 == 0;
            SockRef::from(&client).set_keepalive(keepalive).expect("set keepalive");
            let asked = timed(|| client.write_all(&[b'?'; QUESTION]).expect("ask"));
            Used { client, server, asked, answered: asked, keepalive }
        })
        .collect();
    std::thread::sleep(pause);
    for used in &mut pairs {
        used.server.read_exact(&mut [0; QUESTION]).expect("read the question");
        used.answered = timed(|| used.server.write_all(&[b'!'; ANSWER]).expect("answer"));
        used.client.read_exact(&mut [0; ANSWER]).expect("read the answer");
    }
    pairs
}

fn rows(agent: &Agent, netns: &Netns, query: &str) -> BTreeMap<Ends, Value> {
    let found = listing::rows(agent, &format!("netns={}{query}", netns.inode));
    found.into_iter().map(|row| (listing::ends(&row), row)).collect()
}

/// Waits until a query lists these connections and no others.
fn lists(agent: &Agent, netns: &Netns, query: &str, wanted: &BTreeSet<Ends>) {
    let mut seen = BTreeSet::new();
    let found = testkit::wait::poll(PATIENCE, || {
        seen = rows(agent, netns, query).into_keys().collect();
        (seen == *wanted).then_some(())
    });
    assert!(found.is_some(), "{query} should list {wanted:?}; it lists {seen:?}");
}

fn last_use() {
    let (netns, agent) = (Netns::new(), Agent::start(&[]));
    let (_site, pairs) = netns.enter(|| {
        let site = Site::open(Ipv4Addr::LOCALHOST.into());
        let pairs = used(&site, Duration::from_secs(2));
        (site, pairs)
    });
    std::thread::sleep(Duration::from_secs(5));
    let mut listed = BTreeMap::new();
    let looked = timed(|| listed = rows(&agent, &netns, "&state=established"));
    assert_eq!(listed.len(), 2 * COUNT, "connections in the listing");
    for used in &pairs {
        for (ends, is_client) in used.ends().into_iter().zip([true, false]) {
            let row = &listed[&ends];
            let (sent, received) =
                if is_client { (used.asked, used.answered) } else { (used.answered, used.asked) };
            for (field, moment) in [
                ("last_sent_seconds", sent),
                ("last_received_seconds", received),
                ("idle_seconds", used.answered),
            ] {
                let seen = row[field].as_f64();
                // How long it has idled is known as of the last pass.
                let pass = if field == "idle_seconds" { PASS } else { 0.0 };
                let least = (looked[0] - moment[1]).as_secs_f64() - NEAR - pass;
                let most = (looked[1] - moment[0]).as_secs_f64() + NEAR;
                assert!(
                    seen.is_some_and(|seen| (least..=most).contains(&seen)),
                    "{field} is {seen:?}, at least {least} and at most {most} is true: {row}"
                );
            }
            let bytes = if is_client { [QUESTION, ANSWER] } else { [ANSWER, QUESTION] };
            assert_eq!(
                [&row["bytes_sent"], &row["bytes_received"]],
                bytes.map(Value::from).each_ref(),
                "bytes of {row}"
            );
            let keepalive = is_client && used.keepalive;
            assert_eq!(row["keepalive"], keepalive, "keepalive of {row}");
        }
    }
    filtered(&agent, &netns, pairs);
}

/// The filters choose what they say: those that were used again are idle no more.
fn filtered(agent: &Agent, netns: &Netns, mut pairs: Vec<Used>) {
    let with = pairs.iter().filter(|used| used.keepalive).map(|used| used.ends()[0]).collect();
    lists(agent, netns, "&state=established&keepalive=yes", &with);
    for used in &mut pairs[..3] {
        used.client.write_all(b"?").expect("ask again");
    }
    let idle = pairs[3..].iter().flat_map(Used::ends).collect();
    lists(agent, netns, "&state=established&min_idle=4", &idle);
    lists(agent, netns, "&unacknowledged=yes", &BTreeSet::new());
}

/// Peers that vanished: to some of them something is written, in ESTABLISHED and in CLOSE_WAIT.
fn unacknowledged() {
    let (netns, agent) = (Netns::new(), Agent::start(&[]));
    let (mut silent, _site, _pairs) = netns.enter(|| {
        black_hole();
        let silent: Vec<_> = (0..15).map(|number| Silent::connect(7000 + number)).collect();
        let site = Site::open(Ipv4Addr::LOCALHOST.into());
        let pairs = used(&site, Duration::ZERO);
        (silent, site, pairs)
    });
    netns.enter(|| silent[10..].iter_mut().for_each(Silent::peer_closes));
    let ends = |peer: &Silent| {
        let socket = peer.socket.as_ref().expect("an open end");
        let [local, far] = [socket.local_addr(), socket.peer_addr()]
            .map(|end| end.expect("its address").as_socket().expect("an address of IP"));
        (local, far)
    };
    lists(&agent, &netns, "&state=close_wait", &silent[10..].iter().map(ends).collect());
    // The first five are idle: nothing was written that they could acknowledge.
    for peer in &silent[5..] {
        peer.socket.as_ref().expect("an open end").send(b"event").expect("write");
    }
    let written: BTreeSet<_> = silent[5..].iter().map(ends).collect();
    lists(&agent, &netns, "&unacknowledged=yes", &written);
    for (state, these) in [("established", &silent[5..10]), ("close_wait", &silent[10..])] {
        let query = format!("&unacknowledged=yes&state={state}");
        lists(&agent, &netns, &query, &these.iter().map(ends).collect());
    }
    for row in rows(&agent, &netns, "&unacknowledged=yes").values() {
        let stalled = row["unacknowledged_seconds"].as_f64();
        assert!(
            stalled.is_some_and(|seconds| (0.0..60.0).contains(&seconds))
                && row["timeouts"].as_u64() >= Some(3)
                && row["backoff"].as_u64() >= Some(3)
                && row["send_queue"] == 5,
            "what is not acknowledged: {row}"
        );
    }
    let labels = [("process", TEST_NAME), ("role", "client")];
    wait_for("the gauge of what is not acknowledged", PATIENCE, || {
        (agent.scrape().sum("connections_unacknowledged", &labels) == 10).then_some(())
    });
    netns.enter(|| drop(silent));
    wait_for("the gauge to fall", PATIENCE, || {
        (agent.scrape().sum("connections_unacknowledged", &labels) == 0).then_some(())
    });
}

/// What `ss -ti` says of each established connection: the numbers behind these words.
fn ss(netns: &Netns) -> BTreeMap<Ends, BTreeMap<String, f64>> {
    let output = netns.enter(|| {
        Command::new("ss").args(["-tinOH", "state", "established"]).output().expect("run ss")
    });
    let text = String::from_utf8(output.stdout).expect("text");
    let line = |line: &str| {
        let mut words = line.split_whitespace().skip(2);
        let mut end = || words.next()?.parse::<SocketAddr>().ok();
        let ends = (end()?, end()?);
        let number = |word: &str| {
            let (name, number) = word.split_once(':')?;
            Some((name.to_owned(), number.parse().ok()?))
        };
        Some((ends, words.filter_map(number).collect()))
    };
    text.lines().map(|text| line(text).unwrap_or_else(|| panic!("ss said {text}"))).collect()
}

fn like_ss() {
    let (netns, agent) = (Netns::new(), Agent::start(&[]));
    let (_site, mut pairs) = netns.enter(|| {
        let site = Site::open(Ipv4Addr::LOCALHOST.into());
        let pairs = used(&site, Duration::from_secs(1));
        (site, pairs)
    });
    let labels = [("process", TEST_NAME), ("min_idle", "60")];
    let idle = |count: i64| {
        wait_for(&format!("{count} idle connections"), PATIENCE + PATIENCE, || {
            (agent.scrape().sum("connections_idle", &labels) == count).then_some(())
        });
    };
    idle(i64::try_from(2 * COUNT).expect("a count"));
    let truth = ss(&netns);
    let listed = rows(&agent, &netns, "&state=established");
    assert_eq!(truth.len(), 2 * COUNT, "connections that ss lists");
    for (ends, row) in &listed {
        let said = &truth[ends];
        for (field, word) in [
            ("last_sent_seconds", "lastsnd"),
            ("last_received_seconds", "lastrcv"),
            ("last_acknowledged_seconds", "lastack"),
        ] {
            let (seen, true_one) = (row[field].as_f64(), said[word] / 1000.0);
            assert!(
                true_one >= 59.0 && seen.is_some_and(|seen| (seen - true_one).abs() <= NEAR),
                "{field} is {seen:?}, ss says {true_one}: {row}"
            );
        }
        for (field, word) in [("bytes_sent", "bytes_sent"), ("bytes_received", "bytes_received")] {
            assert_eq!(row[field].as_f64(), said.get(word).copied(), "{field} of {row}");
        }
    }
    for used in &mut pairs[..4] {
        used.client.write_all(b"?").expect("ask again");
    }
    idle(i64::try_from(2 * COUNT - 8).expect("a count"));
}
