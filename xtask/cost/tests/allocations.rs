//! What the table takes from the heap, counted: nothing a record in a steady population, and a
//! bounded number of bytes a row.

use agent_common::record::{Holder, kind};
use allocation_counter::measure;
use cost::records::{self, life};
use tcpwarden::conn::{Budget, Covered, Nanos, PassRequest, Progress, Table};
use tcpwarden::ingest::apply;
use tcpwarden::ingest::decode::Record;

/// A million: as many rows as a table takes by default.
const ROWS: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

/// Counts are below this by far.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn each(bytes: u64) -> f64 {
    bytes as f64 / ROWS as f64
}

fn all(table: &mut Table, records: &[Record]) {
    for record in records {
        apply(table, record);
    }
}

#[test]
fn a_steady_population_allocates_nothing() {
    let mut table = records::populated(10_000);
    let round = life::round(12_000, 100 * SECOND);
    assert!(round.len() > 100_000, "{} records", round.len());
    // Every process, service and list has been met once after this.
    all(&mut table, &round);
    let counted = measure(|| all(&mut table, &round));
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn a_row_takes_at_most_176_bytes_all_told_and_a_pass_a_bounded_number_more() {
    let mut table = None;
    let grown = measure(|| table = Some(records::populated(ROWS)));
    let mut table = table.expect("a table");
    let (rest, peak) = (each(u64::try_from(grown.bytes_current).unwrap()), each(grown.bytes_max));
    assert!(rest <= 176.0, "{rest} bytes a row at rest");
    assert!(peak <= 176.0, "{peak} bytes a row while it grew");

    // A pass in which every row changes hands, from one process to another of another name.
    let mut pass = |name: &[u8; 4], at: u64| {
        measure(|| {
            table.begin_pass(Nanos::new(at));
            life::list(ROWS, at).for_each(|record| apply(&mut table, &record));
            for record in life::holders(ROWS, 100) {
                let Record::Holder(holder) = record else { panic!("no holder") };
                let mut comm = [0; 16];
                comm[..4].copy_from_slice(name);
                apply(&mut table, &Record::Holder(Holder { kind: kind::HOLDER, comm, ..holder }));
            }
            let covered = Covered {
                namespaces: [life::NETNS].into(),
                holders: Some(Nanos::new(at)),
                ..Covered::default()
            };
            table.request(PassRequest::Commit(covered));
            while table.step(Nanos::new(at + SECOND), Budget::rows(4096)) == Progress::More {}
        })
    };
    for (name, at) in [(b"one\0", 10), (b"two\0", 20)] {
        let counted = pass(name, at * SECOND);
        let (more, left) =
            (each(counted.bytes_max), each(u64::try_from(counted.bytes_current.max(0)).unwrap()));
        assert!(more <= 16.0, "{more} bytes a row while a pass ends");
        assert!(left < 0.5, "{left} bytes a row that stay after it");
    }
}
