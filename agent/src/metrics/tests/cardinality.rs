//! How many series short-lived names make: the numbers of docs/cardinality.md.

use agent_common::record::{Close, Endpoints, State, flag};
use agent_common::tcp::{CLOSE, ESTABLISHED, SYN_SENT};

use super::fixtures::stats;
use crate::conn::{Budget, Covered, Limits, Nanos, Table};
use crate::metrics::{Histograms, Selection, Writer};

const PAGE: &str = include_str!("../../../../docs/cardinality.md");

/// A process of a name of its own opens a connection to port 443 and closes it.
fn visit(table: &mut Table, sk: u64) {
    let ends = Endpoints { sk, local_port: 40_000, peer_port: 443, netns: 1, ..<_>::default() };
    let mut comm = [0; 16];
    let name = format!("job{sk}");
    comm[..name.len()].copy_from_slice(name.as_bytes());
    let tgid = u32::try_from(sk).unwrap();
    let record = |old, new, time| State {
        kind: 1,
        old,
        new,
        time,
        ends,
        tgid,
        comm,
        flags: flag::LOCKED,
        ..State::default()
    };
    let second = sk * 1_000_000_000;
    table.transition(&record(CLOSE, SYN_SENT, second));
    table.transition(&record(SYN_SENT, ESTABLISHED, second + 1_000_000));
    let state = record(ESTABLISHED, CLOSE, second + 2_000_000);
    let (bytes_sent, bytes_received, srtt_us) = (1000, 300, 250);
    table.close(&Close { state, bytes_sent, bytes_received, srtt_us, ..Close::default() });
}

/// Returns how many series the page has after so many names of one connection each, one a second.
fn series(names: u64, young: Nanos) -> usize {
    let mut table = Table::new(Limits { young, ..Limits::default() });
    table.begin_pass(Nanos::ZERO);
    table.end_pass(Nanos::ZERO, &Covered::default());
    for second in 1..=names {
        visit(&mut table, second);
        table.step(Nanos::from_secs(second), Budget::UNLIMITED);
    }
    let (snapshot, mut page) = (table.snapshot(Nanos::from_secs(names)), Vec::new());
    let selection = Selection::read(Histograms::Coarse, &[]).unwrap();
    Writer::of(&selection).write(&snapshot, &stats().read(), 0.0, &mut page);
    String::from_utf8(page).unwrap().lines().filter(|line| !line.starts_with('#')).count()
}

#[test]
fn the_page_on_cardinality_has_the_numbers_of_short_lived_names() {
    for names in [0, 10, 100, 150] {
        let [at_once, young] = [Nanos::ZERO, Nanos::from_secs(30)].map(|age| series(names, age));
        let row = format!("| {names} | {at_once} | {young} |");
        assert!(PAGE.contains(&row), "docs/cardinality.md lacks {row}");
    }
}
