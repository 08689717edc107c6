//! Ctrl-C while something is on the disk that must go: noted, obeyed once that is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Result, bail};
use signal_hook::SigId;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::{emulate_default_handler, unregister};

const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// Signals that came while this lives; one of them ends the process when it goes.
pub(super) struct Interrupts {
    came: Arc<AtomicUsize>,
    handlers: Vec<SigId>,
}

impl Interrupts {
    /// Notes them from here on. What runs in the foreground gets Ctrl-C as well, and ends by
    /// itself.
    pub(super) fn note() -> Result<Self> {
        let mut new = Self { came: Arc::default(), handlers: Vec::new() };
        for signal in SIGNALS {
            let number = usize::try_from(signal)?;
            new.handlers.push(flag::register_usize(signal, Arc::clone(&new.came), number)?);
        }
        Ok(new)
    }

    /// An error where one came.
    pub(super) fn check(&self) -> Result<()> {
        if self.came.load(Ordering::SeqCst) != 0 {
            bail!("interrupted");
        }
        Ok(())
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        for handler in self.handlers.drain(..) {
            unregister(handler);
        }
        // Without a handler of its own a signal that was listened to would do nothing from here on.
        for signal in SIGNALS {
            let _ = flag::register_conditional_default(signal, Arc::new(AtomicBool::new(true)));
        }
        let came = i32::try_from(self.came.load(Ordering::SeqCst)).unwrap_or_default();
        if came != 0 {
            // Ends this process as if nobody had listened; where that fails the error of `check`
            // does.
            let _ = emulate_default_handler(came);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Command, Stdio};

    use super::*;

    /// Tells this test, started once more, that it is the one that is to be ended.
    const CHILD: &str = "XTASK_TEST_INTERRUPTED";

    #[test]
    fn a_signal_ends_the_process_again_when_nothing_is_noted_any_more() {
        if std::env::var_os(CHILD).is_some() {
            drop(Interrupts::note().unwrap());
            writeln!(std::io::stderr(), "ready").unwrap();
            std::thread::sleep(std::time::Duration::from_mins(1));
            return;
        }
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--nocapture", "a_signal_ends_the_process_again"])
            .env(CHILD, "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line == "ready"));
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(SIGTERM));
    }
}
