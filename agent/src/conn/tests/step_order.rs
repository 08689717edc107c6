//! Tests of [`Table::step`] as a whole: what it does in which order, and how often.

use super::support::{Ask, MS, SECOND, check, covered, row, seeded};
use super::workloads::{close, connect};
use crate::conn::limits::{Budget, IDLE_TTL};
use crate::conn::{Nanos, PassRequest, Progress, Table};
use catalogue::labels::Role;

/// A nanosecond.
const NS: Nanos = Nanos::new(1);
/// Enough for all that these tests leave to do.
const ALL: Budget = Budget::rows(1_000_000);
const ONE: Budget = Budget::rows(1);

/// A table with rows of the process `here`, and a group of the process `gone` that has none.
fn table() -> Table {
    let mut table = seeded();
    (1..=10).for_each(|sk| connect(&mut table, sk, 1, "here"));
    connect(&mut table, 11, 1, "gone");
    close(&mut table, 11, 1);
    table
}

fn is_shown(table: &mut Table, process: &str) -> bool {
    table.snapshot(Nanos::ZERO).group(process, Role::Client).is_some()
}

fn is_committed(progress: Progress) -> bool {
    matches!(progress, Progress::Committed(_))
}

#[test]
fn idle_groups_are_looked_for_every_ten_seconds() {
    let mut table = table();
    let (start, look) = (20 * SECOND, 20 * SECOND + IDLE_TTL - NS);
    // The first look finds that the group was in use, the second that it is not idle for long.
    for (now, there) in [
        (start, true),
        (look, true),
        (look + NS, true),
        (look + 10 * SECOND - NS, true),
        (look + 10 * SECOND, false),
    ] {
        assert_eq!(table.step(now, ALL), Progress::Done);
        assert_eq!(is_shown(&mut table, "gone"), there, "{:?} after the first look", now - start);
    }
    assert!(is_shown(&mut table, "here"), "a group with rows stays");
    check(&mut table, look);
}

#[test]
fn no_group_ends_while_a_pass_is_committed() {
    let mut table = table();
    assert_eq!(table.step(20 * SECOND, ALL), Progress::Done);
    table.request(PassRequest::Begin);
    assert_eq!(table.step(20 * SECOND, ALL), Progress::Done);
    table.request(PassRequest::Commit(covered()));
    let late = 20 * SECOND + 2 * IDLE_TTL;
    let mut calls = 1;
    while !is_committed(table.step(late, ONE)) {
        assert!(is_shown(&mut table, "gone"), "after {calls} calls");
        calls += 1;
    }
    assert!(calls > 10, "{calls} calls");
    assert!(is_shown(&mut table, "gone"), "the call that ends a commit does nothing else");
    assert_eq!(table.step(late, ALL), Progress::Done);
    assert!(!is_shown(&mut table, "gone"), "the next call looks for idle groups");
}

#[test]
fn ages_come_first_and_every_quarter_of_a_second() {
    // Later than the greatest age.
    const START: Nanos = Nanos::from_secs(100_000);
    let mut table = table();
    table.request(PassRequest::Begin);
    assert_eq!(table.step(START, ALL), Progress::Done);
    let first = table.core.thresholds.ages();
    table.request(PassRequest::Commit(covered()));
    assert_eq!(table.step(START + 250 * MS - NS, ONE), Progress::More);
    assert_eq!(table.core.thresholds.ages(), first);
    assert_eq!(table.step(START + 250 * MS, ONE), Progress::More);
    assert_eq!(table.core.thresholds.ages(), first.map(|age| age + 250 * MS), "during a commit");
}

#[test]
fn a_pass_begins_when_all_planned_moves_are_made() {
    let mut table = table();
    connect(&mut table, 12, 1, "there");
    let find = |table: &Table, sk| table.core.find(sk).expect("the row of a socket");
    let to = table.core.rows[find(&table, 12)].group;
    for sk in 1..=10 {
        let row = find(&table, sk);
        table.work.queue.enqueue_if_unmoved(&table.core, row, to);
    }
    table.request(PassRequest::Begin);
    let mut calls = 1;
    while table.step(Nanos::ZERO, ONE) == Progress::More {
        calls += 1;
    }
    assert!(calls > 10, "{calls} calls");
    let moved = |sk| row(&table, sk).is_some_and(|row| &*row.process == "there");
    assert!((1..=10).all(moved), "a pass that begins finds no planned move");
    table.request(PassRequest::Commit(covered()));
    assert!(is_committed(table.step(Nanos::ZERO, ALL)), "the pass has begun");
}

#[test]
fn a_request_during_a_commit_ends_the_commit() {
    for request in [PassRequest::Begin, PassRequest::Abort] {
        let begins = request == PassRequest::Begin;
        let mut table = table();
        let before = table.snapshot(Nanos::ZERO).last_reconcile;
        table.request(PassRequest::Begin);
        assert_eq!(table.step(SECOND, ALL), Progress::Done);
        table.request(PassRequest::Commit(covered()));
        assert_eq!(table.step(SECOND, ONE), Progress::More);
        table.request(request);
        assert_eq!(table.step(SECOND, ALL), Progress::Done);
        assert_eq!(table.snapshot(Nanos::ZERO).last_reconcile, before, "nothing was published");
        table.request(PassRequest::Commit(covered()));
        let committed = is_committed(table.step(2 * SECOND, ALL));
        assert_eq!(committed, begins, "only a pass that has begun anew is committed");
        check(&mut table, 2 * SECOND);
    }
}
