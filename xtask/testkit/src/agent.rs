//! The agent as its users have it: a process, a line that says where it listens, an address to ask.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::address::Address;
use crate::client::Client;
use crate::launch::{Launch, Output};
use crate::page::Page;
use crate::process::Process;
use crate::wait;

/// A running `tcpwarden run`. Its socket file is removed with it.
#[derive(Debug)]
pub struct Agent {
    /// Its process.
    pub process: Process,
    /// Asks it.
    pub client: Client,
}

impl Agent {
    /// The command `binary run` that listens at `address`. It has no socket file beside it, unless
    /// the options name one: agents that run at the same time would all want the usual one.
    #[must_use]
    pub fn command(binary: &Path, address: &Address, options: &[&str]) -> Command {
        let listen = match address {
            Address::Tcp(address) => address.to_string(),
            Address::Unix(path) => format!("unix:{}", path.display()),
        };
        let mut command = Command::new(binary);
        command.args(["run", "--listen", &listen]);
        if !options.contains(&"--socket") {
            command.args(["--socket", "none"]);
        }
        command.args(options);
        command
    }

    /// The process of that command, not started yet.
    #[must_use]
    pub fn launch(binary: &Path, address: &Address, options: &[&str]) -> Launch {
        let command = Self::command(binary, address, options);
        Launch::new("the agent", command).output(Output::LinesAndLog)
    }

    /// Starts what [`Agent::launch`] made, and waits until it says where it listens and `/readyz`
    /// answers 200: the probes are attached and the first pass is done.
    ///
    /// # Errors
    /// If it does not get ready within `patience`; the message has the end of its log.
    pub fn start(launch: Launch, address: Address, patience: Duration) -> Result<Self> {
        let client = Client::new(address).patience(patience);
        let mut agent = Self { process: launch.spawn()?, client };
        agent.get_ready(patience).map_err(|error| {
            error.context(format!("the agent said:\n{}", agent.process.tail(30)))
        })?;
        Ok(agent)
    }

    fn get_ready(&mut self, patience: Duration) -> Result<()> {
        let line = self.process.line(patience)?.context("the agent did not say that it listens")?;
        let wanted = match &self.client.address {
            Address::Tcp(address) => format!("listening on http://{address}/metrics"),
            Address::Unix(path) => format!("listening on unix:{}", path.display()),
        };
        ensure!(line == wanted, "the agent said {line:?}, not {wanted:?}");
        let ready = wait::poll(patience, || match self.process.check() {
            Ok(()) => self.client.get("/readyz").ok().map(|_| Ok(())),
            Err(error) => Some(Err(error)),
        });
        match ready {
            Some(result) => result,
            None => bail!("/readyz did not answer 200 within {patience:?}"),
        }
    }

    /// Reads `/metrics`.
    ///
    /// # Errors
    /// If it does not answer, or a line is neither a series nor a comment.
    pub fn scrape(&self) -> Result<Page> {
        let page = Page::parse(&self.client.get("/metrics")?);
        ensure!(page.malformed.is_empty(), "lines that are no metrics: {:?}", page.malformed);
        Ok(page)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.process.end();
        if let Address::Unix(path) = &self.client.address {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A program of this workspace: what the environment variable names, else the release build.
///
/// # Errors
/// If there is no such file.
pub fn binary(variable: &str, name: &str) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Ok(path.into());
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace.join("target"), PathBuf::from);
    let path = target.join("release").join(name);
    path.canonicalize().with_context(|| {
        let path = path.display();
        format!("find {path}: build it with `cargo xtask build`, or name the program in {variable}")
    })
}
