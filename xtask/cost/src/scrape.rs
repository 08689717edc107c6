//! The table onto the page: what a scrape costs, by how many series there are and by how many rows.
//!
//! Two ways to a page: [`full()`] fills a table up to every label budget, and beyond, with records
//! and a pass, as the kernel would; [`snapshot`] makes up what a table of any number of series
//! would show. What a client's wish for OpenMetrics or gzip costs is counted apart.

mod full;
mod made_up;

use tcpwarden::conn::{Nanos, Table};
use tcpwarden::metrics::{Form, Making, Selection, SelfStats, Writer};

pub use self::full::full;
pub use self::made_up::{PAIR, machine, snapshot};
use crate::{Prepared, Work};

/// A second, nanoseconds.
pub const SECOND: u64 = 1_000_000_000;
/// The moment of the first scrape; later than anything in a table of [`full()`].
pub const NOW: u64 = 10_000 * SECOND;
/// Series of a label budget that is as small as a quiet machine's, the default one's, and beyond.
pub const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

/// What is counted.
pub const WORK: &[Work] = &[
    Work { name: "scrape/write_10000", unit: "series", prepare: || writing(SIZES[1]) },
    Work { name: "scrape/write_100000", unit: "series", prepare: || writing(SIZES[2]) },
    Work { name: "scrape/snapshot", unit: "snapshot", prepare: || copying(10) },
    Work { name: "scrape/snapshot_of_100000_rows", unit: "snapshot", prepare: || copying(100_000) },
    Work { name: "scrape/page", unit: "page", prepare: || scraping(10) },
    Work { name: "scrape/page_of_100000_rows", unit: "page", prepare: || scraping(100_000) },
    Work { name: "scrape/openmetrics_of_15", unit: "series", prepare: || made(15, OPEN_METRICS) },
    Work { name: "scrape/openmetrics_of_80", unit: "series", prepare: || made(80, OPEN_METRICS) },
    Work { name: "scrape/gzip_of_15", unit: "series", prepare: || made(15, GZIP) },
    Work { name: "scrape/gzip_of_80", unit: "series", prepare: || made(80, GZIP) },
];

const OPEN_METRICS: Form = Form { open_metrics: true, gzip: false };
const GZIP: Form = Form { open_metrics: false, gzip: true };

/// The page of so many processes with a service each, every histogram filled.
#[must_use]
pub fn page(processes: usize) -> Vec<u8> {
    let mut page = Vec::new();
    Writer::new().write(&snapshot(processes * PAIR), &SelfStats::default(), 0.0, &mut page);
    page
}

/// The page of a machine of so many processes that has only what is selected.
#[must_use]
pub fn page_of(processes: usize, selection: &Selection) -> Vec<u8> {
    let mut page = Vec::new();
    Writer::of(selection).write(&machine(processes), &SelfStats::default(), 0.0, &mut page);
    page
}

/// Such a page, made into a form.
#[must_use]
pub fn made(processes: usize, form: Form) -> Prepared {
    let page = page(processes);
    let units = lines(&page);
    let run = move || drop(std::hint::black_box(Making::new(&page, form).finish()));
    // What is made once, at the first page.
    run();
    Prepared { units, run: Box::new(run) }
}

/// The page of a snapshot of about `series` series, into a buffer that has held it before.
#[must_use]
pub fn writing(series: usize) -> Prepared {
    let snapshot = snapshot(series);
    let (writer, stats, mut page) = (Writer::new(), SelfStats::default(), Vec::new());
    writer.write(&snapshot, &stats, 0.0, &mut page);
    let units = lines(&page);
    let run = move || {
        page.clear();
        writer.write(&snapshot, &stats, 0.0, &mut page);
        std::hint::black_box(&page);
    };
    Prepared { units, run: Box::new(run) }
}

/// A snapshot of a table with every budget used up and `rows` rows: what a scrape does under the
/// table's lock.
#[must_use]
pub fn copying(rows: u32) -> Prepared {
    let (mut table, mut now) = (full(rows), NOW);
    drop(table.snapshot(Nanos::new(now)));
    let run = move || {
        now += SECOND;
        drop(std::hint::black_box(table.snapshot(Nanos::new(now))));
    };
    Prepared { units: 1, run: Box::new(run) }
}

/// The whole scrape of such a table.
#[must_use]
pub fn scraping(rows: u32) -> Prepared {
    let (mut table, mut now) = (full(rows), NOW);
    let (writer, stats, mut page) = (Writer::new(), SelfStats::default(), Vec::new());
    let mut scrape = move |table: &mut Table| {
        now += SECOND;
        page.clear();
        writer.write(&table.snapshot(Nanos::new(now)), &stats, 0.0, &mut page);
        std::hint::black_box(&page);
    };
    scrape(&mut table);
    Prepared { units: 1, run: Box::new(move || scrape(&mut table)) }
}

/// How many series a page has.
#[must_use]
pub fn lines(page: &[u8]) -> u64 {
    let lines = page
        .split(|byte| *byte == b'\n')
        .filter(|line| line.first().is_some_and(|first| *first != b'#'));
    lines.fold(0, |sum, _| sum + 1)
}
