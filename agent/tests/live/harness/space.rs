//! A network namespace of the test's own, held by a small process.
//!
//! Nothing has to be removed: the holder ends when its standard input closes, so the namespace goes
//! even if the test is killed. The holder gives the namespace a process, as a container has one.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command, Stdio};

use nix::sched::{CloneFlags, setns};

/// A network namespace with loopback up.
pub(crate) struct Space {
    holder: Child,
    file: File,
    /// The inode number: how the agent names it.
    pub(crate) inode: u32,
}

impl Space {
    /// A fresh namespace with nothing in it but `lo`.
    pub(crate) fn new() -> Self {
        let mut holder = super::super::roles::command("namespace", "live-holder")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the process that holds a network namespace");
        let mut line = String::new();
        BufReader::new(holder.stdout.take().expect("its output")).read_line(&mut line).expect("its first line");
        assert_eq!(line.trim(), "ready", "the process that makes a network namespace (needs root and `ip`) said {line:?}");
        let path = format!("/proc/{}/ns/net", holder.id());
        let file = File::open(&path).expect("open the namespace");
        let inode = u32::try_from(file.metadata().expect("its inode").ino()).expect("an inode of 32 bits");
        Self { holder, file, inode }
    }

    /// Two namespaces joined by a cable: `10.77.0.1` and `fd77::1` here, `.2` and `::2` there.
    pub(crate) fn joined() -> (Self, Self) {
        let (here, there) = (Self::new(), Self::new());
        run(&format!("ip link add veth0 netns {} type veth peer name veth0 netns {}", here.pid(), there.pid()));
        for (space, host) in [(&here, 1), (&there, 2)] {
            // Without duplicate address detection the IPv6 address can be used at once.
            space.sysctl("net/ipv6/conf/all/accept_dad", "0");
            space.sysctl("net/ipv6/conf/veth0/accept_dad", "0");
            space.run(&format!("ip addr add 10.77.0.{host}/24 dev veth0"));
            space.run(&format!("ip -6 addr add fd77::{host}/64 dev veth0 nodad"));
            space.run("ip link set veth0 up");
        }
        for space in [&here, &there] {
            super::wait_for("the veth pair to be up", super::PATIENCE, || {
                let state = space.enter(|| fs::read_to_string("/proc/thread-self/net/if_inet6").unwrap_or_default());
                // The fifth column is the flags: 40 is tentative, not to be used yet.
                let usable = |line: &str| {
                    let flags = line.split_whitespace().nth(4).and_then(|flags| u32::from_str_radix(flags, 16).ok());
                    flags.is_some_and(|flags| flags & 0x40 == 0)
                };
                let mut cable = state.lines().filter(|line| line.ends_with("veth0")).peekable();
                (cable.peek().is_some() && cable.all(usable)).then_some(())
            });
        }
        (here, there)
    }

    /// The process that holds it.
    pub(crate) fn pid(&self) -> u32 {
        self.holder.id()
    }

    /// Runs `work` on a thread inside the namespace; sockets it makes stay there wherever they are used.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let joined = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                setns(&self.file, CloneFlags::CLONE_NEWNET).expect("enter the network namespace");
                work()
            });
            thread.join()
        });
        joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Runs a command line inside the namespace.
    pub(crate) fn run(&self, line: &str) {
        self.enter(|| run(line));
    }

    /// Sets a sysctl of the namespace, named by its path below `/proc/sys`.
    pub(crate) fn sysctl(&self, path: &str, value: &str) {
        self.enter(|| fs::write(format!("/proc/sys/{path}"), value).unwrap_or_else(|error| panic!("set {path} to {value}: {error}")));
    }

    /// Loads nftables rules, one a line.
    pub(crate) fn filter(&self, rules: &str) {
        self.enter(|| {
            let output = Command::new("nft").arg(rules).output().expect("run nft (package nftables)");
            assert!(output.status.success(), "nft refused {rules:?}: {}", String::from_utf8_lossy(&output.stderr));
        });
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // The end of its input is the signal; kill is for a holder that did not get so far.
        drop(self.holder.stdin.take());
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Runs a command line of plain words and panics with its words and its complaint if it fails.
pub(crate) fn run(line: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap_or_else(|error| panic!("run `{line}`: {error}"));
    assert!(output.status.success(), "`{line}` failed: {}", String::from_utf8_lossy(&output.stderr));
}
