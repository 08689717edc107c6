//! Writes the generated files: `dashboards ROOT [--runbooks URL]`, where the address stands before
//! the names of runbooks in alerts; `dashboards --check ROOT` only compares; `dashboards --live
//! FOLDER` writes the rules with short times; `dashboards --inventory CLUSTER` prints what all of it
//! is made of, where the label CLUSTER tells clusters apart.
#![expect(clippy::print_stdout, reason = "the inventory is for the program that asks for it")]

use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use dashboards::options::Options;
use dashboards::{File, inventory, rules, timing};

const USAGE: &str = "usage: dashboards ROOT [--runbooks URL] | dashboards --check ROOT | \
                     dashboards --live FOLDER | dashboards --inventory CLUSTER";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--live", folder] => write(Path::new(folder), &rules::files(&timing::LIVE)),
        ["--check", root] => check(Path::new(root)),
        ["--inventory", cluster] => {
            let all = inventory::inventory(cluster);
            println!("{}", all.map_err(|why| anyhow!("--inventory {cluster}: {why}"))?);
            Ok(())
        }
        [root, "--runbooks", url] => {
            let mut options = Options::default();
            options.set_runbook_base_url(url).map_err(|why| anyhow!("--runbooks {url}: {why}"))?;
            write(Path::new(root), &dashboards::files())?;
            write(Path::new(root), &rules::files(&timing::PRODUCTION.with(options)))
        }
        [root] if !root.starts_with('-') => write(Path::new(root), &dashboards::files()),
        _ => bail!(USAGE),
    }
}

fn write(root: &Path, files: &[File]) -> Result<()> {
    for file in files {
        let path = root.join(&file.path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("make {}", folder.display()))?;
        }
        std::fs::write(&path, &file.text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// Fails where a committed file differs from what would be written, or where one is committed that
/// nothing writes.
fn check(root: &Path) -> Result<()> {
    let found = dashboards::differences(root);
    if !found.is_empty() {
        bail!("not what `cargo xtask dashboards` writes: {}", found.join(", "));
    }
    Ok(())
}
