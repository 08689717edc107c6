//! Time as the table knows it: moments and spans of `CLOCK_MONOTONIC`, and a span in four bytes.
//!
//! Used by every part of the table. Guarantees: a count cannot be taken for a time, and no sum or
//! difference of times wraps.

use std::num::NonZeroU32;
use std::time::Duration;

/// A moment of `CLOCK_MONOTONIC`, or the span between two, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Nanos(u64);

impl Nanos {
    /// The moment at which the machine started, or no time at all.
    pub const ZERO: Self = Self(0);

    /// Returns a number of nanoseconds as a time.
    #[inline]
    #[must_use]
    pub const fn new(nanoseconds: u64) -> Self {
        Self(nanoseconds)
    }

    /// Returns a number of seconds as a time, saturating.
    #[inline]
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// Returns a number of milliseconds as a time, saturating.
    #[inline]
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds.saturating_mul(1_000_000))
    }

    /// Returns a span as a time, saturating.
    #[must_use]
    pub fn of(span: Duration) -> Self {
        Self(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Returns the number of nanoseconds.
    #[inline]
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the moment that is `span` later, or the last one.
    #[inline]
    #[must_use]
    pub const fn saturating_add(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// Returns the span since `earlier`, or the moment that is that much earlier; zero if that is
    /// negative.
    #[inline]
    #[must_use]
    pub const fn saturating_sub(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

/// A span in whole microseconds, at most 71 minutes: one more than their number, so that an
/// `Option` of it is as small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct ShortSpan(NonZeroU32);

impl ShortSpan {
    /// Returns the span, rounded down to a microsecond, or the longest one if it is longer.
    #[inline]
    pub(crate) fn saturating(span: Nanos) -> Self {
        let more = u32::try_from(span.0 / 1000).unwrap_or(u32::MAX).saturating_add(1);
        Self(NonZeroU32::new(more).unwrap_or(NonZeroU32::MAX))
    }

    /// Returns the span.
    #[inline]
    pub(crate) const fn nanos(self) -> Nanos {
        Nanos((self.0.get() as u64 - 1) * 1000)
    }
}

const _: () = assert!(size_of::<Option<ShortSpan>>() == 4);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_span_is_exact_to_the_microsecond_and_saturates() {
        let longest = u64::from(u32::MAX - 1) * 1000;
        for (span, kept) in [
            (0, 0),
            (999, 0),
            (1000, 1000),
            (1_234_567, 1_234_000),
            (longest - 1, longest - 1000),
            (longest, longest),
            (longest + 1000, longest),
            (u64::MAX, longest),
        ] {
            assert_eq!(ShortSpan::saturating(Nanos::new(span)).nanos(), Nanos::new(kept), "{span}");
        }
    }

    #[test]
    fn no_time_wraps() {
        let (last, second) = (Nanos::new(u64::MAX), Nanos::from_secs(1));
        assert_eq!(last.saturating_add(second), last);
        assert_eq!(second.saturating_sub(last), Nanos::ZERO);
        assert_eq!((Nanos::from_secs(u64::MAX), Nanos::from_millis(u64::MAX)), (last, last));
        assert_eq!(Nanos::from_millis(1000), second);
    }
}
