//! What retransmitted segments count for: the phase and kind of the group of their socket.

use agent_common::record::Retransmit;
use agent_common::tcp::{ESTABLISHED, FIN_WAIT1, LISTEN, SYN_RECV};
use catalogue::labels::{Phase, RetransmitKind, Role, SocketState};

use super::scenarios::{CHILD, CLIENT, LISTENER, child, connect, listen};
use super::support::{Ask, EPHEMERAL, LIMITS, PORT, SECOND, apply, ends, resent, row, seeded};
use crate::conn::Table;

#[test]
fn a_fast_open_child_can_stay_in_syn_recv_and_send_again_there() {
    let mut table = seeded();
    listen(&mut table);
    apply(&mut table, &[child(LISTEN, SYN_RECV, 1)]);
    table.retransmit(&resent(ends(CHILD, PORT, EPHEMERAL), SYN_RECV, 1));
    let seen = table.snapshot(SECOND);
    assert_eq!(seen.gauge_of("server", Role::Server, SocketState::SynRecv), 1);
    let group = seen.group("server", Role::Server).expect("its group");
    assert_eq!(group.retransmitted[Phase::Syn.index()][RetransmitKind::Timeout.index()], 1);
}

#[test]
fn retransmits_count_segments_and_failed_ones_apart() {
    let mut table = Table::new(LIMITS);
    connect(&mut table);
    let end = ends(CLIENT, EPHEMERAL, PORT);
    table.retransmit(&resent(end, ESTABLISHED, 5));
    table.retransmit(&Retransmit { ca_state: 3, pending: 5, ..resent(end, FIN_WAIT1, 2) });
    table.retransmit(&Retransmit { err: -16, ..resent(end, ESTABLISHED, 9) });
    table.retransmit(&resent(ends(0xdead, 1, 2), ESTABLISHED, 3));
    table.synack_retransmit(&resent(ends(LISTENER, PORT, EPHEMERAL), LISTEN, 1));
    let seen = table.snapshot(SECOND);
    let group = seen.group("client", Role::Client).expect("its group");
    assert_eq!(group.retransmitted[Phase::Established.index()][RetransmitKind::Timeout.index()], 5);
    assert_eq!(group.retransmitted[Phase::Closing.index()][RetransmitKind::Fast.index()], 2);
    let nobody = seen.group("unknown", Role::Unknown).expect("the group of unknown sockets");
    assert_eq!(
        nobody.retransmitted[Phase::Established.index()][RetransmitKind::Timeout.index()],
        3
    );
    assert_eq!((seen.retransmits, seen.retransmit_failures), (5, [9, 0, 0, 0, 0, 0]));
    assert_eq!(seen.synack_retransmits, [(Some(PORT), 1), (None, 0)]);
    assert_eq!(row(&table, CLIENT).map(|row| row.retransmitted), Some(7));
}
