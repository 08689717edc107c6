//! Which workload a key stands for. The table asks for the names that it has not been told.
//!
//! Used by the table. A socket shows up with the id of its cgroup, and the name behind the id comes
//! later, from another thread. Until then the rows of the id have a group of their own, which
//! becomes the named one as a whole. What they counted meanwhile is shown under the right name or
//! not at all. Guarantees: at most [`MOST_KNOWN`] keys are kept and at most [`MOST_PENDING`] wait
//! for a name. Keys beyond that are `unknown`, and so is a key that has waited for [`PATIENCE`]. A
//! key whose cgroup is gone keeps its name for [`IDLE_TTL`].

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hashbrown::HashMap;

use super::newest::Newest;
use crate::conn::limits::IDLE_TTL;
use crate::conn::nanos::Nanos;
use crate::workload::{Key, Kind, Sight, Workload};

/// The most keys whose workload is remembered.
pub(crate) const MOST_KNOWN: usize = 32_768;
/// The most keys that wait for their name at once.
pub(crate) const MOST_PENDING: usize = 64;
/// How long a key waits for its name.
const PATIENCE: Nanos = Nanos::from_secs(10);

/// The workload of a group, or the key of one whose name is not known yet.
#[derive(Clone, Debug)]
pub(crate) enum WorkloadRef {
    Named(Arc<Workload>),
    Pending(Key),
}

impl WorkloadRef {
    /// Returns the label that stands for it now.
    pub(crate) fn label<'a>(&'a self, unknown: &'a Arc<Workload>) -> &'a Arc<str> {
        match self {
            Self::Named(workload) => &workload.name,
            Self::Pending(_) => &unknown.name,
        }
    }

    /// Returns whether it waits for its name.
    pub(crate) const fn is_pending(&self) -> bool {
        matches!(self, Self::Pending(_))
    }

    /// Returns whether its name was asked for in vain.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self, Self::Named(workload) if workload.kind == Kind::Unknown)
    }
}

