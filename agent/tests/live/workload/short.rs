//! Connections that are over when the function returns. One thread plays both ends, so the order of
//! events is the same every time.

use std::io::{ErrorKind, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Barrier;

use nix::errno::Errno;
use socket2::{Domain, Socket, Type};

use super::{Site, Tally, abort, begin, expect_end, expect_reset};
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, wait_for};

/// Runs `count` connections of all kinds that a listener and a client can make between them; out of
/// a hundred, 70 are closed by the client first, 18 by the server first, the rest end by a reset.
pub(crate) fn mixed(site: &Site, count: usize) -> Tally {
    let mut tally = Tally::default();
    for number in 0..count {
        match number % 100 {
            0..70 => client_first(site, &mut tally),
            70..88 => server_first(site, &mut tally),
            88..91 => reset_by_client(site, &mut tally),
            91..94 => reset_by_server(site, &mut tally),
            94..97 => unread_data(site, &mut tally),
            97 => reset_in_close_wait(site, &mut tally),
            98 => both_at_once(site, &mut tally),
            _ => refused(site, &mut tally),
        }
    }
    tally
}

/// The client closes, then the server.
pub(crate) fn client_first(site: &Site, tally: &mut Tally) {
    let (client, server) = site.pair();
    drop(client);
    expect_end(&server);
    tally.closed("fin", "fin");
}

/// The server closes, then the client.
pub(crate) fn server_first(site: &Site, tally: &mut Tally) {
    let (client, server) = site.pair();
    drop(server);
    expect_end(&client);
    tally.closed("fin", "fin");
}

/// Each end closes on its own thread at the same moment.
pub(crate) fn both_at_once(site: &Site, tally: &mut Tally) {
    let (client, server) = site.pair();
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            barrier.wait();
            drop(server);
        });
        barrier.wait();
        drop(client);
    });
    tally.closed("fin", "fin");
}

/// The client aborts.
pub(crate) fn reset_by_client(site: &Site, tally: &mut Tally) {
    let (client, server) = site.pair();
    abort(client);
    expect_reset(&server);
    tally.closed("rst_sent", "rst_received");
}

/// The server aborts.
pub(crate) fn reset_by_server(site: &Site, tally: &mut Tally) {
    let (client, server) = site.pair();
    abort(server);
    expect_reset(&client);
    tally.closed("rst_received", "rst_sent");
}

/// The server closes without having read what the client sent, which makes the kernel send a reset.
pub(crate) fn unread_data(site: &Site, tally: &mut Tally) {
    let (mut client, server) = site.pair();
    client.write_all(b"nobody reads this").expect("write");
    server.peek(&mut [0; 1]).expect("wait for the data");
    drop(server);
    expect_reset(&client);
    tally.closed("rst_received", "rst_sent");
}

/// The client half-closes, then aborts; the server gets the reset in CLOSE_WAIT.
pub(crate) fn reset_in_close_wait(site: &Site, tally: &mut Tally) {
    let (client, server) = site.pair();
    client.shutdown(std::net::Shutdown::Write).expect("half-close");
    expect_end(&server);
    abort(client);
    wait_for("the reset to arrive", PATIENCE, || server.take_error().expect("ask for the error"));
    tally.closed("half_closed_abort", "rst_after_fin");
}

/// A connect to a port where nobody listens, next to the site's.
pub(crate) fn refused(site: &Site, tally: &mut Tally) {
    // Port 1 is below every range that the tests use.
    let error = TcpStream::connect(SocketAddr::new(site.address.ip(), 1))
        .expect_err("nobody listens on port 1");
    assert_eq!(
        error.kind(),
        ErrorKind::ConnectionRefused,
        "the error of a connect to a closed port"
    );
    tally.add("refused", 1);
}

/// The listener is closed while connections wait to be accepted.
pub(crate) fn unaccepted(site: Site, count: i64, tally: &mut Tally) {
    let clients: Vec<TcpStream> =
        (0..count).map(|_| TcpStream::connect(site.address).expect("connect")).collect();
    drop(site);
    for client in clients {
        expect_reset(&client);
        tally.closed("rst_received", "rst_sent");
    }
}

/// Connects that nobody answers, until the kernel gives up. The namespace's `tcp_syn_retries`
/// should be 1.
pub(crate) fn timed_out(address: SocketAddr, count: i64, tally: &mut Tally) {
    let sockets: Vec<Socket> = (0..count).map(|_| begin(address)).collect();
    for socket in &sockets {
        let error = wait_for("the connect to time out", PATIENCE, || {
            socket.take_error().expect("ask for the error")
        });
        assert_eq!(error.kind(), ErrorKind::TimedOut, "the error of a connect that nobody answers");
        tally.add("timed_out", 1);
    }
}

/// Connects that the program gives up at once.
pub(crate) fn canceled(address: SocketAddr, count: i64, tally: &mut Tally) {
    for _ in 0..count {
        drop(begin(address));
        tally.add("canceled", 1);
    }
}

/// A socket that connects to itself: simultaneous open and simultaneous close in one.
pub(crate) fn self_connect(ip: std::net::IpAddr, tally: &mut Tally) {
    let socket = Socket::new(Domain::for_address(SocketAddr::new(ip, 0)), Type::STREAM, None)
        .expect("make a socket");
    socket.bind(&SocketAddr::new(ip, 0).into()).expect("bind");
    let itself = socket.local_addr().expect("its address");
    socket.connect(&itself).expect("connect to itself");
    drop(socket);
    tally.add("opened_client", 1);
    tally.add("fin", 1);
}

/// Connects for which no local port is left, after those that took the last ones.
pub(crate) fn no_local_port(netns: &Netns, count: i64, tally: &mut Tally) {
    let range = "net/ipv4/ip_local_port_range";
    let before = netns.enter(|| {
        std::fs::read_to_string(format!("/proc/sys/{range}")).expect("read the port range")
    });
    let site = netns.enter(|| Site::open(Ipv4Addr::LOCALHOST.into()));
    netns.sysctl(range, "9000 9001");
    let pairs = netns.enter(|| {
        let mut pairs = Vec::new();
        let error = loop {
            match TcpStream::connect(site.address) {
                Ok(client) => pairs.push((client, site.accept())),
                Err(error) => break error,
            }
            assert!(pairs.len() <= 2, "more connections than local ports");
        };
        assert_eq!(
            error.raw_os_error(),
            Some(Errno::EADDRNOTAVAIL as i32),
            "the error of a connect without a local port"
        );
        for _ in 1..count {
            TcpStream::connect(site.address).expect_err("no local port is left");
        }
        pairs
    });
    netns.sysctl(range, before.trim());
    tally.add("no_local_port", count);
    for (client, server) in pairs {
        drop(client);
        expect_end(&server);
        tally.closed("fin", "fin");
    }
}
