//! The network namespaces of this machine, and stepping into them.
//!
//! Called by the reconcile thread, the thread that looks through NAT and by `tcpwarden check`. A
//! namespace is found through any process in it, through the names that `ip netns` and container
//! runtimes give and, where rows tell that there are more, through threads that are in another than
//! their process. One that only a descriptor holds stays unseen. Guarantees: at most
//! [`MAX_NAMESPACES`] are visited, and what was left out is counted.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns};

/// The most namespaces that one pass visits.
pub const MAX_NAMESPACES: usize = 4096;

/// The most threads that one pass looks at, which takes some 100 ms.
const MAX_THREADS: usize = 1 << 15;

/// The directories of named namespaces.
const NAMED: [&str; 3] = ["/run/netns", "/var/run/docker/netns", "/run/docker/netns"];

/// The network namespace of this thread, held open to come back to.
#[derive(Debug)]
pub struct Home {
    /// The namespace's inode, which the probes report as well.
    pub inode: u32,
    file: File,
}

/// Another network namespace, and a path through which to enter it.
#[derive(Debug)]
pub struct Namespace {
    /// The namespace's inode.
    pub inode: u32,
    path: PathBuf,
}

impl Home {
    /// Returns the namespace of the calling thread.
    ///
    /// # Errors
    /// If `/proc` is not mounted.
    pub fn own() -> io::Result<Self> {
        let (file, inode) = open(Path::new("/proc/thread-self/ns/net"))?;
        Ok(Self { inode, file })
    }

    /// Brings the calling thread back to this namespace if it once failed to come back.
    ///
    /// # Errors
    /// If the thread is in another namespace and the kernel does not let it in.
    pub fn ensure_inside(&self) -> io::Result<()> {
        if Self::own()?.inode != self.inode {
            setns(&self.file, CloneFlags::CLONE_NEWNET)?;
        }
        Ok(())
    }
}

impl Namespace {
    /// Returns the namespace with this inode, to be entered through a process that was in it.
    #[must_use]
    pub fn of_process(inode: u32, pid: u32) -> Self {
        Self { inode, path: PathBuf::from(format!("/proc/{pid}/ns/net")) }
    }

    /// Runs `work` inside the namespace and comes back to `home`.
    ///
    /// # Errors
    /// If the namespace is gone, the kernel does not let this thread in, or `work` fails.
    pub fn enter<T>(&self, home: &Home, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let (file, inode) = open(&self.path)?;
        // The process through which it was found may have changed its namespace.
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
    pub namespaces: Vec<Namespace>,
    /// How many of them were found only through a thread.
    pub in_threads: usize,
    /// The marks of namespaces that no look was possible at, through some process at least; 0
    /// where that is not known.
    pub hidden: HashSet<u64>,
    /// Whether there are more than [`MAX_NAMESPACES`], or more threads than are looked at.
    pub truncated: bool,
}

/// Where namespaces are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// In processes and named namespaces.
    Processes,
    /// In single threads as well, which costs one look at every thread of the machine.
    Threads,
}

/// Finds every network namespace but `home`.
#[must_use]
pub fn find(home: &Home, search: Search) -> Found {
    let mut found = Found::default();
    let mut seen = HashSet::from([home.inode]);
    found.look(&mut seen, candidates());
    if search == Search::Threads {
        let before = found.namespaces.len();
        found.look(&mut seen, threads().take(MAX_THREADS));
        found.in_threads = found.namespaces.len() - before;
        found.truncated |= threads().nth(MAX_THREADS).is_some();
    }
    found.meet(own_mark());
    found
}

/// Returns a mark of the network namespace of a process or thread in `/proc`: the inode of a file
/// of which each namespace has one. A process shows it that does not show its namespace
/// (`get_proc_task_net` asks for no right to trace it, 6.18).
fn mark(process: &Path) -> Option<u64> {
    fs::metadata(process.join("net/snmp")).ok().map(|file| file.ino())
}

/// Returns the mark of the namespace that this thread is in.
#[must_use]
pub fn own_mark() -> Option<u64> {
    mark(Path::new("/proc/thread-self"))
}

impl Found {
    /// Notes that a look was possible at the namespace with this mark.
    pub fn meet(&mut self, mark: Option<u64>) {
        if let Some(mark) = mark {
            self.hidden.remove(&mark);
        }
    }

    /// Adds the namespaces behind these paths that were not seen before.
    fn look(&mut self, seen: &mut HashSet<u32>, paths: impl Iterator<Item = PathBuf>) {
        for path in paths {
            if self.namespaces.len() >= MAX_NAMESPACES {
                self.truncated = true;
                break;
            }
            self.add(seen, path);
        }
    }

    fn add(&mut self, seen: &mut HashSet<u32>, path: PathBuf) {
        match fs::metadata(&path) {
            Ok(file) => match u32::try_from(file.ino()) {
                Ok(inode) if seen.insert(inode) => self.namespaces.push(Namespace { inode, path }),
                _ => {}
            },
            // A process that ended meanwhile is no loss.
            Err(error) if error.kind() == io::ErrorKind::NotFound || has_ended(&path) => {}
            Err(_) => {
                let process = path.ancestors().nth(2).and_then(mark);
                self.hidden.insert(process.unwrap_or(0));
            }
        }
    }
}

/// Returns whether the process or thread of this path has ended: a look at one that is about to
/// can be denied (`proc_ns_get_link`, 6.18).
fn has_ended(path: &Path) -> bool {
    path.ancestors().nth(2).is_some_and(|process| !process.exists())
}

fn candidates() -> impl Iterator<Item = PathBuf> {
    processes().map(|path| path.join("ns/net")).chain(NAMED.into_iter().flat_map(entries))
}

fn processes() -> impl Iterator<Item = PathBuf> {
    let numeric = |name: &std::ffi::OsStr| {
        name.to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
    };
    entries("/proc").filter(move |path| path.file_name().is_some_and(numeric))
}

/// Returns the threads that are not the first of their process.
fn threads() -> impl Iterator<Item = PathBuf> {
    let others = |process: PathBuf| {
        let leader = process.file_name().map(std::ffi::OsStr::to_owned);
        entries(process.join("task")).filter(move |thread| thread.file_name() != leader.as_deref())
    };
    processes().flat_map(others).map(|thread| thread.join("ns/net"))
}

fn entries(directory: impl AsRef<Path>) -> impl Iterator<Item = PathBuf> {
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
        assert!(
            find(&home, Search::Threads).namespaces.iter().all(|other| other.inode != home.inode)
        );
    }

    #[test]
    fn a_namespace_that_only_a_thread_is_in_is_found_among_the_threads() {
        let (ready, inode) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let made = nix::sched::unshare(CloneFlags::CLONE_NEWNET).is_ok();
            ready.send(made.then(|| Home::own().unwrap().inode)).unwrap();
            let _ = ended.recv();
        });
        // Without privileges no thread can be elsewhere, and there is nothing to find.
        if let Some(inode) = inode.recv().unwrap() {
            let home = Home::own().unwrap();
            let has =
                |search| find(&home, search).namespaces.iter().any(|other| other.inode == inode);
            assert_eq!((has(Search::Processes), has(Search::Threads)), (false, true));
        }
        drop(end);
        thread.join().unwrap();
    }
}
