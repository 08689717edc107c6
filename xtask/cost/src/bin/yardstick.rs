//! Holds a program on the hook of the state probe that does nothing, or nothing but hand over a
//! record, until its input ends; `cargo xtask bench` measures the agent's programs against it.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "what it prints is read by the benchmark")]

use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Parser;
use tcpwarden::kernel::yardstick::{Yard, Yardstick};

/// The agent's default: how often the ring is emptied, and how large it is.
const DRAIN: Duration = Duration::from_millis(50);
const RING: u32 = 8 << 20;

#[derive(Parser)]
struct Args {
    /// Bytes of the record that it hands over: 96, or 0 for a program that does nothing
    #[arg(long)]
    bytes: usize,
}

fn main() -> Result<()> {
    let record = size_of::<agent_common::record::State>();
    let yard = match Args::parse().bytes {
        0 => Yard::Empty,
        bytes if bytes == record => Yard::Record,
        other => bail!("there is no yardstick of {other} bytes: 0 or {record}"),
    };
    let mut yardstick = Yardstick::attach(yard, RING)?;
    println!("attached");
    let ended = AtomicBool::new(false);
    let mut records = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            // Closed or broken, it ends.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            ended.store(true, Ordering::Release);
        });
        while !ended.load(Ordering::Acquire) {
            thread::sleep(DRAIN);
            records += yardstick.drain();
        }
    });
    let (runs, nanoseconds) = yardstick
        .run_stats()
        .read()
        .map(|(_, runs)| (runs.runs, runs.nanoseconds))
        .next()
        .unwrap_or_default();
    println!("runs {runs} ns {nanoseconds} records {records}");
    Ok(())
}
