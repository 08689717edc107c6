//! Programs of other languages that leak connections: `programs/leaky.c` and `programs/leaky.py`.
//!
//! Each says on its output what it holds; it ends when its input is closed, and with it what it
//! forked.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::launch::Launch;
use testkit::process::{Ending, Process};

use crate::harness::PATIENCE;
use crate::harness::agent::scratch;

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/programs/leaky.py");
const C: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/programs/leaky.c");

/// A running program.
pub(crate) struct Program {
    process: Process,
    /// The processes that hold its connections, once it is ready.
    pub(crate) holders: BTreeSet<u32>,
    /// What it said besides, by the first word.
    pub(crate) said: BTreeMap<String, String>,
}

impl Program {
    /// Starts `leaky.py WAY NAME COUNT …`, in a cgroup if one is given.
    pub(crate) fn python(words: &[&str], cgroup: Option<&Path>) -> Self {
        Self::start(&[&["python3", PYTHON], words].concat(), cgroup)
    }

    /// Starts `leaky WAY NAME COUNT`, the program in C.
    pub(crate) fn c(binary: &Path, words: &[&str]) -> Self {
        Self::start(&[&[binary.to_str().expect("a path of plain letters")], words].concat(), None)
    }

    fn start(words: &[&str], cgroup: Option<&Path>) -> Self {
        // The shell joins the cgroup before the program makes its first socket.
        let join = cgroup.map_or_else(String::new, |path| {
            format!("echo $$ > {}/cgroup.procs && ", path.display())
        });
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{join}exec \"$@\""), "sh"]).args(words);
        let process = Launch::new(&words.join(" "), command).ending(Ending::Input).spawn();
        let process = process.expect("start a program");
        Self { process, holders: BTreeSet::new(), said: BTreeMap::new() }
    }

    /// The address at which it listens, on the same host as the caller.
    pub(crate) fn address(&mut self, ip: &str) -> SocketAddr {
        let port = self
            .until("port")
            .split_whitespace()
            .nth(1)
            .and_then(|port| port.parse().ok())
            .expect("a port");
        SocketAddr::new(ip.parse().expect("an address"), port)
    }

    /// Waits until it holds what it is going to hold.
    pub(crate) fn ready(&mut self) {
        self.until("ready");
    }

    fn until(&mut self, word: &str) -> String {
        loop {
            let line = self
                .process
                .line(PATIENCE)
                .unwrap_or_else(|error| panic!("no line {word:?} from the program: {error}"))
                .unwrap_or_else(|| panic!("no line {word:?} from the program"));
            if let Some(pid) = line.strip_prefix("held by ") {
                self.holders.insert(pid.parse().expect("a process id"));
            }
            let first = line.split_whitespace().next().unwrap_or_default().to_owned();
            let found = first == word;
            self.said.insert(first, line.clone());
            if found {
                return line;
            }
        }
    }
}

/// The C program, built for as long as this is kept.
pub(crate) struct Built(PathBuf);

impl Built {
    /// Builds it with the compiler that also links Rust programs.
    pub(crate) fn new() -> Self {
        let binary = scratch("leaky");
        let output = Command::new("cc")
            .args(["-O1", "-o"])
            .arg(&binary)
            .arg(C)
            .output()
            .expect("run cc (a C compiler)");
        assert!(
            output.status.success(),
            "cc refused {C}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Self(binary)
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Built {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Connections to a server: each says `words`, then closes its end.
pub(crate) fn feed(address: SocketAddr, count: usize, words: &[u8]) {
    for _ in 0..count {
        let mut stream = TcpStream::connect(address)
            .unwrap_or_else(|error| panic!("connect to {address}: {error}"));
        stream.write_all(words).expect("write");
    }
}
