//! `tcpwarden events`: prints transitions and retransmits as they happen, until a signal or a
//! limit.

use std::cell::Cell;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::os::fd::{AsFd as _, AsRawFd};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use aya::maps::{MapData, RingBuf};
use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use nix::sys::signalfd::SignalFd;

use super::load;
use crate::cli::EventsArgs;
use crate::client::{Address, Agent, AgentOptions, Failure};
use crate::clock::monotonic;
use crate::events::older::Older;
use crate::events::watch::Watch;
use crate::events::workloads::Workloads;
use crate::events::{Format, Printer, Progress, Summary, names};
use crate::exit::{self, Error};
use crate::ingest::Counters;
use crate::ingest::decode::Record;
use crate::ingest::rings::Rings;
use crate::kernel::load::Sizes;
use crate::output::{self, Output};

/// Rings as large as the agent's.
const SIZES: Sizes = Sizes { state_ring: 8 << 20, retransmit_ring: 1 << 20 };
/// The time between two drains of the rings, each followed by a flush of the output.
const DRAIN_EVERY: Duration = Duration::from_millis(50);
/// How long an agent is asked for owners that was named, and one that may be at the usual address.
const NAMED: Duration = Duration::from_secs(5);
const USUAL: Duration = Duration::from_secs(1);
/// The most records between two checks of the clock and of signals.
const BATCH: usize = 4096;

/// Prints events until a signal comes, or until the requested time or number is reached.
///
/// # Errors
/// The probes cannot be loaded, or the output cannot be written.
pub fn events(arguments: &EventsArgs) -> Result<u8, Error> {
    let format = format(arguments)?;
    // Before the probes are attached, which would see it, and while a signal still ends it.
    let older = older(arguments.agent.as_ref(), &arguments.options)?;
    let (mut poll, signals) = watch_signals().context("cannot wait for signals")?;
    let (kernel, maps) = load(SIZES)?;
    let counters = Counters::new(maps.counters);
    let mut rings = Rings::new(maps.states, maps.retransmits);
    poll.registry()
        .register(&mut SourceFd(&rings.wake_fd()), Token(1), Interest::READABLE)
        .context("cannot watch the ring")?;
    let end = arguments.duration.map(|duration| Instant::now() + duration);
    let stopping = Cell::new(false);
    let output = Output::new(&signals, &stopping, end).context("cannot use standard output")?;
    let mut printer = Printer::new(format, BufWriter::with_capacity(1 << 16, output), io::stderr());
    let probes: Vec<_> = kernel.probes().iter().map(|(probe, state)| (probe.name, state)).collect();
    let mut summary = Summary::default();
    let asks = format == Format::Json || arguments.which.asks_for_workload();
    let workloads = if asks { Workloads::below(Path::new("/")) } else { Workloads::these(&[]) };
    let mut watch = Watch::new(arguments.which.clone(), older, workloads);
    let mut going = printer.ready(&probes)?.is_continue();
    let most = arguments.count.unwrap_or(u64::MAX);
    let (mut ready, mut more) = (mio::Events::with_capacity(8), false);
    while going {
        if !more {
            wait(&mut poll, &mut ready, end)?;
        }
        let is_over = end.is_some_and(|end| Instant::now() >= end)
            || matches!(signals.read_signal(), Ok(Some(_)))
            || output::is_gone(io::stdout().as_fd());
        stopping.set(is_over);
        printer.set_clock(SystemTime::now(), monotonic());
        let (progress, left) =
            print_batch(&mut rings, &mut watch, &mut printer, &mut summary, most)?;
        more = left;
        going = progress.is_continue() && printer.flush()?.is_continue() && !is_over;
    }
    let lost = counters.read().map(|counters| counters.states_lost + counters.retransmits_lost);
    summary.lost = lost.context("cannot read how many records were lost")?;
    // The result does not matter: this is the last output.
    let _ = printer.summary(summary)?;
    Ok(exit::OK)
}

