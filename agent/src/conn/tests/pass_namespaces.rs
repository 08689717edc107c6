//! What a pass counts by network namespace: sockets that have no row.

use agent_common::record::{Endpoints, Socket, flag};
use agent_common::tcp::{
    CLOSE, CLOSE_WAIT, ESTABLISHED, FIN_WAIT1, FIN_WAIT2, NEW_SYN_RECV, SYN_RECV, SYN_SENT,
    TIME_WAIT,
};
use catalogue::labels::SocketState;

use super::passes::list;
use super::support::{
    Ask, EPHEMERAL, LIMITS, NETNS, PORT, SECOND, apply, ends, entry, reads, row, seeded, step,
    walked,
};
use crate::conn::nanos::Nanos;
use crate::conn::report::coverage::Covered;
use crate::conn::report::snapshot::Namespace;
use crate::conn::{Limits, Table};

#[test]
fn small_sockets_and_full_orphans_are_counted_by_namespace() {
    let mut table = seeded();
    table.begin_pass(SECOND);
    for (sk, state, substate) in [
        (1, TIME_WAIT, 6),
        (2, TIME_WAIT, 6),
        (3, TIME_WAIT, FIN_WAIT2),
        (4, NEW_SYN_RECV, 0),
        (5, SYN_RECV, 0),
    ] {
        table.pass_socket(&Socket { substate, ..list(sk, state, 1000) });
    }
    table.pass_socket(&Socket { flags: flag::ORPHAN, ..list(6, FIN_WAIT2, 1000) });
    table.end_pass(SECOND, &reads([NETNS, 5]));
    let seen = table.snapshot(SECOND);
    let expected = Namespace { netns: NETNS, time_wait: 2, fin_wait2_orphan: 2, syn_recv: 1 };
    assert_eq!(seen.namespaces, [expected, Namespace { netns: 5, ..Namespace::default() }]);
    assert_eq!((seen.gauge(SocketState::SynRecv), seen.gauge(SocketState::FinWait2)), (1, 0));
    assert_eq!(row(&table, 6).map(|row| row.orphan), Some(true));
}

/// A connection, a leak and an orphan of a namespace that no pass can enter, and what is left of
/// them after each pass. Nobody holds them.
fn left_of(covered: &Covered, passes: u64) -> Vec<(u64, u64)> {
    let mut table = seeded();
    for (sk, states) in [
        (1, &[ESTABLISHED] as &[u8]),
        (2, &[ESTABLISHED, CLOSE_WAIT]),
        (3, &[ESTABLISHED, FIN_WAIT1]),
    ] {
        let elsewhere = Endpoints { netns: NETNS + 1, ..ends(sk, EPHEMERAL, PORT) };
        let mut old = SYN_SENT;
        apply(&mut table, &[step(elsewhere, CLOSE, SYN_SENT, 10)]);
        for new in states {
            apply(&mut table, &[step(elsewhere, old, *new, 10)]);
            old = *new;
        }
    }
    let pass = |number: u64| {
        let at = (10 + number) * SECOND;
        table.begin_pass(at);
        let covered = Covered { holders: covered.holders.map(|_| at), ..covered.clone() };
        let summary = table.end_pass(at, &covered);
        (summary.unverified, summary.rows)
    };
    (0..passes).map(pass).collect()
}

#[test]
fn a_service_keeps_the_connections_of_a_namespace_that_no_pass_can_enter() {
    let mut table = seeded();
    let there = ends(1, EPHEMERAL, PORT);
    for end in [there, Endpoints { netns: NETNS + 1, ..ends(2, EPHEMERAL + 1, PORT) }] {
        let opens = [step(end, CLOSE, SYN_SENT, 10), step(end, SYN_SENT, ESTABLISHED, 10)];
        apply(&mut table, &opens);
    }
    let mut pass = |second: u64, listed: &[Socket]| {
        table.begin_pass(second * SECOND);
        for entry in listed {
            table.pass_socket(entry);
        }
        table.end_pass(second * SECOND, &reads([NETNS]));
        let services = table.snapshot(second * SECOND).services;
        services.iter().map(|service| service.established).sum::<u64>()
    };
    let listed = entry(there, ESTABLISHED, 11_000);
    assert_eq!([pass(11, &[listed]), pass(12, &[listed]), pass(13, &[])], [2, 2, 1]);
}

#[test]
fn what_nobody_holds_after_a_loss_is_gone_where_no_pass_can_look() {
    let everyone = Covered { everyone: true, lost: Some(SECOND), ..walked(SECOND) };
    assert_eq!(left_of(&everyone, 3), [(1, 3), (1, 1), (1, 1)], "the orphan may be closing");
    for (why, covered) in [
        ("nothing was lost", Covered { lost: None, ..everyone.clone() }),
        ("nothing was lost since", Covered { lost: Some(Nanos::new(1)), ..everyone.clone() }),
        ("there are others, who may hold them", Covered { everyone: false, ..everyone.clone() }),
        ("nobody has looked", Covered { holders: None, ..everyone }),
    ] {
        assert_eq!(left_of(&covered, 3), [(3, 3); 3], "{why}");
    }
}

#[test]
fn namespaces_beyond_the_bound_share_one_count_and_the_first_keep_their_place() {
    let mut table = Table::new(Limits { namespaces: 2, ..LIMITS });
    let wait = |netns: u32| {
        let mut listed = list(u64::from(netns), TIME_WAIT, 1);
        listed.ends.netns = netns;
        listed
    };
    for order in [[30, 20, 10], [10, 20, 30]] {
        table.begin_pass(SECOND);
        for netns in order {
            table.pass_socket(&wait(netns));
        }
        table.end_pass(SECOND, &reads([10, 20, 30]));
        let counts: Vec<_> =
            table.snapshot(SECOND).namespaces.iter().map(|of| (of.netns, of.time_wait)).collect();
        assert_eq!(counts, [(30, 1), (20, 1), (0, 1)]);
    }
    table.begin_pass(SECOND);
    table.end_pass(SECOND, &reads([10]));
    let counts: Vec<_> = table.snapshot(SECOND).namespaces.iter().map(|of| of.netns).collect();
    assert_eq!(counts, [10], "a namespace that is gone makes room");
}
