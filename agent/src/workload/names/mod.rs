//! The names that people gave to a container: its pod, namespace, image or compose service, from
//! files that the container runtimes and the kubelet keep on the node.
//!
//! Used by the resolver's thread; no socket of a runtime and no API server is asked. `containerd`,
//! `crio`, `docker`, `podman` and `kubelet` know where the files of each are, and have a pure
//! parser of their text. `files` reads them, `look` asks those that may know, `cache` remembers
//! what was found, `stem` makes a label of it. Guarantees: files are only opened for an id of 64
//! hexadecimal digits; every read is bounded; a name that has a letter that no such name can have
//! is left out; what cannot be read or understood is not known.

mod cache;
mod containerd;
mod crio;
mod docker;
mod files;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod kubelet;
mod look;
mod podman;
mod stem;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

pub(crate) use cache::Cache;

use super::clean;

/// The longest name, bytes: that of a pod (`DNS1123SubdomainMaxLength` of Kubernetes).
const MAX_NAME: usize = 253;
/// The longest reference of an image that is shown, bytes.
const MAX_IMAGE: usize = 256;
/// The digits of a container's id.
const ID: usize = 64;

/// What the label `workload` of a container is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// The first digits of its id.
    #[default]
    Id,
    /// Its name without what changes with each rollout; its id where the name is not known.
    Name,
}

impl Naming {
    /// Returns what an option says; `None` if it says neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "id" => Some(Self::Id),
            "name" => Some(Self::Name),
            _ => None,
        }
    }
}

/// The names that people gave to a container and to what it belongs to, each empty where it is not
/// known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The namespace of its pod.
    pub namespace: Box<str>,
    /// Its pod.
    pub pod: Box<str>,
    /// The container itself.
    pub container: Box<str>,
    /// The reference of its image.
    pub image: Box<str>,
    /// The project of `docker compose`.
    pub compose_project: Box<str>,
    /// The service of that project.
    pub compose_service: Box<str>,
}

impl Names {
    /// Returns all of them, in the order of the metric's labels.
    #[must_use]
    pub fn texts(&self) -> [&str; 6] {
        [
            &self.namespace,
            &self.pod,
            &self.container,
            &self.image,
            &self.compose_project,
            &self.compose_service,
        ]
    }

    /// Returns the names if there is one.
    fn if_any(self) -> Option<Self> {
        self.texts().iter().any(|text| !text.is_empty()).then_some(self)
    }
}

/// Names that may be found after their workload was told. The copies of a workload share them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Late(Option<Arc<OnceLock<Names>>>);

impl Late {
    /// Returns names that are not known yet.
    fn awaited() -> Self {
        Self(Some(Arc::default()))
    }

    /// Returns the names, if they are known.
    #[must_use]
    pub fn get(&self) -> Option<&Names> {
        self.0.as_ref()?.get()
    }

    /// Takes the names, unless there are some already.
    fn set(&self, names: Names) {
        if let Some(place) = &self.0 {
            // A second answer for the same container says the same.
            let _ = place.set(names);
        }
    }
}

impl From<Names> for Late {
    fn from(names: Names) -> Self {
        Self(Some(Arc::new(OnceLock::from(names))))
    }
}

/// Returns a name from outside; empty if it has a letter that no name of a pod, namespace,
/// container or service has, or if it is too long.
fn name(text: &str) -> Box<str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if text.len() <= MAX_NAME && text.bytes().all(fits) { text.into() } else { "".into() }
}

/// Returns the reference of an image from outside, cleaned and cut.
fn image(text: &str) -> Box<str> {
    clean(text, MAX_IMAGE).into()
}

/// Returns whether a text is the id of a container.
fn is_id(text: &str) -> bool {
    text.len() == ID && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
