//! The end of a pass in slices: the same as in one go where nothing happens between them, and the
//! truth whatever does.

use agent_common::tcp::{CLOSE, CLOSE_WAIT, ESTABLISHED, SYN_SENT};
use catalogue::labels::{Correction, Role, SocketState};
use proptest::prelude::proptest;

use super::slice_world::{Act, World, acts};
use super::support::{
    Ask, LIMITS, MS, SECOND, check, covered, entry, holder, owned, row, step, walked,
};
use crate::conn::report::snapshot::Group;
use crate::conn::{Covered, Limits, Nanos, RowView, Table};

proptest! {
    #![proptest_config(super::support::config(300))]
    #[test]
    fn whatever_happens_between_slices_the_next_passes_find_the_truth(
        before in acts(60), between in acts(40), places in 1..12_usize, again in 1..12_usize,
    ) {
        let mut world = World::new();
        world.all(&before);
        world.pass(places, between.iter());
        // What vanished is missed twice before it goes; the first of these may be the second for
        // some.
        for _ in 0..3 {
            world.pass(again, [].iter());
        }
        world.compare();
        let seen = world.table.snapshot(world.ms * MS);
        assert!(
            seen.drift() <= 2 * world.lost,
            "{} corrections for {} lost records",
            seen.drift(),
            world.lost
        );
        assert_eq!((seen.unheld, seen.shared, seen.unattributed), (0, 0, 0));
    }

    #[test]
    fn slices_without_anything_between_them_end_a_pass_as_one_go_does(
        before in acts(60), later in acts(20), places in 1..9_usize,
    ) {
        let end = |places: usize| {
            let mut world = World::new();
            world.all(&before);
            world.pass(places, [].iter());
            world.all(&later);
            let summary = world.pass(places, [].iter());
            let mut rows: Vec<RowView> = world.table.view().rows().collect();
            rows.sort_by_key(|row| row.sk);
            let mut seen = world.table.snapshot(world.ms * MS);
            seen.groups.sort_by_key(|group: &Group| (group.process.clone(), group.role));
            let (groups, pressure) = (seen.groups, seen.pressure.processes);
            let owners = (seen.unheld, seen.shared, seen.owners_read);
            (summary, rows, format!("{groups:?}{pressure:?}{owners:?}"))
        };
        assert_eq!(end(places), end(usize::MAX));
    }
}

#[test]
fn nothing_is_shown_of_a_pass_before_its_last_slice() {
    let mut world = World::new();
    (0..10).for_each(|_| world.act(&Act::Open(1)));
    world.act(&Act::Pass(0, 2));
    world.ms += 100;
    world.table.begin_pass(world.ms * MS);
    let held: Vec<_> = world.sockets.keys().copied().collect();
    for sk in held {
        world.table.pass_holder(&holder(sk, "three", 12));
    }
    world.table.commit_pass(Covered { holders: Some(world.ms * MS), ..covered() });
    let mut slices = 0;
    let shown = |table: &mut Table| {
        let seen = table.snapshot(Nanos::ZERO);
        (
            seen.last_reconcile,
            seen.owners_read,
            seen.reconcile_durations.count(),
            seen.pressure.processes.len(),
        )
    };
    let before = shown(&mut world.table);
    while world.table.step_commit(5 * SECOND, 1).is_none() {
        slices += 1;
        assert_eq!(shown(&mut world.table), before);
    }
    assert!(slices > 40, "{slices} slices of one row");
    assert_eq!(
        shown(&mut world.table),
        (Some(5_000_000_000), Some((world.ms * MS).get()), before.2 + 1, 1)
    );
    assert_eq!(
        world.table.snapshot(Nanos::ZERO).gauge_of("three", Role::Client, SocketState::Established),
        10
    );
}

#[test]
fn a_move_does_not_meet_the_next_socket_at_the_same_address() {
    let mut world = World::new();
    world.act(&Act::Appear(1));
    world.table.begin_pass(SECOND);
    world.table.pass_socket(&entry(World::ends(2), ESTABLISHED, 1001));
    world.table.pass_holder(&holder(2, "two", 11));
    world.table.commit_pass(walked(1002 * MS));
    // The first slices plan that the row goes to "two".
    (0..2).for_each(|_| assert!(world.table.step_commit(Nanos::ZERO, 1).is_none()));
    world.ms = 2000;
    world.told(2, ESTABLISHED, CLOSE, 3);
    world.table.transition(&step(World::ends(2), CLOSE, SYN_SENT, 2010));
    while world.table.step_commit(Nanos::ZERO, 1).is_none() {}
    assert_ne!(row(&world.table, 2).map(|row| row.process.to_string()).as_deref(), Some("two"));
    assert_eq!(world.table.snapshot(Nanos::ZERO).corrected(Correction::WrongState), 0);
    check(&mut world.table, 3 * SECOND);
}

#[test]
fn a_holder_is_not_taken_for_that_of_the_next_socket_in_the_same_place() {
    let mut world = World::new();
    world.act(&Act::Open(1));
    world.table.begin_pass(SECOND);
    world.table.pass_holder(&holder(2, "two", 11));
    world.ms = 2000;
    world.told(2, ESTABLISHED, CLOSE, 1);
    // Its opening was lost: it may be as old as the reading.
    world.table.transition(&step(World::ends(3), ESTABLISHED, CLOSE_WAIT, 2010));
    world.table.commit_pass(walked(1002 * MS));
    while world.table.step_commit(Nanos::ZERO, 1).is_none() {}
    let next = row(&world.table, 3).expect("a row");
    assert_eq!((&*next.process, next.tgid, next.holders), ("unknown", 0, 0));
}

#[test]
fn more_rows_than_a_batch_holds_go_where_their_times_belong() {
    const ROWS: u64 = 40_000;
    let mut table = Table::new(Limits { connections: 50_000, ..LIMITS });
    table.begin_pass(Nanos::ZERO);
    table.end_pass(Nanos::ZERO, &covered());
    for sk in 1..=ROWS {
        table.transition(&owned(step(World::ends(sk + 1), CLOSE, SYN_SENT, 10 + sk), "one", 11));
    }
    // First every second of them, then those between: each of these has a place in the middle.
    for (at, of_two) in [(100, 2), (200, 1)] {
        table.begin_pass(at * SECOND);
        for sk in 1..=ROWS {
            table.pass_socket(&entry(World::ends(sk + 1), SYN_SENT, at * 1000));
            let (name, tgid) = if sk % of_two == 0 { ("two", 12) } else { ("one", 11) };
            table.pass_holder(&holder(sk + 1, name, tgid));
        }
        table.commit_pass(walked(at * SECOND));
        let mut slices = 0;
        while table.step_commit(Nanos::ZERO, 1000).is_none() {
            slices += 1;
        }
        // Four steps visit every row.
        assert!(slices > 4 * ROWS / 1000, "{slices} slices");
        assert_eq!(
            table.snapshot(Nanos::ZERO).gauge_of("two", Role::Client, SocketState::SynSent),
            ROWS / of_two
        );
        check(&mut table, at * SECOND);
    }
}
