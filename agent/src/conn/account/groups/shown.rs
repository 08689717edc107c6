//! What a snapshot shows of the groups.
//!
//! Used by the table's snapshot.

use std::sync::Arc;

use catalogue::labels::{OTHER, Role, SocketState, YOUNG};
use catalogue::limits::IDLE_AGES;
use hashbrown::HashSet;

use super::labels::Label;
use super::{GroupEntry, Groups};
use crate::conn::account::workloads::WorkloadRef;
use crate::conn::limits::Budget;
use crate::conn::report::snapshot::{self, StateGauge};
use crate::conn::report::totals::Totals;
use crate::conn::store::age_list::AgeThresholds;
use crate::conn::store::slab::Slab;
use crate::workload::{Kind, Workload};

/// The names under which groups without a label are shown together.
const FOLDS: [&str; 2] = [OTHER, YOUNG];

impl Groups {
    /// Returns what the groups show, with their ages brought up to `thresholds`. A group without a
    /// label is shown as `~other` or `~young`. The rows of a group whose workload is not known yet
    /// are shown under `unknown`. Its counters are held back until the name is known, because a
    /// counter must not go down again.
    pub(in crate::conn) fn snapshot(
        &mut self,
        rows: &Slab,
        thresholds: &AgeThresholds,
    ) -> Vec<snapshot::Group> {
        let mut shown: Vec<snapshot::Group> = Vec::new();
        let mut pending = Vec::new();
        let mut folded: [[Option<snapshot::Group>; Role::COUNT]; FOLDS.len()] = Default::default();
        for group in self.list.iter_mut().filter(|group| group.live && group.used) {
            group
                .lists
                .iter_mut()
                .for_each(|list| list.advance(rows, thresholds, &mut Budget::UNLIMITED.clone()));
            let waits = group.waits();
            let mut one = snapshot::Group {
                process: Arc::clone(&group.process),
                workload: Arc::clone(group.workload.label(&self.unknown)),
                role: group.role,
                states: group.lists.map(|list| list.gauge(rows)),
                seen: group.seen,
                close_wait: group.lists[SocketState::CloseWait.index()].stages(),
                queued: group.queued,
                idle_to: group.idle_to.clone(),
                retransmitted: if waits { Default::default() } else { group.retransmitted },
            };
            one.see();
            group.seen = one.seen;
            let fold = match group.label {
                Label::Own => FOLDS.iter().position(|name| *group.process == **name),
                Label::Other => Some(0),
                Label::Young => Some(1),
            };
            let Some(fold) = fold else {
                if waits { &mut pending } else { &mut shown }.push(one);
                continue;
            };
            match &mut folded[fold][group.role.index()] {
                Some(all) => all.add(&one),
                all => *all = Some(one.into_fold(FOLDS[fold])),
            }
        }
        self.keep_seen(&mut folded);
        shown.extend(folded.into_iter().flatten().flatten());
        for one in pending {
            let same = |other: &&mut snapshot::Group| {
                (&other.process, &other.workload, other.role)
                    == (&one.process, &one.workload, one.role)
            };
            match shown.iter_mut().find(same) {
                Some(other) => other.add(&one),
                None => shown.push(one),
            }
        }
        shown
    }

    /// Notes what was seen of the groups without a label in those that stand for them: the others
    /// come and go.
    fn keep_seen(&mut self, folded: &mut [[Option<snapshot::Group>; Role::COUNT]; FOLDS.len()]) {
        for (fold, all) in folded.iter_mut().enumerate() {
            for all in all.iter_mut().flatten() {
                let kept = &mut self.list[(1 + fold) * Role::COUNT + all.role.index()].seen;
                kept.add(all.seen);
                all.seen = *kept;
            }
        }
    }

    /// Adds what [`Self::snapshot`] shows of all groups together.
    pub(in crate::conn) fn add_to(&self, totals: &mut Totals) {
        for group in self.list.iter().filter(|group| group.live && group.used) {
            let counts = group.lists.iter().map(|list| u64::from(list.len()));
            totals.states.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            if !group.waits() {
                totals.retransmitted += group.retransmitted.iter().flatten().sum::<u64>();
            }
        }
    }

    /// Returns the workloads that have a group, each once.
    pub(in crate::conn) fn workloads(&self) -> Vec<Arc<Workload>> {
        let mut seen = HashSet::new();
        let shown = |group: &&GroupEntry| group.live && group.used && group.label == Label::Own;
        let named = self.list.iter().filter(shown).filter_map(|group| match &group.workload {
            WorkloadRef::Named(workload) => Some(workload),
            WorkloadRef::Pending(_) => None,
        });
        named
            .filter(|workload| {
                workload.kind != Kind::Unknown && seen.insert(Arc::clone(&workload.name))
            })
            .cloned()
            .collect()
    }
}

impl GroupEntry {
    /// Returns whether its counters are held back until its name is known.
    fn waits(&self) -> bool {
        self.label == Label::Own && self.workload.is_pending()
    }
}

impl snapshot::Group {
    /// Adds the counts of another.
    fn add(&mut self, other: &Self) {
        self.states.iter_mut().zip(&other.states).for_each(|(mine, theirs)| mine.add(theirs));
        self.seen.add(other.seen);
        self.close_wait.iter_mut().zip(other.close_wait).for_each(|(mine, theirs)| *mine += theirs);
        self.queued.merge(other.queued);
        for (to, idle) in &other.idle_to {
            self.add_idle_to(*to, idle);
        }
        let counts = self.retransmitted.iter_mut().flatten();
        counts.zip(other.retransmitted.iter().flatten()).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// Adds idle connections to a named destination.
    fn add_idle_to(&mut self, to: u8, idle: &[u64; IDLE_AGES.len()]) {
        match self.idle_to.iter_mut().find(|(mine, _)| *mine == to) {
            Some((_, mine)) => mine.iter_mut().zip(idle).for_each(|(mine, more)| *mine += more),
            None => self.idle_to.push((to, *idle)),
        }
    }

    /// Gives it the name of what is shown together.
    fn into_fold(self, name: &str) -> Self {
        if *self.process == *name {
            return self;
        }
        Self { process: name.into(), workload: name.into(), ..self }
    }
}

impl StateGauge {
    /// Adds the counts of another.
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.oldest_since = [self.oldest_since, other.oldest_since].into_iter().flatten().min();
        self.older_than.iter_mut().zip(other.older_than).for_each(|(mine, theirs)| *mine += theirs);
    }
}
