//! `cargo xtask picture`: the moving picture of the README, `docs/images/top.svg`, made from a real
//! run.
//!
//! `story` says what is done and what is to be seen, `terminal` drives `tcpwarden top` in tmux,
//! `screen` reads what is on it, `svg` draws that.
//!
//! Guarantee: what was started ends with this command, unless that is killed, and nothing else
//! does.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use stack::Folder;
use testkit::launch::{Launch, Output};

use crate::bench::interrupt::Interrupt;
use crate::setup::ConsentArgs;
use crate::{lab, packages, process, workspace};

#[cfg(test)]
mod committed;
mod screen;
mod story;
mod svg;
mod terminal;
#[cfg(test)]
mod tests;

use screen::Size;
use svg::{About, Frame};
use terminal::Terminal;

/// Draw the moving picture of the README from a real run.
///
/// Starts the agent that `cargo xtask build` has left, a server of the lab that never closes its
/// connections, and `tcpwarden top` in tmux; takes the screen while keys are pressed; ends what it
/// started. Takes about two minutes, as root. What else runs on this machine counts in the picture
/// too: look at it before it is committed.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the picture goes [default: docs/images/top.svg]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The agent [default: target/release/tcpwarden]
    #[arg(long, value_name = "FILE", env = "TCPWARDEN_BIN")]
    agent: Option<PathBuf>,
    /// The program that plays scenarios, if it has been built.
    #[arg(long, hide = true)]
    lab: Option<PathBuf>,
    #[command(flatten)]
    consent: ConsentArgs,
}

/// Where the README has the picture.
const PICTURE: &str = "docs/images/top.svg";
/// The screen: as wide as a page shows it without loss.
const SIZE: Size = Size { columns: 100, lines: 24 };
/// The most bytes of the picture, which each reader of the README loads.
const MOST: usize = 300_000;
/// The seconds after which the failure ends by itself; the story is over by then.
const SECONDS: &str = "300";
/// The port of the agent, if it is free.
const AGENT_PORT: u16 = 9000;
/// Programs that are needed, with the package that brings each.
const PROGRAMS: [(&str, &str); 3] = [("tmux", "tmux"), ("ip", "iproute2"), ("nft", "nftables")];

const ABOUT: About<'_> = About {
    title: "tcpwarden top finds a leak",
    description: "A terminal in which tcpwarden top shows the TCP connections of a machine. The \
        process catalog-api appears among the suspects, because it never closes its connections. \
        Then its sockets, all that is known of one of them, and the tabs Processes, Destinations, \
        Listeners and Events.",
};

pub(crate) fn main(args: &Args) -> Result<()> {
    let agent = match &args.agent {
        Some(agent) => agent.clone(),
        None => testkit::agent::binary("TCPWARDEN_BIN", "tcpwarden")?,
    };
    let agent = agent.canonicalize().with_context(|| format!("find {}", agent.display()))?;
    let missing = PROGRAMS.iter().filter(|(program, _)| !process::on_path(program));
    let missing: Vec<_> = missing.map(|(_, package)| *package).collect();
    packages::install(&missing, "to draw the picture", args.consent.consent())?;
    let lab = args.lab.clone().map_or_else(lab::binary, Ok)?;
    let output = match &args.output {
        Some(output) => std::path::absolute(output).context("find the folder of the picture")?,
        None => workspace::root().join(PICTURE),
    };
    if !process::is_root() {
        return as_root(&agent, &lab, &output);
    }
    let frames = record(&agent, &lab)?;
    let picture = svg::render(&frames, SIZE, ABOUT);
    ensure!(picture.len() <= MOST, "the picture has {} bytes, more than {MOST}", picture.len());
    write(&output, &picture)?;
    let (count, bytes) = (frames.len(), picture.len());
    println!("picture: {} ({count} screens, {bytes} bytes)", output.display());
    Ok(())
}

/// Does the same as root, which loads programs into the kernel and makes network namespaces.
fn as_root(agent: &Path, lab: &Path, output: &Path) -> Result<()> {
    let why = "to load programs into the kernel and to make network namespaces";
    let mut command = process::privileged("env", why)?;
    let mut path = std::ffi::OsString::from("PATH=");
    path.push(workspace::path()?);
    let myself = std::env::current_exe().context("find this program")?;
    command.arg(path).arg(myself).arg("picture");
    command.arg("--agent").arg(agent).arg("--lab").arg(lab).arg("--output").arg(output);
    process::run(&mut command)
}

/// Starts the programs, and returns the screens of the story.
fn record(agent: &Path, lab: &Path) -> Result<Vec<Frame>> {
    let interrupt = Interrupt::new()?;
    let folder = Folder::new()?;
    let port = stack::free_port(AGENT_PORT)?;
    eprintln!("picture: starting the agent at 127.0.0.1:{port}");
    let _agent = stack::agent(agent, port, &[])?;
    eprintln!("picture: starting the scenario {}, and top in tmux", story::SCENARIO);
    let address = format!("http://127.0.0.1:{port}");
    let mut command = Command::new(lab);
    command.env("PATH", workspace::path()?);
    command.args([story::SCENARIO, "--seconds", SECONDS, "--agent", &address]);
    let mut scenario = Launch::new("the scenario", command).output(Output::Log).tied().spawn()?;
    let terminal = Terminal::start(&folder, SIZE, agent, &format!("127.0.0.1:{port}"))?;
    let frames = story::play(&terminal, &interrupt);
    if frames.is_err() {
        scenario.check()?;
    }
    frames
}

/// Writes the picture, and the folder that it goes to.
fn write(output: &Path, picture: &str) -> Result<()> {
    if let Some(folder) = output.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    std::fs::write(output, picture).with_context(|| format!("write {}", output.display()))
}
