//! Who accepts: what waits in an accept queue stands under the process that should take it, also
//! where several processes listen at one address, or hold one listener.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use testkit::proc_net;

use super::Test;
use crate::handover::RECEIVER;
use crate::harness::agent::Agent;
use crate::harness::descriptors::{self, Ends};
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, listing, wait_for};
use crate::roles;

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("portable::accepters::a_listener_left_behind_has_what_waits_in_its_queue", || {
        left_behind(false);
    }),
    ("portable::accepters::an_agent_that_starts_later_gives_each_queue_to_its_process", || {
        left_behind(true);
    }),
    ("portable::accepters::of_opener_and_accepter_the_accepter_is_named", || shared(1, false)),
    ("portable::accepters::the_accepter_is_named_by_an_agent_that_starts_later", || {
        shared(1, true);
    }),
    ("portable::accepters::of_a_master_and_workers_that_hang_the_workers_are_named", || {
        shared(3, false);
    }),
    ("portable::accepters::a_child_for_each_connection_does_not_accept", forked),
    ("portable::accepters::a_service_that_is_started_for_its_first_connections_accepts", later),
];

/// Connections that come to a left listener and to the one beside it, and those that nobody of
/// several accepts.
const MANY: usize = 40;
const FEW: usize = 12;
/// How long a connection waits before it counts as not accepted.
const GRACE: Duration = Duration::from_secs(10);
/// The process that opens a listener, and the one that serves beside it.
const OPENER: &str = "live-opener";
const SERVER: &str = "live-server";

/// Of two listeners of one address, a process that knows nothing of it holds the first.
fn left_behind(late: bool) {
    let (netns, early) = (Netns::new(), (!late).then(|| Agent::start(&[])));
    let keeper = roles::start(&netns, "leave-behind 127.0.0.1:0", OPENER);
    let address: SocketAddr = roles::line(&keeper).parse().expect("an address");
    roles::ready(&keeper, 1);
    let server = roles::start(&netns, &format!("serve-beside {address}"), SERVER);
    assert_eq!(roles::line(&server), address.to_string(), "the address of both");
    roles::ready(&server, 1);
    let begun = Instant::now();
    let clients = netns.enter(|| visit(address, MANY));
    let queue = wait_for("one queue to be empty", PATIENCE, || {
        let lengths = queues(&netns, address.port());
        let queue = waiting(&netns, address.port());
        (lengths == [0, queue.len()]).then_some(queue)
    });
    assert!(!queue.is_empty() && queue.len() < MANY, "{} of {MANY} wait", queue.len());
    let agent = early.unwrap_or_else(|| Agent::start(&[]));
    let scene = Scene { agent, netns, address, queue, owner: RECEIVER };
    scene.blames("established", begun);
    drop(clients);
    scene.blames("close_wait", begun);
}

/// An opener and workers hold one listener; each worker accepts one connection and then hangs.
fn shared(workers: usize, late: bool) {
    let (netns, early) = (Netns::new(), (!late).then(|| Agent::start(&[])));
    let family = roles::start(&netns, &format!("activate 127.0.0.1:0 {workers}"), OPENER);
    let address: SocketAddr = roles::line(&family).parse().expect("an address");
    // The workers are there before their connections.
    roles::accepting(&family, workers);
    let begun = Instant::now();
    let clients = netns.enter(|| visit(address, workers + FEW));
    roles::ready(&family, workers);
    let queue = waiting(&netns, address.port());
    assert_eq!(queue.len(), FEW, "connections that wait in the kernel's list");
    let agent = early.unwrap_or_else(|| Agent::start(&[]));
    let scene = Scene { agent, netns, address, queue, owner: RECEIVER };
    scene.blames("established", begun);
    let page = scene.agent.scrape();
    let listens = |process| page.sum("connections", &[("process", process), ("state", "listen")]);
    assert_eq!((listens(RECEIVER), listens(OPENER)), (1, 0), "listeners of accepter and opener");
    drop(clients);
    scene.blames("close_wait", begun);
}

/// A service is started when its first connections wait; it accepts one of them and hangs.
fn later() {
    let (netns, agent) = (Netns::new(), Agent::start(&[]));
    let family = roles::start(&netns, "activate-later 127.0.0.1:0", OPENER);
    let address: SocketAddr = roles::line(&family).parse().expect("an address");
    let begun = Instant::now();
    let _clients = netns.enter(|| visit(address, 1 + FEW));
    let mut said: Vec<String> = (0..3).map(|_| roles::line(&family)).collect();
    said.sort_unstable();
    assert_eq!(said, ["accepting", "ready", "ready"], "what the opener and the service said");
    let queue = waiting(&netns, address.port());
    assert_eq!(queue.len(), FEW, "connections that wait in the kernel's list");
    let scene = Scene { agent, netns, address, queue, owner: RECEIVER };
    scene.blames("established", begun);
}

