//! The samples as they lie in a file while no agent runs.
//!
//! Used by the thread `history` of `run`. Guarantees: a file is replaced as a whole; what it says
//! is checked before it is believed; one of another boot is left alone, as the clocks of its ages
//! began anew. A file that cannot be read or written costs the history and nothing else.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};

use super::ring::Kept;
use super::{History, Moment, Rings};
use crate::bounded;
use crate::rate_limited::RateLimited;

/// The name in the state directory.
const NAME: &str = "history.json";
/// The time between two writings.
const INTERVAL: Duration = Duration::from_mins(2);
/// The most bytes of the file: 242 samples with numbers of ten and twenty digits.
const MOST: u64 = 128 << 10;
/// What the members mean.
const VERSION: u32 = 1;

/// The content of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    version: u32,
    /// The id of the boot whose clocks the times are of.
    boot: String,
    fine: Option<Kept>,
    coarse: Option<Kept>,
}

/// The file of the history, of one boot.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    boot: String,
    /// The directory, locked: another agent that is given it has none.
    _lock: Option<File>,
}

impl StateFile {
    /// Returns that of a state directory, which is made if it is not there.
    ///
    /// # Errors
    /// The directory cannot be made, others may write it, another agent has it, or the kernel does
    /// not tell the boot.
    pub(crate) fn in_directory(directory: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let lock = File::open(directory)?;
        let metadata = lock.metadata()?;
        if metadata.uid() != geteuid().as_raw() || metadata.mode() & 0o022 != 0 {
            return Err(io::Error::other("others own it, or may write it"));
        }
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another agent has it"),
            TryLockError::Error(error) => error,
        })?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        let (path, boot) = (directory.join(NAME), boot.trim().to_owned());
        Ok(Self { path, boot, _lock: Some(lock) })
    }

    /// Gives the history what lies in the file, if there is one of this boot.
    ///
    /// # Errors
    /// The file cannot be read, or is none of an agent's.
    pub(crate) fn load(&self, history: &History, now: Moment) -> io::Result<()> {
        let bytes = match bounded::file(&self.path, MOST) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            read => read?,
        };
        let content: Content = serde_json::from_slice(&bytes)?;
        if content.version == VERSION && content.boot == self.boot {
            history.with(|rings| rings.resume(content.fine, content.coarse, now));
        }
        Ok(())
    }

    /// Replaces the file by what the history has.
    ///
    /// # Errors
    /// The directory cannot be written, or is full; the file is then as it was, and a part of a new
    /// one can be left beside it until the next writing.
    fn save(&self, history: &History) -> io::Result<()> {
        let Rings { fine, coarse } = history.read();
        let (fine, coarse) = (fine.keep(), coarse.keep());
        let content = Content { version: VERSION, boot: self.boot.clone(), fine, coarse };
        let new = self.path.with_extension("new");
        if let Err(error) = fs::remove_file(&new)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut beside = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
        beside.write_all(&serde_json::to_vec(&content)?)?;
        fs::rename(&new, &self.path)
    }

    /// Writes the file now and then, and once more when the other end of `stop` is gone.
    pub(crate) fn run(&self, history: &History, stop: &Receiver<()>) {
        let mut warning = RateLimited::default();
        loop {
            let is_end = stop.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout);
            if let Err(error) = self.save(history)
                && warning.add(1).is_some()
            {
                tracing::warn!(
                    %error,
                    "cannot write {}: a restart would begin with an empty history",
                    self.path.display()
                );
            }
            if is_end {
                return;
            }
        }
    }
}

impl Rings {
    /// Takes over what a file has of them.
    fn resume(&mut self, fine: Option<Kept>, coarse: Option<Kept>, now: Moment) {
        for (ring, kept) in [(&mut self.fine, fine), (&mut self.coarse, coarse)] {
            if let Some(kept) = kept {
                ring.resume(kept, now);
            }
        }
    }
}

#[cfg(test)]
mod tests;
