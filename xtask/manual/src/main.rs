//! `manual FOLDER`: writes the man pages and the completions of the agent's command line.
//!
//! A program of its own, as it is built with the agent; `cargo xtask dist` runs it.
#![forbid(unsafe_code)]

mod completions;
mod pages;

use std::path::PathBuf;

use anyhow::{Context as _, Result};

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).context("name a folder")?;
    for (name, text) in pages::all()?.into_iter().chain(completions::all()?) {
        let file = folder.join(name);
        let parent = file.parent().context("the file has no folder")?;
        std::fs::create_dir_all(parent).with_context(|| format!("make {}", parent.display()))?;
        std::fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
    }
    Ok(())
}
