//! The crowd: connections that are held and do nothing, for the memory that they take.

use std::io::Read as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use testkit::launch::Launch;
use testkit::process::Ending;
use testkit::program::this_program;
use testkit::traffic::Site;

/// Connections of one process; each takes two descriptors.
const PART: u64 = 9000;
/// How long the connections of a process may take to be there.
const PATIENCE: Duration = Duration::from_mins(1);

/// Starts as many processes as the limit on descriptors asks for, prints `ready` when all
/// connections are there, and ends with its input.
pub(in crate::bench) fn hold(connections: u64) -> Result<()> {
    let (mut left, mut parts) = (connections, Vec::new());
    while left > 0 {
        let part = left.min(PART);
        left -= part;
        let mut command = this_program("bench-load");
        command.args(["bench-load", "hold-part", &part.to_string()]);
        parts.push(Launch::new("a part of the crowd", command).ending(Ending::Input).spawn()?);
    }
    parts.iter().try_for_each(|part| part.expect_line("ready", PATIENCE))?;
    wait_for_end()
}

/// Holds both ends of connections to a listener of its own until its input closes.
pub(in crate::bench) fn hold_part(connections: u64) -> Result<()> {
    let site = Site::open(Ipv4Addr::LOCALHOST)?;
    let pair = |made| site.pair().with_context(|| format!("connection {made}"));
    let _held = (0..connections).map(pair).collect::<Result<Vec<_>>>()?;
    wait_for_end()
}

/// Prints `ready` and waits for the end of the input.
fn wait_for_end() -> Result<()> {
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new()).context("wait for the end of the input").map(drop)
}