/// A server accepts, gives each connection to a child that inherits its listener, and hangs then.
fn forked() {
    let (netns, agent) = (Netns::new(), Agent::start(&[]));
    let family = roles::start(&netns, "fork-each 127.0.0.1:0 3", OPENER);
    let address: SocketAddr = roles::line(&family).parse().expect("an address");
    let begun = Instant::now();
    let _clients = netns.enter(|| visit(address, 3 + FEW));
    roles::ready(&family, 4);
    let queue = waiting(&netns, address.port());
    assert_eq!(queue.len(), FEW, "connections that wait in the kernel's list");
    let scene = Scene { agent, netns, address, queue, owner: OPENER };
    scene.blames("established", begun);
}

/// Clients that say a word and wait.
pub(super) fn visit(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let visit = |_| {
        let mut stream = TcpStream::connect(address).expect("connect");
        stream.write_all(b"q").expect("say a word");
        stream
    };
    (0..count).map(visit).collect()
}

/// The lengths of the accept queues of a port, in order of length.
pub(super) fn queues(netns: &Netns, port: u16) -> Vec<usize> {
    let sockets = proc_net::sockets(netns.pid()).expect("the kernel's list");
    let ours =
        sockets.iter().filter(|socket| socket.state == "listen" && socket.local.port() == port);
    let mut lengths: Vec<usize> =
        ours.map(|socket| socket.receive_queue.try_into().expect("a length")).collect();
    lengths.sort_unstable();
    lengths
}

/// The connections of a port that no process has accepted, by the kernel's list.
pub(super) fn waiting(netns: &Netns, port: u16) -> BTreeSet<Ends> {
    let sockets = proc_net::sockets(netns.pid()).expect("the kernel's list");
    let ours = sockets.into_iter().filter(|socket| {
        socket.state == "established" && socket.local.port() == port && socket.inode == 0
    });
    ours.map(|socket| (socket.local, socket.peer)).collect()
}

/// What waits in the queue of a listener that a process should serve.
struct Scene {
    agent: Agent,
    netns: Netns,
    address: SocketAddr,
    queue: BTreeSet<Ends>,
    /// The name of that process.
    owner: &'static str,
}

impl Scene {
    /// Waits until the agent says of what waits, and of nothing else, that its owner has not
    /// accepted it. `begun` is before the first handshake.
    fn blames(&self, state: &str, begun: Instant) {
        let start = Instant::now();
        loop {
            let wrong = self.differs(state);
            if wrong.is_empty() {
                break;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "after {PATIENCE:?} the agent says of {} in {state} that wait at {}:\n{}",
                self.queue.len(),
                self.address,
                wrong.join("\n")
            );
            std::thread::sleep(Duration::from_millis(250));
        }
        assert!(begun.elapsed() >= GRACE, "not accepted after {:?}", begun.elapsed());
        let port = self.address.port().to_string();
        let labels = [("process", self.owner), ("port", port.as_str())];
        let page = self.agent.scrape();
        let age = page.value("listen_oldest_unaccepted_age_seconds", &labels);
        let most = begun.elapsed().as_secs_f64() + 1.0;
        assert!(
            age.is_some_and(|age| (GRACE.as_secs_f64()..most).contains(&age)),
            "the oldest has waited {age:?} s, at most {most} s"
        );
    }

    /// What the agent says otherwise, in its listing and on its page.
    fn differs(&self, state: &str) -> Vec<String> {
        let netns = self.netns.inode;
        let query = format!("netns={netns}&stage=unaccepted");
        let rows = listing::rows(&self.agent, &query);
        let held = descriptors::of(self.netns.pid());
        let holders: BTreeSet<u32> = held
            .iter()
            .filter(|held| held.state == "listen")
            .flat_map(|held| held.holders.iter())
            .filter_map(|(pid, name)| (name == self.owner).then_some(*pid))
            .collect();
        let right = |row: &serde_json::Value| {
            let pid = row["pid"].as_u64().and_then(|pid| pid.try_into().ok());
            pid.is_some_and(|pid| holders.contains(&pid))
                && (&row["process"], &row["role"], &row["state"])
                    == (&self.owner.into(), &"server".into(), &state.into())
        };
        let mut wrong: Vec<String> =
            rows.iter().filter(|row| !right(row)).map(ToString::to_string).collect();
        if rows.iter().map(listing::ends).collect::<BTreeSet<_>>() != self.queue {
            wrong.push(format!("{} are listed as not accepted", rows.len()));
        }
        let page = self.agent.scrape();
        let port = self.address.port().to_string();
        for process in [RECEIVER, OPENER, SERVER] {
            let wanted = if process == self.owner { self.queue.len() } else { 0 };
            let labels = [("process", process), ("port", port.as_str())];
            for family in ["listen_backlog", "listen_unaccepted_connections"] {
                let seen = page.sum(family, &labels);
                if i64::try_from(wanted) != Ok(seen) {
                    wrong.push(format!("{family} of {process}: {seen}, not {wanted}"));
                }
            }
        }
        wrong
    }
}
