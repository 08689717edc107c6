//! Reads the facts of a process from `/proc`.
//!
//! Called for a process when it is named or shown, never on the ingest thread or in a scrape: the
//! kernel takes the lock of the other process's memory for its arguments, so that a read can wait
//! for as long as that is held. Guarantees: every read is bounded; what cannot be read is `None`;
//! facts of two processes that had the same id are never mixed.

use std::fs::{File, read_link};
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use super::argv;
use super::name::Facts;

/// The clock ticks of `/proc/PID/stat` in a second: `USER_HZ`, which is 100 on every architecture
/// that the agent runs on.
const TICKS: u64 = 100;
/// The most bytes of a small file: `stat` and `limits` have less than 2 KiB.
const MAX_SMALL: u64 = 4096;
/// The longest command name, bytes. Threads of the kernel can show longer ones.
const MAX_COMM: usize = 15;
/// How often facts are read again if the process executed another program meanwhile.
const TRIES: usize = 3;

/// What `/proc` tells of a process. A field that could not be read is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Process {
    /// The command name of the thread group's leader, at most 15 bytes.
    pub(crate) comm: Option<Vec<u8>>,
    /// The text of the link to its executable. A thread of the kernel has none.
    pub(crate) executable: Option<Vec<u8>>,
    /// Its arguments, at most 4 KiB, without one that this bound cuts.
    pub(crate) argv: Option<Vec<u8>>,
    /// When it started, since the boot of the machine; exact to 10 ms.
    pub(crate) started: Duration,
    /// How long it has been running; `None` if the clock cannot be read or lies before the start.
    pub(crate) age: Option<Duration>,
    /// The soft limit of its descriptors; `u64::MAX` if there is none.
    pub(crate) descriptors: Option<u64>,
}

impl Process {
    /// Reads a process. `None` if it has ended, if another got its id meanwhile, or if it executes
    /// other programs faster than it can be read. `root` is `/` except in tests.
    #[must_use]
    pub(crate) fn read(root: &Path, tgid: u32) -> Option<Self> {
        let folder = root.join(format!("proc/{tgid}"));
        let ticks = started(&folder)?;
        let mut found = (0..TRIES).find_map(|_| facts(&folder))?;
        if started(&folder)? != ticks {
            return None;
        }
        found.started = Duration::from_millis(ticks.saturating_mul(1000 / TICKS));
        found.age = since_boot().and_then(|now| now.checked_sub(found.started));
        Some(found)
    }

    /// Returns the facts for its name. `unit` is the workload if it is a unit of systemd, else
    /// empty.
    #[must_use]
    pub(crate) fn facts<'a>(&'a self, unit: &'a str) -> Facts<'a> {
        Facts {
            comm: self.comm.as_deref().unwrap_or_default(),
            executable: self.executable.as_deref().unwrap_or_default(),
            argv: self.argv.as_deref().unwrap_or_default(),
            unit,
        }
    }
}

/// Reads what belongs to the program; `None` if it was replaced by another meanwhile.
fn facts(folder: &Path) -> Option<Process> {
    let executable = link(folder.join("exe"));
    let comm = bytes(folder.join("comm"), MAX_SMALL).map(|mut comm| {
        if comm.last() == Some(&b'\n') {
            comm.pop();
        }
        comm.truncate(MAX_COMM);
        comm
    });
    let argv = arguments(folder);
    let descriptors = bytes(folder.join("limits"), MAX_SMALL).and_then(|text| limit(&text));
    (link(folder.join("exe")) == executable).then_some(Process {
        comm,
        executable,
        argv,
        descriptors,
        ..Process::default()
    })
}

/// Reads the arguments, one byte more than the bound, which tells whether it cut one.
fn arguments(folder: &Path) -> Option<Vec<u8>> {
    let most = argv::MAX_BYTES;
    let mut read = bytes(folder.join("cmdline"), most as u64 + 1)?;
    let whole = argv::bounded(&read).len();
    read.truncate(whole);
    Some(read)
}

/// Reads the start of a process in clock ticks since the boot: field 22 of `stat`. The command
/// name, field 2, can hold parentheses and spaces, so the fields are counted behind the last one.
fn started(folder: &Path) -> Option<u64> {
    start_of(&bytes(folder.join("stat"), MAX_SMALL)?)
}

