//! Records that never came, and addresses that were used again meanwhile.

use agent_common::tcp::{
    CLOSE, CLOSE_WAIT, ESTABLISHED, FIN_WAIT1, FIN_WAIT2, LAST_ACK, LISTEN, SYN_RECV, SYN_SENT,
};
use catalogue::labels::{CloseReason, Correction, Role, SocketState};

use super::support::{
    Ask, EPHEMERAL, LIMITS, PORT, SECOND, apply, check, ends, owned, row, seeded, step,
};
use crate::conn::Table;

const SK: u64 = 0xffff_8880_0000_1000;

fn client(old: u8, new: u8, ms: u64) -> agent_common::record::State {
    step(ends(SK, EPHEMERAL, PORT), old, new, ms)
}

#[test]
fn a_transition_of_an_unknown_socket_makes_a_row_with_a_lower_bound_for_its_age() {
    let mut table = Table::new(LIMITS);
    apply(&mut table, &[client(ESTABLISHED, CLOSE_WAIT, 5)]);
    let found = row(&table, SK).expect("its row");
    assert_eq!(
        (found.state, found.born_before, found.entered_before, found.opened),
        (SocketState::CloseWait, true, false, None)
    );
    let seen = table.snapshot(SECOND);
    assert_eq!((seen.opened(), seen.drift()), (0, 0), "before the first pass nothing is missed");
    apply(&mut table, &[client(CLOSE_WAIT, LAST_ACK, 6), client(LAST_ACK, CLOSE, 7)]);
    let seen = table.snapshot(SECOND);
    assert_eq!((seen.opened(), seen.closed_for(CloseReason::FinRemote)), (0, 1));
    check(&mut table, SECOND);
}

#[test]
fn after_the_first_pass_an_unknown_socket_is_drift_and_counts_as_opened() {
    let mut table = seeded();
    apply(&mut table, &[client(ESTABLISHED, CLOSE_WAIT, 5)]);
    let seen = table.snapshot(SECOND);
    assert_eq!((seen.opened(), seen.corrected(Correction::MissedOpen), seen.drift()), (1, 1, 1));
    apply(&mut table, &[step(ends(2, PORT, 1), ESTABLISHED, CLOSE, 6)]);
    let seen = table.snapshot(SECOND);
    assert_eq!((seen.opened(), seen.closed(), seen.corrected(Correction::MissedOpen)), (2, 1, 2));
    check(&mut table, SECOND);
}

#[test]
fn lost_records_between_two_states_are_one_wrong_state() {
    let mut table = seeded();
    apply(
        &mut table,
        &[
            owned(client(CLOSE, SYN_SENT, 1), "client", 2),
            client(FIN_WAIT1, FIN_WAIT2, 5),
            client(FIN_WAIT2, CLOSE, 6),
        ],
    );
    let seen = table.snapshot(SECOND);
    assert_eq!((seen.corrected(Correction::WrongState), seen.drift()), (1, 1));
    let service = seen.service("client", Role::Client, PORT).expect("its service");
    assert_eq!((service.opened, service.closed[CloseReason::FinLocal.index()]), (1, 1));
    assert_eq!(
        (service.duration.count(), service.connect_duration.count()),
        (0, 0),
        "times that nobody saw are not observed"
    );
    check(&mut table, SECOND);
}

#[test]
fn a_birth_at_the_address_of_a_row_is_a_missed_close() {
    let mut table = seeded();
    apply(&mut table, &[client(CLOSE, SYN_SENT, 1), client(SYN_SENT, ESTABLISHED, 2)]);
    apply(&mut table, &[step(ends(SK, PORT, 0), CLOSE, LISTEN, 3)]);
    let seen = table.snapshot(SECOND);
    assert_eq!((seen.corrected(Correction::MissedClose), seen.drift(), seen.tracked), (1, 1, 1));
    assert_eq!(
        (seen.opened(), seen.closed_for(CloseReason::Other), seen.gauge(SocketState::Listen)),
        (1, 1, 1)
    );
    apply(&mut table, &[step(ends(SK, PORT, EPHEMERAL), LISTEN, SYN_RECV, 4)]);
    let seen = table.snapshot(SECOND);
    assert_eq!(
        (
            seen.corrected(Correction::MissedClose),
            seen.gauge(SocketState::Listen),
            seen.gauge(SocketState::SynRecv)
        ),
        (2, 0, 1)
    );
    check(&mut table, SECOND);
}

#[test]
fn a_state_that_the_row_cannot_have_reached_belongs_to_another_socket() {
    let mut table = seeded();
    apply(
        &mut table,
        &[
            client(CLOSE, SYN_SENT, 1),
            client(SYN_SENT, ESTABLISHED, 2),
            client(ESTABLISHED, FIN_WAIT1, 3),
        ],
    );
    apply(&mut table, &[client(SYN_SENT, ESTABLISHED, 9)]);
    let seen = table.snapshot(SECOND);
    assert_eq!(
        (
            seen.corrected(Correction::MissedClose),
            seen.corrected(Correction::MissedOpen),
            seen.drift()
        ),
        (1, 1, 2)
    );
    assert_eq!((seen.opened(), seen.closed(), seen.tracked), (2, 1, 1));
    check(&mut table, SECOND);
}

#[test]
fn other_ports_at_the_address_of_a_row_belong_to_another_socket() {
    let mut table = seeded();
    apply(&mut table, &[client(CLOSE, SYN_SENT, 1), client(SYN_SENT, ESTABLISHED, 2)]);
    apply(&mut table, &[step(ends(SK, PORT, 50_000), ESTABLISHED, CLOSE_WAIT, 9)]);
    let seen = table.snapshot(SECOND);
    assert_eq!(
        (
            seen.corrected(Correction::MissedClose),
            seen.corrected(Correction::MissedOpen),
            seen.opened(),
            seen.closed()
        ),
        (1, 1, 2, 1)
    );
    apply(&mut table, &[step(ends(SK, 7, 50_000), CLOSE_WAIT, CLOSE, 10)]);
    assert_eq!(table.snapshot(SECOND).closed(), 3);
    check(&mut table, SECOND);
}

#[test]
fn records_out_of_order_by_a_little_never_give_a_negative_time() {
    let mut table = seeded();
    apply(
        &mut table,
        &[
            client(CLOSE, SYN_SENT, 100),
            client(SYN_SENT, ESTABLISHED, 99),
            client(ESTABLISHED, CLOSE, 98),
        ],
    );
    let seen = table.snapshot(SECOND);
    assert_eq!((seen.opened(), seen.closed(), seen.drift()), (1, 1, 0));
    assert!(seen.state_durations.iter().all(|(_, _, times)| times.sum() == 0.0));
    check(&mut table, SECOND);
}

#[test]
fn states_that_no_record_can_carry_change_nothing() {
    let mut table = seeded();
    for (old, new) in [
        (CLOSE, 6),
        (CLOSE, 12),
        (0, ESTABLISHED),
        (99, CLOSE),
        (CLOSE, CLOSE),
        (12, SYN_RECV),
        (CLOSE, 255),
    ] {
        apply(&mut table, &[client(old, new, 1)]);
    }
    let seen = table.snapshot(SECOND);
    assert_eq!(
        (seen.tracked, seen.transitions, seen.drift(), seen.opened(), seen.closed()),
        (0, 0, 0, 0, 0)
    );
}
