//! Whose leak: one program for every way to leak connections, and for each the right process,
//! workload, state, stage, count and age, in `/metrics` and in the listing; then all at once,
//! beside ten thousand healthy connections, with every owner compared with the descriptor tables.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Test;
use crate::harness::agent::Agent;
use crate::harness::descriptors::{self, Ends, Held};
use crate::harness::space::Space;
use crate::workload::black_hole;
use crate::workload::programs::{Built, Program, feed};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("host::every_way_to_leak_is_named", one_by_one),
    ("host::every_leak_is_named_among_ten_thousand_connections", at_once),
];

/// How many connections each program leaks.
const COUNT: usize = 12;
/// A pass every half second, a verification of owners after ten, and time for both.
const SOON: Duration = Duration::from_mins(1);

/// What the agent has to say of one process.
struct Claim {
    process: String,
    state: &'static str,
    /// Of CLOSE_WAIT: which.
    stage: Option<&'static str>,
    count: usize,
    /// Who may be named as the holder.
    holders: BTreeSet<u32>,
}

/// A leak that was made, and everything that keeps it there.
struct Leak {
    claims: Vec<Claim>,
    made: (Instant, Instant),
    _programs: Vec<Program>,
    _streams: Vec<TcpStream>,
    _sites: Vec<TcpListener>,
}

