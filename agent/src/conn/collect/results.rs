//! What the passes gather besides states, and what the reconcile thread has read of `/proc`.

use std::sync::Arc;

use agent_common::record::Socket;
use agent_common::tcp;
use hashbrown::HashMap;

use super::destinations::Destinations;
use super::listening::{Extra, Listening};
use super::netstat::NetstatCounts;
use super::sums::Sums;
use crate::conn::core::Core;
use crate::conn::limits::Limits;
use crate::conn::nanos::Nanos;
use crate::conn::report::coverage::Covered;
use crate::conn::report::pressure::{Destination, OwnerProcess, PortUse, Pressure};
use crate::conn::socket::row::{Row, seen};
use crate::pressure::descriptors::{self, Descriptors};
use crate::pressure::host::Host;
use crate::pressure::netns::{Counters, Facts, Retransmitted};

/// The results that the table keeps from pass to pass.
pub(crate) struct PassResults {
    listening: Listening,
    netstat: NetstatCounts,
    ports: (Vec<PortUse>, Vec<Destination>),
    processes: Vec<OwnerProcess>,
    descriptors: HashMap<u32, Descriptors>,
    host: Host,
    /// The processes that hold each listener that several do, by its socket.
    holders: HashMap<u64, Vec<u32>>,
    /// When the processes that hold sockets were forked.
    started: Arc<HashMap<u32, Nanos>>,
    /// The number of the last pass, and when it began.
    last: Option<(u8, Nanos)>,
}

/// What one pass has gathered so far.
#[derive(Default)]
pub(crate) struct PassInput {
    destinations: Destinations,
    listeners: HashMap<u64, Extra>,
    netstat: Vec<(u32, Counters)>,
    /// Segments that each network namespace has retransmitted.
    retransmitted: Vec<(u32, Retransmitted)>,
    pub(in crate::conn) home: Option<u32>,
}

impl PassInput {
    /// Returns what the list told of a listener, if the pass with this number saw it.
    fn extra(&self, row: &Row, generation: u8) -> Option<Extra> {
        self.listeners
            .get(&row.sk)
            .copied()
            .filter(|extra| row.seen == generation && extra.is_of(row))
    }
}

impl PassResults {
    /// Creates empty results.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            listening: Listening::new(limits.services),
            netstat: NetstatCounts::new(limits.namespaces),
            ports: Default::default(),
            processes: Vec::new(),
            descriptors: HashMap::new(),
            host: Host::default(),
            holders: HashMap::new(),
            started: Arc::default(),
            last: None,
        }
    }
}

impl PassInput {
    /// Takes what a network namespace tells of itself, before the entries of its list. The first
    /// namespace of a pass is the agent's own.
    pub(crate) fn know(&mut self, facts: Facts) {
        self.home.get_or_insert(facts.netns);
        self.netstat.extend(facts.counters.map(|counters| (facts.netns, counters)));
        self.retransmitted.extend(facts.retransmitted.map(|segments| (facts.netns, segments)));
        self.destinations.know(facts);
    }

    /// Gathers from an entry what does not belong to its row.
    #[inline]
    pub(crate) fn entry(&mut self, core: &Core, entry: &Socket) {
        if entry.state == tcp::LISTEN {
            if self.listeners.len() < core.limits.connections {
                self.listeners.insert(
                    entry.ends.sk,
                    Extra {
                        syn_queue: entry.syn_queue,
                        drops: entry.drops,
                        time: Nanos::new(entry.time),
                    },
                );
            }
            return;
        }
        // A child of a listener has the listener's port, which no other connection is given.
        if self.destinations.concerns(entry)
            && !core.listeners.has(entry.ends.netns, entry.ends.local_port)
        {
            self.destinations.count(entry);
        }
    }
}

impl PassResults {
    /// Returns the processes whose descriptors are worth reading, as of the last pass.
    pub(crate) fn owners(&self) -> Vec<u32> {
        self.processes.iter().map(|process| process.tgid).collect()
    }

