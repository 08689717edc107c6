//! `cargo run -p tidy [ROOT]`: prints every finding, area by area; fails if there is one.
//!
//! Called by `cargo xtask check` and by hand.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints for a person")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tidy::{Finding, Tree};

fn main() -> ExitCode {
    let root = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let tree = match Tree::read(&root) {
        Ok(tree) => tree,
        Err(error) => {
            eprintln!("tidy: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let findings = tidy::check(&tree);
    let mut areas: BTreeMap<PathBuf, Vec<&Finding>> = BTreeMap::new();
    for finding in &findings {
        areas.entry(area(&finding.place.file)).or_default().push(finding);
    }
    for (area, findings) in areas {
        println!("\n{} ({})", area.display(), findings.len());
        for finding in findings {
            println!("  {finding}");
        }
    }
    println!("\ntidy: {} findings", findings.len());
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns the folder of a file, at most three levels deep.
fn area(file: &Path) -> PathBuf {
    let folder = file.parent().unwrap_or(Path::new(""));
    let area: PathBuf = folder.components().take(3).collect();
    if area.as_os_str().is_empty() { PathBuf::from("(root)") } else { area }
}
