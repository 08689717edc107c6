//! Times `cost::scrape`: writing the page by its number of series, copying the table out, and the
//! whole scrape with every label budget used up, with few rows and with a million; and what a form
//! of the page costs besides, by its number of processes.

use std::time::Duration;

use cost::scrape::{SIZES, copying, made, scraping, writing};
use criterion::{Criterion, criterion_group, criterion_main};
use tcpwarden::metrics::Form;

/// Rows of the table: the cost must not follow them.
const ROWS: [u32; 2] = [10, 1_000_000];
/// Processes on a page.
const PROCESSES: [usize; 2] = [15, 80];

fn scrape(criterion: &mut Criterion) {
    for series in SIZES {
        let mut work = writing(series);
        criterion.bench_function(&format!("scrape/write/{series}"), |bencher| {
            bencher.iter(&mut work.run);
        });
    }
    for rows in ROWS {
        let mut work = copying(rows);
        criterion.bench_function(&format!("scrape/snapshot/{rows}_rows"), |bencher| {
            bencher.iter(&mut work.run);
        });
        let mut work = scraping(rows);
        criterion.bench_function(&format!("scrape/page/{rows}_rows"), |bencher| {
            bencher.iter(&mut work.run);
        });
    }
    for processes in PROCESSES {
        for (name, open_metrics, gzip) in
            [("gzip", false, true), ("openmetrics", true, false), ("openmetrics_gzip", true, true)]
        {
            let mut work = made(processes, Form { open_metrics, gzip });
            criterion.bench_function(&format!("scrape/{name}/{processes}_processes"), |bencher| {
                bencher.iter(&mut work.run);
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = scrape
}
criterion_main!(benches);
