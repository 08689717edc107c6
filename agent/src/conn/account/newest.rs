//! Of the containers that share a label, the one whose long names are shown.
//!
//! Used by the workloads. With names as labels a rollout brings a container that has the label of
//! the one before; a group keeps the workload that it began with. Guarantees: what is shown is of
//! the container that came last, as long as it is known; only labels that are no id take room.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use crate::workload::{Key, Workload};

/// The containers whose long names are shown, by their labels.
#[derive(Default)]
pub(super) struct Newest(HashMap<Arc<str>, Arc<Workload>>);

impl Newest {
    /// Takes a container that was not known before.
    pub(super) fn meet(&mut self, key: Key, workload: &Arc<Workload>) {
        if !workload.shares_its_label() {
            return;
        }
        let (label, workload) = (Arc::clone(&workload.name), Arc::clone(workload));
        match key {
            Key::Cgroup(_) => {
                self.0.insert(label, workload);
            }
            // A new process is most often one of a container that was there.
            Key::Process(_) => {
                self.0.entry(label).or_insert(workload);
            }
        }
    }

    /// Replaces the containers that are no longer among those that are known.
    pub(super) fn keep(&mut self, known: impl Iterator<Item = Arc<Workload>>) {
        if self.0.is_empty() {
            return;
        }
        let known: Vec<_> = known.filter(|workload| workload.shares_its_label()).collect();
        let places: HashSet<_> = known.iter().map(Arc::as_ptr).collect();
        self.0.retain(|_, workload| places.contains(&Arc::as_ptr(workload)));
        for workload in known {
            self.0.entry(Arc::clone(&workload.name)).or_insert(workload);
        }
    }

    /// Returns the workload that is shown in place of one of a group.
    pub(super) fn of(&self, workload: Arc<Workload>) -> Arc<Workload> {
        self.0.get(&workload.name).map_or(workload, Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::path::workload_at;

    fn container(digit: &str, label: &str) -> Arc<Workload> {
        let workload = workload_at(&format!("/crio-{}.scope", digit.repeat(64)));
        Arc::new(Workload { name: label.into(), ..workload })
    }

    #[test]
    fn the_last_container_of_a_label_is_shown_while_it_is_known() {
        let (old, new) = (container("a", "shop/web/app"), container("b", "shop/web/app"));
        let mut newest = Newest::default();
        newest.meet(Key::Cgroup(1), &old);
        newest.meet(Key::Cgroup(2), &new);
        newest.meet(Key::Process(3), &old);
        assert!(Arc::ptr_eq(&newest.of(Arc::clone(&old)), &new));
        newest.keep([&old, &new].into_iter().map(Arc::clone));
        assert!(Arc::ptr_eq(&newest.of(Arc::clone(&old)), &new));
        newest.keep(std::iter::once(Arc::clone(&old)));
        assert!(Arc::ptr_eq(&newest.of(Arc::clone(&new)), &old));
        newest.keep(std::iter::empty());
        assert!(Arc::ptr_eq(&newest.of(Arc::clone(&new)), &new) && newest.0.is_empty());
    }

    #[test]
    fn what_has_an_id_as_its_label_takes_no_room() {
        let mut newest = Newest::default();
        for (key, path) in (1..).zip(["/system.slice/nginx.service", "/lxc/web", "/"]) {
            newest.meet(Key::Cgroup(key), &Arc::new(workload_at(path)));
        }
        newest.meet(Key::Cgroup(9), &container("a", "aaaaaaaaaaaa"));
        assert!(newest.0.is_empty());
    }
}
