//! Hands the configuration in force to the HTTP process, and each later one.
//!
//! Used by `reload` and by the thread that starts the process. What comes back is one byte:
//! [`TAKEN`], or anything else for a configuration that the process cannot use. Guarantees: a
//! process that is started later gets the newest; neither waits longer than [`PATIENCE`].

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::bundle::Bundle;

/// The answer for a configuration that is in force now.
pub(crate) const TAKEN: u8 = 0;
/// How long the process may take to use one.
const PATIENCE: Duration = Duration::from_secs(20);

/// The configuration in force.
#[derive(Clone)]
pub(crate) struct Handed(Arc<Mutex<Now>>);

struct Now {
    bundle: Vec<u8>,
    /// To the process that serves.
    socket: Option<UnixStream>,
}

impl Handed {
    /// # Errors
    /// If it is too long.
    pub(super) fn new(bundle: &Bundle) -> io::Result<Self> {
        Ok(Self(Arc::new(Mutex::new(Now { bundle: bundle.to_bytes()?, socket: None }))))
    }

    /// Hands it to a process that has just been started.
    ///
    /// # Errors
    /// If the process does not take it.
    pub(crate) fn attach(&self, socket: UnixStream) -> io::Result<()> {
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let mut now = self.lock();
        send(&socket, &now.bundle)?;
        now.socket = Some(socket);
        Ok(())
    }

    /// Puts another in its place.
    ///
    /// # Errors
    /// If the process does not take it: the one before stays in force.
    pub(super) fn replace(&self, bundle: &Bundle) -> io::Result<()> {
        let bundle = bundle.to_bytes()?;
        let mut now = self.lock();
        // A process that is being started gets it then.
        let sent = now.socket.as_ref().map_or(Ok(()), |socket| send(socket, &bundle));
        match sent {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(error),
            // A process that does not answer ends without this socket: the next one gets it.
            Err(_) => now.socket = None,
            Ok(()) => {}
        }
        now.bundle = bundle;
        Ok(())
    }

    /// Returns what is handed over.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.lock().bundle.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn send(mut socket: &UnixStream, bundle: &[u8]) -> io::Result<()> {
    socket.write_all(bundle)?;
    let mut answer = [0];
    socket.read_exact(&mut answer)?;
    if answer != [TAKEN] {
        let text = "the HTTP process cannot use it";
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(())
}
