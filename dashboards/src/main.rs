//! Writes the generated files: `dashboards ROOT`; with `--live FOLDER` only the rules, with short times, into a folder.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use dashboards::{File, rules, timing};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--live", folder] => write(Path::new(folder), &rules::files(&timing::LIVE)),
        [root] => write(Path::new(root), &dashboards::files()),
        _ => bail!("usage: dashboards ROOT | dashboards --live FOLDER"),
    }
}

fn write(root: &Path, files: &[File]) -> Result<()> {
    for file in files {
        let path = root.join(&file.path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        }
        std::fs::write(&path, &file.text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
