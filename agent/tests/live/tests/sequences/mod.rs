//! Scenario by scenario the exact path of every socket through the states, from the event stream.
//!
//! One thread plays both ends, so each scenario has one legal path, but for those that say so.
//! Every scenario runs over IPv4, IPv6 and IPv4 through IPv6 sockets.

mod rejected;
mod scenario;

use std::net::{IpAddr, Shutdown, SocketAddr};

use scenario::{
    FIRST_CLIENT, FIRST_SERVER, LISTENER, SECOND_CLIENT, SECOND_SERVER, paths, scenario, with_site,
};
use serde_json::Value;

use super::Test;
use crate::harness::events::{Events, Life};
use crate::harness::netns::Netns;
use crate::workload::raw::{Silent, half_open};
use crate::workload::{LOOPBACKS, NOWHERE, Site, Tally, black_hole, expect_end, short};

/// The tests of `rejected`.
pub(super) const REJECTED: &[Test] = rejected::TESTS;

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("portable::sequences::client_closes_first", client_first),
    ("portable::sequences::server_closes_first", server_first),
    ("portable::sequences::reset_by_client", reset_by_client),
    ("portable::sequences::reset_by_server", reset_by_server),
    ("portable::sequences::close_with_unread_data", unread_data),
    ("portable::sequences::reset_in_close_wait", reset_in_close_wait),
    ("portable::sequences::refused", refused),
    ("portable::sequences::timed_out", timed_out),
    ("portable::sequences::canceled", canceled),
    ("portable::sequences::no_local_port", no_local_port),
    ("portable::sequences::half_close_stays", half_close),
    ("portable::sequences::peer_never_closes", forgotten),
    ("portable::sequences::listener_closed_with_unaccepted", unaccepted),
    ("portable::sequences::self_connect", self_connect),
    ("portable::sequences::both_close_at_once", both_at_once),
    ("portable::sequences::retransmits_name_kind_and_phase", retransmits),
];

fn client_first() {
    let rounds = with_site([FIRST_CLIENT, SECOND_SERVER], short::client_first);
    for lives in rounds {
        let port = &lives[0].entry("listen")["local_port"];
        assert_eq!(&lives[1].entry("close")["peer_port"], port, "the client's peer at its end");
        assert_eq!(&lives[2].entry("close")["local_port"], port, "the child's port at its end");
        assert_eq!(
            lives[2].entry("established")["peer_port"],
            lives[1].entry("close")["local_port"],
            "the two ends of one connection"
        );
        assert_ne!(
            lives[1].entry("established")["local_port"],
            0,
            "the client's port once it is connected"
        );
    }
}

fn server_first() {
    with_site([SECOND_CLIENT, FIRST_SERVER], short::server_first);
}

fn reset_by_client() {
    with_site(
        [&["close>syn_sent>established>close"], &["listen>syn_recv>established>close(ECONNRESET)"]],
        short::reset_by_client,
    );
}

fn reset_by_server() {
    with_site(
        [&["close>syn_sent>established>close(ECONNRESET)"], &["listen>syn_recv>established>close"]],
        short::reset_by_server,
    );
}

fn unread_data() {
    let rounds = with_site(
        [&["close>syn_sent>established>close(ECONNRESET)"], &["listen>syn_recv>established>close"]],
        short::unread_data,
    );
    for lives in rounds {
        let bytes = "nobody reads this".len();
        assert_eq!(lives[1].entry("close")["bytes_sent"], bytes, "what the client sent");
        assert_eq!(
            lives[2].entry("close")["bytes_received"],
            bytes,
            "what the server's kernel received"
        );
    }
}

fn reset_in_close_wait() {
    // Whether the abort finds the FIN acknowledged already is a matter of the delayed ACK.
    const CLIENT: &[&str] = &[
        "close>syn_sent>established>fin_wait1>fin_wait2>close",
        "close>syn_sent>established>fin_wait1>close",
    ];
    with_site(
        [CLIENT, &["listen>syn_recv>established>close_wait>close(EPIPE)"]],
        short::reset_in_close_wait,
    );
}

fn refused() {
    let rounds =
        scenario(&LOOPBACKS, &[LISTENER, &["close>syn_sent>close(ECONNREFUSED)"]], |netns, ip| {
            netns.enter(|| short::refused(&Site::open(ip), &mut Tally::default()));
        });
    for lives in rounds {
        assert_eq!(lives[1].entry("close")["peer_port"], 1, "the port that refused");
    }
}

fn timed_out() {
    let addresses = [NOWHERE.into(), IpAddr::V6(NOWHERE.to_ipv6_mapped())];
    scenario(&addresses, &[&["close>syn_sent>close(ETIMEDOUT)"]], |netns, ip| {
        netns.sysctl("net/ipv4/tcp_syn_retries", "1");
        netns.enter(|| short::timed_out(SocketAddr::new(ip, 7), 1, &mut Tally::default()));
    });
}

fn canceled() {
    let addresses = [NOWHERE.into(), IpAddr::V6(NOWHERE.to_ipv6_mapped())];
    let rounds = scenario(&addresses, &[&["close>syn_sent>close"]], |netns, ip| {
        netns.enter(|| short::canceled(SocketAddr::new(ip, 7), 1, &mut Tally::default()));
    });
    for lives in rounds {
        assert_ne!(
            lives[0].entry("close")["local_port"],
            0,
            "the local port tells a canceled connect from one that got none"
        );
    }
}

