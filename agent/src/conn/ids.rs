//! The numbers by which the table finds its own things: rows, groups and services.
//!
//! Used by every part of the table. Guarantees: a number of one kind cannot be taken for one of
//! another, and an `Option` of each is as small as the number, because none of them is zero.

use std::num::{NonZeroU16, NonZeroU32};

/// The slot of a row in the slab. Slot 0 is never used, so the number is the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub(crate) struct RowId(NonZeroU32);

impl RowId {
    /// Returns the row in a slot; `None` for slot 0.
    #[inline]
    pub(crate) const fn new(slot: u32) -> Option<Self> {
        match NonZeroU32::new(slot) {
            Some(slot) => Some(Self(slot)),
            None => None,
        }
    }

    /// Returns the slot.
    #[inline]
    pub(crate) const fn get(self) -> u32 {
        self.0.get()
    }

    /// Returns the slot as an index.
    #[inline]
    pub(crate) const fn slot(self) -> usize {
        self.0.get() as usize
    }
}

/// A group: one more than its position in the list of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub(crate) struct GroupId(NonZeroU16);

impl GroupId {
    /// The group at position 0.
    pub(crate) const FIRST: Self = Self(NonZeroU16::MIN);
    /// How many groups can be told apart.
    pub(crate) const COUNT: usize = u16::MAX as usize;

    /// Returns the group at a position; `None` from [`Self::COUNT`] on.
    #[inline]
    pub(crate) fn at(position: usize) -> Option<Self> {
        u16::try_from(position + 1).ok().and_then(NonZeroU16::new).map(Self)
    }

    /// Returns its position.
    #[inline]
    pub(crate) const fn position(self) -> usize {
        self.0.get() as usize - 1
    }

    /// Returns the number itself, to be a part of a key.
    #[inline]
    pub(crate) const fn get(self) -> u16 {
        self.0.get()
    }
}

/// A service: one more than its position in the list of services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub(crate) struct ServiceId(NonZeroU32);

impl ServiceId {
    /// The service at position 0.
    pub(crate) const FIRST: Self = Self(NonZeroU32::MIN);
    /// How many services can be told apart.
    pub(crate) const COUNT: usize = u32::MAX as usize;

    /// Returns the service at a position; `None` from [`Self::COUNT`] on.
    #[inline]
    pub(crate) fn at(position: usize) -> Option<Self> {
        u32::try_from(position + 1).ok().and_then(NonZeroU32::new).map(Self)
    }

    /// Returns its position.
    #[inline]
    pub(crate) const fn position(self) -> usize {
        self.0.get() as usize - 1
    }
}

const _: () = assert!(size_of::<Option<RowId>>() == 4);
const _: () = assert!(size_of::<Option<GroupId>>() == 2);
const _: () = assert!(size_of::<Option<ServiceId>>() == 4);
