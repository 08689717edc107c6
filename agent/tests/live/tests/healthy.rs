//! A healthy mix accuses nobody: thousands of connections that idle and write rarely over a path of
//! 200 ms, pools that are used and that idle, long polls, a chat, clients that come in the morning,
//! short connections, slow readers.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::process::Process;

use super::Test;
use crate::harness::agent::Agent;
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, wait_for};
use crate::roles;
use crate::workload::slow_path::{SERVERS, SlowPath};

/// The tests of this file.
pub(super) const TESTS: &[Test] =
    &[("host::healthy::a_mix_over_a_slow_path_accuses_nobody", || mix(&SHORT))];

/// Those that take minutes.
pub(super) const LONG: &[Test] =
    &[("long::healthy::ten_thousand_that_write_rarely_accuse_nobody_in_ten_minutes", || {
        mix(&FULL);
    })];

/// How large, and how long.
struct Size {
    /// Connections that write rarely, and each how long after the last time, about. They open in an
    /// eighth of that, which must be less than the minute from which growth is told: until they
    /// write, nothing tells them from a leak.
    idle: u32,
    period: Duration,
    /// Connections of each other part, and of the morning.
    each: u32,
    morning: u32,
    /// In how long those of the morning come.
    ramp: Duration,
    /// Short connections a second.
    rate: u32,
    /// How long it goes on, and how often it is looked at.
    length: Duration,
    look: Duration,
}

const SHORT: Size = Size {
    idle: 500,
    period: Duration::from_secs(40),
    each: 20,
    morning: 60,
    ramp: Duration::from_secs(40),
    rate: 20,
    length: Duration::from_mins(1),
    look: Duration::from_secs(5),
};

const FULL: Size = Size {
    idle: 10_000,
    period: Duration::from_mins(4),
    each: 50,
    morning: 200,
    ramp: Duration::from_mins(5),
    rate: 50,
    length: Duration::from_mins(10),
    look: Duration::from_secs(15),
};

/// The client whose connections are counted.
const TRICKLE: &str = "hm-trickle";

/// Everything that runs.
struct Mix {
    path: SlowPath,
    local: Netns,
    clients: Vec<Process>,
    servers: Vec<Process>,
}

impl Mix {
    fn new() -> Self {
        Self {
            path: SlowPath::new(),
            local: Netns::new(),
            clients: Vec::new(),
            servers: Vec::new(),
        }
    }

    /// Starts a server and a client of a part: over the slow path, or where it is quick.
    fn part(&mut self, slow: bool, part: &str, count: u32, time: Duration) {
        let (clients, servers, ip): (&Netns, &Netns, Ipv4Addr) = if slow {
            (&self.path.clients, &self.path.servers, SERVERS)
        } else {
            (&self.local, &self.local, Ipv4Addr::LOCALHOST)
        };
        let any = SocketAddr::new(IpAddr::V4(ip), 0);
        let server = roles::start(servers, &format!("mix-serve {any}"), &format!("hs-{part}"));
        let address = roles::line(&server);
        roles::ready(&server, 1);
        let role = format!("mix {part} {address} {count} {}", time.as_secs_f64());
        let client = roles::start(clients, &role, &format!("hm-{part}"));
        client.expect_line("ready", PATIENCE + time).expect("a client that is ready");
        self.clients.push(client);
        self.servers.push(server);
    }

    /// Asserts that all processes are at work.
    fn check(&mut self) {
        for process in self.clients.iter_mut().chain(&mut self.servers) {
            process.check().unwrap_or_else(|error| panic!("{error:#}"));
        }
    }

    fn is_in(&self, one: &Value) -> bool {
        let all = [&self.path.clients, &self.path.servers, &self.local];
        all.iter().any(|netns| one["sample"][0]["netns"] == netns.inode)
    }

    /// Asserts that nobody is accused; returns how many connections each kind of note is about.
    fn is_innocent(&self, agent: &Agent) -> BTreeMap<String, u64> {
        let (status, body) = agent.get("/api/v1/leaks?limit=1000");
        assert_eq!(status, 200, "the status of the leaks: {body}");
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        let list = |name: &str| answer[name].as_array().expect("a list").iter();
        let accused: Vec<_> = list("suspects").filter(|one| self.is_in(one)).collect();
        assert!(accused.is_empty(), "accused, and healthy: {accused:#?}");
        let mut notes = BTreeMap::new();
        for note in list("notes").filter(|one| self.is_in(one)) {
            let kind = note["kind"].as_str().expect("a kind").to_owned();
            *notes.entry(kind).or_insert(0) += note["connections"].as_u64().expect("a count");
        }
        notes
    }
}

fn mix(size: &Size) {
    let (agent, mut mix) = (Agent::start(&[]), Mix::new());
    let start = Instant::now();
    for (slow, part, count, time) in [
        (true, "used", size.each, Duration::from_secs(1)),
        (true, "idle", size.each, Duration::ZERO),
        (true, "poll", size.each, Duration::ZERO),
        (true, "chat", size.each, Duration::ZERO),
        (false, "short", size.rate, Duration::ZERO),
        (false, "sip", 3, Duration::ZERO),
        (true, "ramp", size.morning, size.ramp),
        (true, "trickle", size.idle, size.period),
    ] {
        mix.part(slow, part, count, time);
        mix.is_innocent(&agent);
    }
    eprintln!("healthy: {} connections are open after {:.0?}", size.idle, start.elapsed());
    let open = || {
        let counts = [TRICKLE, "hs-trickle"].map(|process| {
            let labels = [("process", process), ("state", "established")];
            agent.scrape().sum("connections", &labels)
        });
        (counts == [i64::from(size.idle); 2]).then_some(())
    };
    wait_for("all connections over the slow path", PATIENCE, open);
    let start = Instant::now();
    while start.elapsed() < size.length {
        std::thread::sleep(size.look);
        mix.check();
        let notes = mix.is_innocent(&agent);
        let (least, most) = mix.path.round_trips();
        eprintln!(
            "healthy: after {:.0?} nobody is accused; notes {notes:?}; round trips from {least} to \
             {most} ms",
            start.elapsed()
        );
    }
    assert!(open().is_some(), "the connections over the slow path are still there");
    let Mix { path, clients, servers, .. } = mix;
    // A client whose server went first would say so.
    drop(clients);
    drop(servers);
    assert_eq!(path.end(), 0, "packets that the slow path has lost");
}
