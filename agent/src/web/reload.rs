//! The web configuration of a running agent: read at the start, and again when a file has changed.
//!
//! Called by `run`. Guarantees: a file that is written while it is read is read again; what cannot
//! be used leaves the one before in force and is tried again; none takes protection away that the
//! start had.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::bundle::Bundle;
use super::handed::Handed;
use super::names::ClientAuth;
use super::read::{Stamps, read};
use crate::exit::Error;

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long they must stay the same before they are read: who writes them may not be done.
const SETTLE: Duration = Duration::from_secs(1);
/// The newest version of TLS, as the format names it.
const NEWEST: &str = "TLS13";
/// How often that is waited for.
const MOST_WAITS: u32 = 10;

/// The web configuration.
pub(crate) struct Web {
    path: PathBuf,
    stamps: Stamps,
    handed: Handed,
    guard: Guard,
}

/// How clients are kept out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Guard {
    /// The rule for certificates of clients; plain HTTP if there is none.
    tls: Option<ClientAuth>,
    /// Whether certificates must have one of some names.
    names: bool,
    /// Whether the least version of TLS is the newest.
    newest: bool,
    users: bool,
}

impl Guard {
    fn of(bundle: &Bundle) -> Self {
        let rules = bundle.tls.as_ref().map(|tls| &tls.rules);
        Self {
            tls: rules.map(|rules| rules.client_auth),
            names: rules.is_some_and(|rules| !rules.client_sans.is_empty()),
            newest: rules.is_some_and(|rules| rules.least == NEWEST),
            users: !bundle.users.is_empty(),
        }
    }

    /// Returns what a later configuration may not do.
    fn forbids(self, later: Self) -> Result<(), String> {
        let lost =
            |has: fn(ClientAuth) -> bool| self.tls.is_some_and(has) && !later.tls.is_some_and(has);
        let forbidden = [
            (lost(|_any| true), "it has no TLS any more"),
            (self.tls.is_none() && later.tls.is_some(), "it has TLS, and the start had none"),
            (lost(ClientAuth::verifies), "it verifies no certificates of clients any more"),
            (lost(ClientAuth::requires), "it requires no certificate of clients any more"),
            (self.names && !later.names, "it lets any name of a certificate in"),
            (self.newest && !later.newest, "it takes older versions of TLS"),
            (self.users && !later.users, "it has no users any more"),
        ];
        match forbidden.iter().find(|(is, _)| *is) {
            Some((_, what)) => Err(format!("{what}: start the agent again for that")),
            None => Ok(()),
        }
    }
}

impl Web {
    /// Reads it for the first time.
    ///
    /// # Errors
    /// [`Error::Usage`]: what is wrong, and where.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let mut stamps = Stamps::default();
        let wrong = |error: String| Error::Usage(format!("the web configuration: {error}"));
        let bundle = read(path, &mut stamps).map_err(wrong)?;
        let handed = Handed::new(&bundle).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { path: path.to_owned(), stamps, handed, guard: Guard::of(&bundle) })
    }

    /// Whether clients must speak TLS.
    pub(crate) const fn is_tls(&self) -> bool {
        self.guard.tls.is_some()
    }

    /// Whether a user and a password are needed.
    pub(crate) const fn has_users(&self) -> bool {
        self.guard.users
    }

    /// Returns what hands it over.
    pub(crate) fn handed(&self) -> Handed {
        self.handed.clone()
    }

    /// Reads it again whenever a file has changed or the last time failed, until the other end of
    /// `stop` is gone. Says each time whether it is in force.
    pub(crate) fn run(self, stop: &Receiver<()>, in_force: impl Fn(bool)) {
        self.run_each(INTERVAL, SETTLE, stop, in_force);
    }

    pub(super) fn run_each(
        mut self,
        interval: Duration,
        settle: Duration,
        stop: &Receiver<()>,
        in_force: impl Fn(bool),
    ) {
        let goes_on = |wait| stop.recv_timeout(wait) == Err(RecvTimeoutError::Timeout);
        let mut failed = None;
        in_force(true);
        while goes_on(interval) {
            if !self.has_changed() && failed.is_none() {
                continue;
            }
            let mut now = self.stamps.now();
            for _ in 0..MOST_WAITS {
                if !goes_on(settle) {
                    return;
                }
                let before = std::mem::replace(&mut now, self.stamps.now());
                if now == before {
                    break;
                }
            }
            let error = self.again().err();
            in_force(error.is_none());
            match &error {
                None => tracing::info!("{} was read again", self.path.display()),
                // The log has it already.
                Some(_) if error == failed => {}
                Some(error) => tracing::error!(
                    "the web configuration was not taken, the one before stays in force: {error}"
                ),
            }
            failed = error;
        }
    }

    /// Whether a file is not what it was when it was last read.
    pub(super) fn has_changed(&self) -> bool {
        self.stamps.now() != self.stamps
    }

    /// Reads it again.
    pub(crate) fn again(&mut self) -> Result<(), String> {
        let mut stamps = Stamps::default();
        let bundle = read(&self.path, &mut stamps);
        if bundle.is_err() {
            // What is in force rests on these.
            stamps.join(self.stamps.now());
        }
        self.stamps = stamps;
        let bundle = bundle?;
        let wrong = |error: String| format!("{}: {error}", self.path.display());
        self.guard.forbids(Guard::of(&bundle)).map_err(wrong)?;
        self.handed.replace(&bundle).map_err(|error| wrong(error.to_string()))
    }
}
