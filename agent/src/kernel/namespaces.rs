//! The network namespaces of this machine, and stepping into them.
//!
//! A namespace is found through any process in it, and through the names that `ip netns` and
//! container runtimes give. One that neither shows (held by a socket or a thread alone) stays unseen.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns};

/// The most namespaces that one pass visits.
pub const MOST: usize = 4096;

/// Directories of named namespaces.
const NAMED: [&str; 3] = ["/run/netns", "/var/run/docker/netns", "/run/docker/netns"];

/// The network namespace of this thread, held open to come back to.
#[derive(Debug)]
pub struct Home {
    /// Its inode, which the probes report as well.
    pub inode: u32,
    file: File,
}

/// Another network namespace, and a way in.
#[derive(Debug)]
pub struct Place {
    /// Its inode.
    pub inode: u32,
    path: PathBuf,
}

impl Home {
    /// The namespace of the calling thread.
    ///
    /// # Errors
    /// Where `/proc` is not there.
    pub fn own() -> io::Result<Self> {
        let (file, inode) = open(Path::new("/proc/thread-self/ns/net"))?;
        Ok(Self { inode, file })
    }

    /// Makes sure that the calling thread is in this namespace, in case it once failed to come back.
    ///
    /// # Errors
    /// Where the thread is elsewhere and the kernel does not let it in.
    pub fn settle(&self) -> io::Result<()> {
        if Self::own()?.inode != self.inode {
            setns(&self.file, CloneFlags::CLONE_NEWNET)?;
        }
        Ok(())
    }
}

impl Place {
    /// Runs `work` inside the namespace and comes back to `home`.
    ///
    /// # Errors
    /// Where the namespace is gone or the kernel does not let this thread in, or `work` fails.
    pub fn enter<T>(&self, home: &Home, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let (file, inode) = open(&self.path)?;
        // The process through which it was found may have moved on.
        if inode != self.inode {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        setns(&file, CloneFlags::CLONE_NEWNET)?;
        let result = work();
        setns(&home.file, CloneFlags::CLONE_NEWNET)?;
        result
    }
}

fn open(path: &Path) -> io::Result<(File, u32)> {
    let file = File::open(path)?;
    let inode = u32::try_from(file.metadata()?.ino()).map_err(io::Error::other)?;
    Ok((file, inode))
}

/// What [`find`] found.
#[derive(Debug, Default)]
pub struct Found {
    /// The namespaces, each once; `home` is not among them.
    pub places: Vec<Place>,
    /// How many places could not be looked at.
    pub unreadable: u64,
    /// Whether there were more than [`MOST`].
    pub truncated: bool,
}

/// Finds every network namespace but `home`.
#[must_use]
pub fn find(home: &Home) -> Found {
    let mut found = Found::default();
    let mut seen = HashSet::from([home.inode]);
    for path in candidates() {
        if found.places.len() >= MOST {
            found.truncated = true;
            break;
        }
        match fs::metadata(&path) {
            Ok(file) => match u32::try_from(file.ino()) {
                Ok(inode) if seen.insert(inode) => found.places.push(Place { inode, path }),
                _ => {}
            },
            // A process that ended meanwhile is no loss.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => found.unreadable += 1,
        }
    }
    found
}

fn candidates() -> impl Iterator<Item = PathBuf> {
    let numeric = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let processes = entries("/proc").filter(move |path| path.file_name().is_some_and(numeric)).map(|path| path.join("ns/net"));
    processes.chain(NAMED.into_iter().flat_map(entries))
}

fn entries(directory: &str) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_namespace_has_the_inode_that_proc_shows() {
        let link = fs::read_link("/proc/self/ns/net").unwrap();
        assert_eq!(link.to_string_lossy(), format!("net:[{}]", Home::own().unwrap().inode));
    }

    #[test]
    fn home_is_not_found_again() {
        let home = Home::own().unwrap();
        assert!(find(&home).places.iter().all(|place| place.inode != home.inode));
    }
}
