//! The load: a storm of short connections, and a crowd of idle ones.
//!
//! Each runs in a process and a network namespace of its own (`unshare --net`), so that nothing else
//! is in the figures and the namespace's knobs are the run's own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::myself;
use crate::process;

/// Destination addresses of the storm: with one, its ports would be used up within two seconds.
const ADDRESSES: u32 = 200;
/// Connections of one process of the crowd; each takes two descriptors.
const PART: usize = 9000;

/// What a storm came to.
pub(super) struct Storm {
    /// Connections a second.
    pub(super) rate: f64,
    /// Processor time of the process, microseconds a connection.
    pub(super) cpu_us: f64,
}

impl Storm {
    /// Runs a storm in a namespace of its own.
    pub(super) fn run(seconds: u64) -> Result<Self> {
        let printed = process::output(&mut inside(&["storm", &seconds.to_string()])?)?;
        let mut numbers = printed.split_whitespace().filter_map(|word| word.parse().ok());
        let (rate, cpu_us) = (numbers.next(), numbers.next());
        Ok(Self { rate: rate.context("the storm printed no rate")?, cpu_us: cpu_us.context("the storm printed no processor time")? })
    }
}

/// Makes and ends connections one after the other; prints the rate and the processor time of each.
pub(super) fn storm(time: Duration) -> Result<()> {
    // TIME_WAIT entries beyond the limit end at once: their number is the same in every run.
    set("/proc/sys/net/ipv4/tcp_max_tw_buckets", "4096")?;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).context("listen")?;
    let port = listener.local_addr()?.port();
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    let mut made = 0_u32;
    while start.elapsed() < time {
        for _ in 0..64 {
            let address = Ipv4Addr::from(0x7f00_0100 + made % ADDRESSES);
            let client = TcpStream::connect(SocketAddrV4::new(address, port)).context("connect")?;
            let (server, _) = listener.accept().context("accept")?;
            drop(client);
            drop(server);
            made += 1;
        }
    }
    let (elapsed, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    println!("{} {}", f64::from(made) / elapsed, cpu / f64::from(made) * 1e6);
    Ok(())
}

/// A crowd that lives as long as this value.
pub(super) struct Held {
    stdin: Option<ChildStdin>,
    child: Child,
}

impl Held {
    /// Starts the crowd and waits until every connection is there.
    pub(super) fn start(connections: usize) -> Result<Self> {
        let mut command = inside(&["hold", &connections.to_string()])?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("start the crowd")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("the crowd has no output")?).read_line(&mut line)?;
        anyhow::ensure!(line.trim() == "held", "the crowd did not come together: {line:?}");
        Ok(Self { stdin: child.stdin.take(), child })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // It ends when its input closes; if it has ended already there is nothing to wait for.
        let _ = self.child.wait();
    }
}

/// Starts as many parts as the limit on descriptors asks for; says when all are there; ends with its input.
pub(super) fn hold(connections: u64) -> Result<()> {
    let (mut left, mut parts) = (usize::try_from(connections)?, Vec::new());
    while left > 0 {
        let part = left.min(PART);
        left -= part;
        let mut command = Command::new(myself()?);
        parts.push(command.args(["bench-load", "hold-part", &part.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
    }
    for part in &mut parts {
        let mut line = String::new();
        BufReader::new(part.stdout.as_mut().context("a part has no output")?).read_line(&mut line)?;
        anyhow::ensure!(line.trim() == "held", "a part of the crowd failed");
    }
    println!("held");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    for mut part in parts {
        drop(part.stdin.take());
        part.wait()?;
    }
    Ok(())
}

/// Holds both ends of connections to a listener of its own until its input closes.
pub(super) fn hold_part(connections: u64) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen")?;
    let mut held = Vec::new();
    for made in 0..connections {
        let client = TcpStream::connect(listener.local_addr()?).with_context(|| format!("connection {made}"))?;
        held.push((client, listener.accept()?.0));
    }
    println!("held");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// This program with other arguments, in a network namespace whose loopback is up.
fn inside(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", "ip link set lo up && exec \"$0\" bench-load \"$@\""]).arg(myself()?).args(arguments);
    Ok(command)
}

fn set(knob: &str, value: &str) -> Result<()> {
    std::fs::write(knob, value).with_context(|| format!("write {knob}"))
}

/// Processor time of this process, from the scheduler's own nanoseconds.
fn cpu_seconds() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").context("read /proc/self/schedstat")?;
    let nanoseconds: f64 = text.split_whitespace().next().context("an empty schedstat")?.parse()?;
    Ok(nanoseconds / 1e9)
}
