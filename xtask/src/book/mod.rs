//! The step `book` of the suite, and `cargo xtask test --full book`: the pages of `docs/SUMMARY.md`
//! as a book, in `target/book/html`.
//!
//! mdBook wants all pages below one folder, and the pages of this project link to files beside
//! `docs`. So they are laid out anew (`layout`) before it runs; afterwards every link of what it
//! wrote must lead somewhere (`links`).

mod layout;
mod links;

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::tool::Tool;
use crate::{process, workspace};

const MDBOOK: Tool = Tool { name: "mdbook", version: "0.5.1", features: Some("search") };

/// Builds the book and checks its links.
pub(crate) fn check() -> Result<()> {
    let program = MDBOOK.ensure()?;
    let book = workspace::root().join("target/book");
    if book.exists() {
        fs::remove_dir_all(&book).with_context(|| format!("empty {}", book.display()))?;
    }
    let pages = layout::write(workspace::root(), &book)?;
    process::run(Command::new(program).arg("build").arg(&book))?;
    let dead = links::dead(&book.join("html"))?;
    if !dead.is_empty() {
        bail!("links of the book lead nowhere:\n{}", dead.join("\n"));
    }
    println!("book: {pages} pages in {}", book.join("html/index.html").display());
    Ok(())
}
