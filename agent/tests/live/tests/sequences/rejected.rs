//! Connects that come to nothing by an error that the kernel only notes, because the program is
//! inside a call with the socket: an ICMP message of this host's own comes while `connect` sends.

use std::io::Error;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Once;
use std::time::Duration;

use nix::errno::Errno;

use super::scenario::scenario;
use crate::harness::agent::Agent;
use crate::harness::netns::{Netns, run};
use crate::harness::{PATIENCE, wait_for};
use crate::roles::TEST_NAME;
use crate::tests::Test;
use crate::workload::{LOOPBACKS, NOWHERE, begin};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("portable::sequences::a_route_that_goes_is_told_of_a_connect_that_is_given_up", route),
    ("host::sequences::a_connect_that_a_local_rule_rejects_has_its_error", rejected),
    ("host::connects_that_a_local_rule_rejects_count_under_their_reason", counted),
];

/// A port to which each error answers, its name, and the reason that the agent has for it.
const ERRORS: [(u16, Errno, &str); 3] = [
    (71, Errno::ECONNREFUSED, "refused"),
    (72, Errno::EHOSTUNREACH, "host_unreachable"),
    (73, Errno::ENETUNREACH, "net_unreachable"),
];
/// A port to which packets are dropped without an answer.
const DEAF: u16 = 74;
/// Longer than the SYN is retransmitted for the first time, after a second.
const LONG: Duration = Duration::from_secs(20);
/// Shorter than that.
const SHORT: Duration = Duration::from_millis(100);

/// The rules for these ports, for packets of this host itself.
const RULES: &str = "table inet live {
    chain output {
        type filter hook output priority 0;
        tcp dport 71 reject with icmpx type port-unreachable
        tcp dport 72 reject with icmpx type host-unreachable
        tcp dport 73 reject with icmpx type no-route
        tcp dport 74 drop
    }
}";

const NONE: &[&str] = &["close>syn_sent>close"];
const REFUSED: &[&str] = &["close>syn_sent>close(ECONNREFUSED)"];
const HOST: &[&str] = &["close>syn_sent>close(EHOSTUNREACH)"];
const NET: &[&str] = &["close>syn_sent>close(ENETUNREACH)"];

fn is(error: &Error, wanted: Errno) -> bool {
    error.raw_os_error() == Some(wanted as i32)
}

/// What a program does with a connect that a rule rejects.
fn ways(ip: IpAddr) {
    for (port, errno, _) in ERRORS {
        let address = SocketAddr::new(ip, port);
        // Given up at once, and after a time that over IPv6 is too short to be told.
        drop(begin(address));
        TcpStream::connect_timeout(&address, SHORT).expect_err("a rule rejects it");
        // `SO_ERROR` takes the noted error away.
        let socket = begin(address);
        let error = socket.take_error().expect("ask for the error").expect("an error is noted");
        assert!(is(&error, errno), "the noted error of port {port}: {error}");
    }
    // Told by `poll` and `SO_ERROR`, and by a call that waits.
    let address = SocketAddr::new(ip, ERRORS[1].0);
    let told = [TcpStream::connect_timeout(&address, LONG), TcpStream::connect(address)];
    for error in told.map(|result| result.expect_err("a rule rejects it")) {
        assert!(is(&error, ERRORS[1].1), "the error that the program gets: {error}");
    }
    drop(begin(SocketAddr::new(ip, DEAF)));
}

/// Over IPv4 the error also stays in the queue of errors; over IPv6 nothing is left of one that the
/// program took before the end.
fn rejected() {
    let [v4, v6, mapped] = LOOPBACKS;
    let end: [&[&str]; 3] = [HOST, HOST, NONE];
    let kept = [REFUSED, REFUSED, REFUSED, HOST, HOST, HOST, NET, NET, NET];
    let taken = [REFUSED, REFUSED, NONE, HOST, HOST, NONE, NET, NET, NONE];
    for (addresses, asked) in [([v4, mapped].as_slice(), kept), (&[v6], taken)] {
        let filter = Once::new();
        scenario(addresses, &[asked.as_slice(), &end].concat(), |netns, ip| {
            filter.call_once(|| netns.filter(RULES));
            netns.enter(|| ways(ip));
        });
    }
}

fn counted() {
    let (netns, agent) = (Netns::new(), Agent::start(&[]));
    netns.filter(RULES);
    netns.enter(|| {
        for ip in LOOPBACKS {
            for (port, ..) in ERRORS {
                drop(begin(SocketAddr::new(ip, port)));
            }
            drop(begin(SocketAddr::new(ip, DEAF)));
        }
    });
    let reasons = ERRORS.map(|(.., reason)| reason).into_iter().chain(["canceled"]);
    for reason in reasons {
        let labels = [("process", TEST_NAME), ("reason", reason)];
        let count = || agent.scrape().sum("connect_failures_total", &labels);
        wait_for(&format!("three connects that are {reason}"), PATIENCE, || {
            (count() == 3).then_some(())
        });
    }
}

/// A route that goes while the SYN is under way: the next SYN finds none, and the kernel notes that
/// and goes on (`inet_sk_rebuild_header`, `inet6_sk_rebuild_header`).
fn route() {
    let documentation: IpAddr = "2001:db8::1".parse().expect("an address");
    let addresses = [NOWHERE.into(), IpAddr::V6(NOWHERE.to_ipv6_mapped()), documentation];
    // The SYN after the one that was asked about may have found no route again.
    scenario(&addresses, &[NET, &[NONE[0], NET[0]]], |netns, ip| {
        netns.enter(|| {
            let route = |verb: &str| match ip.to_canonical() {
                IpAddr::V4(_) => run(&format!("ip route {verb} 192.0.2.0/24 dev lo")),
                IpAddr::V6(_) => run(&format!("ip -6 route {verb} 2001:db8::/32 dev lo")),
            };
            if ip == documentation {
                route("add");
            }
            let (given_up, asked) = (begin(SocketAddr::new(ip, 7)), begin(SocketAddr::new(ip, 7)));
            route("del");
            // What the later of the two is told is noted at the earlier as well.
            let error = wait_for("the second SYN to find no route", LONG, || {
                asked.take_error().expect("ask for the error")
            });
            assert!(is(&error, Errno::ENETUNREACH), "the error that the program gets: {error}");
            drop(given_up);
            drop(asked);
            if ip == addresses[0] {
                route("add");
            }
        });
    });
}
