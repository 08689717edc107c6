//! Transfers over a path that loses packets: retransmits of SYN, SYN-ACK, data and FIN.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};

use testkit::traffic::echo;

use super::{Site, Tally};
use crate::harness::netns::Netns;

/// Ports on which [`rules`] lose packets.
const LOSSY: std::ops::Range<u16> = 7100..7200;
/// A port at which SYNs are lost.
pub(crate) const DEAF: u16 = 7200;
/// A port to which this host itself refuses to send SYNs, which the kernel notices.
pub(crate) const FORBIDDEN: u16 = 7201;

/// The rules: at both ends every twentieth packet of the lossy ports is dropped on arrival, by
/// chance, and every SYN to the deaf port; SYNs to the forbidden one are dropped on departure.
/// Drops on arrival look to the sender like a lossy path.
pub(crate) fn rules(netns: &Netns) {
    netns.filter(&format!(
        "table inet live {{
            chain input {{
                type filter hook input priority 0;
                tcp dport {first}-{last} numgen random mod 100 < 5 drop
                tcp sport {first}-{last} numgen random mod 100 < 5 drop
                tcp dport {DEAF} tcp flags & (syn | ack) == syn drop
            }}
            chain output {{
                type filter hook output priority 0;
                tcp dport {FORBIDDEN} tcp flags & (syn | ack) == syn drop
            }}
        }}",
        first = LOSSY.start,
        last = LOSSY.end - 1,
    ));
}

/// Takes the rules away, so that what is still under way can end.
pub(crate) fn heal(netns: &Netns) {
    netns.filter("delete table inet live");
}

/// `count` connections at once that each carry `bytes` there and back; the client closes first.
pub(crate) fn transfers(
    client: &Netns,
    server: &Netns,
    ip: IpAddr,
    port: u16,
    count: usize,
    bytes: usize,
) -> Tally {
    assert!(LOSSY.contains(&port), "{port} is not a lossy port");
    let site = server.enter(|| Site::open_at(SocketAddr::new(ip, port)));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..count {
                let mut stream = site.accept();
                scope.spawn(move || echo(&mut stream).expect("answer over a lossy path"));
            }
        });
        for _ in 0..count {
            scope.spawn(|| client.enter(|| send(site.address, bytes)));
        }
    });
    let mut tally = Tally::default();
    for _ in 0..count {
        tally.closed("fin", "fin");
    }
    tally
}

fn send(address: SocketAddr, bytes: usize) {
    let stream = TcpStream::connect(address).expect("connect over a lossy path");
    stream.set_read_timeout(Some(crate::harness::PATIENCE)).expect("set a time limit");
    let mut rest = vec![0; bytes];
    std::thread::scope(|scope| {
        scope.spawn(|| (&stream).write_all(&vec![7; bytes]).expect("send over a lossy path"));
        (&stream).read_exact(&mut rest).expect("receive over a lossy path");
    });
}