impl PartialEq for WorkloadRef {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Named(one), Self::Named(other)) => {
                Arc::ptr_eq(one, other) || one.name == other.name
            }
            (Self::Pending(one), Self::Pending(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for WorkloadRef {}

impl Hash for WorkloadRef {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        match self {
            Self::Named(workload) => (Some(&workload.name), None::<&Key>).hash(hasher),
            Self::Pending(key) => (None::<&Arc<str>>, Some(key)).hash(hasher),
        }
    }
}

/// A workload that the table has been told, under one key.
struct Known {
    workload: Arc<Workload>,
    /// When its key was last told or confirmed.
    told: Nanos,
}

/// The workloads by key, known and pending.
pub(crate) struct Workloads {
    sight: Sight,
    known: HashMap<Key, Known>,
    /// Keys without a name, each with the moment at which [`Workloads::expire`] first met it.
    pending: HashMap<Key, Option<Nanos>>,
    newest: Newest,
    host: Arc<Workload>,
    pub(crate) unknown: Arc<Workload>,
    /// The epoch. It changes whenever a later [`Self::find`] may answer differently than an earlier
    /// one.
    epoch: u64,
    /// How many sockets were `unknown` because too many keys were known or waiting.
    pub(crate) overflow: u64,
}

impl Workloads {
    /// Creates an empty registry that can resolve nothing until [`Self::see`] is called.
    pub(crate) fn new() -> Self {
        Self {
            sight: Sight::Blind,
            known: HashMap::new(),
            pending: HashMap::new(),
            newest: Newest::default(),
            host: Arc::new(Workload::host()),
            unknown: Arc::new(Workload::unknown()),
            epoch: 0,
            overflow: 0,
        }
    }

    /// Sets which keys can be resolved from now on.
    pub(crate) fn see(&mut self, sight: Sight) {
        self.sight = sight;
        self.epoch += 1;
    }

    /// Returns the epoch. An answer that was found without overflow holds as long as the epoch
    /// stays.
    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Returns the workload of a socket by the id of its cgroup and the process id of its owner; 0
    /// means not known.
    pub(crate) fn find(&mut self, cgroup: u64, tgid: u32) -> WorkloadRef {
        if self.sight == Sight::Blind {
            return WorkloadRef::Named(Arc::clone(&self.host));
        }
        let Some(key) = self.sight.key(cgroup, tgid) else { return self.unknown_ref() };
        if let Some(known) = self.known.get(&key) {
            return WorkloadRef::Named(Arc::clone(&known.workload));
        }
        if self.pending.contains_key(&key) {
            return WorkloadRef::Pending(key);
        }
        if self.pending.len() >= MOST_PENDING || self.known.len() + self.pending.len() >= MOST_KNOWN
        {
            self.overflow += 1;
            return self.unknown_ref();
        }
        self.pending.insert(key, None);
        debug_assert!(self.pending.len() <= MOST_PENDING, "only so many keys wait");
        WorkloadRef::Pending(key)
    }

    /// Returns the same for a row that was looked up before, without counting overflow a second
    /// time.
    pub(crate) fn find_uncounted(&mut self, cgroup: u64, tgid: u32) -> WorkloadRef {
        let overflow = self.overflow;
        let found = self.find(cgroup, tgid);
        self.overflow = overflow;
        found
    }

    /// Returns the workload of what cannot be named.
    pub(crate) fn unknown_ref(&self) -> WorkloadRef {
        WorkloadRef::Named(Arc::clone(&self.unknown))
    }

    /// Returns the keys that wait for a name.
    pub(crate) fn wanted(&self) -> Vec<Key> {
        self.pending.keys().copied().collect()
    }

    /// Returns whether a key waits for a name.
    pub(crate) fn wants(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Returns the processes whose workload is remembered.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let process = |key: &Key| if let Key::Process(tgid) = key { Some(*tgid) } else { None };
        self.known.keys().filter_map(process).collect()
    }

    /// Takes what a key stands for; `None` if its cgroup or process is gone. Returns whether a key
    /// waited for that.
    pub(crate) fn tell(&mut self, key: Key, workload: Option<&Arc<Workload>>, now: Nanos) -> bool {
        self.epoch += 1;
        let waited = self.pending.remove(&key).is_some();
        // A key that waited has its room already.
        let room = self.known.len() + self.pending.len() < MOST_KNOWN;
        debug_assert!(room || !waited, "a key that waits is one of those that are kept");
        match (workload, self.known.get_mut(&key)) {
            (Some(workload), Some(known)) => {
                known.told = now;
                if known.workload != *workload {
                    known.workload = known.workload.followed_by(workload);
                    self.newest.meet(key, &known.workload);
                }
            }
            (Some(workload), None) if room => {
                self.known.insert(key, Known { workload: Arc::clone(workload), told: now });
                self.newest.meet(key, workload);
            }
            // It is remembered as `unknown`, so that its next record does not ask again.
            (None, None) if waited => {
                self.known.insert(key, Known { workload: Arc::clone(&self.unknown), told: now });
            }
            _ => {}
        }
        debug_assert!(
            self.known.len() + self.pending.len() <= MOST_KNOWN,
            "keys stay within their budget"
        );
        waited
    }

    /// Returns the workload of a key that has been told, else `unknown`.
    pub(crate) fn of(&self, key: Key) -> Arc<Workload> {
        Arc::clone(self.known.get(&key).map_or(&self.unknown, |known| &known.workload))
    }

    /// Returns the workload whose long names are shown for that of a group.
    pub(crate) fn shown(&self, workload: Arc<Workload>) -> Arc<Workload> {
        self.newest.of(workload)
    }

    /// Forgets the keys that were not confirmed for [`IDLE_TTL`]. Returns the keys that have waited
    /// too long.
    pub(crate) fn expire(&mut self, now: Nanos) -> Vec<Key> {
        let before = self.known.len();
        self.known.retain(|_, known| now.saturating_sub(known.told) < IDLE_TTL);
        if self.known.len() < before {
            self.epoch += 1;
            self.newest.keep(self.known.values().map(|known| Arc::clone(&known.workload)));
        }
        let late =
            |since: &mut Option<Nanos>| now.saturating_sub(*since.get_or_insert(now)) >= PATIENCE;
        let mut late: Vec<Key> = self
            .pending
            .iter_mut()
            .filter_map(|(key, since)| late(since).then_some(*key))
            .collect();
        // Sorting makes the order independent of the hash table's.
        late.sort_unstable();
        late
    }

    /// Returns how many keys are remembered or waiting.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.known.len() + self.pending.len()
    }
}
