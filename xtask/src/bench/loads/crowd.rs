//! The crowd: connections that are held and do nothing, for the memory that they take.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::bench::myself;

/// Connections of one process; each takes two descriptors.
const PART: u64 = 9000;

/// Starts as many parts as the limit on descriptors asks for; says when all are there; ends with
/// its input.
pub(in crate::bench) fn hold(connections: u64) -> Result<()> {
    let (mut left, mut parts) = (connections, Vec::new());
    while left > 0 {
        let part = left.min(PART);
        left -= part;
        let mut command = Command::new(myself());
        parts.push(
            command
                .args(["bench-load", "hold-part", &part.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()?,
        );
    }
    for part in &mut parts {
        let mut line = String::new();
        BufReader::new(part.stdout.as_mut().context("a part has no output")?)
            .read_line(&mut line)?;
        anyhow::ensure!(line.trim() == "ready", "a part of the crowd failed");
    }
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    for mut part in parts {
        drop(part.stdin.take());
        part.wait()?;
    }
    Ok(())
}

/// Holds both ends of connections to a listener of its own until its input closes.
pub(in crate::bench) fn hold_part(connections: u64) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen")?;
    let mut held = Vec::new();
    for made in 0..connections {
        let client = TcpStream::connect(listener.local_addr()?)
            .with_context(|| format!("connection {made}"))?;
        held.push((client, listener.accept()?.0));
    }
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
