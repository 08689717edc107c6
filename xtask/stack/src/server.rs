//! Starting a program that listens on loopback.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use testkit::address::Address;
use testkit::agent::Agent;
use testkit::launch::{Launch, Output};
use testkit::process::Process;
use testkit::wait;

use crate::api::Api;

/// How long a program may take to answer for the first time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns a TCP port of loopback that nobody listens on: `wanted` if it is free, else any.
///
/// # Errors
/// If there is none.
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
/// If it does not start; the message has the end of its log.
pub fn agent(binary: &Path, port: u16, options: &[&str]) -> Result<Agent> {
    let address = Address::Tcp((Ipv4Addr::LOCALHOST, port).into());
    Agent::start(Agent::launch(binary, &address, options).tied(), address, PATIENCE)
}

/// Starts another program and waits until it answers 200 on a path.
pub(crate) fn start(name: &str, command: Command, api: &Api, path: &str) -> Result<Process> {
    let mut process = Launch::new(name, command).output(Output::Log).tied().spawn()?;
    let ready = wait::poll(PATIENCE, || match process.check() {
        Ok(()) => api.text(path).ok().map(|_| Ok(())),
        Err(error) => Some(Err(error)),
    });
    ready
        .with_context(|| format!("{name} did not get ready within {PATIENCE:?}"))
        .and_then(|result| result)
        .with_context(|| format!("{name} said:\n{}", process.tail(30)))?;
    Ok(process)
}
