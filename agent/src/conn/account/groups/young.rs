//! Names that are young: until a name has lived for a while, it counts under `~young`.
//!
//! Used by the groups. A name that lives for a second is not worth series that Prometheus keeps for
//! hours. Guarantees: what is there when the first pass ends was there before the agent, and is not
//! young; a young group gets a label once it has held a socket for the age, or opened in two of
//! three windows of a third of it; what it counted until then stays with `~young`, so that no
//! counter goes down; young groups take the places of names without a label, so that they are
//! bounded as those are.

use catalogue::labels::Role;

use super::labels::Label;
use super::{ALWAYS, GroupEntry, Groups, number};
use crate::conn::account::workloads::WorkloadRef;
use crate::conn::ids::GroupId;
use crate::conn::nanos::Nanos;

/// The windows of an age.
const WINDOWS: u64 = 3;
/// Those that count, as bits.
const COUNTED: u8 = (1 << WINDOWS) - 1;
/// In so many of them a name has to open something.
const LIVELY: u32 = 2;
/// The looks at young groups in an age.
const LOOKS: u64 = 30;

/// What a young group has done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Youth {
    /// Whether it has opened something since the last look.
    opened: bool,
    /// Whether it ever has.
    has_opened: bool,
    /// The windows in which it has, the present one in the lowest bit.
    windows: u8,
    /// From which look on each has met a row; [`Nanos::ZERO`] if the last one has not.
    holds: Nanos,
}

impl Youth {
    /// Takes what another group of the name has done, which ends.
    pub(super) fn take(&mut self, other: Self) {
        self.opened |= other.opened;
        self.has_opened |= other.has_opened;
        self.windows |= other.windows;
        let moments = [self.holds, other.holds].into_iter().filter(|held| *held > Nanos::ZERO);
        self.holds = moments.min().unwrap_or_default();
    }

    /// Returns the same for a group that has asked for its unit in vain. It has waited, each of its
    /// name for as long: what it has opened counts in the present window, and once.
    pub(super) const fn after_waiting(self) -> Self {
        Self { opened: self.has_opened, windows: 0, ..self }
    }
}

/// When names are young, and when they were last looked at.
#[derive(Debug)]
pub(super) struct Nursery {
    age: Nanos,
    /// Whether names that come are young.
    open: bool,
    looked: Nanos,
    /// The number of the present window, counted from the start of the machine.
    window: u64,
}

impl Nursery {
    /// Returns one in which a name is young until it has this age; none is if that is 0.
    pub(super) const fn new(age: Nanos) -> Self {
        Self { age, open: false, looked: Nanos::ZERO, window: 0 }
    }

    /// Returns whether names that come are young.
    pub(super) const fn is_open(&self) -> bool {
        self.open
    }

    /// Returns the age from which a name has a label.
    pub(super) const fn age(&self) -> Nanos {
        self.age
    }

    /// Goes on to `now`. Returns how many windows have ended since the last time, at most as many
    /// as count.
    fn go_on(&mut self, now: Nanos) -> u32 {
        self.looked = now;
        let window = now.get() / (self.age.get() / WINDOWS).max(1);
        let ended = window.saturating_sub(self.window).min(WINDOWS);
        self.window = window;
        u32::try_from(ended).unwrap_or_default()
    }
}

impl Groups {
    /// Takes names that come from now on as young: those that were there before are known.
    pub(in crate::conn) fn open_nursery(&mut self) {
        self.nursery.open = self.nursery.age > Nanos::ZERO;
    }

    /// Returns whether a group is too young for a label.
    pub(crate) fn is_young(&self, group: GroupId) -> bool {
        self.list[group.position()].label == Label::Young
    }

    /// Notes that a young group has opened a connection, or tried to.
    pub(crate) fn opens(&mut self, group: GroupId) {
        let youth = &mut self.list[group.position()].youth;
        (youth.opened, youth.has_opened) = (true, true);
    }

    /// Gives a label to the young groups that are old enough at `now`, if it is time to look. One
    /// whose workload waits for its name stays young.
    pub(in crate::conn) fn grow_up(&mut self, now: Nanos) {
        let Nursery { age, looked, .. } = self.nursery;
        let is_due = now.saturating_sub(looked).get() >= age.get() / LOOKS;
        if !self.labels.has_young() || !is_due {
            return;
        }
        let ended = self.nursery.go_on(now);
        for at in ALWAYS..self.list.len() {
            let group = &mut self.list[at];
            if group.live
                && group.label == Label::Young
                && group.is_grown(now, age, ended)
                && !group.workload.is_pending()
            {
                self.graduate_name(number(at));
            }
        }
    }

    /// Returns whether a name has a group, in whichever role, that is not young.
    pub(super) fn is_grown(&self, process: &str, workload: &WorkloadRef) -> bool {
        let mut groups = Role::ALL.iter().filter_map(|role| self.look_up(process, workload, *role));
        groups.any(|group| !self.is_young(group))
    }

    /// Gives labels to a young group and to the others of its name.
    fn graduate_name(&mut self, group: GroupId) {
        let GroupEntry { process, workload, .. } = &self.list[group.position()];
        let of_role = |role: &Role| self.look_up(process, workload, *role);
        let groups: Vec<_> = Role::ALL.iter().filter_map(of_role).collect();
        for group in groups {
            if self.is_young(group) {
                self.graduate(group);
            }
        }
    }

    /// Gives a young group a label. Without room it has a name only, and its rows are beyond the
    /// budget.
    fn graduate(&mut self, group: GroupId) {
        if self.has_label(&self.list[group.position()].share()) {
            self.label(group);
            return;
        }
        self.hand_over(group, self.shown_as(group));
        self.set_label(group, Label::Other);
        self.overflow += u64::from(self.list[group.position()].rows());
        // Rows that go to it are counted from now on.
        self.cache.clear();
    }
}

impl GroupEntry {
    /// Looks at what a young group has done, and returns whether it is old enough; `ended` windows
    /// have ended since the last look.
    fn is_grown(&mut self, now: Nanos, age: Nanos, ended: u32) -> bool {
        let has_rows = self.rows() > 0;
        let Youth { opened, windows, holds, .. } = &mut self.youth;
        *windows = (*windows << ended | u8::from(std::mem::take(opened))) & COUNTED;
        if !has_rows {
            *holds = Nanos::ZERO;
        } else if *holds == Nanos::ZERO {
            *holds = now;
        }
        windows.count_ones() >= LIVELY || *holds > Nanos::ZERO && now.saturating_sub(*holds) >= age
    }
}
