//! `tcpwarden top`: a view of a running agent in a terminal.
//!
//! It asks what the queries ask, over the same client, and needs no privilege of its own. A thread
//! asks ([`ask`]); the main thread takes keys and signals, changes the model ([`keys`]) and draws
//! it ([`view`]). The agent's page, read back ([`page`]), gives the numbers that no query has;
//! rates are differences of two pages ([`readings`]). Each list is made from answers by a file of
//! [`lists`], as a [`table`] without anything of a terminal. Everything but [`screen`] and the loop
//! below is pure.
//!
//! Guarantees: text that came over the wire reaches the terminal without control characters; an
//! agent that goes away ends nothing; the terminal is as it was on every way out; a signal ends it
//! also while the terminal takes nothing, and so does the end of the terminal ([`guard`]).

mod arguments;
mod ask;
mod changes;
mod data;
mod fit;
mod guard;
mod keys;
mod lists;
mod model;
mod page;
mod readings;
mod sample;
mod screen;
mod tab;
mod table;
#[cfg(test)]
mod tests;
mod view;
mod whole;

use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossterm::event::{self, Event, KeyEventKind};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

pub(crate) use arguments::NOTES;
pub use arguments::TopArgs;
pub use sample::Sample;
pub use whole::{List, Whole};

use self::ask::{Asked, Asker, Ended, Wish};
use self::keys::Effect;
use self::model::Model;
use self::screen::Screen;
use crate::client::{Address, Failure};
use crate::exit::{self, Error};
use crate::query::text::printable;

/// The time between two looks at answers and signals while no key comes.
const LOOK: Duration = Duration::from_millis(50);
/// A wait for an answer that is longer is told, as is one of more than two refreshes.
const LONG: Duration = Duration::from_secs(3);

/// Shows the agent until a key or a signal ends it.
///
/// # Errors
/// There is no terminal, no agent answers at first, or the terminal fails.
pub fn top(arguments: &TopArgs) -> Result<u8, Error> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Error::Usage(
            "top needs a terminal for its input and its output: run it in one (ssh -t, kubectl \
             exec -it), or use leaks, connections, ports and trouble, which print"
                .to_owned(),
        ));
    }
    let addresses = arguments.agent.clone().map_or_else(Address::usual, |named| vec![named]);
    let options = arguments.options.clone();
    let asked = Asked { addresses, options, start: Instant::now() };
    let place = asked.agent().place();
    let mut model = Model::new(&place, arguments.interval, arguments.uses_colors());
    let first = asked.ask(&model.wish(true)).map_err(|failure| match failure {
        Failure::Options(text) => Error::Usage(printable(&text)),
        failure => unanswered(&place, &failure.to_string()),
    })?;
    if let Some(Err(why)) = &first.leaks {
        return Err(unanswered(&place, why));
    }
    model.take(first);
    let signals = signals().context("cannot wait for signals")?;
    let mut thread = Asker::start(asked).context("cannot start the thread that asks")?;
    guard::start(signals.as_fd(), io::stdin().as_fd(), screen::give_up)
        .context("cannot start the thread that ends it with its terminal")?;
    let mut screen = Screen::open(signals.as_fd()).context("cannot use the terminal")?;
    let ended = run(&mut model, &mut thread, &mut screen, &signals);
    drop(screen);
    ended.map(|()| exit::OK)
}

fn unanswered(place: &str, why: &str) -> Error {
    Error::Agent { agent: printable(place), why: printable(why) }
}

/// Blocks the signals that end the command and returns a descriptor from which they are read.
fn signals() -> io::Result<SignalFd> {
    let mut set = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        set.add(signal);
    }
    set.thread_block()?;
    Ok(SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?)
}

/// Returns whether a signal has come. It is not taken: the screen, too, waits no longer then.
fn is_signalled(signals: &SignalFd) -> bool {
    let mut asked = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    // A window that changes its size may interrupt this: then the next look tells.
    poll(&mut asked, PollTimeout::ZERO).is_ok_and(|told| told > 0)
}

fn run(
    model: &mut Model,
    asker: &mut Asker,
    screen: &mut Screen<'_>,
    signals: &SignalFd,
) -> Result<(), Error> {
    let mut refreshed = Instant::now();
    let mut is_new = true;
    while !is_signalled(signals) {
        is_new |= take(model, asker).map_err(|Ended| gone())?;
        is_new |= wait(model, asker.waited());
        if is_new {
            screen.draw(model).context("cannot write to the terminal")?;
            is_new = false;
        }
        let is_due = asker.waited().is_none() && refreshed.elapsed() >= model.interval;
        if is_due && !model.frozen {
            refreshed = Instant::now();
            asker.wish(model.wish(true)).map_err(|Ended| gone())?;
        }
        if !event::poll(LOOK).context("cannot read from the terminal")? {
            continue;
        }
        is_new = true;
        let wish = match event::read().context("cannot read from the terminal")? {
            Event::Key(key) if key.kind == KeyEventKind::Press => match keys::press(model, key) {
                Effect::Quit => return Ok(()),
                Effect::Ask => model.wish(false),
                Effect::AskAll => model.wish(true),
                Effect::None => continue,
            },
            _ => continue,
        };
        if wish != Wish::default() {
            asker.wish(wish).map_err(|Ended| gone())?;
        }
    }
    Ok(())
}

/// Takes the answers that have come. Returns whether there were any.
fn take(model: &mut Model, asker: &mut Asker) -> Result<bool, Ended> {
    let mut any = false;
    while let Some(answer) = asker.answer()? {
        any = true;
        match answer {
            Ok(answers) => model.take(answers),
            Err(failure) => model.data.fail(&failure.to_string()),
        }
    }
    Ok(any)
}

/// Notes how long an answer has been waited for, in whole seconds, if that is long. Returns whether
/// that is new.
fn wait(model: &mut Model, waited: Option<Duration>) -> bool {
    let long = waited.filter(|waited| *waited >= LONG.max(2 * model.interval));
    let waiting = long.map(|waited| Duration::from_secs(waited.as_secs()));
    std::mem::replace(&mut model.waiting, waiting) != waiting
}

fn gone() -> Error {
    Error::Other(anyhow::anyhow!("the thread that asks the agent has ended"))
}
