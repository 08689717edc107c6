//! The signals that end a run of many steps early, obeyed between two of them, so that what was
//! started is ended in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use testkit::process::Process;

/// Time between two looks at something that takes a while.
const LOOK: Duration = Duration::from_millis(10);

/// Whether a signal asked the run to end. From its creation on signals end nothing by
/// themselves.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Installs the handlers.
    pub(crate) fn new() -> Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&over)).context("listen to signals")?;
        }
        Ok(Self(over))
    }

    /// Returns an error once a signal has come.
    pub(crate) fn check(&self) -> Result<()> {
        anyhow::ensure!(!self.0.load(Ordering::Relaxed), "interrupted; what was started is ended");
        Ok(())
    }

    /// Sleeps, unless a signal comes.
    pub(crate) fn sleep(&self, time: Duration) -> Result<()> {
        self.wait(time, || Ok(None::<()>)).map(drop)
    }

    /// Calls `look` until it finds something. Returns `None` if nothing comes within `time`.
    pub(crate) fn wait<T>(
        &self,
        time: Duration,
        mut look: impl FnMut() -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let start = Instant::now();
        loop {
            if let Some(found) = look()? {
                return Ok(Some(found));
            }
            self.check()?;
            let Some(left) = time.checked_sub(start.elapsed()) else { return Ok(None) };
            std::thread::sleep(left.min(LOOK));
        }
    }

    /// The next line that a process prints, unless it takes longer than `patience` or a signal
    /// comes.
    pub(crate) fn line(&self, process: &Process, patience: Duration) -> Result<String> {
        let start = Instant::now();
        loop {
            if let Some(line) = process.line(LOOK)? {
                return Ok(line);
            }
            self.check()?;
            let name = process.name();
            anyhow::ensure!(start.elapsed() < patience, "{name} said nothing for {patience:?}");
        }
    }
}
