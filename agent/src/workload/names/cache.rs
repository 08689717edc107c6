//! What was found for each container, and when to look again.
//!
//! Used by the resolver. Guarantees: at most [`MOST`] containers are remembered, and at most
//! [`MOST_LOOKS`] are looked for in one round. A container without names is looked for again at
//! most every [`AGAIN`], later less often. Its label is that of the first look, so that it does not
//! change while the container runs; until then it is its id. A container that no round has met for
//! [`FORGET`] is forgotten.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use super::look::Look;
use super::{Late, Naming, is_id, stem};
use crate::workload::Workload;

/// The most containers that are remembered.
const MOST: usize = 4096;
/// The most containers that are looked for in one round.
const MOST_LOOKS: usize = 1024;
/// The shortest time between two looks for a container.
const AGAIN: Duration = Duration::from_secs(10);
/// The longest time between two looks.
const SELDOM: Duration = Duration::from_mins(10);
/// How long a container that is not met is remembered.
const FORGET: Duration = Duration::from_mins(5);

/// A container that was met.
struct Container {
    names: Late,
    /// Its label, if it is not its id.
    label: Option<Arc<str>>,
    /// Whether it was looked for.
    looked: bool,
    /// When it is looked for again, and how long after that; `None` if its names are known.
    again: Option<(Instant, Duration)>,
    met: Instant,
}

impl Container {
    /// Returns a container that is met for the first time.
    fn new(now: Instant) -> Self {
        Self {
            names: Late::awaited(),
            label: None,
            looked: false,
            again: Some((now, AGAIN)),
            met: now,
        }
    }
}

/// The containers that were met, by their ids.
pub(crate) struct Cache {
    root: PathBuf,
    naming: Naming,
    known: HashMap<Box<str>, Container>,
    /// Whether the log says already that there are too many containers.
    warned: bool,
}

impl Cache {
    /// Creates an empty cache of what is below `root`, which is `/` except in tests.
    pub(crate) fn new(root: &Path, naming: Naming) -> Self {
        Self { root: root.to_owned(), naming, known: HashMap::new(), warned: false }
    }

    /// Begins a round.
    pub(crate) fn round(&mut self, now: Instant) -> Round<'_> {
        Round { cache: self, look: None, left: MOST_LOOKS, now, named: HashMap::new() }
    }

    /// Forgets the containers that were not met lately.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.known.retain(|_, container| now.saturating_duration_since(container.met) < FORGET);
    }
}

/// A round of the resolver.
pub(crate) struct Round<'a> {
    cache: &'a mut Cache,
    look: Option<Look>,
    /// How many containers may still be looked for.
    left: usize,
    now: Instant,
    /// What was answered for each workload, which is kept so that no other gets its address.
    named: HashMap<*const Workload, (Arc<Workload>, Arc<Workload>)>,
}

/// Returns whether a cgroup is one of those that users make themselves: anyone can name one there
/// after the container of somebody else.
fn is_users(cgroup: &str) -> bool {
    cgroup.split('/').find(|part| !matches!(*part, "" | "..")) == Some("user.slice")
}

impl Round<'_> {
    /// Returns a workload with its names; as it is if it is no container with an id, or one of a
    /// user.
    pub(crate) fn named(&mut self, workload: &Arc<Workload>) -> Arc<Workload> {
        if !is_id(&workload.container_id) || is_users(&workload.cgroup) {
            return Arc::clone(workload);
        }
        let place = Arc::as_ptr(workload);
        if let Some((_, named)) = self.named.get(&place) {
            return Arc::clone(named);
        }
        let named = self.name(workload).unwrap_or_else(|| Arc::clone(workload));
        self.named.insert(place, (Arc::clone(workload), Arc::clone(&named)));
        named
    }

    fn name(&mut self, workload: &Workload) -> Option<Arc<Workload>> {
        let id = &workload.container_id;
        let mut container = match self.cache.known.remove(id) {
            Some(known) => known,
            None if self.cache.known.len() < MOST => Container::new(self.now),
            None => {
                self.warn();
                return None;
            }
        };
        container.met = self.now;
        let first = !container.looked;
        self.look_for(&mut container, workload);
        if first && container.looked && self.cache.naming == Naming::Name {
            container.label = container.names.get().and_then(stem::label).map(Into::into);
        }
        let name = Arc::clone(container.label.as_ref().unwrap_or(&workload.name));
        let names = container.names.clone();
        self.cache.known.insert(id.clone(), container);
        debug_assert!(self.cache.known.len() <= MOST, "containers stay within their budget");
        Some(Arc::new(Workload { name, names, ..workload.clone() }))
    }

    /// Looks for the names of a container, if it is time to.
    fn look_for(&mut self, container: &mut Container, workload: &Workload) {
        let due = container.again.filter(|(due, _)| *due <= self.now);
        let (Some((_, wait)), Some(left)) = (due, self.left.checked_sub(1)) else { return };
        self.left = left;
        container.looked = true;
        let look = self.look.get_or_insert_with(|| Look::new(&self.cache.root));
        if let Some(names) = look.names(&workload.container_id, workload.runtime) {
            container.names.set(names);
            container.again = None;
        } else {
            container.again = Some((self.now + wait, (wait * 2).min(SELDOM)));
        }
    }

    fn warn(&mut self) {
        if !std::mem::replace(&mut self.cache.warned, true) {
            tracing::warn!(
                most = MOST,
                "there are more containers than are remembered: the others have no names but their \
                 ids"
            );
        }
    }
}
