//! The files of the node, below the agent's own root and below that of the host.
//!
//! Used by the look and by what knows one runtime. Facts: a container that shares the host's
//! process ids sees the host's files below `/proc/1/root`, if it may trace process 1
//! (`proc_pid_get_link`, `CAP_SYS_PTRACE`). Guarantees: no path leaves the root that it is below,
//! whatever links are there (`RESOLVE_IN_ROOT`, 5.6); only regular files of at most [`MAX_FILE`]
//! bytes are read, lists of at most [`MAX_LIST`], and opening one does not wait.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Dir, Mode, OFlags, ResolveFlags, fstat, openat, openat2};

/// The longest file of one container that is read, bytes.
const MAX_FILE: u64 = 1 << 20;
/// The longest list of containers that is read, bytes: of some eight thousand.
const MAX_LIST: u64 = 8 << 20;
/// The host's root, below the agent's own.
const HOST: &str = "proc/1/root";

/// The roots below which files are looked for, the agent's own first.
pub(super) struct Files(Vec<OwnedFd>);

impl Files {
    /// Opens `root`, which is `/` except in tests, and the host's root if that is another one.
    pub(super) fn below(root: &Path) -> Self {
        let mut roots: Vec<OwnedFd> = Vec::new();
        for place in [root.to_owned(), root.join(HOST)] {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let Ok(found) = openat(CWD, place, flags, Mode::empty()) else { continue };
            if !roots.iter().any(|known| is_same(known, &found)) {
                roots.push(found);
            }
        }
        Self(roots)
    }

    /// Returns the bytes of a file below the first root that has it; `None` if it is no regular
    /// file, if it is too long or if it cannot be read.
    pub(super) fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.read_up_to(path, MAX_FILE)
    }

    /// As [`Self::read`], for a file that lists containers.
    pub(super) fn read_list(&self, path: &str) -> Option<Vec<u8>> {
        self.read_up_to(path, MAX_LIST)
    }

    fn read_up_to(&self, path: &str, most: u64) -> Option<Vec<u8>> {
        let file = File::from(self.open(path, OFlags::NONBLOCK | OFlags::NOCTTY)?);
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        let length = file.take(most + 1).read_to_end(&mut bytes).ok()?;
        (length as u64 <= most).then_some(bytes)
    }

    /// Returns the names in a folder below the first root that has it, at most `most`.
    pub(super) fn entries(&self, path: &str, most: usize) -> Vec<String> {
        let folder = self.open(path, OFlags::DIRECTORY).and_then(|folder| Dir::new(folder).ok());
        let entries = folder.into_iter().flatten().map_while(Result::ok).take(most);
        entries.filter_map(|entry| Some(entry.file_name().to_str().ok()?.to_owned())).collect()
    }

    fn open(&self, path: &str, flags: OFlags) -> Option<OwnedFd> {
        let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        self.0.iter().find_map(|root| openat2(root, path, flags, Mode::empty(), resolve).ok())
    }
}

/// Returns whether two descriptors refer to the same file.
fn is_same(one: &OwnedFd, other: &OwnedFd) -> bool {
    let inode = |file: &OwnedFd| fstat(file).ok().map(|file| (file.st_dev, file.st_ino));
    inode(one) == inode(other)
}
