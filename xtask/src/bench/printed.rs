//! Counting the lines that a peer prints, after it has ended or meanwhile.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};

/// An unlinked file, which is gone with its last descriptor.
fn unnamed() -> Result<File> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let path = std::env::temp_dir().join(format!(
        "tcpwarden-bench-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    ));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// An unlinked file, and a second handle on it for a process to write to.
pub(super) fn shared() -> Result<(File, Stdio)> {
    let file = unnamed().context("make a file for a process to write to")?;
    let other = file.try_clone().context("share that file")?;
    Ok((file, other.into()))
}

/// Returns how many lines were written to such a file.
pub(super) fn lines(file: &File) -> Result<u64> {
    let (mut at, mut lines, mut bytes) = (0, 0, vec![0; 1 << 16]);
    loop {
        let length = file.read_at(&mut bytes, at).context("read what a process printed")?;
        if length == 0 {
            return Ok(lines);
        }
        lines += bytes[..length].split(|byte| *byte == b'\n').count() as u64 - 1;
        at += length as u64;
    }
}
