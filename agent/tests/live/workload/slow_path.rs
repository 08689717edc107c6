//! Two network namespaces joined by a path of 200 ms round trip, without netem, which a kernel may
//! lack: `programs/slow_path.py` relays between two TUN devices.

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use testkit::launch::Launch;
use testkit::process::{Ending, Process};

use crate::harness::PATIENCE;
use crate::harness::netns::Netns;

const RELAY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/programs/slow_path.py");
/// How long a packet takes.
const ONE_WAY: Duration = Duration::from_millis(100);
/// The shortest round trip that the kernel may have measured, milliseconds.
const LEAST: f64 = 180.0;
/// Where the servers are.
pub(crate) const SERVERS: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 2);
const CLIENTS: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 1);
/// Packets that a device keeps for the relay.
const ROOM: u32 = 20_000;

/// The path and its ends.
pub(crate) struct SlowPath {
    pub(crate) clients: Netns,
    pub(crate) servers: Netns,
    relay: Process,
}

impl SlowPath {
    /// Makes the namespaces and joins them.
    pub(crate) fn new() -> Self {
        let (clients, servers) = (Netns::new(), Netns::new());
        let mut command = Command::new("python3");
        command.args([RELAY, &ONE_WAY.as_secs_f64().to_string()]);
        let launch = Launch::new("the slow path", command).ending(Ending::Input);
        let relay = clients.enter(|| launch.spawn()).expect("start the relay");
        relay.expect_line("ready", PATIENCE).expect("two TUN devices (needs /dev/net/tun)");
        let run = |netns: &Netns, line: &str| netns.run(line).expect("set up a device");
        run(&clients, &format!("ip link set slow1 netns {}", servers.pid()));
        for (netns, name, here, there) in
            [(&clients, "slow0", CLIENTS, SERVERS), (&servers, "slow1", SERVERS, CLIENTS)]
        {
            run(netns, &format!("ip addr add {here} peer {there} dev {name}"));
            run(netns, &format!("ip link set {name} txqueuelen {ROOM} up"));
        }
        Self { clients, servers, relay }
    }

    /// Asserts that the round trips are long, as the kernel measured them (`tcpi_rtt`) on each
    /// connection of the clients over the path; returns the shortest and the longest, milliseconds.
    pub(crate) fn round_trips(&self) -> (f64, f64) {
        let output = self.clients.enter(|| {
            Command::new("ss")
                .args(["-tinOH", "state", "established", "dst", &SERVERS.to_string()])
                .output()
                .expect("run ss")
        });
        let text = String::from_utf8(output.stdout).expect("text");
        let of = |line: &str| {
            let word = line.split_whitespace().find_map(|word| word.strip_prefix("rtt:"))?;
            word.split('/').next()?.parse::<f64>().ok()
        };
        let measured = |line| of(line).unwrap_or_else(|| panic!("no round trip in {line}"));
        let all: Vec<f64> = text.lines().map(measured).collect();
        let least = all.iter().copied().fold(f64::INFINITY, f64::min);
        let most = all.iter().copied().fold(0.0, f64::max);
        assert!(!all.is_empty() && least >= LEAST, "round trips from {least} to {most} ms");
        (least, most)
    }

    /// Ends the path; returns how many packets it has lost.
    pub(crate) fn end(mut self) -> u64 {
        self.relay.close_input();
        let line = self.relay.line(PATIENCE).expect("the last words").unwrap_or_default();
        let lost = line.strip_prefix("lost ").and_then(|count| count.parse().ok());
        lost.unwrap_or_else(|| panic!("the relay said {line:?}"))
    }
}
