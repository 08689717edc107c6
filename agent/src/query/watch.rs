//! `--watch`: one question asked again and again, until a signal comes or nobody reads.
//!
//! [`run`] is the loop, without a clock and an agent of its own; [`watch`] gives it both.
//! Guarantees: a signal ends it with exit code 0 at any moment, also while an agent is slow to
//! answer or a reader slow to read; a reader that goes away ends a wait, with 0 too; an agent that
//! goes away, and a file of `--ca`, `--cert`, `--key` or `--password-file` that cannot be read, is
//! said once and asked again; the first answer fails as it does without `--watch`.

use std::cell::Cell;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signalfd::SignalFd;
use tokio::runtime::Runtime;

use super::failure::{failed, unwritten};
use super::view::Format;
use crate::client::{self, Agent};
use crate::duration_text;
use crate::exit::{self, Error};
use crate::output::{self, Output};

#[cfg(test)]
mod tests;

/// Makes a terminal empty and goes to its upper left corner.
const CLEAR: &str = "\x1b[H\x1b[2J";
/// What stands between two answers where there is no terminal.
const BETWEEN: &str = "---\n";

/// The time between two looks for a signal while an agent is asked.
const LOOK: Duration = Duration::from_millis(50);

/// What the loop needs of the world.
trait World {
    /// Returns an answer as it is printed, `is_first` if there was none before; `None` if a signal
    /// came first.
    fn ask(&mut self, is_first: bool) -> Option<Result<String, Error>>;

    /// Waits. Returns whether to go on: no signal came, and the reader has not gone.
    fn wait(&mut self, time: Duration) -> bool;

    /// Returns the time of the wall clock.
    fn now(&self) -> SystemTime;

    /// Prints.
    ///
    /// # Errors
    /// The output cannot be written; `BrokenPipe` if nobody reads.
    fn print(&mut self, text: &str) -> io::Result<()>;

    /// Says on standard error what went wrong.
    fn warn(&mut self, text: &str);
}

/// What stands around an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frame {
    /// A terminal: it is made empty, the first line says when.
    Screen,
    /// A file or a pipe: a line says when, another stands between two answers.
    Paper,
    /// Nothing: programs read it.
    None,
}

/// Asks until a signal comes, or nobody reads.
fn run(world: &mut impl World, every: Duration, frame: Frame) -> Result<u8, Error> {
    let (mut is_first, mut said) = (true, None);
    loop {
        match world.ask(is_first) {
            None => return Ok(exit::OK),
            Some(Ok(page)) => {
                let at = duration_text::rfc3339(world.now());
                let text = match frame {
                    Frame::Screen => format!("{CLEAR}{at}\n\n{page}"),
                    Frame::Paper if is_first => format!("{at}\n{page}"),
                    Frame::Paper => format!("{BETWEEN}{at}\n{page}"),
                    Frame::None => page,
                };
                match world.print(&text) {
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                        return Ok(exit::OK);
                    }
                    Err(error) => return Err(unwritten(error)),
                    Ok(()) => (is_first, said) = (false, None),
                }
            }
            // A file of the options is read for each question: it may be back at the next.
            Some(Err(error @ (Error::Agent { .. } | Error::Usage(_)))) if !is_first => {
                let text = error.to_string();
                if said.as_ref() != Some(&text) {
                    let every = duration_text::short(every);
                    world.warn(&format!("{text}; asking again, {every} after each answer"));
                    said = Some(text);
                }
            }
            Some(Err(error)) => return Err(error),
        }
        if !world.wait(every) {
            return Ok(exit::OK);
        }
    }
}

/// Returns an answer as it is printed, given whether it is the first.
type Shown<'a> = dyn Fn(bool, &[u8]) -> Result<String, Error> + 'a;

/// What is asked again and again.
pub(super) struct Question<'a> {
    /// Who is asked.
    pub(super) agent: Agent<'a>,
    /// A path with its query.
    pub(super) target: &'a str,
    /// The form of the answer.
    pub(super) format: Format,
    /// How an answer is printed.
    pub(super) shown: &'a Shown<'a>,
}

/// Asks an agent until SIGINT or SIGTERM comes, or nobody reads, and returns the exit code 0.
///
/// # Errors
/// The first question fails, or the output cannot be written.
pub(super) fn watch(question: &Question<'_>, every: Duration) -> Result<u8, Error> {
    let signals = output::signals().context("cannot wait for signals")?;
    let stopping = Cell::new(false);
    let output = Output::new(&signals, &stopping, None).context("cannot use standard output")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot ask an agent and wait")?;
    let frame = match question.format {
        Format::Csv | Format::Json => Frame::None,
        Format::Text | Format::Wide if io::stdout().is_terminal() => Frame::Screen,
        Format::Text | Format::Wide => Frame::Paper,
    };
    let mut live = Live { question, signals: &signals, output, runtime };
    let ended = run(&mut live, every, frame);
    // Does not wait for a name that is still looked up, which ends with the process.
    live.runtime.shutdown_background();
    ended
}

/// Waits for a signal, and for the reader of `output` to go away if one is given. Returns whether
/// either came in that time.
fn is_over(signals: &SignalFd, output: Option<BorrowedFd<'_>>, within: Duration) -> bool {
    let mut asked = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    // Nothing is asked for: the kernel tells without it that nobody reads.
    asked.extend(output.map(|output| PollFd::new(output, PollFlags::empty())));
    // A day of milliseconds is in the range.
    let timeout = PollTimeout::try_from(within).unwrap_or(PollTimeout::MAX);
    // What a wait fails with would fail each later one: it is the end too.
    poll(&mut asked, timeout) != Ok(0)
}

/// The world as it is.
struct Live<'a> {
    question: &'a Question<'a>,
    signals: &'a SignalFd,
    output: Output<'a>,
    runtime: Runtime,
}

impl Live<'_> {
    /// Looks for a signal every now and then, until one has come.
    async fn signal(&self) {
        while !is_over(self.signals, None, Duration::ZERO) {
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl World for Live<'_> {
    fn ask(&mut self, is_first: bool) -> Option<Result<String, Error>> {
        let Question { agent, target, shown, .. } = self.question;
        let answer = self.runtime.block_on(async {
            tokio::select! {
                // The signal is looked for first: an agent may answer at once, always.
                biased;
                () = self.signal() => None,
                answer = client::fetch_within(client::TIMEOUT, agent, target) => Some(answer),
            }
        })?;
        let answer = answer.map_err(|failure| failed(agent, &failure));
        Some(answer.and_then(|body| shown(is_first, &body)))
    }

    fn wait(&mut self, time: Duration) -> bool {
        !is_over(self.signals, Some(io::stdout().as_fd()), time)
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn print(&mut self, text: &str) -> io::Result<()> {
        self.output.write_all(text.as_bytes())
    }

    fn warn(&mut self, text: &str) {
        crate::print_error(&Error::Other(anyhow::anyhow!("{text}")));
    }
}
