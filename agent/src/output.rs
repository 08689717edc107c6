//! Standard output that gives up when its command is to end, so that a reader that does not read
//! cannot keep it.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// A pipe that is writable takes so many bytes at once, `PIPE_BUF` (`pipe(7)`).
const PIECE: usize = 4096;
/// How long a reader may take for a piece once the command is to end.
const GRACE: Duration = Duration::from_secs(1);
/// The time between two looks at the clock while nobody reads, milliseconds.
const LOOK: u8 = 50;

/// What a file without a reader tells: a pipe the first, a socket or a terminal the second.
const GONE: PollFlags = PollFlags::POLLERR.union(PollFlags::POLLHUP);

/// Standard output without a buffer.
pub(crate) struct Output<'a> {
    file: File,
    /// The signals that end the command; they are looked for, not taken.
    signals: &'a SignalFd,
    /// Whether one of them was taken.
    stopping: &'a Cell<bool>,
    end: Option<Instant>,
    /// Whether the reader was given up: no later write waits again.
    given_up: bool,
}

impl<'a> Output<'a> {
    /// Returns standard output for a command that ends with a signal or at `end`.
    ///
    /// # Errors
    /// If there is no standard output, or no descriptor is left for it.
    pub(crate) fn new(
        signals: &'a SignalFd,
        stopping: &'a Cell<bool>,
        end: Option<Instant>,
    ) -> io::Result<Self> {
        let file = io::stdout().as_fd().try_clone_to_owned()?.into();
        Ok(Self { file, signals, stopping, end, given_up: false })
    }

    /// Waits until the reader takes bytes; for [`GRACE`] at the most once the command is to end.
    ///
    /// # Errors
    /// If the reader has gone away, or did not read in that time.
    fn wait(&self) -> io::Result<()> {
        let mut given_up = None;
        loop {
            let mut asked = [
                PollFd::new(self.file.as_fd(), PollFlags::POLLOUT),
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            ];
            // A signal that waits would end each poll at once.
            let asks = if given_up.is_some() { &mut asked[..1] } else { &mut asked[..] };
            poll(asks, PollTimeout::from(LOOK))?;
            let [output, signals] = asked.map(|one| one.revents().unwrap_or(PollFlags::empty()));
            if output.intersects(GONE | PollFlags::POLLNVAL) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if output.contains(PollFlags::POLLOUT) {
                return Ok(());
            }
            let is_over = self.end.is_some_and(|end| Instant::now() >= end);
            if is_over || self.stopping.get() || !signals.is_empty() || given_up.is_some() {
                // A reader that does not read is as good as none.
                if Instant::now() >= *given_up.get_or_insert_with(|| Instant::now() + GRACE) {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
            }
        }
    }
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.given_up {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.wait().inspect_err(|_reader| self.given_up = true)?;
        self.file.write(&bytes[..bytes.len().min(PIECE)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Blocks the signals that end a command in this thread, and returns a descriptor from which they
/// are read.
///
/// # Errors
/// No descriptor is left.
pub(crate) fn signals() -> io::Result<SignalFd> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGINT);
    set.add(Signal::SIGTERM);
    set.thread_block()?;
    Ok(SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?)
}

/// Returns whether the reader of a file has gone away.
pub(crate) fn is_gone(file: BorrowedFd<'_>) -> bool {
    let mut asked = [PollFd::new(file, PollFlags::empty())];
    let answered = poll(&mut asked, PollTimeout::ZERO);
    answered == Ok(1) && asked[0].revents().is_some_and(|told| told.intersects(GONE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An output into a pipe for a command that ends after a while.
    fn output<'a>(
        file: io::PipeWriter,
        (signals, stopping): (&'a SignalFd, &'a Cell<bool>),
        after: Duration,
    ) -> Output<'a> {
        let file = File::from(std::os::fd::OwnedFd::from(file));
        Output { file, signals, stopping, end: Some(Instant::now() + after), given_up: false }
    }

    #[test]
    fn a_reader_that_does_not_read_is_given_up_at_the_end() {
        let signals = SignalFd::new(&SigSet::empty()).unwrap();
        let (reader, writer) = io::pipe().unwrap();
        let stopping = Cell::new(false);
        let mut output = output(writer, (&signals, &stopping), Duration::from_millis(300));
        let begun = Instant::now();
        let error = output.write_all(&vec![b'x'; 1 << 20]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert!((1300..5000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
        drop(reader);
    }

    #[test]
    fn a_signal_that_was_taken_gives_the_reader_up_too() {
        let signals = SignalFd::new(&SigSet::empty()).unwrap();
        let (_reader, writer) = io::pipe().unwrap();
        let stopping = Cell::new(true);
        let mut output = output(writer, (&signals, &stopping), Duration::from_hours(1));
        assert!(output.write_all(&vec![b'x'; 1 << 20]).is_err());
    }

    #[test]
    fn a_reader_that_is_slow_gets_all_after_the_end() {
        let signals = SignalFd::new(&SigSet::empty()).unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        let stopping = Cell::new(false);
        let mut output = output(writer, (&signals, &stopping), Duration::ZERO);
        let slow = std::thread::spawn(move || {
            let (mut piece, mut all) = ([0; 8192], 0);
            loop {
                std::thread::sleep(Duration::from_millis(5));
                match io::Read::read(&mut reader, &mut piece).unwrap() {
                    0 => return all,
                    read => all += read,
                }
            }
        });
        output.write_all(&vec![b'x'; 1 << 20]).unwrap();
        drop(output);
        assert_eq!(slow.join().unwrap(), 1 << 20);
    }

    #[test]
    fn what_can_be_written_at_the_end_still_is() {
        let signals = SignalFd::new(&SigSet::empty()).unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        let stopping = Cell::new(false);
        let mut output = output(writer, (&signals, &stopping), Duration::ZERO);
        output.write_all(b"summary").unwrap();
        drop(output);
        assert_eq!(io::read_to_string(&mut reader).unwrap(), "summary");
    }

    #[test]
    fn a_reader_that_has_gone_is_known_without_a_write() {
        let (reader, writer) = io::pipe().unwrap();
        assert!(!is_gone(writer.as_fd()));
        drop(reader);
        assert!(is_gone(writer.as_fd()));
    }
}
