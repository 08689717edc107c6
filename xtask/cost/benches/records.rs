//! Times `cost::records`: records applied alone and among many rows, a recording replayed, passes
//! over many rows.
#![allow(missing_docs, reason = "criterion's macros write functions without")]

use std::time::Duration;

use cost::{Prepared, records};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Connections in a round.
const ROUND: u64 = 2048;

fn time(criterion: &mut Criterion, name: &str, samples: usize, mut work: Prepared) {
    let mut group = criterion.benchmark_group("records");
    group.throughput(Throughput::Elements(work.units)).sample_size(samples);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    group.bench_function(name, |bencher| bencher.iter(&mut work.run));
    group.finish();
}

fn all(criterion: &mut Criterion) {
    time(criterion, "apply", 50, records::applying(0, ROUND));
    time(criterion, "apply_among_1000000", 50, records::applying(1_000_000, ROUND));
    time(criterion, "replay", 50, records::replaying());
    for rows in [10_000, 100_000, 1_000_000] {
        let samples = if rows < 1_000_000 { 20 } else { 10 };
        time(criterion, &format!("seed/{rows}"), samples, records::seeding(rows));
        time(criterion, &format!("reconcile/{rows}"), samples, records::reconciling(rows));
    }
}

criterion_group!(benches, all);
criterion_main!(benches);