fn no_local_port() {
    let netns = Netns::new();
    let events = Events::start();
    let mut tally = Tally::default();
    short::no_local_port(&netns, 3, &mut tally);
    let without = |life: &Life| life.path() == "close>syn_sent>close";
    let lives: Vec<Life> = events.wait("3 connects without a local port", || {
        let lives: Vec<Life> = events.lives(netns.inode).into_iter().filter(without).collect();
        (lives.len() == 3).then_some(lives)
    });
    for life in lives {
        assert_eq!(
            life.entry("close")["local_port"],
            0,
            "the local port of a connect that got none"
        );
    }
    events.stop();
}

fn half_close() {
    scenario(&LOOPBACKS, &[LISTENER, FIRST_CLIENT, SECOND_SERVER], |netns, ip| {
        netns.enter(|| {
            let site = Site::open(ip);
            let (client, server) = site.pair();
            client.shutdown(Shutdown::Write).expect("half-close");
            expect_end(&server);
            drop(server);
            expect_end(&client);
            drop(client);
        });
    });
}

fn forgotten() {
    // The orphan goes on as a small socket, which the tracepoint shows as CLOSE; the peer stays. If
    // its FIN is acknowledged while close() has the lock, the orphan stays a full socket for
    // tcp_fin_timeout (tcp_rcv_state_process(), 5.10 to 7.x). So the FIN is acknowledged before.
    let netns = Netns::new();
    let events = Events::start();
    let site = netns.enter(|| Site::open(LOOPBACKS[0]));
    let (client, server) = netns.enter(|| site.pair());
    client.shutdown(Shutdown::Write).expect("half-close");
    expect_end(&server);
    events.wait("the FIN acknowledged", || {
        let transitions = events.of(netns.inode, "transition");
        transitions.iter().any(|one| one["new"] == "fin_wait2").then_some(())
    });
    drop(client);
    let want = ["close>listen", FIRST_CLIENT[0], "listen>syn_recv>established>close_wait"];
    events.wait("the client gone and the server in close_wait", || {
        (paths(&events.lives(netns.inode)) == want).then_some(())
    });
    events.stop();
}

fn unaccepted() {
    // Whether the listener's CLOSE comes before or after its children's is the kernel's choice; the
    // order of births is not.
    scenario(
        &LOOPBACKS,
        &[
            LISTENER,
            &["close>syn_sent>established>close(ECONNRESET)"],
            &["listen>syn_recv>established>close"],
        ],
        |netns, ip| netns.enter(|| short::unaccepted(Site::open(ip), 1, &mut Tally::default())),
    );
}

fn self_connect() {
    scenario(
        &LOOPBACKS,
        &[&["close>syn_sent>syn_recv>established>fin_wait1>closing>close"]],
        |netns, ip| {
            netns.enter(|| short::self_connect(ip, &mut Tally::default()));
        },
    );
}

fn both_at_once() {
    // Who is first is a race, and both may be.
    const CLIENT: &[&str] =
        &[FIRST_CLIENT[0], SECOND_CLIENT[0], "close>syn_sent>established>fin_wait1>closing>close"];
    const SERVER: &[&str] =
        &[FIRST_SERVER[0], SECOND_SERVER[0], "listen>syn_recv>established>fin_wait1>closing>close"];
    with_site([CLIENT, SERVER], short::both_at_once);
}

/// What the stream says about retransmitted segments: a SYN, data after the path broke, the FIN
/// after it.
fn retransmits() {
    let netns = Netns::new();
    let events = Events::start();
    netns.enter(black_hole);
    netns.sysctl("net/ipv4/tcp_syn_retries", "1");
    netns.enter(|| short::timed_out(SocketAddr::new(NOWHERE.into(), 7), 1, &mut Tally::default()));
    let found = |state: &str, phase: &str, kind: &str| {
        let what = format!("a retransmit in {state}, phase {phase}, kind {kind}");
        let fits = |event: &Value| {
            event["state"] == state
                && event["phase"] == phase
                && event["kind"] == kind
                && event["segments"] == 1
        };
        events.wait(&what, || events.of(netns.inode, "retransmit").into_iter().find(fits))
    };
    let syn = found("syn_sent", "syn", "timeout");
    assert_eq!(
        (&syn["peer_address"], &syn["peer_port"]),
        (&NOWHERE.to_string().into(), &7.into()),
        "whose SYN: {syn}"
    );
    // A connection whose peer has stopped to answer.
    let mut silent = netns.enter(|| Silent::connect(80));
    silent.socket.as_ref().expect("the open end").send(b"lost").expect("write");
    found("established", "established", "timeout");
    silent.forget();
    found("fin_wait1", "closing", "timeout");
    // SYN-ACKs again: their events name the listener's port.
    let site = netns.enter(|| Site::open(LOOPBACKS[0]));
    netns.enter(|| half_open(site.address, 20_000));
    let again = events.wait("a retransmitted SYN-ACK", || {
        events.of(netns.inode, "synack_retransmit").into_iter().next()
    });
    assert_eq!(again["local_port"], site.address.port(), "the listener in {again}");
    events.stop();
}
