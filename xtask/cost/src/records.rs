//! Records into the connection table: what each costs, alone and among many rows; and what a pass
//! costs.

pub mod life;
pub mod recording;

use tcpwarden::conn::{Covered, Limits, Nanos, Table};
use tcpwarden::ingest::apply;
use tcpwarden::ingest::decode::Record;
use tcpwarden::workload::Sight;

use self::recording::Recording;
use crate::{Prepared, Work};

/// A second, nanoseconds.
const SECOND: u64 = 1_000_000_000;
/// Connections in a round of the counted work.
const ROUND: u64 = 2048;
/// How often the counted work replays the recording.
const REPLAYS: u64 = 8;
/// Rows of the counted work that has many.
const MANY: u64 = 100_000;

/// What is counted.
pub const WORK: &[Work] = &[
    Work { name: "records/apply", unit: "record", prepare: || applying(0, ROUND) },
    Work { name: "records/apply_among_100000", unit: "record", prepare: || applying(MANY, ROUND) },
    Work { name: "records/replay", unit: "record", prepare: replaying },
    Work { name: "records/seed_100000", unit: "row", prepare: || seeding(MANY) },
    Work { name: "records/reconcile_100000", unit: "row", prepare: || reconciling(MANY) },
];

/// A round of short lives into a table that has `rows` others.
#[must_use]
pub fn applying(rows: u64, connections: u64) -> Prepared {
    let mut table = populated(rows);
    let records = life::round(connections, 100 * SECOND);
    // Once before, so that every buffer has its size.
    apply_all(&mut table, &records);
    let units = count(records.len());
    Prepared { units, run: Box::new(move || apply_all(&mut table, &records)) }
}

/// The recording, decoded and applied again and again.
///
/// # Panics
/// Where the recording is of another layout.
#[must_use]
#[expect(clippy::panic, reason = "without its recording a benchmark has nothing to say")]
pub fn replaying() -> Prepared {
    let recording = Recording::committed().unwrap_or_else(|error| panic!("{error:#}"));
    let mut table = empty();
    let units = REPLAYS * recording.len();
    let mut replay =
        move || (0..REPLAYS).for_each(|_| recording.replay(|record| apply(&mut table, record)));
    replay();
    Prepared { units, run: Box::new(replay) }
}

/// The first pass over `rows` sockets.
#[must_use]
pub fn seeding(rows: u64) -> Prepared {
    let records: Vec<Record> = life::list(rows, SECOND).collect();
    Prepared { units: rows, run: Box::new(move || drop(std::hint::black_box(seeded(&records)))) }
}

/// A later pass over `rows` sockets and as many descriptors, which finds nothing to correct.
#[must_use]
pub fn reconciling(rows: u64) -> Prepared {
    let mut table = populated(rows);
    let mut seconds = 100;
    let run = move || {
        seconds += 1;
        let (now, later) = (Nanos::from_secs(seconds), Nanos::from_millis(seconds * 1000 + 500));
        table.begin_pass(now);
        life::list(rows, now.get()).for_each(|record| apply(&mut table, &record));
        life::holders(rows, 100).for_each(|record| apply(&mut table, &record));
        table.end_pass(later, &covered(Some(now)));
    };
    let mut prepared = Prepared { units: rows, run: Box::new(run) };
    // The first one names the owners of all rows.
    (prepared.run)();
    prepared
}

/// A table with listeners and `rows` connections that live on.
#[must_use]
pub fn populated(rows: u64) -> Table {
    let mut table = empty();
    apply_all(&mut table, &life::listeners(1));
    table.begin_pass(Nanos::from_secs(1));
    life::list(rows, SECOND).for_each(|record| apply(&mut table, &record));
    table.end_pass(Nanos::from_secs(2), &covered(None));
    table
}

fn seeded(records: &[Record]) -> Table {
    let mut table = empty();
    table.begin_pass(Nanos::from_secs(1));
    apply_all(&mut table, records);
    table.end_pass(Nanos::from_secs(2), &covered(None));
    table
}

fn apply_all(table: &mut Table, records: &[Record]) {
    for record in records {
        apply(table, record);
    }
}

/// A table that names workloads, as on a host with control groups.
fn empty() -> Table {
    let mut table = Table::new(Limits { connections: 2_000_000, ..Limits::default() });
    table.see_workloads(Sight::Unified);
    let named = |cgroup| (tcpwarden::workload::Key::Cgroup(cgroup), Some(life::unit(cgroup)));
    table.tell_workloads((0..300).map(named), Nanos::ZERO);
    table
}

fn covered(holders: Option<Nanos>) -> Covered {
    Covered { namespaces: [life::NETNS].into(), holders, ..Covered::default() }
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