/// A way to leak.
type Way = (&'static str, fn(&Built) -> Leak);

/// All ways that happen inside the namespace of the calling thread.
const WAYS: &[Way] = &[
    ("never accepts", |_| served("never_accepts", "lk-accept", "127.0.0.1", "unaccepted")),
    ("accepts and never reads", |_| served("unread", "lk-unread", "127.0.0.1", "unread")),
    ("reads to the end and never closes", |_| served("read", "lk-read", "127.0.0.1", "read")),
    ("the same over IPv6", |_| served("read", "lk-read6", "::1", "read")),
    ("shuts down and forgets", |_| forgotten()),
    ("nobody answers", |_| unanswered()),
    ("reads to the end and never closes, in C", |built| {
        forked(built, "hold", "lk-hold", &["lk-hold"])
    }),
    ("forks, and both hold", |built| forked(built, "both", "lk-both", &["lk-both", "lk-both-kid"])),
    ("the parent exits, the child keeps", |built| {
        forked(built, "child", "lk-orphan", &["lk-orphan-kid"])
    }),
    ("passes the descriptors to another process", |built| {
        forked(built, "pass", "lk-pass", &["lk-pass-got"])
    }),
    ("goes on as another program", |built| executed(built)),
    ("a master that forks workers which accept", |_| preforked()),
];

fn one_by_one() {
    let (agent, built, space) = (Agent::start(&[]), Built::new(), Space::new());
    space.enter(black_hole);
    for (name, way) in WAYS {
        eprintln!("a program that leaks: {name}");
        let leak = space.enter(|| way(&built));
        agree(&agent, name, &leak, &space);
    }
}

fn at_once() {
    let (agent, built, space) = (Agent::start(&[]), Built::new(), Space::new());
    space.enter(black_hole);
    let healthy = space.enter(|| (0..20).flat_map(|_| busy(500)).collect::<Vec<_>>());
    let leaks: Vec<_> =
        WAYS.iter().map(|(name, way)| (*name, space.enter(|| way(&built)))).collect();
    for (name, leak) in &leaks {
        agree(&agent, name, leak, &space);
    }
    let (right, all) = owners(&agent, &space);
    eprintln!("owners: {right} of {all} live sockets under a process that holds them");
    assert!(
        all >= 20_000,
        "the healthy connections are not all there: {all} sockets with {} processes",
        healthy.len()
    );
    assert_eq!(right, all, "not every live socket is under a process that holds it");
}

/// A server in Python that gets `COUNT` connections whose peers say something and close.
fn served(way: &str, process: &str, ip: &str, stage: &'static str) -> Leak {
    let began = Instant::now();
    let mut program = Program::python(&[way, process, &COUNT.to_string(), ip], None);
    feed(program.address(ip), COUNT, b"hello");
    program.ready();
    let claim = close_wait(process, stage, COUNT, program.holders.clone());
    made(began, vec![claim], vec![program])
}

/// A server in C; the processes that may be named are those that say that they hold the
/// connections.
fn forked(built: &Built, way: &str, process: &str, names: &[&str]) -> Leak {
    let began = Instant::now();
    let mut program = Program::c(built.path(), &[way, process, &COUNT.to_string()]);
    feed(program.address("127.0.0.1"), COUNT, b"hello");
    program.ready();
    let claim = close_wait(&names.join("|"), "read", COUNT, program.holders.clone());
    made(began, vec![claim], vec![program])
}

/// The program replaces itself by a link to it of another name.
fn executed(built: &Built) -> Leak {
    let link = built.path().with_file_name(format!("lk-exec-{}", std::process::id() % 10_000));
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink(built.path(), &link).expect("make a link");
    let name = link.file_name().expect("a name").to_string_lossy().into_owned();
    let leak = forked(built, "exec", link.to_str().expect("plain letters"), &[&name]);
    std::fs::remove_file(&link).expect("remove the link");
    leak
}

/// Two workers with half of the connections each, accepted from the listener of their master.
fn preforked() -> Leak {
    let began = Instant::now();
    let mut program =
        Program::python(&["prefork", "lk-fork", &COUNT.to_string(), "127.0.0.1"], None);
    feed(program.address("127.0.0.1"), COUNT, b"hello");
    program.ready();
    let worker = |number| {
        close_wait(&format!("lk-fork-{number}"), "read", COUNT / 2, program.holders.clone())
    };
    let claims = vec![worker(0), worker(1)];
    made(began, claims, vec![program])
}

/// A client that shuts its side down; the server, this process, keeps its end open.
fn forgotten() -> Leak {
    let began = Instant::now();
    let (site, address) = site();
    let mut program = Program::python(
        &["shut", "lk-shut", &COUNT.to_string(), "127.0.0.1", &address.port().to_string()],
        None,
    );
    let streams = (0..COUNT).map(|_| site.accept().expect("accept").0).collect();
    program.ready();
    let claim = Claim {
        process: "lk-shut".to_owned(),
        state: "fin_wait2",
        stage: None,
        count: COUNT,
        holders: program.holders.clone(),
    };
    Leak { _streams: streams, _sites: vec![site], ..made(began, vec![claim], vec![program]) }
}

/// A client whose SYNs vanish.
fn unanswered() -> Leak {
    let began = Instant::now();
    let mut program =
        Program::python(&["black_hole", "lk-hole", &COUNT.to_string(), "192.0.2.1", "7"], None);
    program.ready();
    let claim = Claim {
        process: "lk-hole".to_owned(),
        state: "syn_sent",
        stage: None,
        count: COUNT,
        holders: program.holders.clone(),
    };
    made(began, vec![claim], vec![program])
}

/// A server and a client with `count` connections that are in order.
fn busy(count: usize) -> [Program; 2] {
    let count = count.to_string();
    let mut server = Program::python(&["open", "ok-server", &count], None);
    let port = server.address("127.0.0.1").port().to_string();
    let mut client = Program::python(&["idle", "ok-client", &count, "127.0.0.1", &port], None);
    client.ready();
    server.ready();
    [server, client]
}

fn site() -> (TcpListener, SocketAddr) {
    let site = TcpListener::bind("127.0.0.1:0").expect("listen");
    let address = site.local_addr().expect("its address");
    (site, address)
}

fn close_wait(process: &str, stage: &'static str, count: usize, holders: BTreeSet<u32>) -> Claim {
    Claim { process: process.to_owned(), state: "close_wait", stage: Some(stage), count, holders }
}

fn made(began: Instant, claims: Vec<Claim>, programs: Vec<Program>) -> Leak {
    Leak {
        claims,
        made: (began, Instant::now()),
        _programs: programs,
        _streams: Vec::new(),
        _sites: Vec::new(),
    }
}

/// Waits until the agent says of a leak what is true.
fn agree(agent: &Agent, name: &str, leak: &Leak, space: &Space) {
    let start = Instant::now();
    loop {
        let wrong: Vec<String> =
            leak.claims.iter().filter_map(|claim| claim.differs(agent, leak, space)).collect();
        if wrong.is_empty() {
            return;
        }
        assert!(
            start.elapsed() < SOON,
            "{name}: after {SOON:?} the agent still says otherwise:\n{}",
            wrong.join("\n")
        );
        std::thread::sleep(Duration::from_millis(250));
    }
}

impl Claim {
    /// What the agent says otherwise, in `/metrics` or in the listing.
    fn differs(&self, agent: &Agent, leak: &Leak, space: &Space) -> Option<String> {
        let page = agent.scrape();
        let names: Vec<&str> = self.process.split('|').collect();
        let sum = |family: &str, more: &[(&str, &str)]| {
            let of = |name: &&str| {
                let labels = [&[("process", *name)], more].concat();
                page.sum(family, &labels)
            };
            usize::try_from(names.iter().map(of).sum::<i64>()).unwrap_or(usize::MAX)
        };
        let connections = sum("connections", &[("state", self.state), ("workload", "host")]);
        if connections != self.count {
            return Some(format!(
                "connections of {} in {}: expected {}, seen {connections}",
                self.process, self.state, self.count
            ));
        }
        if let Some(stage) = self.stage {
            let staged = sum("close_wait_connections", &[("stage", stage)]);
            if staged != self.count {
                return Some(format!(
                    "{} in close_wait, {stage}: expected {}, seen {staged}",
                    self.process, self.count
                ));
            }
        }
        let ages = names.iter().flat_map(|name| {
            let labels = [("process", *name), ("state", self.state)];
            let found = page
                .all("connections_oldest_state_age_seconds", &labels)
                .map(|sample| sample.value);
            found.filter(|age| *age > 0.0).collect::<Vec<_>>()
        });
        // The oldest was made between the two moments; the page shows its age to a second or so.
        let (youngest, oldest) =
            (leak.made.1.elapsed().as_secs_f64() - 2.0, leak.made.0.elapsed().as_secs_f64() + 2.0);
        for age in ages {
            if !(youngest..=oldest).contains(&age) {
                return Some(format!(
                    "oldest of {} in {}: between {youngest} s and {oldest} s, seen {age} s",
                    self.process, self.state
                ));
            }
        }
        self.differs_in_listing(agent, &names, space)
    }

    fn differs_in_listing(&self, agent: &Agent, names: &[&str], space: &Space) -> Option<String> {
        let mut rows = Vec::new();
        for name in names {
            rows.extend(listing(
                agent,
                &format!("process={name}&state={}&netns={}", self.state, space.inode),
            ));
        }
        if rows.len() != self.count {
            return Some(format!(
                "listed of {} in {}: expected {}, seen {}",
                self.process,
                self.state,
                self.count,
                rows.len()
            ));
        }
        rows.iter().find_map(|row| {
            let right = row["pid"]
                .as_u64()
                .and_then(|pid| u32::try_from(pid).ok())
                .is_some_and(|pid| self.holders.contains(&pid));
            let staged = self.stage.is_none_or(|stage| row["stage"] == stage);
            (!right || !staged).then(|| {
                format!("expected {:?} and stage {:?}, listed {row}", self.holders, self.stage)
            })
        })
    }
}

/// The rows that match, all of them.
fn listing(agent: &Agent, query: &str) -> Vec<Value> {
    let (status, body) = agent.get(&format!("/api/v1/connections?limit=1000&{query}"));
    assert_eq!(status, 200, "the status of a listing by {query}: {body}");
    let answer: Value = serde_json::from_str(&body)
        .unwrap_or_else(|error| panic!("a listing that is not JSON ({error}): {body}"));
    assert_eq!(answer["truncated"], false, "the listing by {query} was cut");
    answer["connections"].as_array().expect("a list of connections").clone()
}

/// How many sockets of a namespace stand under a process that holds them, by the descriptor tables,
/// and how many there are.
fn owners(agent: &Agent, space: &Space) -> (usize, usize) {
    let truth = descriptors::of(space.pid());
    let pids: BTreeSet<u32> = truth.iter().flat_map(|held| held.holders.keys().copied()).collect();
    let named: BTreeSet<(Ends, u32)> = pids
        .into_iter()
        .flat_map(|pid| {
            listing(agent, &format!("pid={pid}&netns={}", space.inode))
                .into_iter()
                .map(move |row| (ends(&row), pid))
        })
        .collect();
    let (right, wrong): (Vec<&Held>, Vec<&Held>) = truth
        .iter()
        .partition(|held| held.holders.keys().any(|holder| named.contains(&(held.ends, *holder))));
    for Held { ends, state, holders } in wrong.into_iter().take(20) {
        let said = listing(agent, &format!("local={}&peer={}", ends.0, ends.1));
        eprintln!(
            "{} - {} in {state} is held by {holders:?}; the agent says {said:?}",
            ends.0, ends.1
        );
    }
    (right.len(), truth.len())
}

fn ends(row: &Value) -> Ends {
    let end = |address: &str, port: &str| {
        let ip = row[address]
            .as_str()
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| panic!("no {address} in {row}"));
        let port = row[port]
            .as_u64()
            .and_then(|port| u16::try_from(port).ok())
            .unwrap_or_else(|| panic!("no {port} in {row}"));
        SocketAddr::new(ip, port)
    };
    (end("local_address", "local_port"), end("peer_address", "peer_port"))
}
