//! The load's process: is told for how long to work, works, and says what it came to.
//!
//! One line with milliseconds in, those to get warm and those to be measured; one line of JSON out;
//! until the input ends. `ready` comes first.

use std::io::BufRead as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use testkit::proc_net;

use super::Spec;
use super::place::{Batch, Place};
use crate::bench::stats::Quantiles;

/// What a load came to in one slot.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Connections, requests, MiB or transitions that were done.
    pub(crate) units: u64,
    /// The same, before the measured time began: what watches has seen these too.
    pub(in crate::bench) warm_units: u64,
    /// The processor time that they took.
    pub(in crate::bench) warm_cpu_seconds: f64,
    /// How long that took.
    pub(in crate::bench) warm_seconds: f64,
    /// From the first batch to the last.
    pub(in crate::bench) elapsed_seconds: f64,
    /// Processor time of the load's threads, with what the kernel did in their context, softirqs
    /// among it.
    pub(in crate::bench) load_cpu_seconds: f64,
    /// Segments that the clients' namespace retransmitted.
    pub(in crate::bench) retransmitted_segments: u64,
    /// Units of a batch.
    pub(in crate::bench) batch_units: u64,
    /// How many batches there were.
    pub(in crate::bench) batches: u64,
    /// The time of a batch.
    pub(in crate::bench) batch_nanoseconds: Quantiles,
}

/// Makes a load whenever it is told to, until its input ends.
pub(in crate::bench) fn serve(spec: &Spec, place: Place) -> Result<()> {
    let make = || (0..spec.threads).map(|_| (spec.make)(place)).collect::<Result<Vec<_>>>();
    let time = |word: Option<&str>| {
        Ok::<_, anyhow::Error>(Duration::from_millis(word.context("no time is named")?.parse()?))
    };
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        let (warm, time) = (time(words.next())?, time(words.next())?);
        // New connections and no pause: what TCP does on a connection depends on how long it was
        // idle.
        let mut batches = make()?;
        let before = work(&mut batches, u64::from(spec.batch), warm)?;
        let sample = work(&mut batches, u64::from(spec.batch), time)?;
        let sample = Sample {
            warm_units: before.units,
            warm_seconds: before.elapsed_seconds,
            warm_cpu_seconds: before.load_cpu_seconds,
            ..sample
        };
        println!("{}", serde_json::to_string(&sample)?);
    }
    Ok(())
}

fn work(batches: &mut [Batch], units: u64, time: Duration) -> Result<Sample> {
    let retransmitted = || proc_net::counter("thread-self", "RetransSegs");
    let (start, before) = (Instant::now(), retransmitted()?);
    let parts = std::thread::scope(|scope| {
        let threads: Vec<_> = batches
            .iter_mut()
            .enumerate()
            .map(|(nth, batch)| scope.spawn(move || part(batch, nth, time)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect::<Result<Vec<_>>>()
    })?;
    let elapsed_seconds = start.elapsed().as_secs_f64();
    let load_cpu_seconds = parts.iter().map(|(_, cpu)| cpu.as_secs_f64()).sum();
    let mut times: Vec<f64> = parts.into_iter().flat_map(|(times, _)| times).collect();
    let batches = times.len() as u64;
    Ok(Sample {
        warm_units: 0,
        warm_seconds: 0.0,
        warm_cpu_seconds: 0.0,
        units: batches * units,
        elapsed_seconds,
        load_cpu_seconds,
        retransmitted_segments: u64::try_from(retransmitted()? - before)?,
        batch_units: units,
        batches,
        batch_nanoseconds: Quantiles::of(&mut times),
    })
}

/// Batches of one thread on one CPU: the nanoseconds of each, and the thread's processor time.
fn part(batch: &mut Batch, nth: usize, time: Duration) -> Result<(Vec<f64>, Duration)> {
    stay_on(nth)?;
    // Room from the start: growing would be in a batch's time.
    let mut times = Vec::with_capacity(1 << 16);
    let (start, cpu) = (Instant::now(), cpu()?);
    let mut before = start;
    while before.duration_since(start) < time {
        batch()?;
        let now = Instant::now();
        #[expect(clippy::cast_precision_loss, reason = "a batch takes less than a month")]
        times.push(now.duration_since(before).as_nanos() as f64);
        before = now;
    }
    Ok((times, self::cpu()?.saturating_sub(cpu)))
}

/// Binds this thread to the `nth` of the CPUs that this process may use.
fn stay_on(nth: usize) -> Result<()> {
    let allowed = sched_getaffinity(Pid::from_raw(std::process::id().cast_signed()))
        .context("ask for the CPUs")?;
    let cpus: Vec<_> =
        (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap_or(false)).collect();
    let mut one = CpuSet::new();
    one.set(cpus[nth % cpus.len()]).context("name a CPU")?;
    sched_setaffinity(Pid::from_raw(0), &one).context("stay on one CPU")
}

/// Processor time of this thread.
fn cpu() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).context("read this thread's clock")?.into())
}
