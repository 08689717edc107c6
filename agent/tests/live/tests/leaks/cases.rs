//! The stage of `crowd`: all cases and ten thousand connections in order, and what is to be said.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener, TcpStream};

use serde_json::Value;
use socket2::Protocol;
use testkit::process::Process;

use super::blame::{Blame, Many};
use super::claim::Leak;

use super::ways::{WAYS, busy};
use crate::handover::RECEIVER;
use crate::harness::agent::Agent;
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, wait_for};
use crate::roles::{self, TEST_NAME};
use crate::tests::{accepters, bound_ports, mptcp};
use crate::workload::black_hole;
use crate::workload::programs::{Built, Program};
use crate::workload::raw::Silent;

/// Connections of most cases, and those of a server and a client in order.
const COUNT: usize = 20;
const HEALTHY: usize = 500;
const PAIRS: usize = 20;
/// Processes that come and go before one leaks.
const NAMES: usize = 230;
/// Milliseconds from one leak to the next, and how many that makes a minute.
const PAUSE: (u64, f64) = (500, 120.0);
const SLOWER: (u64, f64) = (1000, 60.0);

/// All that is there.
pub(super) struct Stage {
    netns: Netns,
    ports: Netns,
    pub(super) blames: Vec<Blame>,
    pub(super) notes: Vec<Blame>,
    /// How many connections are in order.
    pub(super) healthy: usize,
    processes: Vec<Process>,
    leaks: Vec<Leak>,
    programs: Vec<Program>,
    silent: Vec<Silent>,
    streams: Vec<TcpStream>,
    listener: Option<TcpListener>,
    built: Built,
}

impl Stage {
    /// Makes it, the connections in order first, for an agent that is there or that comes later.
    pub(super) fn set(late: bool) -> Self {
        let (netns, ports) = (Netns::new(), Netns::new());
        // What is not answered stays for longer than the test.
        for (path, value) in [("tcp_syn_retries", "20"), ("tcp_orphan_retries", "15")] {
            netns.sysctl(&format!("net/ipv4/{path}"), value);
        }
        netns.sysctl("net/ipv4/tcp_fastopen", "5");
        netns.enter(black_hole);
        let healthy = netns.enter(|| (0..PAIRS).flat_map(|_| busy(HEALTHY)).collect());
        let mut stage = Self {
            netns,
            ports,
            blames: Vec::new(),
            notes: Vec::new(),
            healthy: PAIRS * HEALTHY,
            processes: Vec::new(),
            leaks: Vec::new(),
            programs: healthy,
            silent: Vec::new(),
            streams: Vec::new(),
            listener: None,
            built: Built::new(),
        };
        stage.growing();
        stage.ways();
        stage.queues();
        stage.vanished(late);
        stage.multipath();
        stage.bound();
        stage.closed();
        stage
    }

    /// Whether a namespace is one of the stage's.
    pub(super) fn is_in(&self, netns: &Value) -> bool {
        *netns == self.netns.inode || *netns == self.ports.inode
    }

    /// Asserts that the ports that bind took are used up.
    pub(super) fn ports_are_used_up(&self, agent: &Agent) {
        wait_for("ports to be used up", PATIENCE, || {
            (bound_ports::taken(agent, &self.ports).1 == Some(1.0)).then_some(())
        });
    }

    fn blame(
        &mut self,
        process: &str,
        state: &'static str,
        kind: &'static str,
        many: Many,
    ) -> &mut Blame {
        let process = process.to_owned();
        self.blames.push(Blame { process, state, kind, many, pids: BTreeSet::new(), port: None });
        self.blames.last_mut().expect("the one that was added")
    }

    /// Starts a client that is to be blamed, which does what it does with a server.
    fn client(&mut self, role: &str, name: &str) -> u32 {
        let process = roles::start(&self.netns, role, name);
        roles::ready(&process, 1);
        let pid = process.id();
        self.processes.push(process);
        pid
    }

    fn server(&mut self, role: &str, name: &str) -> SocketAddr {
        let process = roles::start(&self.netns, role, name);
        let address = roles::line(&process).parse().expect("an address");
        roles::ready(&process, 1);
        self.processes.push(process);
        address
    }

    /// Leaks that grow, beside a pool that is used and one that is not.
    fn growing(&mut self) {
        let database = self.server("answer", "cr-database");
        let pid = self.client(&format!("leak {database} {}", PAUSE.0), "cr-leaker");
        let grows = Many::Growing(PAUSE.1);
        self.blame("cr-leaker", "established", "established_growing", grows).pids = [pid].into();
        for (use_, name) in [("used", "cr-used-pool"), ("idle", "cr-idle-pool")] {
            self.client(&format!("pool {database} {COUNT} {use_}"), name);
        }
        let once = self.server("answer-once", "cr-closer");
        let pid = self.client(&format!("leak-closed {once} {}", SLOWER.0), "cr-steady");
        let grows = Many::Growing(SLOWER.1);
        self.blame("cr-steady", "close_wait", "never_closed", grows).pids = [pid].into();
    }

    /// What each program of [`WAYS`] leaks.
    fn ways(&mut self) {
        for (_, way) in WAYS {
            let leak = self.netns.enter(|| way(&self.built));
            for claim in &leak.claims {
                let kind = match (claim.state, claim.stage) {
                    ("close_wait", Some("unaccepted")) => "never_accepted",
                    ("close_wait", Some("unread")) => "never_read",
                    ("close_wait", _) => "never_closed",
                    ("fin_wait2", _) => "half_closed",
                    _ => "no_answer",
                };
                self.blames.push(Blame {
                    process: claim.process.clone(),
                    state: claim.state,
                    kind,
                    many: Many::Exactly(claim.count),
                    pids: claim.holders.clone(),
                    port: None,
                });
                if claim.state == "fin_wait2" {
                    // The other end is this process, which does not read that either.
                    let many = Many::Exactly(claim.count);
                    self.blame(TEST_NAME, "close_wait", "never_read", many);
                }
            }
            self.leaks.push(leak);
        }
    }

