//! A file as it is packed: its path, its mode, its bytes, and nothing of the machine that packs it.
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::workspace;

/// The mode of a file that is read, and of one that is executed.
pub(super) const READ: u32 = 0o644;
pub(super) const EXECUTED: u32 = 0o755;

/// What a package does with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is the package's.
    Plain,
    /// It is the administrator's: an upgrade keeps what was edited.
    Config,
    /// A licence, which rpm marks.
    Licence,
}

/// A file.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Where it lies below the root, without a slash at the beginning.
    pub(super) path: String,
    pub(super) mode: u32,
    pub(super) kind: Kind,
    pub(super) bytes: Vec<u8>,
}

impl Item {
    /// Returns a file to read.
    pub(super) fn new(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), mode: READ, kind: Kind::Plain, bytes: bytes.into() }
    }

    /// Returns a file of the source, to read.
    pub(super) fn of_source(file: &str, path: impl Into<String>) -> Result<Self> {
        Ok(Self::new(path, read(&workspace::root().join(file))?))
    }

    /// Returns the file as one of this kind.
    pub(super) fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// Returns the file as one to execute.
    pub(super) fn executed(self) -> Self {
        Self { mode: EXECUTED, ..self }
    }
}

/// Reads a file.
pub(super) fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("read {}", file.display()))
}

/// Returns the files of a folder, with those of its folders, in the order of their names; `to` is
/// where they lie.
pub(super) fn folder(from: &Path, to: &str) -> Result<Vec<Item>> {
    let entries = std::fs::read_dir(from).with_context(|| format!("read {}", from.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.with_context(|| format!("read {}", from.display()))?.file_name();
        names.push(
            name.into_string().map_err(|name| anyhow::anyhow!("{} is no text", name.display()))?,
        );
    }
    names.sort_unstable();
    let mut items = Vec::new();
    for name in names {
        let (file, path) = (from.join(&name), format!("{to}/{name}"));
        if file.is_dir() {
            items.extend(folder(&file, &path)?);
        } else {
            items.push(Item::new(path, read(&file)?));
        }
    }
    Ok(items)
}
