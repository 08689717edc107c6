//! Ctrl-C while something is on the disk that must go: noted, obeyed once that is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, bail};
use signal_hook::SigId;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::{emulate_default_handler, unregister};

/// Signals that came while this lives; one of them ends the process when it goes.
pub(super) struct Interrupts {
    came: Arc<AtomicUsize>,
    handlers: Vec<SigId>,
}

impl Interrupts {
    /// Notes them from here on. What runs in the foreground gets Ctrl-C as well, and ends by itself.
    pub(super) fn note() -> Result<Self> {
        let mut new = Self { came: Arc::default(), handlers: Vec::new() };
        for signal in [SIGINT, SIGTERM] {
            let number = usize::try_from(signal)?;
            new.handlers.push(signal_hook::flag::register_usize(signal, Arc::clone(&new.came), number)?);
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
        let came = i32::try_from(self.came.load(Ordering::SeqCst)).unwrap_or_default();
        if came != 0 {
            // Ends this process as if nobody had listened; where that fails the error of `check` does.
            let _ = emulate_default_handler(came);
        }
    }
}