    /// A pool whose server closes; connects that are put off; names that come and go, then a leak.
    fn closed(&mut self) {
        let reaper = self.server("answer-once", "cr-reaper");
        let pid = self.client(&format!("pool {reaper} {COUNT} idle"), "cr-stale-pool");
        let (process, pids, many) =
            ("cr-stale-pool".to_owned(), [pid].into(), Many::Exactly(COUNT));
        let (state, kind) = ("close_wait", "pool_stale");
        self.notes.push(Blame { process, state, kind, many, pids, port: None });
        let once = self.server("answer-once", "cr-closer");
        self.client(&format!("defer {once} {COUNT}"), "cr-deferred");
        self.netns.enter(|| {
            for number in 0..NAMES {
                let mut visitor =
                    roles::command(&format!("visit {once}"), &format!("job-{number}"));
                assert!(visitor.status().expect("start a visitor").success(), "visitor {number}");
            }
        });
        let pid = self.client(&format!("forget {once} {COUNT}"), "cr-late");
        self.blame("cr-late", "close_wait", "never_closed", many).pids = [pid].into();
    }

    /// Queues that nobody empties: of a process that hangs, of a listener left behind, of one that
    /// another process opened.
    fn queues(&mut self) {
        let mut hung =
            self.netns.enter(|| Program::python(&["stops_accepting", "cr-hung", "4"], None));
        let address = hung.address("127.0.0.1");
        hung.ready();
        self.programs.push(hung);
        let taken = self.netns.enter(|| accepters::visit(address, 5));
        self.streams.extend(taken);
        self.blame("cr-hung", "established", "never_accepted", Many::Exactly(5));
        let pid = self.client(&format!("knock {address} {COUNT}"), "cr-queue");
        let many = Many::Exactly(COUNT);
        self.blame("cr-queue", "syn_sent", "no_answer", many).pids = [pid].into();

        let address = self.server("leave-behind 127.0.0.1:0", "cr-opener");
        self.server(&format!("serve-beside {address}"), "cr-beside");
        let clients = self.netns.enter(|| accepters::visit(address, 2 * COUNT));
        self.streams.extend(clients);
        let queue = wait_for("one queue to be empty", PATIENCE, || {
            let queue = accepters::waiting(&self.netns, address.port()).len();
            (accepters::queues(&self.netns, address.port()) == [0, queue]).then_some(queue)
        });
        self.blame(RECEIVER, "established", "never_accepted", Many::Exactly(queue)).port =
            Some(address.port());

        let family = roles::start(&self.netns, "activate 127.0.0.1:0 1", "cr-activator");
        let address: SocketAddr = roles::line(&family).parse().expect("an address");
        roles::accepting(&family, 1);
        let clients = self.netns.enter(|| accepters::visit(address, 1 + COUNT));
        self.streams.extend(clients);
        roles::ready(&family, 1);
        self.processes.push(family);
        self.blame(RECEIVER, "established", "never_accepted", many).port = Some(address.port());
        // What was accepted is not read either.
        let unread = self.blame(RECEIVER, "established", "never_read", Many::Exactly(1));
        unread.port = Some(address.port());
    }

    /// Peers that vanished: this process writes to them, and closes half of them.
    fn vanished(&mut self, late: bool) {
        let half = COUNT / 4;
        self.silent = self.netns.enter(|| (0..2 * half).map(|_| Silent::connect(7000)).collect());
        for peer in &self.silent {
            peer.socket.as_ref().expect("an open end").send(b"event").expect("write");
        }
        self.silent[half..].iter_mut().for_each(Silent::forget);
        // What no process holds any more has no name for an agent that comes later.
        let closer = if late { "unknown" } else { TEST_NAME };
        for (name, state) in [(TEST_NAME, "established"), (closer, "fin_wait1")] {
            self.blame(name, state, "unacknowledged", Many::Exactly(half)).port = Some(7000);
        }
    }

    /// Clients of plain and of multipath TCP at one server, which closes none.
    fn multipath(&mut self) {
        if !std::path::Path::new("/proc/sys/net/mptcp/enabled").exists() {
            return;
        }
        for protocol in [Protocol::TCP, Protocol::MPTCP] {
            let address = self.server("multipath", "cr-multipath");
            drop(self.netns.enter(|| {
                (0..COUNT).map(|_| mptcp::connect(address, protocol)).collect::<Vec<_>>()
            }));
            let blame = if protocol == Protocol::TCP {
                self.blame("cr-multipath", "close_wait", "never_closed", Many::Exactly(COUNT))
            } else {
                // The kernel closes the subflows, or lets them be.
                self.blame("cr-multipath", "any", "any", Many::Maybe)
            };
            blame.port = Some(address.port());
        }
    }

    /// Connections that take all ports at `bind`, which is no leak.
    fn bound(&mut self) {
        self.ports.sysctl("net/ipv4/ip_local_port_range", "20000 20019");
        let (listener, clients) = self.ports.enter(bound_ports::connected_at_bind);
        self.streams.extend((0..clients.len()).map(|_| listener.accept().expect("accept").0));
        self.streams.extend(clients);
        self.listener = Some(listener);
    }
}
