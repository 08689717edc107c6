//! Starts threads, and says what a limit refuses.
//!
//! Used by `run` and `http`.

use std::io;
use std::thread::{self, JoinHandle};

use nix::errno::Errno;

/// Starts a thread.
///
/// # Errors
/// If the system refuses it; the error names the limits that do.
pub(crate) fn thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<JoinHandle<T>> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map_err(|error| refused(error).context(format!("cannot start the {name} thread")))
}

/// Returns an error of a start of a thread or a process with what it can mean: `pthread_create`
/// (glibc 2.36) answers EAGAIN where no memory is left for a stack, and `copy_process` (6.18) where
/// a limit of processes is reached.
pub(crate) fn refused(error: io::Error) -> anyhow::Error {
    if error.raw_os_error() != Some(Errno::EAGAIN as i32) {
        return error.into();
    }
    anyhow::Error::new(error).context(
        "the limits leave no memory (address space: prlimit --as) or no place among processes \
         (prlimit --nproc, pids.max of the cgroup) for another one: raise the one that is reached",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_that_refuse_a_thread_are_named() {
        let error = refused(Errno::EAGAIN.into());
        assert!(format!("{error:#}").contains("memory"), "{error:#}");
        assert!(format!("{error:#}").ends_with("(os error 11)"), "{error:#}");
        let other = refused(Errno::ENOMEM.into());
        assert_eq!(other.to_string(), io::Error::from(Errno::ENOMEM).to_string());
        assert_eq!(thread("own", || 7).unwrap().join().unwrap(), 7);
    }
}
