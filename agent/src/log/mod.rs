//! The log on standard error or in the journal, which neither blocks nor fails.
//!
//! Guarantee: a line that standard error or the journal does not take at once is dropped and
//! counted, so that no full pipe, full disk or reader that has gone away stops a thread of the
//! agent.

mod entry;
mod format;
mod journal;
mod json;
mod start;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc::{O_NOCTTY, O_NONBLOCK};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};

pub use format::Format;
pub use start::start;

/// A pipe that is writable takes so many bytes at once, `PIPE_BUF` (`pipe(7)`).
const PIECE: usize = 4096;

/// How many lines were dropped.
static DROPPED: AtomicU64 = AtomicU64::new(0);
/// One thread writes at a time: between the question whether there is room and the write, no other
/// may take it. What it holds says whether the last line of the log was cut.
static TURN: Mutex<bool> = Mutex::new(false);

/// Standard error as a writer of lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log;

/// Opens what the log needs, which inside a sandbox cannot be done any more.
pub(crate) fn open() {
    let _ = target();
}

/// Returns how many lines were dropped since the start, those of the HTTP process with them.
pub(crate) fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Counts lines that were dropped.
pub(crate) fn count_dropped(lines: u64) {
    DROPPED.fetch_add(lines, Ordering::Relaxed);
}

/// Returns how many lines were dropped and not yet taken by this, at most so many at a time.
pub(crate) fn take_dropped() -> u8 {
    let taken = |dropped: u64| u8::try_from(dropped).unwrap_or(u8::MAX);
    let before = DROPPED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |dropped| {
        Some(dropped - u64::from(taken(dropped)))
    });
    before.map_or(0, taken)
}

/// Writes a text on a file, for which it waits a second at the most; what comes after that is lost.
pub(crate) fn say(to: BorrowedFd<'_>, text: &str) {
    let end = Instant::now() + Duration::from_secs(1);
    while !write_now(to, text.as_bytes()) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Writes the message of a panic to the log, which does not wait, in the place of the usual way,
/// which does.
pub fn catch_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("a nameless thread");
        // One write, so that no other line gets into it.
        let line = format!("tcpwarden: {name} has panicked: {panic}\n");
        let _ = Log.write(line.as_bytes());
    }));
}

/// Returns standard error; a terminal or a pipe opened anew, so that no write to it waits.
pub(crate) fn target() -> BorrowedFd<'static> {
    static REOPENED: OnceLock<Option<File>> = OnceLock::new();
    let reopened = REOPENED.get_or_init(|| {
        let kind = File::from(io::stderr().as_fd().try_clone_to_owned().ok()?).metadata().ok()?;
        // Another opening of a file on a disk would begin at its start.
        let fits = kind.file_type().is_fifo() || kind.file_type().is_char_device();
        let flags = O_NONBLOCK | O_NOCTTY;
        let open = || File::options().write(true).custom_flags(flags).open("/proc/self/fd/2").ok();
        fits.then(open).flatten()
    });
    match reopened {
        Some(file) => file.as_fd(),
        None => STDERR.get_or_init(io::stderr).as_fd(),
    }
}

/// Standard error, which lives as long as the program.
static STDERR: OnceLock<io::Stderr> = OnceLock::new();

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut was_cut = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        if !write_line(target(), line, &mut was_cut) {
            count_dropped(1);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes what a file takes without waiting. Returns whether that was all.
fn write_now(to: BorrowedFd<'_>, line: &[u8]) -> bool {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    write_line(to, line, &mut false)
}

/// As [`write_now`]. Behind a line that was cut the next one begins anew.
fn write_line(to: BorrowedFd<'_>, line: &[u8], was_cut: &mut bool) -> bool {
    if *was_cut {
        *was_cut = take(to, b"\n") == 0;
    }
    let mut written = 0;
    for piece in line.chunks(PIECE) {
        let taken = if *was_cut { 0 } else { take(to, piece) };
        written += taken;
        if taken < piece.len() {
            *was_cut |= written > 0;
            return false;
        }
    }
    true
}

/// Writes a piece if there is room now. Returns how many bytes were taken.
fn take(to: BorrowedFd<'_>, piece: &[u8]) -> usize {
    // A socket, as of the journal, has a way of its own not to wait.
    match send(to.as_raw_fd(), piece, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
        Err(Errno::ENOTSOCK) if is_writable(to) => nix::unistd::write(to, piece),
        sent => sent,
    }
    .unwrap_or(0)
}

/// Returns whether a file takes bytes now. One without a reader does not.
fn is_writable(to: BorrowedFd<'_>) -> bool {
    let mut asked = [PollFd::new(to, PollFlags::POLLOUT)];
    let answered = poll(&mut asked, PollTimeout::ZERO);
    answered == Ok(1) && asked[0].revents() == Some(PollFlags::POLLOUT)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_pipe_that_nobody_reads_takes_what_it_can_and_blocks_nobody() {
        let (mut reader, writer) = io::pipe().unwrap();
        let line = [b'x'; PIECE];
        let taken = (0..1000).take_while(|_| write_now(writer.as_fd(), &line)).count();
        assert!((1..1000).contains(&taken), "{taken} lines of a pipe");
        reader.read_exact(&mut [0; PIECE]).unwrap();
        assert!(write_now(writer.as_fd(), &line), "there is room again");
        drop(reader);
        assert!(!write_now(writer.as_fd(), b"x"), "nobody reads any more");
    }

    #[test]
    fn a_socket_that_nobody_reads_blocks_nobody() {
        let (reader, writer) = UnixStream::pair().unwrap();
        let line = [b'x'; 3 * PIECE];
        let taken = (0..1000).take_while(|_| write_now(writer.as_fd(), &line)).count();
        assert!((1..1000).contains(&taken), "{taken} lines of a socket");
        drop(reader);
        assert!(!write_now(writer.as_fd(), b"x"), "nobody reads any more");
    }

    #[test]
    fn behind_a_line_that_was_cut_the_next_one_begins_anew() {
        let (mut reader, writer) = UnixStream::pair().unwrap();
        let mut cut = false;
        let long = vec![b'x'; 64 * PIECE];
        while write_line(writer.as_fd(), &long, &mut cut) {}
        assert!(cut, "a part of it was taken");
        assert!(!write_line(writer.as_fd(), b"lost\n", &mut cut));
        let mut all = Vec::new();
        reader.set_nonblocking(true).unwrap();
        let _ = reader.read_to_end(&mut all);
        assert!(write_line(writer.as_fd(), b"whole\n", &mut cut) && !cut);
        all.clear();
        let _ = reader.read_to_end(&mut all);
        assert_eq!(String::from_utf8_lossy(&all), "\nwhole\n");
    }

    #[test]
    fn a_full_disk_takes_nothing_and_fails_nobody() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        assert!(!write_now(full.as_fd(), b"x"));
    }
}
