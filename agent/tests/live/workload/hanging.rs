//! Sockets that stay in a state until they are let go: what a leak looks like, and what the socket
//! list has to show at rest.

use std::net::{Shutdown, SocketAddr, TcpStream};

use socket2::Socket;

use super::raw::{self, Silent};
use super::{NOWHERE, Site, Tally, begin, expect_end};
use crate::harness::kernel::Sockets;
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, wait_for};

/// Keeps sockets alive.
#[derive(Default)]
pub(crate) struct Hanging {
    streams: Vec<TcpStream>,
    sockets: Vec<Socket>,
    sites: Vec<Site>,
    silent: Vec<Silent>,
    /// What was opened, by state: what this process holds a descriptor of.
    pub(crate) held: Tally,
}

impl Hanging {
    /// Connections that are just open.
    pub(crate) fn established(&mut self, site: &Site, count: i64) {
        for _ in 0..count {
            let (client, server) = site.pair();
            self.streams.extend([client, server]);
        }
        self.held.add("established", 2 * count);
    }

    /// Half-closed by the client: FIN_WAIT2 with a descriptor on one side, CLOSE_WAIT on the other.
    pub(crate) fn half_closed(&mut self, site: &Site, count: i64) {
        for _ in 0..count {
            let (client, server) = site.pair();
            client.shutdown(Shutdown::Write).expect("half-close");
            expect_end(&server);
            self.streams.extend([client, server]);
        }
        self.held.add("fin_wait2", count);
        self.held.add("close_wait", count);
    }

    /// Closed by the client and never by the server: an orphan in FIN_WAIT2 against CLOSE_WAIT.
    pub(crate) fn forgotten(&mut self, site: &Site, count: i64) {
        for _ in 0..count {
            let (client, server) = site.pair();
            drop(client);
            expect_end(&server);
            self.streams.push(server);
        }
        self.held.add("close_wait", count);
        self.held.add("fin_wait2_orphan", count);
    }

    /// Connects that nobody answers.
    pub(crate) fn unanswered(&mut self, count: i64) {
        for _ in 0..count {
            self.sockets.push(begin(SocketAddr::new(NOWHERE.into(), 7)));
        }
        self.held.add("syn_sent", count);
    }

    /// Request sockets at a listener.
    pub(crate) fn half_open(&mut self, site: Site, count: u16) {
        for number in 0..count {
            raw::half_open(site.address, 20_000 + number);
        }
        self.keep(site);
        self.held.add("new_syn_recv", i64::from(count));
    }

    /// Keeps a listener.
    pub(crate) fn keep(&mut self, site: Site) {
        self.sites.push(site);
        self.held.add("listen", 1);
    }

    /// The sockets of the namespace once the delayed acknowledgements have come in: nothing else is
    /// in FIN_WAIT1 then than what is meant to be.
    pub(crate) fn at_rest(&self, netns: &Netns) -> Sockets {
        wait_for("the last delayed acknowledgement", PATIENCE, || {
            let listed = Sockets::of(netns.pid());
            (listed.get("fin_wait1") == self.held.get("fin_wait1_orphan")).then_some(listed)
        })
    }

    /// One socket each in ESTABLISHED, FIN_WAIT1, CLOSING and LAST_ACK, whose peer has stopped to
    /// answer.
    pub(crate) fn silent(&mut self) {
        let open = Silent::connect(81);
        let mut orphan = Silent::connect(82);
        orphan.forget();
        let mut both = Silent::connect(83);
        both.half_close();
        both.peer_closes();
        let mut last = Silent::connect(84);
        last.peer_closes();
        last.half_close();
        self.silent.extend([open, orphan, both, last]);
        self.held.add("fin_wait1_orphan", 1);
        for state in ["established", "closing", "last_ack"] {
            self.held.add(state, 1);
        }
    }
}
