//! A folder for what the programs store, removed with its handle.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};

/// How its name begins; the id of its process follows.
const PREFIX: &str = "tcpwarden-stack-";

/// A folder of this process under the system's temporary one.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes one, and removes those whose process was killed before it could.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let parent = std::env::temp_dir();
        for entry in std::fs::read_dir(&parent).into_iter().flatten().flatten() {
            if owner(&entry.file_name().to_string_lossy())
                .is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
            {
                // Another process may be removing it as well.
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        let path = parent.join(format!(
            "{PREFIX}{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        ));
        // Fails if it exists: another process made it then.
        std::fs::create_dir(&path).with_context(|| format!("make {}", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in it, with the folders on the way; its path.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .with_context(|| format!("make {}", parent.display()))?;
        }
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The process that made a folder of this name.
fn owner(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split_once('-')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_handle_and_that_of_a_killed_process_with_the_next() {
        // No process has an id beyond the kernel's largest.
        let abandoned = std::env::temp_dir().join(format!("{PREFIX}4194305-0"));
        std::fs::create_dir_all(&abandoned).unwrap();
        let folder = Folder::new().unwrap();
        assert!(!abandoned.exists());
        let file = folder.write("a/b.yml", "text").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "text");
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn only_names_of_this_kind_have_an_owner() {
        assert_eq!(owner("tcpwarden-stack-17-3"), Some(17));
        assert_eq!(owner("tcpwarden-stack-x-3"), None);
        assert_eq!(owner("tcpwarden-live-17-3"), None);
    }
}
