//! What comes between the slices of a pass, and between one batch of moves and the next.

use agent_common::record::{Socket, flag};
use agent_common::tcp::{CLOSE, CLOSE_WAIT, ESTABLISHED, LISTEN, SYN_RECV, SYN_SENT};

use super::support::*;
use crate::conn::{Limits, Nanos, Table};

fn order_is_kept(table: &mut Table) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(table, 300 * SECOND))).is_ok()
}

/// The place of one batch is taken for the next one's.
#[test]
fn a_batch_that_ends_with_its_slice_leaves_no_place_to_the_next() {
    const ROWS: u64 = 140_000;
    let ends = |sk: u64| ends(sk, EPHEMERAL, PORT);
    let mut bad = Vec::new();
    for places in [7, 1000, 4096, 32767] {
        let mut table = Table::new(Limits { connections: 200_000, ..LIMITS });
        table.begin_pass(Nanos::ZERO);
        table.end_pass(Nanos::ZERO, &covered());
        for sk in 1..=ROWS {
            table.transition(&owned(step(ends(sk), CLOSE, SYN_SENT, 10 + sk), "one", 11));
        }
        table.begin_pass(100 * SECOND);
        for sk in 1..=ROWS {
            table.pass_holder(&holder(sk, "two", 12));
        }
        table.commit_pass(walked(100 * SECOND));
        while table.step_commit(Nanos::ZERO, places).is_none() {}
        if !order_is_kept(&mut table) {
            bad.push(places);
        }
    }
    assert!(bad.is_empty(), "lists out of order with slices of {bad:?}");
}

/// Of two moves of a row the one that was planned last counts.
#[test]
fn a_child_that_came_before_the_first_pass_goes_to_its_holder() {
    let mut table = Table::new(LIMITS);
    // The agent has just attached: the listener is older, nothing has a row.
    let child = ends(2, PORT, EPHEMERAL);
    let at = |record| record;
    apply(
        &mut table,
        &[at(step(child, LISTEN, SYN_RECV, 10)), at(step(child, SYN_RECV, ESTABLISHED, 11))],
    );
    table.begin_pass(100 * MS);
    table.pass_socket(&entry(ends(1, PORT, 0), LISTEN, 110));
    table.pass_socket(&Socket { flags: flag::ATTACHED, ..entry(child, ESTABLISHED, 111) });
    table.pass_holder(&holder(1, "server", 50));
    table.pass_holder(&holder(2, "server", 50));
    table.end_pass(200 * MS, &walked(120 * MS));
    let found = row(&table, 2).unwrap();
    assert_eq!((&*found.process, found.tgid), ("server", 50));
}

/// A row that is placed may show its owner before it is moved.
#[test]
fn who_shows_itself_while_a_pass_places_rows_keeps_the_row() {
    let mut table = Table::new(LIMITS);
    let ends = |sk: u64| ends(sk, EPHEMERAL, PORT);
    table.begin_pass(100 * MS);
    (1..=50).for_each(|sk| table.pass_socket(&entry(ends(sk), ESTABLISHED, 110)));
    table.commit_pass(walked(120 * MS));
    let mut wrong = 0;
    let mut sk = 0;
    let mut ms = 200;
    while table.step_commit(200 * MS, 5).is_none() {
        for _ in 0..2 {
            sk += 1;
            ms += 1;
            if sk <= 50 {
                table.transition(&owned(step(ends(sk), ESTABLISHED, CLOSE_WAIT, ms), "web", 70));
            }
        }
    }
    for sk in 1..=sk.min(50) {
        wrong += usize::from(&*row(&table, sk).unwrap().process != "web");
    }
    assert_eq!(wrong, 0, "rows that showed their owner and are not its");
    check(&mut table, 5 * SECOND);
}

/// What has no room is counted once.
#[test]
fn a_move_without_room_is_counted_once_for_a_row_that_has_shown_its_owner() {
    let mut table = Table::new(Limits { groups: 1, ..LIMITS });
    table.begin_pass(Nanos::ZERO);
    table.end_pass(Nanos::ZERO, &covered());
    let child = ends(2, PORT, EPHEMERAL);
    // Found in the middle of its life: its side is not known. It fills the only place.
    table.transition(&owned(step(child, ESTABLISHED, CLOSE_WAIT, 10), "server", 50));
    let before = table.snapshot(Nanos::ZERO).label_overflow[0].1;
    table.begin_pass(100 * MS);
    table.pass_socket(&entry(ends(1, PORT, 0), LISTEN, 110));
    table.pass_socket(&entry(child, CLOSE_WAIT, 111));
    table.end_pass(200 * MS, &covered());
    let after = table.snapshot(Nanos::ZERO).label_overflow[0].1;
    assert_eq!(after - before, 1);
}

/// Numbers of passes that come round.
#[test]
fn what_no_pass_can_look_at_stays_unverified_when_the_numbers_come_round() {
    let mut table = seeded();
    let mut far = ends(2, EPHEMERAL, PORT);
    far.netns = NETNS + 1;
    table.begin_pass(SECOND);
    table.pass_socket(&Socket { flags: flag::ATTACHED, ..entry(far, ESTABLISHED, 1010) });
    table.pass_holder(&holder(2, "web", 70));
    table.end_pass(2 * SECOND, &walked(SECOND));
    let mut odd = Vec::new();
    for pass in 2..600_u64 {
        table.begin_pass(pass * SECOND);
        table.pass_holder(&holder(2, "web", 70));
        let found = table.end_pass(pass * SECOND + Nanos::new(1), &walked(pass * SECOND));
        if found.unverified != 1 {
            odd.push(pass);
        }
    }
    assert!(odd.is_empty(), "{odd:?}");
}
