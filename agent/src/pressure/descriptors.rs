//! How many descriptors a process has open, and how many it may have.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use super::{parse, text};

/// The most processes of one round, which then takes about 0.1 s.
pub const MOST: usize = 2048;

/// The most entries that are counted one by one. For a process with more, this is the result.
const MAX_ENTRIES: usize = 65_536;

/// The descriptors of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// The process id.
    pub tgid: u32,
    /// How many descriptors are open.
    pub open: u64,
    /// The soft limit; `u64::MAX` if there is none.
    pub limit: u64,
}

impl Descriptors {
    /// Reads those of a process; `None` if it has ended or may not be inspected.
    #[must_use]
    pub fn read(tgid: u32) -> Option<Self> {
        let limit = parse::open_files(&text(format!("/proc/{tgid}/limits"))?)?;
        Some(Self { tgid, open: open(tgid)?, limit })
    }
}

/// Returns how many descriptors are open. Since 6.2 it is the size of the directory
/// (`proc_fd_getattr`), for which no permission is needed. Before, the entries are counted, which
/// needs `CAP_DAC_READ_SEARCH` for processes of other users.
fn open(tgid: u32) -> Option<u64> {
    let directory = format!("/proc/{tgid}/fd");
    match fs::metadata(&directory).ok()?.size() {
        0 => u64::try_from(fs::read_dir(&directory).ok()?.take(MAX_ENTRIES).count()).ok(),
        size => Some(size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_process_has_what_proc_lists() {
        let kept: Vec<_> = (0..50).map(|_| fs::File::open("/dev/null").unwrap()).collect();
        let read = Descriptors::read(std::process::id()).unwrap();
        // Other tests of this process open and close files meanwhile.
        assert!(read.open > 50 && read.open < 5000 && read.limit >= read.open, "{read:?}");
        drop(kept);
    }

    #[test]
    fn a_process_that_is_not_there_is_none() {
        assert_eq!(Descriptors::read(u32::MAX), None);
    }
}
