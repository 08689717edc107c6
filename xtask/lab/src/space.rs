//! A network namespace of one's own, held by a small process.
//!
//! Nothing has to be removed: the holder ends when its standard input closes, so the namespace goes
//! even if the process that made it is killed. The holder gives the namespace a process, as a
//! container has one.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sched::{CloneFlags, setns, unshare};

/// How long a namespace or a cable may take to be there: generous, for a guest under emulation.
const PATIENCE: Duration = Duration::from_mins(1);

/// A network namespace with loopback up.
#[derive(Debug)]
pub struct Space {
    holder: Child,
    file: File,
    /// The inode number: how the agent names it.
    pub inode: u32,
}

impl Space {
    /// A fresh namespace with nothing in it but `lo`; `command` starts a process that calls
    /// [`hold`].
    ///
    /// # Errors
    /// Without root or `ip` there is none.
    pub fn held_by(command: &mut Command) -> Result<Self> {
        // In a group of its own: what a person types at the terminal is for the process that cleans
        // up.
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut holder =
            command.spawn().context("start the process that holds a network namespace")?;
        match Self::entered(&mut holder) {
            Ok((file, inode)) => Ok(Self { holder, file, inode }),
            Err(error) => {
                end(&mut holder);
                Err(error)
            }
        }
    }

    fn entered(holder: &mut Child) -> Result<(File, u32)> {
        let mut line = String::new();
        let output = holder.stdout.take().context("the holder has no output")?;
        BufReader::new(output.take(100))
            .read_line(&mut line)
            .context("read what the holder says")?;
        ensure!(
            line.trim() == "ready",
            "the process that makes a network namespace (needs root and `ip`) said {line:?}"
        );
        let file = File::open(format!("/proc/{}/ns/net", holder.id()))
            .context("open the network namespace")?;
        let inode = file.metadata().context("read the inode of the network namespace")?.ino();
        Ok((
            file,
            u32::try_from(inode)
                .context("the inode of the network namespace has more than 32 bits")?,
        ))
    }

    /// Whether the process that holds it still does.
    ///
    /// # Errors
    /// Where it has ended.
    pub fn check(&mut self) -> Result<()> {
        match self.holder.try_wait().context("look after the holder of a network namespace")? {
            None => Ok(()),
            Some(status) => {
                bail!("the process that holds network namespace {} ended: {status}", self.inode)
            }
        }
    }

    /// Joins two namespaces by a cable: `10.77.0.1` and `fd77::1` here, `.2` and `::2` there, each
    /// on `veth0`.
    ///
    /// # Errors
    /// Where the kernel has no veth, or the link does not come up.
    pub fn join(here: &Self, there: &Self) -> Result<()> {
        run(&format!(
            "ip link add veth0 netns {} type veth peer name veth0 netns {}",
            here.pid(),
            there.pid()
        ))?;
        for (space, host) in [(here, 1), (there, 2)] {
            // Without duplicate address detection the IPv6 address can be used at once.
            for who in ["all", "veth0"] {
                let path = format!("net/ipv6/conf/{who}/accept_dad");
                if space.has_sysctl(&path)? {
                    space.sysctl(&path, "0")?;
                }
            }
            space.run(&format!("ip addr add 10.77.0.{host}/24 dev veth0"))?;
            if space.has_sysctl("net/ipv6")? {
                space.run(&format!("ip -6 addr add fd77::{host}/64 dev veth0 nodad"))?;
            }
            space.run("ip link set veth0 up")?;
        }
        let start = Instant::now();
        while !(here.is_up()? && there.is_up()?) {
            ensure!(start.elapsed() < PATIENCE, "the veth pair did not come up in {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Whether `veth0` has IPv6 addresses that can all be used; where there is no IPv6, whether it
    /// has a carrier.
    fn is_up(&self) -> Result<bool> {
        self.enter(|| {
            let Ok(list) = fs::read_to_string("/proc/thread-self/net/if_inet6") else {
                return true;
            };
            // The fifth column is the flags: 40 is tentative, not to be used yet.
            let usable = |line: &str| {
                let flags = line
                    .split_whitespace()
                    .nth(4)
                    .and_then(|flags| u32::from_str_radix(flags, 16).ok());
                flags.is_some_and(|flags| flags & 0x40 == 0)
            };
            let mut cable = list.lines().filter(|line| line.ends_with("veth0")).peekable();
            cable.peek().is_some() && cable.all(usable)
        })
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
    /// Where this process may not enter it.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let joined = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                setns(&self.file, CloneFlags::CLONE_NEWNET)
                    .context("enter the network namespace")?;
                Ok(work())
            });
            thread.join()
        });
        joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
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
    /// Where the kernel does not have it or refuses the value.
    pub fn sysctl(&self, path: &str, value: &str) -> Result<()> {
        self.enter(|| fs::write(format!("/proc/sys/{path}"), value))?
            .with_context(|| format!("set {path} to {value}"))
    }

    /// Whether the namespace has a sysctl or a directory of them.
    ///
    /// # Errors
    /// As [`Space::enter`].
    pub fn has_sysctl(&self, path: &str) -> Result<bool> {
        self.enter(|| fs::exists(format!("/proc/sys/{path}")))?
            .with_context(|| format!("look for {path}"))
    }

    /// Loads nftables rules, one a line.
    ///
    /// # Errors
    /// Where there is no `nft`, or it refuses them.
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

impl Drop for Space {
    fn drop(&mut self) {
        end(&mut self.holder);
    }
}

/// Ends a process that reads its standard input to the end; kill is for one that did not get so
/// far.
fn end(process: &mut Child) {
    drop(process.stdin.take());
    let _ = process.kill();
    let _ = process.wait();
}

/// The holder's part: makes a network namespace, says `ready`, and keeps it until the standard
/// input ends.
///
/// # Errors
/// Without root or `ip`.
pub fn hold() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET).context("make a network namespace")?;
    run("ip link set lo up")?;
    let mut out = std::io::stdout();
    writeln!(out, "ready").and_then(|()| out.flush()).context("say so")?;
    std::io::stdin().read_to_end(&mut Vec::new()).context("wait for the end of the input")?;
    Ok(())
}

/// Runs a command line of plain words.
///
/// # Errors
/// Its words and its complaint, if it fails.
pub fn run(line: &str) -> Result<()> {
    let mut words = line.split_whitespace();
    let Some(program) = words.next() else { bail!("no program is named") };
    let output = tool(program)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("run `{line}`"))?;
    ensure!(
        output.status.success(),
        "`{line}` failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

/// A command that is also found in the directories of the system's own programs, which a user's
/// PATH often lacks.
fn tool(program: &str) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(std::path::PathBuf::from);
    if let Ok(path) = std::env::join_paths(std::env::split_paths(&path).chain(system)) {
        command.env("PATH", path);
    }
    command
}
