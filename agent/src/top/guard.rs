//! Ends the command where the main thread cannot.
//!
//! What reads keys (crossterm 0.29) turns round and round, and looks at nothing else, once the
//! terminal has gone: it takes an end of file for a key that is yet to come.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How long the main thread has to end by itself, more than the screen takes for its last bytes.
const GRACE: Duration = Duration::from_secs(3);

/// Starts a thread that ends the process some seconds after a signal has come or the terminal has
/// gone. `signals` is readable from when a signal has come; `end` does it.
///
/// # Errors
/// There is no descriptor or no thread left.
pub(super) fn start(
    signals: BorrowedFd<'_>,
    terminal: BorrowedFd<'_>,
    end: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let watched = [signals.try_clone_to_owned()?, terminal.try_clone_to_owned()?];
    let watch = move || {
        if wait(&watched) {
            std::thread::sleep(GRACE);
            end();
        }
    };
    std::thread::Builder::new().name("guard".to_owned()).spawn(watch)?;
    Ok(())
}

/// Waits for a signal, or for the end of the terminal. Returns whether one has come.
fn wait([signals, terminal]: &[OwnedFd; 2]) -> bool {
    loop {
        let mut asked = [
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            // A hang-up is told without being asked for.
            PollFd::new(terminal.as_fd(), PollFlags::empty()),
        ];
        match poll(&mut asked, PollTimeout::NONE) {
            Ok(_) => return true,
            Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::mpsc::channel;

    use super::*;

    const LATE: Duration = Duration::from_secs(10);

    #[test]
    fn a_signal_and_the_end_of_the_terminal_end_the_command_and_a_key_does_not() {
        let pipes = || (io::pipe().unwrap(), io::pipe().unwrap());
        let (ended, ends) = channel();
        let begin = |signals: &io::PipeReader, terminal: &io::PipeReader| {
            let ended = ended.clone();
            start(signals.as_fd(), terminal.as_fd(), move || ended.send(()).unwrap_or_default())
                .unwrap();
        };
        let ((signals, mut signal), (terminal, mut keys)) = pipes();
        begin(&signals, &terminal);
        keys.write_all(b"q").unwrap();
        assert!(ends.recv_timeout(GRACE + GRACE / 2).is_err());
        signal.write_all(b"!").unwrap();
        ends.recv_timeout(LATE).unwrap();
        let ((signals, _signal), (terminal, keys)) = pipes();
        begin(&signals, &terminal);
        drop(keys);
        ends.recv_timeout(LATE).unwrap();
    }
}
