//! The parent's side of a load: its network namespaces, and the process that works in them.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use testkit::launch::Output;
use testkit::netns::Netns;
use testkit::process::{Ending, Process};
use testkit::program::this_file;
use testkit::veth;

use super::interrupt::Interrupt;
use super::launch::launch;
use super::loads::Spec;
use super::loads::place::MANY;
use super::loads::run::Sample;

/// Load before what is measured, so that caches and connections are as they stay.
const WARM: Duration = Duration::from_millis(100);
/// How much longer than it was told a load may take: one lost segment can hold it up for seconds.
const PATIENCE: Duration = Duration::from_mins(1);

/// A load's process. The namespaces outlive it: fields are dropped in this order.
pub(crate) struct Load {
    /// Which load it is.
    pub(super) spec: &'static Spec,
    process: Process,
    namespaces: Vec<Netns>,
}

impl Load {
    /// Makes the namespaces and starts the process in them.
    pub(crate) fn start(spec: &'static Spec, interrupt: &Interrupt) -> Result<Self> {
        let namespaces = namespaces(spec).context("make network namespaces")?;
        let there = if spec.cable { namespaces[1].pid() } else { 0 };
        let process = start(namespaces[0].pid(), &[spec.name, &there.to_string()], interrupt)?;
        Ok(Self { spec, process, namespaces })
    }

    /// The process that holds the clients' network namespace.
    pub(super) fn pid(&self) -> u32 {
        self.namespaces[0].pid()
    }

    /// Lets it make its sockets anew, get warm, and work for as long.
    pub(crate) fn run(&mut self, time: Duration, interrupt: &Interrupt) -> Result<Sample> {
        self.process.tell(format_args!("{} {}", WARM.as_millis(), time.as_millis()))?;
        let line = interrupt.line(&self.process, time + PATIENCE)?;
        serde_json::from_str(&line).with_context(|| format!("the load printed {line:?}"))
    }
}

/// A crowd of idle connections that lives as long as this value.
pub(super) struct Crowd {
    _process: Process,
    _netns: Netns,
}

impl Crowd {
    /// Starts the crowd and waits until every connection is there.
    pub(super) fn start(connections: u64, interrupt: &Interrupt) -> Result<Self> {
        let netns = fresh()?;
        let process = start(netns.pid(), &["hold", &connections.to_string()], interrupt)?;
        Ok(Self { _process: process, _netns: netns })
    }
}

/// Starts `bench-load` in the network namespace of a process and waits until it is ready.
fn start(netns: u32, arguments: &[&str], interrupt: &Interrupt) -> Result<Process> {
    let mut command = Command::new("nsenter");
    command
        .arg(format!("--net=/proc/{netns}/ns/net"))
        .arg(this_file())
        .arg("bench-load")
        .args(arguments);
    let launch = launch("the load", command)?.output(Output::LinesAndLog);
    let process = launch.ending(Ending::Input).spawn()?;
    let line = interrupt.line(&process, PATIENCE).context("start the load")?;
    anyhow::ensure!(line == "ready", "the load said {line:?}");
    Ok(process)
}

/// The namespaces of a load: the clients', and the servers' where that is another one.
fn namespaces(spec: &Spec) -> Result<Vec<Netns>> {
    let mut namespaces = vec![fresh()?];
    if spec.cable {
        let (here, there) = (&namespaces[0], fresh()?);
        veth::join(here, &there)?;
        // Every one of these addresses is the servers' own: the storm needs the ports of many.
        // Timeouts of 200 ms would be all that a lossy run consists of.
        there.run(&format!("ip route add local {MANY}/24 dev lo"))?;
        here.run(&format!("ip route add {MANY}/24 via 10.77.0.2 rto_min 5ms"))?;
        namespaces.push(there);
    }
    if spec.loss > 0 {
        // A veth hands on many segments as one packet, which would be lost together.
        namespaces[0].run("ip link set dev veth0 gso_max_segs 1")?;
        namespaces[1].filter(&format!(
            "add table inet bench\n\
             add chain inet bench input {{ type filter hook input priority 0 ; }}\n\
             add rule inet bench input meta l4proto tcp meta length > 500 numgen random mod 1000 < \
            {} drop",
            spec.loss
        ))?;
    }
    Ok(namespaces)
}

fn fresh() -> Result<Netns> {
    let netns = Netns::new()?;
    // TIME_WAIT entries beyond the limit end at once: their number is the same in every slot.
    netns.sysctl("net/ipv4/tcp_max_tw_buckets", "4096")?;
    netns.sysctl("net/ipv4/tcp_orphan_retries", "3")?;
    Ok(netns)
}
