//! The terminal while the view has it.
//!
//! Guarantee: it is as it was when [`Screen`] is dropped, by a panic too, and a panic's message is
//! on the screen that is left then. A terminal that takes nothing keeps no command that a signal
//! ends for longer than a few seconds.

use std::fs::File;
use std::io::{self, BufWriter, Write, stdout};
use std::os::fd::{AsFd as _, BorrowedFd};

use crossterm::cursor::Show;
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use super::model::Model;
use super::view;

/// A terminal that is writable takes so many bytes at once: the buffer behind it grows in such
/// steps until it is full (`tty_buffer_alloc`, 6.18).
const PIECE: usize = 256;
/// How long the terminal may take for a piece once a signal has come, milliseconds.
const GRACE: u16 = 1000;

/// The terminal in raw mode, on its alternate screen.
pub(super) struct Screen<'a> {
    terminal: Terminal<CrosstermBackend<BufWriter<Patient<'a>>>>,
    /// Dropped behind the terminal, which shows the cursor again.
    _restored: Restored<Patient<'a>>,
}

impl<'a> Screen<'a> {
    /// Takes the terminal. `signals` is readable from when a signal ends the command.
    ///
    /// # Errors
    /// It is none, or cannot be written to, or no descriptor is left for it.
    pub(super) fn open(signals: BorrowedFd<'a>) -> io::Result<Self> {
        let (drawn, left) = (Patient::new(signals)?, Patient::new(signals)?);
        enable_raw_mode()?;
        let mut restored = Restored(left);
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            leave(&mut stdout());
            usual(panic);
        }));
        execute!(restored.0, EnterAlternateScreen)?;
        let pieces = BufWriter::with_capacity(PIECE, drawn);
        let terminal = Terminal::new(CrosstermBackend::new(pieces))?;
        Ok(Self { terminal, _restored: restored })
    }

    /// Draws the model. Waits for the terminal until a signal comes.
    ///
    /// # Errors
    /// The terminal cannot be written to.
    pub(super) fn draw(&mut self, model: &Model) -> io::Result<()> {
        let frame = self.terminal.draw(|frame| view::draw(model, frame.area(), frame.buffer_mut()));
        frame.map(drop)
    }
}

/// Standard output that waits until the terminal takes bytes. Once a signal has come and the
/// terminal takes nothing for [`GRACE`], all that is left is dropped: nobody sees it.
struct Patient<'a> {
    /// Without a buffer: what is written is what the terminal takes.
    file: File,
    /// Readable from when a signal has come.
    signals: BorrowedFd<'a>,
    given_up: bool,
}

impl<'a> Patient<'a> {
    fn new(signals: BorrowedFd<'a>) -> io::Result<Self> {
        let file = stdout().as_fd().try_clone_to_owned()?.into();
        Ok(Self { file, signals, given_up: false })
    }

    /// Waits. Returns whether the terminal takes bytes.
    fn wait(&self) -> io::Result<bool> {
        let mut asked = [
            PollFd::new(self.file.as_fd(), PollFlags::POLLOUT),
            PollFd::new(self.signals, PollFlags::POLLIN),
        ];
        poll(&mut asked, PollTimeout::NONE)?;
        // A terminal that has gone is told too: the write fails then.
        let is_told = asked[0].revents() != Some(PollFlags::empty());
        Ok(is_told || poll(&mut asked[..1], PollTimeout::from(GRACE))? > 0)
    }
}

impl Write for Patient<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.given_up = self.given_up || !self.wait()?;
        if self.given_up {
            return Ok(bytes.len());
        }
        self.file.write(&bytes[..bytes.len().min(PIECE)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Gives the terminal back when it is dropped.
struct Restored<W: Write>(W);

impl<W: Write> Drop for Restored<W> {
    fn drop(&mut self) {
        leave(&mut self.0);
    }
}

/// Gives back what can be given back without writing, and ends the process whatever its threads
/// do.
pub(super) fn give_up() {
    let _ = disable_raw_mode();
    // It cannot be refused.
    let _ = kill(Pid::this(), Signal::SIGKILL);
}

/// Gives the terminal back. A failure is ignored: there is nothing left to do then.
fn leave(out: &mut impl Write) {
    let _ = execute!(out, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::time::{Duration, Instant};

    use super::*;

    /// A terminal that is a pipe.
    fn patient(file: io::PipeWriter, signals: BorrowedFd<'_>) -> Patient<'_> {
        Patient { file: OwnedFd::from(file).into(), signals, given_up: false }
    }

    #[test]
    fn a_terminal_that_takes_nothing_is_given_up_after_a_signal() {
        let (signals, mut signal) = io::pipe().unwrap();
        let (_reader, writer) = io::pipe().unwrap();
        let mut patient = patient(writer, signals.as_fd());
        let begun = Instant::now();
        let later = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            signal.write_all(b"!").unwrap();
            signal
        });
        patient.write_all(&vec![b'x'; 1 << 20]).unwrap();
        assert!(patient.given_up);
        assert!((1200..5000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
        drop(later.join().unwrap());
    }

    #[test]
    fn a_terminal_that_takes_bytes_gets_all_after_a_signal() {
        let (signals, mut signal) = io::pipe().unwrap();
        signal.write_all(b"!").unwrap();
        let (reader, writer) = io::pipe().unwrap();
        let mut patient = patient(writer, signals.as_fd());
        patient.write_all(&[b'x'; 1000]).unwrap();
        drop(patient);
        assert_eq!(io::read_to_string(reader).unwrap().len(), 1000);
    }

    #[test]
    fn a_panic_gives_the_terminal_back() {
        let mut written = Vec::new();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _restored = Restored(&mut written);
            std::panic::resume_unwind(Box::new("on the way"));
        }));
        assert!(panicked.is_err());
        assert_eq!(String::from_utf8(written).unwrap(), "\u{1b}[?1049l\u{1b}[?25h");
    }
}
