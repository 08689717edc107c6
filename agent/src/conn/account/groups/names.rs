//! What groups are called, and what they are.
//!
//! Used by all that shows a group or looks for another.

use std::sync::Arc;

use catalogue::labels::Role;

use super::Groups;
use super::labels::Label;
use crate::conn::ids::GroupId;

impl Groups {
    /// Returns the process name of a group.
    pub(crate) fn name(&self, group: GroupId) -> &Arc<str> {
        &self.list[group.position()].process
    }

    /// Returns the name of its workload; `unknown` while that is not known yet.
    pub(crate) fn workload(&self, group: GroupId) -> &Arc<str> {
        self.list[group.position()].workload.label(&self.unknown)
    }

    /// Returns both.
    pub(crate) fn labels(&self, group: GroupId) -> (Arc<str>, Arc<str>) {
        (Arc::clone(self.name(group)), Arc::clone(self.workload(group)))
    }

    /// Returns whether its workload is not known yet.
    pub(crate) fn is_pending(&self, group: GroupId) -> bool {
        self.list[group.position()].workload.is_pending()
    }

    /// Returns the role of a group.
    pub(crate) fn role(&self, group: GroupId) -> Role {
        self.list[group.position()].role
    }

    /// Returns whether a group has a label of its own.
    pub(crate) fn is_labelled(&self, group: GroupId) -> bool {
        self.list[group.position()].label == Label::Own
    }

    /// Returns whether a row may go to a group without a look at more than its number: rows that go
    /// to one beyond the budget are counted.
    pub(crate) fn is_cacheable(&self, group: GroupId) -> bool {
        self.list[group.position()].label != Label::Other
    }

    /// Returns the group whose names metrics show for a group: its own, or those of `~other` or
    /// `~young`.
    pub(super) fn shown_as(&self, group: GroupId) -> GroupId {
        match self.list[group.position()].label {
            Label::Own => group,
            Label::Other => Self::other(self.role(group)),
            Label::Young => Self::young(self.role(group)),
        }
    }

    /// Returns the names of a group's process and workload as metrics show them.
    pub(crate) fn shown_labels(&self, group: GroupId) -> (Arc<str>, Arc<str>) {
        self.labels(self.shown_as(group))
    }
}
