//! Standard output that gives up when its command is to end, so that a reader that does not read
//! cannot keep it.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signalfd::SignalFd;

/// A pipe that is writable takes so many bytes at once, `PIPE_BUF` (`pipe(7)`).
const PIECE: usize = 4096;
/// The time between two looks at the clock while nobody reads, milliseconds.
const LOOK: u8 = 50;

/// What a file without a reader tells: a pipe the first, a socket or a terminal the second.
const GONE: PollFlags = PollFlags::POLLERR.union(PollFlags::POLLHUP);

/// Standard output without a buffer.
pub(super) struct Output<'a> {
    file: File,
    /// The signals that end the command; they are looked for, not taken.
    signals: &'a SignalFd,
    end: Option<Instant>,
}

impl<'a> Output<'a> {
    /// Returns standard output for a command that ends with a signal or at `end`.
    ///
    /// # Errors
    /// If there is no standard output, or no descriptor is left for it.
    pub(super) fn new(signals: &'a SignalFd, end: Option<Instant>) -> io::Result<Self> {
        let file = io::stdout().as_fd().try_clone_to_owned()?.into();
        Ok(Self { file, signals, end })
    }

    /// Waits until the reader takes bytes.
    ///
    /// # Errors
    /// If the reader has gone away, or the command is to end before.
    fn wait(&self) -> io::Result<()> {
        loop {
            let mut asked = [
                PollFd::new(self.file.as_fd(), PollFlags::POLLOUT),
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            ];
            let is_over = self.end.is_some_and(|end| Instant::now() >= end);
            poll(&mut asked, if is_over { PollTimeout::ZERO } else { LOOK.into() })?;
            let [output, signals] = asked.map(|one| one.revents().unwrap_or(PollFlags::empty()));
            if output.intersects(GONE | PollFlags::POLLNVAL) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if output.contains(PollFlags::POLLOUT) {
                return Ok(());
            }
            // A reader that does not read is as good as none.
            if is_over || !signals.is_empty() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
    }
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wait()?;
        self.file.write(&bytes[..bytes.len().min(PIECE)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns whether the reader of a file has gone away.
pub(super) fn is_gone(file: BorrowedFd<'_>) -> bool {
    let mut asked = [PollFd::new(file, PollFlags::empty())];
    let answered = poll(&mut asked, PollTimeout::ZERO);
    answered == Ok(1) && asked[0].revents().is_some_and(|told| told.intersects(GONE))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nix::sys::signal::SigSet;

    use super::*;

    /// An output into a pipe for a command that ends after a while.
    fn output(file: io::PipeWriter, signals: &SignalFd, after: Duration) -> Output<'_> {
        let file = File::from(std::os::fd::OwnedFd::from(file));
        Output { file, signals, end: Some(Instant::now() + after) }
    }

    #[test]
    fn a_reader_that_does_not_read_is_given_up_at_the_end() {
        let signals = SignalFd::new(&SigSet::empty()).unwrap();
        let (reader, writer) = io::pipe().unwrap();
        let mut output = output(writer, &signals, Duration::from_millis(300));
        let begun = Instant::now();
        let error = output.write_all(&vec![b'x'; 1 << 20]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert!((300..3000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
        drop(reader);
    }

    #[test]
    fn what_can_be_written_at_the_end_still_is() {
        let signals = SignalFd::new(&SigSet::empty()).unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        let mut output = output(writer, &signals, Duration::ZERO);
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
