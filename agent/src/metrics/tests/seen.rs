//! Gauges of trouble have series from their first value on, and are seen to fall.

use agent_common::record::{Close, Endpoints, State, flag};
use agent_common::tcp::{CLOSE, CLOSE_WAIT, ESTABLISHED, SYN_SENT};
use catalogue::labels::OTHER;

use super::fixtures::{page, stats};
use crate::conn::{Budget, Covered, Limits, Nanos, Table};

const AGE: &str = "tcpwarden_connections_oldest_state_age_seconds{";
const STUCK: &str = "tcpwarden_connections_stuck{";

/// A table without a row, in which names are never young.
fn table(limits: Limits) -> Table {
    let mut table = Table::new(Limits { young: Nanos::ZERO, ..limits });
    table.begin_pass(Nanos::ZERO);
    table.end_pass(Nanos::ZERO, &Covered::default());
    table
}

/// A socket of a process goes through these states, a second each from `start` on.
fn walk(table: &mut Table, sk: u64, name: &str, start: u64, states: &[u8]) {
    let ends = Endpoints { sk, local_port: 40_000, peer_port: 443, netns: 1, ..<_>::default() };
    let mut comm = [0; 16];
    comm[..name.len()].copy_from_slice(name.as_bytes());
    for (second, pair) in (start..).zip(states.windows(2)) {
        let state = State {
            kind: 1,
            old: pair[0],
            new: pair[1],
            time: second * 1_000_000_000,
            ends,
            tgid: 7,
            comm,
            flags: flag::LOCKED,
            ..State::default()
        };
        if state.new == CLOSE {
            table.close(&Close { state, ..Close::default() });
        } else {
            table.transition(&state);
        }
    }
}

/// Returns the lines of the page of these families at a second, without names and labels in common.
fn lines(table: &mut Table, second: u64, family: &str) -> Vec<String> {
    let page = page(&table.snapshot(Nanos::from_secs(second)), stats());
    let lines = page.lines().filter(|line| line.starts_with(family));
    lines.map(|line| line.split_once("state=").unwrap().1.to_owned()).collect()
}

#[test]
fn an_age_and_stuck_sockets_have_a_series_from_their_first_value_on_and_fall_to_0() {
    let mut table = table(Limits::default());
    walk(&mut table, 1, "api", 1, &[CLOSE, SYN_SENT, ESTABLISHED]);
    let none: [&str; 0] = [];
    assert_eq!(lines(&mut table, 3, AGE), none);
    assert_eq!(lines(&mut table, 3, STUCK), none);
    walk(&mut table, 1, "api", 10, &[ESTABLISHED, CLOSE_WAIT]);
    assert_eq!(lines(&mut table, 60, AGE), [r#""close_wait"} 50"#]);
    assert_eq!(lines(&mut table, 60, STUCK), none);
    let minute = |count| format!(r#""close_wait",min_age="60"}} {count}"#);
    assert_eq!(lines(&mut table, 71, STUCK), [minute(1)]);
    walk(&mut table, 1, "api", 80, &[CLOSE_WAIT, CLOSE]);
    assert_eq!(lines(&mut table, 81, AGE), [r#""close_wait"} 0"#]);
    assert_eq!(lines(&mut table, 81, STUCK), [minute(0)]);
}

#[test]
fn a_gauge_of_names_without_a_label_stays_when_the_name_that_had_it_is_gone() {
    let mut table = table(Limits { groups: 1, ..Limits::default() });
    walk(&mut table, 1, "first", 1, &[CLOSE, SYN_SENT, ESTABLISHED]);
    walk(&mut table, 2, "second", 1, &[CLOSE, SYN_SENT, ESTABLISHED, CLOSE_WAIT]);
    walk(&mut table, 3, "third", 1, &[CLOSE, SYN_SENT, ESTABLISHED]);
    let of_other = |table: &mut Table, second| {
        let page = page(&table.snapshot(Nanos::from_secs(second)), stats());
        let start = format!("{AGE}process=\"{OTHER}\"");
        page.lines().filter(|line| line.starts_with(&start)).map(str::to_owned).collect::<Vec<_>>()
    };
    let shown = of_other(&mut table, 10);
    assert!(matches!(&shown[..], [one] if one.ends_with(r#"state="close_wait"} 7"#)), "{shown:?}");
    walk(&mut table, 2, "second", 11, &[CLOSE_WAIT, CLOSE]);
    for hours in [1, 2, 3] {
        let now = Nanos::from_secs(hours * 3600);
        table.begin_pass(now);
        table.end_pass(now, &Covered::default());
        table.step(now, Budget::UNLIMITED);
    }
    let shown = of_other(&mut table, 12_000);
    assert!(matches!(&shown[..], [one] if one.ends_with(r#"state="close_wait"} 0"#)), "{shown:?}");
}
