//! The agent, Prometheus and Alertmanager, started together on loopback: for the proof on a live
//! agent, which asks them, and for `cargo xtask demo`, which shows them.
//!
//! Guarantees: what is started ends when its handle is dropped, and also when this process is
//! killed; what it stored goes with it. Nothing listens beyond loopback.
#![forbid(unsafe_code)]

mod alertmanager;
mod api;
mod borrowed;
mod folder;
mod process;
mod prometheus;

pub use alertmanager::Alertmanager;
pub use api::{Api, Sample};
pub use folder::Folder;
pub use process::{Output, Process};
pub use prometheus::{Prometheus, Scrape};

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How long a program may take to answer for the first time.
const PATIENCE: Duration = Duration::from_secs(30);

/// A TCP port of loopback that nobody listens on: `wanted` if it is free, else any.
///
/// # Errors
/// When there is none.
pub fn free_port(wanted: u16) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let address = listener
        .and_then(|listener| listener.local_addr())
        .context("find a free port on loopback")?;
    Ok(address.port())
}

/// Starts `tcpwarden run` on a port of loopback and waits until it is ready.
///
/// # Errors
/// When it does not start; with what it said.
pub fn agent(binary: &Path, port: u16, options: &[&str], output: Output) -> Result<Process> {
    let mut command = Command::new(binary);
    command.args(["run", "--listen", &format!("127.0.0.1:{port}")]).args(options);
    let mut agent = Process::start("the agent", &command, output)?;
    until_ready(&mut agent, &Api::new(port), "/readyz")?;
    Ok(agent)
}

/// Waits until a program answers 200 on a path.
fn until_ready(process: &mut Process, api: &Api, path: &str) -> Result<()> {
    let start = Instant::now();
    while api.text(path).is_err() {
        if process.ended() || start.elapsed() > PATIENCE {
            bail!("{} did not get ready; it said:\n{}", process.name(), process.tail(30));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
