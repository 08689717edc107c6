//! How many descriptors a process has open, and how many it may.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use super::{parse, text};

/// The most processes that are looked at in one round: about 0.1 s of work.
pub const MOST: usize = 2048;

/// The most entries that are counted one by one; a process that has more has at least so many.
const MOST_ENTRIES: usize = 65_536;

/// The descriptors of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// The process.
    pub tgid: u32,
    /// Open descriptors.
    pub open: u64,
    /// The soft limit; the largest number where there is none.
    pub limit: u64,
}

impl Descriptors {
    /// Reads those of a process; none where it is gone or cannot be looked at.
    #[must_use]
    pub fn read(tgid: u32) -> Option<Self> {
        let limit = parse::open_files(&text(format!("/proc/{tgid}/limits"))?)?;
        Some(Self { tgid, open: open(tgid)?, limit })
    }
}

/// Since 6.2 the size of the directory is the count (`proc_fd_getattr`), which no permission is
/// needed for; before, the entries are counted, which for other users' processes takes
/// `CAP_DAC_READ_SEARCH`.
fn open(tgid: u32) -> Option<u64> {
    let directory = format!("/proc/{tgid}/fd");
    match fs::metadata(&directory).ok()?.size() {
        0 => u64::try_from(fs::read_dir(&directory).ok()?.take(MOST_ENTRIES).count()).ok(),
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