    /// Takes what was read of the host and of the processes that [`Self::owners`] names.
    pub(crate) fn take_readings(
        &mut self,
        host: Host,
        descriptors: impl Iterator<Item = Descriptors>,
    ) {
        self.host = host;
        self.descriptors = descriptors.map(|read| (read.tgid, read)).collect();
    }

    /// Publishes what a pass has gathered, with the sums of its rows.
    pub(crate) fn sum_up(
        &mut self,
        core: &mut Core,
        input: PassInput,
        sums: Sums,
        covered: &Covered,
        number: u8,
    ) {
        let Core { rows, groups, unseen, seeded, .. } = core;
        for (netns, counters) in &input.netstat {
            self.netstat.read(*netns, *counters, !*seeded, &covered.namespaces);
        }
        for (netns, segments) in &input.retransmitted {
            unseen.compare(*netns, *segments, &covered.namespaces);
        }
        let listening: Vec<_> =
            sums.listening(rows).map(|row| (row, input.extra(row, number))).collect();
        groups.queue(sums.queued(), sums.idle_to());
        self.listening.renew(&listening, groups);
        for ((group, port), unaccepted) in sums.unaccepted() {
            let (process, workload) = groups.shown_labels(*group);
            self.listening.wait(&(process, workload, *port), *unaccepted);
        }
        let home = input.home.unwrap_or_default();
        self.ports =
            input.destinations.publish(home, core.limits.namespaces, core.listeners.ports());
        let process = |(tgid, group, sockets)| {
            let (process, workload) = groups.shown_labels(group);
            OwnerProcess { tgid, process, workload, sockets, descriptors: None }
        };
        self.processes = sums.owners(descriptors::MOST).into_iter().map(process).collect();
    }

    /// Notes the number of the last pass, and when it began.
    pub(crate) fn passed(&mut self, number: u8, start: Nanos) {
        self.last = Some((number, start));
    }

    /// Returns when the last pass began, if it, or the one under way, has met a row that was seen
    /// by the pass with the number `seen`; nanoseconds of `CLOCK_MONOTONIC`.
    pub(crate) fn looked(&self, seen: u8) -> Option<u64> {
        let has_met = |number: u8| seen == number || seen == seen::after(number);
        self.last.filter(|(number, _)| has_met(*number)).map(|(_, start)| start.get())
    }

    /// Takes the processes that hold each listener that several do, by its socket, and when the
    /// processes that hold sockets were forked.
    pub(crate) fn take_holders(
        &mut self,
        holders: HashMap<u64, Vec<u32>>,
        started: HashMap<u32, Nanos>,
    ) {
        (self.holders, self.started) = (holders, Arc::new(started));
    }

    /// Returns when each process was forked that held a socket when the descriptor tables were last
    /// read, if the kernel tells.
    pub(crate) fn started(&self) -> Arc<HashMap<u32, Nanos>> {
        Arc::clone(&self.started)
    }

    /// Returns the processes that hold a listener, if there are several.
    pub(crate) fn holders(&self, sk: u64) -> Vec<u32> {
        self.holders.get(&sk).cloned().unwrap_or_default()
    }

    /// Returns the destinations that have taken most of their ports.
    pub(crate) fn destinations(&self) -> &[Destination] {
        &self.ports.1
    }

    /// Returns what a view is shown.
    pub(crate) fn pressure(&self) -> Pressure {
        let with = |process: &OwnerProcess| {
            let descriptors = self.descriptors.get(&process.tgid).copied();
            OwnerProcess { descriptors, ..process.clone() }
        };
        Pressure {
            listeners: self.listening.snapshot(),
            ports: self.ports.0.clone(),
            destinations: self.ports.1.clone(),
            netstat: self.netstat.snapshot(),
            processes: self.processes.iter().map(with).collect(),
            host: self.host.clone(),
        }
    }

    /// Returns how many listeners had to be folded.
    pub(crate) const fn listeners_folded(&self) -> u64 {
        self.listening.overflow
    }
}
