//! Times as tests write them: sums and multiples, which panic where they leave the range.

use std::ops::{Add, Mul, Sub};

use crate::conn::Nanos;

/// A millisecond, the tests' unit of time.
pub(super) const MS: Nanos = Nanos::from_millis(1);
/// A second.
pub(super) const SECOND: Nanos = Nanos::from_secs(1);

impl Add for Nanos {
    type Output = Self;

    fn add(self, span: Self) -> Self {
        Self::new(self.get() + span.get())
    }
}

impl Sub for Nanos {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self::new(self.get() - earlier.get())
    }
}

impl Mul<Nanos> for u64 {
    type Output = Nanos;

    fn mul(self, unit: Nanos) -> Nanos {
        Nanos::new(self * unit.get())
    }
}
