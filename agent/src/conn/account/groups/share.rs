//! Who takes what of the budgets: a workload, or a user where there is none.
//!
//! Used by the labels and the places of the groups.

use crate::conn::account::workloads::WorkloadRef;
use crate::workload::Kind;

/// Whose share of the budgets a group takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Share {
    /// That of its workload.
    Workload(WorkloadRef),
    /// That of its user, because it is in no workload.
    User(u32),
    /// It is in no workload, and its user is not known, or it has several: it may be anyone's, and
    /// has nothing of what is kept for the others.
    Anyone,
}

/// Whose sockets are in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Users {
    /// A pass has made it, which does not know.
    Unknown,
    /// One user's.
    One(u32),
    /// Those of several users whose processes have the same name.
    Several,
}

impl Users {
    /// Returns whose sockets are there with one more; `None` for one whose user is not known.
    pub(super) const fn with(self, user: Option<u32>) -> Self {
        match (self, user) {
            (Self::Unknown, Some(user)) => Self::One(user),
            (Self::One(one), Some(other)) if one != other => Self::Several,
            (known, _) => known,
        }
    }

    /// Returns the only user.
    pub(super) const fn only(self) -> Option<u32> {
        if let Self::One(user) = self { Some(user) } else { None }
    }
}

impl From<Option<u32>> for Users {
    fn from(user: Option<u32>) -> Self {
        Self::Unknown.with(user)
    }
}

impl Share {
    /// Returns the share that a group in `workload` takes; `user` is its only one, if that is
    /// known.
    pub(super) fn of(workload: &WorkloadRef, user: Option<u32>) -> Self {
        match workload {
            WorkloadRef::Named(named) if matches!(named.kind, Kind::Host | Kind::Unknown) => {
                user.map_or(Self::Anyone, Self::User)
            }
            _ => Self::Workload(workload.clone()),
        }
    }
}