/// As [`started`], from the text of the file.
pub(super) fn start_of(stat: &[u8]) -> Option<u64> {
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    let fields = std::str::from_utf8(stat.get(name_end + 1..)?).ok()?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// Returns the soft limit of open files from the text of `limits`.
pub(super) fn limit(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_ascii_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

/// Returns the time since the boot, suspensions included, as `/proc/PID/stat` counts it.
fn since_boot() -> Option<Duration> {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?;
    Some(Duration::new(now.tv_sec().try_into().ok()?, now.tv_nsec().try_into().ok()?))
}

fn link(path: PathBuf) -> Option<Vec<u8>> {
    Some(read_link(path).ok()?.into_os_string().into_vec())
}

fn bytes(path: PathBuf, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    /// A folder like `/proc/PID`, which is removed at the end.
    struct Fake(PathBuf);

    impl Fake {
        fn new(name: &str, files: &[(&str, &[u8])]) -> Self {
            let root = std::env::temp_dir().join(format!("read-{name}-{}", std::process::id()));
            fs::create_dir_all(root.join("proc/7")).unwrap();
            for (file, bytes) in files {
                fs::write(root.join("proc/7").join(file), bytes).unwrap();
            }
            Self(root)
        }
    }

    impl Drop for Fake {
        fn drop(&mut self) {
            _ = fs::remove_dir_all(&self.0);
        }
    }

    fn stat(comm: &str, start: &str) -> String {
        format!("7 ({comm}) S 1 7 7 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 {start} 99 9")
    }

    #[test]
    fn the_own_process_is_read() {
        let read = Process::read(Path::new("/"), std::process::id()).unwrap();
        let executable = std::env::current_exe().unwrap();
        assert_eq!(read.executable.unwrap(), executable.into_os_string().into_vec());
        assert!(read.argv.unwrap().len() > 1 && read.descriptors.unwrap() > 2);
        assert!(read.age.unwrap() < Duration::from_mins(10), "{:?}", read.age);
        assert!(!read.comm.unwrap().is_empty());
    }

    #[test]
    fn what_is_missing_is_none_and_a_process_without_a_start_is_not_there() {
        let fake = Fake::new("least", &[("stat", stat("a) (b", "1234").as_bytes())]);
        let read = Process::read(&fake.0, 7).unwrap();
        let started = Duration::from_millis(12340);
        assert_eq!(read, Process { started, age: read.age, ..Process::default() });
        for stat in ["", "7 (a", "7 (a) S 1", &stat("a", "x")] {
            let fake = Fake::new("broken", &[("stat", stat.as_bytes())]);
            assert_eq!(Process::read(&fake.0, 7), None, "{stat}");
        }
        assert_eq!(Process::read(Path::new("/"), u32::MAX), None);
    }

    #[test]
    fn hostile_files_are_bounded() {
        let huge = vec![b'x'; 100_000];
        let far = stat("a", &u64::MAX.to_string());
        let files: [(&str, &[u8]); 4] =
            [("stat", far.as_bytes()), ("comm", &huge), ("cmdline", &huge), ("limits", &huge)];
        let fake = Fake::new("huge", &files);
        let read = Process::read(&fake.0, 7).unwrap();
        assert_eq!((read.comm.unwrap().len(), read.argv.unwrap().len()), (MAX_COMM, 0));
        assert_eq!((read.age, read.descriptors), (None, None));
    }

    #[test]
    fn limits_are_read_as_the_kernel_writes_them() {
        let line =
            |soft: &str| format!("Limit  Soft\nMax open files            {soft}  4096 files");
        assert_eq!(limit(line("1024").as_bytes()), Some(1024));
        assert_eq!(limit(line("unlimited").as_bytes()), Some(u64::MAX));
        assert_eq!(limit(line("-1").as_bytes()), None);
    }

    /// Reads a process whose command name is a pipe. `change` runs in the middle of each reading,
    /// with its number.
    fn read_while(
        name: &str,
        readings: usize,
        change: impl Fn(&Path, usize) + Sync,
    ) -> Option<Process> {
        let fake = Fake::new(name, &[("stat", stat("a", "100").as_bytes())]);
        let folder = fake.0.join("proc/7");
        let pipe = folder.join("comm");
        symlink("/bin/old", folder.join("exe")).unwrap();
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for number in 0..readings {
                    // It opens when the reader has come to it.
                    let open = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
                    change(&folder, number);
                    drop(open);
                    // The same pipe is not opened again before the reader has seen its end.
                    std::thread::sleep(Duration::from_millis(200));
                }
            });
            let read = Process::read(&fake.0, 7);
            // A reader that stays, so that the writer ends if the process was read less often.
            let stays = fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
            writer.join().unwrap();
            drop(stays);
            read
        })
    }

    fn execute(folder: &Path, program: &str) {
        fs::remove_file(folder.join("exe")).unwrap();
        symlink(program, folder.join("exe")).unwrap();
    }

    #[test]
    fn an_id_that_another_process_got_meanwhile_is_none() {
        let reused = |folder: &Path, _: usize| {
            fs::write(folder.join("stat"), stat("a", "101")).unwrap();
        };
        assert_eq!(read_while("reused", 1, reused), None);
        let read = read_while("same", 1, |_, _| {}).unwrap();
        assert_eq!(read.started, Duration::from_secs(1));
    }

    #[test]
    fn another_program_in_the_same_process_is_read_again() {
        let once = |folder: &Path, number: usize| {
            if number == 0 {
                execute(folder, "/bin/new");
            }
        };
        let read = read_while("once", 2, once).unwrap();
        assert_eq!(read.executable.as_deref(), Some(b"/bin/new".as_slice()));
        let always = |folder: &Path, number: usize| execute(folder, &format!("/bin/{number}"));
        assert_eq!(read_while("always", TRIES, always), None);
    }
}
