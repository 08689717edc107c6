//! What a pass counts by network namespace: sockets that have no row.

use agent_common::record::{Socket, flag};
use agent_common::tcp::{FIN_WAIT2, NEW_SYN_RECV, SYN_RECV, TIME_WAIT};
use catalogue::labels::SocketState;

use super::passes::list;
use super::support::{Ask, LIMITS, NETNS, SECOND, reads, row, seeded};
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
