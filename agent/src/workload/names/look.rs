//! One look for the names of containers. What serves many containers is read once a look.
//!
//! Used by the cache. Guarantees: nothing is opened for what is no id of a container.

use std::cell::OnceCell;
use std::path::Path;

use hashbrown::HashMap;

use super::files::Files;
use super::{Names, containerd, crio, docker, is_id, kubelet, podman};

/// One look.
pub(super) struct Look {
    files: Files,
    links: OnceCell<HashMap<Box<str>, Names>>,
    stored: OnceCell<HashMap<Box<str>, Names>>,
}

impl Look {
    /// Begins a look below `root`, which is `/` except in tests.
    pub(super) fn new(root: &Path) -> Self {
        Self { files: Files::below(root), links: OnceCell::new(), stored: OnceCell::new() }
    }

    /// Returns the names of a container by its id and, if it is known, its runtime.
    pub(super) fn names(&self, id: &str, runtime: &str) -> Option<Names> {
        let files = &self.files;
        if !is_id(id) {
            return None;
        }
        let found = match runtime {
            "containerd" => containerd::names(files, id),
            "cri-o" => crio::names(files, id),
            "docker" => docker::names(files, id),
            "podman" => return self.stored(id),
            "" => containerd::names(files, id)
                .or_else(|| crio::names(files, id))
                .or_else(|| docker::names(files, id))
                .or_else(|| self.linked(id))
                .or_else(|| self.stored(id)),
            _ => return None,
        };
        found.or_else(|| self.linked(id))
    }

    fn linked(&self, id: &str) -> Option<Names> {
        self.links.get_or_init(|| kubelet::all(&self.files)).get(id).cloned()
    }

    fn stored(&self, id: &str) -> Option<Names> {
        self.stored.get_or_init(|| podman::all(&self.files)).get(id).cloned()
    }
}
