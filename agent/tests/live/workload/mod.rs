//! Connections of every kind, made one at a time and counted as they are made, so that a test knows
//! what the kernel and the agent must have seen.

pub(crate) mod hanging;
pub(crate) mod loss;
pub(crate) mod programs;
pub(crate) mod raw;
pub(crate) mod short;
pub(crate) mod slow_path;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::ops::Deref;
use std::time::Duration;

use socket2::Socket;
use testkit::traffic;

/// An address of which packets are lost without an answer, once [`black_hole`] has run.
pub(crate) const NOWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// The loopback addresses: IPv4, IPv6, and IPv4 through an IPv6 socket.
pub(crate) const LOOPBACKS: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
    IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped()),
];

/// What a workload did, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(BTreeMap<&'static str, i64>);

impl Tally {
    /// Counts.
    pub(crate) fn add(&mut self, what: &'static str, count: i64) {
        *self.0.entry(what).or_insert(0) += count;
    }

    /// One connection that both ends saw open, and how each end of it closed.
    pub(crate) fn closed(&mut self, client: &'static str, server: &'static str) {
        for what in ["opened_client", "opened_server", client, server] {
            self.add(what, 1);
        }
    }

    /// How often.
    pub(crate) fn get(&self, what: &str) -> i64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    /// Takes over another's counts.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            self.add(what, *count);
        }
    }
}

/// A listener and the address that reaches it: testkit's, with a panic where that has an error.
pub(crate) struct Site(traffic::Site);

impl Site {
    /// Listens on a free port; a v4-mapped address makes an IPv6 socket.
    pub(crate) fn open(ip: IpAddr) -> Self {
        Self::open_at(SocketAddr::new(ip, 0))
    }

    /// Listens on that port.
    pub(crate) fn open_at(address: SocketAddr) -> Self {
        Self(traffic::Site::open_at(address).unwrap_or_else(|error| panic!("{error:#}")))
    }

    /// A client end from the namespace of the calling thread, and the accepted end.
    pub(crate) fn pair(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.address)
            .unwrap_or_else(|error| panic!("connect to {}: {error}", self.address));
        (client, self.accept())
    }

    /// Accepts one, with a time limit on its reads.
    pub(crate) fn accept(&self) -> TcpStream {
        let server = self.0.accept().unwrap_or_else(|error| panic!("{error:#}"));
        server.set_read_timeout(Some(Duration::from_mins(1))).expect("set a time limit");
        server
    }
}

impl Deref for Site {
    type Target = traffic::Site;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Waits for the peer's FIN.
pub(crate) fn expect_end(mut stream: &TcpStream) {
    let mut rest = [0; 4096];
    while stream.read(&mut rest).expect("read up to the end of the stream") > 0 {}
}

/// Waits for the peer's RST.
pub(crate) fn expect_reset(mut stream: &TcpStream) {
    loop {
        match stream.read(&mut [0; 64]) {
            Ok(1..) => {}
            Ok(0) => panic!("the stream ended where a reset was expected"),
            Err(error) => {
                return assert_eq!(
                    error.kind(),
                    ErrorKind::ConnectionReset,
                    "the error of a read after a reset"
                );
            }
        }
    }
}

/// Closes by a reset.
pub(crate) fn abort(stream: TcpStream) {
    traffic::abort(stream).expect("set linger 0");
}

/// A connect under way, not waited for.
pub(crate) fn begin(address: SocketAddr) -> Socket {
    traffic::begin(address).unwrap_or_else(|error| panic!("begin to connect to {address}: {error}"))
}

/// Makes [`NOWHERE`] a place from which nothing comes back, in the calling thread's namespace:
/// loopback takes the packets and finds nobody to deliver them to.
pub(crate) fn black_hole() {
    crate::harness::netns::run("ip route add 192.0.2.0/24 dev lo");
}
