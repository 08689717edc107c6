//! The files of a source tree, read once; every check works on them.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::rust::Facts;

/// Endings of the files that are read.
const ENDINGS: [&str; 6] = ["rs", "md", "toml", "yml", "py", "sh"];
/// How the first lines of a generated file name the program that wrote it.
const GENERATED: [&str; 2] = ["Written from", "Written by"];

/// A source tree in memory.
pub struct Tree {
    pub(crate) root: PathBuf,
    sources: BTreeMap<PathBuf, Source>,
}

/// One file.
pub(crate) struct Source {
    /// Its text.
    pub(crate) text: String,
    /// What its syntax says; only Rust has it.
    pub(crate) facts: Option<Facts>,
    /// Whether a program wrote it, as its first lines say.
    pub(crate) generated: bool,
}

impl Tree {
    /// Reads all sources below `root`, those in `target` and in hidden folders left out.
    ///
    /// # Errors
    /// A folder or a file that cannot be read, and Rust that does not parse.
    pub fn read(root: &Path) -> Result<Self> {
        let mut sources = BTreeMap::new();
        let mut open = vec![root.to_owned()];
        while let Some(folder) = open.pop() {
            let entries =
                fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
            for entry in entries {
                let entry = entry.with_context(|| format!("read {}", folder.display()))?;
                let (path, name) = (entry.path(), entry.file_name());
                let name = name.to_string_lossy();
                if path.is_dir() {
                    if name != "target" && !name.starts_with('.') {
                        open.push(path);
                    }
                } else if ENDINGS.iter().any(|ending| has_ending(&path, ending)) {
                    let relative = path.strip_prefix(root).unwrap_or(&path).to_owned();
                    sources.insert(relative, Source::read(&path)?);
                }
            }
        }
        Ok(Self { root: root.to_owned(), sources })
    }

    /// Returns all files with their paths relative to the root, in the order of these.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Path, &Source)> {
        self.sources.iter().map(|(path, source)| (path.as_path(), source))
    }

    /// Returns the Rust files.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&Path, &Source, &Facts)> {
        self.all().filter_map(|(path, source)| Some((path, source, source.facts.as_ref()?)))
    }

    /// Returns the Markdown files.
    pub(crate) fn markdown(&self) -> impl Iterator<Item = (&Path, &Source)> {
        self.all().filter(|(path, _)| has_ending(path, "md"))
    }

    /// Returns the file at a path relative to the root.
    pub(crate) fn get(&self, path: &Path) -> Option<&Source> {
        self.sources.get(path)
    }
}

impl Source {
    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        let facts = if has_ending(path, "rs") {
            Some(Facts::read(&text).with_context(|| format!("parse {}", path.display()))?)
        } else {
            None
        };
        let generated = text
            .lines()
            .take(5)
            .any(|line| GENERATED.iter().any(|mark| line.contains(mark)) && !line.contains("//!"));
        Ok(Self { text, facts, generated })
    }
}

/// Whether a path ends in `.ENDING`.
fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|extension| extension == ending)
}
