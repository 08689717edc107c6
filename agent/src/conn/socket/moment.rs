//! Times that the kernel counts in jiffies, as moments of a tenth of a second in four bytes.
//!
//! Used by `activity`. Guarantee: a time whose jiffies have wrapped since the last reading is known
//! for what it is.

use std::num::NonZeroU32;

use crate::conn::nanos::Nanos;

/// The unit of [`Moment`], nanoseconds: a tenth of a second.
const UNIT: u64 = 100_000_000;
/// How far two readings of one time may lie apart, units of [`Moment`].
const JITTER: u64 = 10;
/// Less than the shortest time in which jiffies wrap, 2^32 at 1000 Hz; units of [`Moment`].
const SHORTEST_WRAP: u32 = 42_000_000;
/// A time of `CLOCK_MONOTONIC` in tenths of a second, rounded up, so that no use looks older than
/// it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(NonZeroU32);

impl Moment {
    /// Returns the moment of a time; later ones are 13 years after the boot.
    pub(super) fn at(time: Nanos) -> Self {
        let units = u32::try_from(time.get().div_ceil(UNIT)).unwrap_or(u32::MAX);
        Self(NonZeroU32::new(units).unwrap_or(NonZeroU32::MIN))
    }

    /// Returns the time.
    pub(super) fn time(self) -> Nanos {
        Nanos::new(u64::from(self.0.get()) * UNIT)
    }

    fn units(self) -> u64 {
        u64::from(self.0.get())
    }
}

/// Returns the moment `ago` jiffies before `now`. It stays what it was if the reading says so, or
/// would if jiffies had not wrapped since.
#[inline]
pub(super) fn moment_of(before: Option<Moment>, now: Moment, ago: u32, tick: Tick) -> Moment {
    let units = now.0.get().saturating_sub(tick.units(ago));
    let new = NonZeroU32::new(units).unwrap_or(NonZeroU32::MIN);
    match before {
        Some(old) if new.get().wrapping_sub(old.0.get()) > SHORTEST_WRAP => {
            unwrapped(old, Moment(new), tick)
        }
        _ => Moment(new),
    }
}

/// Returns the moment that an old and a new reading mean which lie far apart.
#[cold]
fn unwrapped(old: Moment, new: Moment, tick: Tick) -> Moment {
    let wrap = ((u64::from(u32::MAX) + 1) * tick.nanoseconds / UNIT).max(1);
    let Some(later) = new.units().checked_sub(old.units()) else { return old };
    let off = later % wrap;
    if off <= JITTER || wrap - off <= JITTER { old } else { new }
}

/// The length of a jiffy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tick {
    nanoseconds: u64,
    /// The same in units of [`Moment`], times 2^32: a product and a shift instead of a division.
    rate: u64,
}

impl Tick {
    /// Returns a jiffy of so many nanoseconds, at most a tenth of a second: no kernel has longer
    /// ones (`kernel/Kconfig.hz`, 6.18: 100 to 1000 Hz).
    pub(crate) const fn new(nanoseconds: u64) -> Self {
        let nanoseconds = if nanoseconds > UNIT { UNIT } else { nanoseconds };
        Self { nanoseconds, rate: (nanoseconds << 32) / UNIT }
    }

    /// Returns its length, nanoseconds.
    pub(super) const fn nanoseconds(self) -> u64 {
        self.nanoseconds
    }

    /// Returns how long jiffies last, units of [`Moment`], at most one too few.
    #[inline]
    const fn units(self, jiffies: u32) -> u32 {
        ((jiffies as u64 * self.rate) >> 32) as u32
    }
}
