//! A network namespace that ends with its handle.
//!
//! A small process holds it: this same program, started again, which [`dispatch`] catches at the
//! beginning of `main`. Nothing has to be removed: the holder ends when its standard input closes,
//! so the namespace goes even if the process that made it is killed. The holder also gives the
//! namespace a process, as a container has one.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::SigSet;

use crate::launch::Launch;
use crate::process::{Ending, Process};
use crate::program::this_program;
use crate::shell::{run, tool};

/// How long a namespace may take to be there: generous, for a guest under emulation.
const PATIENCE: Duration = Duration::from_mins(1);
/// The environment variable that makes this program a holder.
const HOLDER: &str = "TCPWARDEN_NETNS_HOLDER";
/// The name of a holder in the process list.
const NAME: &str = "netns-holder";

/// A network namespace with loopback up.
#[derive(Debug)]
pub struct Netns {
    holder: Process,
    file: File,
    /// The inode number, by which the agent names it.
    pub inode: u32,
}

impl Netns {
    /// Makes a namespace with nothing in it but `lo`.
    ///
    /// # Errors
    /// Without root or `ip`; in a program whose `main` does not call [`dispatch`].
    pub fn new() -> Result<Self> {
        let mut command = this_program(NAME);
        command.env(HOLDER, "1");
        let holder = Launch::new("the holder of a network namespace", command)
            // An interrupt at the terminal is for the process that cleans up.
            .own_group()
            .ending(Ending::Input)
            .spawn()?;
        holder
            .expect_line("ready", PATIENCE)
            .context("make a network namespace (needs root and `ip`)")?;
        let file = File::open(format!("/proc/{}/ns/net", holder.id()))
            .context("open the network namespace")?;
        let inode = file.metadata().context("read the inode of the network namespace")?.ino();
        let inode = u32::try_from(inode).context("the inode has more than 32 bits")?;
        Ok(Self { holder, file, inode })
    }

    /// # Errors
    /// If the process that holds it has ended.
    pub fn check(&mut self) -> Result<()> {
        self.holder.check().with_context(|| format!("look at network namespace {}", self.inode))
    }

    /// The process that holds it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.holder.id()
    }

    /// Runs `work` on a thread inside the namespace; sockets and processes that it makes stay
    /// there.
    ///
    /// # Errors
    /// If this process may not enter it.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        within(&self.file, work)
    }

    /// Runs a command line of plain words inside the namespace.
    ///
    /// # Errors
    /// As [`run`].
    pub fn run(&self, line: &str) -> Result<()> {
        self.enter(|| run(line))?
    }

    /// Sets a sysctl of the namespace, named by its path below `/proc/sys`.
    ///
    /// # Errors
    /// If the kernel does not have it or refuses the value.
    pub fn sysctl(&self, path: &str, value: &str) -> Result<()> {
        self.enter(|| fs::write(format!("/proc/sys/{path}"), value))?
            .with_context(|| format!("set {path} to {value}"))
    }

    /// Returns whether the namespace has a sysctl or a directory of them.
    ///
    /// # Errors
    /// As [`Netns::enter`].
    pub fn has_sysctl(&self, path: &str) -> Result<bool> {
        self.enter(|| fs::exists(format!("/proc/sys/{path}")))?
            .with_context(|| format!("look for {path}"))
    }

    /// Loads nftables rules, one a line.
    ///
    /// # Errors
    /// If there is no `nft`, or it refuses them.
    pub fn filter(&self, rules: &str) -> Result<()> {
        let output = self
            .enter(|| tool("nft").arg(rules).output())?
            .context("run nft (package nftables)")?;
        ensure!(
            output.status.success(),
            "nft refused {rules:?}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }
}

/// Runs `work` on a thread inside the network namespace of a process.
///
/// # Errors
/// If this process may not enter it.
pub fn enter<T: Send>(pid: u32, work: impl FnOnce() -> T + Send) -> Result<T> {
    let file = File::open(format!("/proc/{pid}/ns/net")).context("open a network namespace")?;
    within(&file, work)
}

fn within<T: Send>(file: &File, work: impl FnOnce() -> T + Send) -> Result<T> {
    let joined = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            setns(file, CloneFlags::CLONE_NEWNET).context("enter the network namespace")?;
            Ok(work())
        });
        thread.join()
    });
    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Holds a namespace if this process was started for that. Every program that makes namespaces
/// calls this first and returns the code that it gets.
#[must_use]
pub fn dispatch() -> Option<ExitCode> {
    std::env::var_os(HOLDER)?;
    Some(match hold() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{NAME}: {error:#}");
            ExitCode::FAILURE
        }
    })
}

/// Makes a namespace, prints `ready`, and keeps it until the standard input ends.
fn hold() -> Result<()> {
    // The program that starts this one may wait for signals and have them blocked.
    SigSet::all().thread_unblock().context("unblock signals")?;
    fs::write("/proc/self/comm", NAME).context("set the name of the process")?;
    unshare(CloneFlags::CLONE_NEWNET).context("make a network namespace")?;
    run("ip link set lo up")?;
    let mut out = std::io::stdout();
    writeln!(out, "ready").and_then(|()| out.flush()).context("say so")?;
    std::io::stdin().read_to_end(&mut Vec::new()).context("wait for the end of the input")?;
    Ok(())
}
