//! The groups whose workload is `unknown`.

use std::sync::Arc;

use super::{GroupEntry, Groups};
use crate::conn::account::workloads::WorkloadRef;
use crate::conn::ids::GroupId;

impl Groups {
    /// Returns whether the workload of a group is `unknown`.
    pub(crate) fn has_unknown_workload(&self, group: GroupId) -> bool {
        self.is_unknown(&self.list[group.position()])
    }

    /// Returns whether a row is in such a group.
    pub(crate) fn has_rows_of_unknown_workload(&self) -> bool {
        self.list.iter().any(|entry| self.is_unknown(entry) && !entry.is_empty())
    }

    fn is_unknown(&self, entry: &GroupEntry) -> bool {
        matches!(&entry.workload, WorkloadRef::Named(name) if Arc::ptr_eq(name, &self.unknown))
    }
}