/// Returns the form of the events, unless `--json` stands beside another one.
fn format(arguments: &EventsArgs) -> Result<Format, Error> {
    match (arguments.output, arguments.json) {
        (Some(Format::Text), true) => {
            let text = "--output is 'text': expected json, or no --json beside it";
            Err(Error::Usage(text.to_owned()))
        }
        (Some(Format::Json), _) | (None, true) => Ok(Format::Json),
        (Some(Format::Text) | None, false) => Ok(Format::Text),
    }
}

/// Asks the agent that was named, or one at a usual address if it answers.
fn older(named: Option<&Address>, options: &AgentOptions) -> Result<Older, Error> {
    let addresses = named.map_or_else(Address::usual, |named| vec![named.clone()]);
    let patience = if named.is_some() { NAMED } else { USUAL };
    let agent = Agent { addresses: &addresses, options };
    Older::ask(&agent, patience).or_else(|error| {
        let text = names::printable(&error.to_string());
        if let Failure::Options(_) = error {
            return Err(Error::Usage(text));
        }
        let error = text;
        let (what, address) =
            ("owners of sockets that are older than this command are not known", agent.place());
        if named.is_some() {
            tracing::warn!(address, error, "{what}");
        } else {
            tracing::debug!(address, error, "{what}");
        }
        Ok(Older::default())
    })
}

/// Blocks the signals that end the command and returns a descriptor from which they are read.
fn watch_signals() -> io::Result<(Poll, SignalFd)> {
    let signals = output::signals()?;
    let poll = Poll::new()?;
    poll.registry().register(&mut SourceFd(&signals.as_raw_fd()), Token(0), Interest::READABLE)?;
    Ok((poll, signals))
}

fn wait(poll: &mut Poll, ready: &mut mio::Events, end: Option<Instant>) -> Result<(), Error> {
    let left = end
        .map_or(DRAIN_EVERY, |end| end.saturating_duration_since(Instant::now()).min(DRAIN_EVERY));
    match poll.poll(ready, Some(left)) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => {
            Err(Error::Other(anyhow::Error::new(error).context("cannot wait for the ring")))
        }
        _ => Ok(()),
    }
}

/// Prints a batch from the rings. Returns `Break` if the reader has gone away or enough was
/// printed, and whether the rings hold more.
fn print_batch<O: Write, D: Write>(
    rings: &mut Rings<RingBuf<MapData>>,
    watch: &mut Watch,
    printer: &mut Printer<O, D>,
    summary: &mut Summary,
    most: u64,
) -> Result<(ControlFlow<()>, bool), Error> {
    let mut outcome = Ok(ControlFlow::Continue(()));
    let taken = rings.drain(BATCH, |record| {
        if matches!(outcome, Ok(ControlFlow::Continue(()))) {
            outcome = print(record, watch, printer, summary, most);
        }
    });
    Ok((outcome?, taken >= BATCH))
}

fn print<O: Write, D: Write>(
    record: &Record,
    watch: &mut Watch,
    printer: &mut Printer<O, D>,
    summary: &mut Summary,
    most: u64,
) -> Progress {
    let known = match record {
        Record::State(state) => watch.transition(state),
        Record::Close(close) => watch.transition(&close.state),
        Record::Retransmit(retransmit) | Record::SynAck(retransmit) => watch.retransmit(retransmit),
        // Iterators do not write into the rings.
        Record::Socket(_) | Record::Holder(_) | Record::Child(_) => None,
    };
    let Some(known) = known else { return Ok(ControlFlow::Continue(())) };
    let progress = match record {
        Record::State(state) => {
            summary.transitions += 1;
            printer.transition(state, &known)?
        }
        Record::Close(close) => {
            summary.transitions += 1;
            printer.close(close, &known)?
        }
        Record::Retransmit(retransmit) | Record::SynAck(retransmit) => {
            summary.retransmits += 1;
            printer.retransmit(retransmit, &known)?
        }
        Record::Socket(_) | Record::Holder(_) | Record::Child(_) => ControlFlow::Continue(()),
    };
    let enough = summary.transitions + summary.retransmits >= most;
    Ok(if enough { ControlFlow::Break(()) } else { progress })
}
