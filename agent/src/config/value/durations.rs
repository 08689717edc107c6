//! Values that are durations.

use std::time::Duration;

use toml::Value;

use super::{Raw, whole};
use crate::duration_text;
use crate::exit::Error;

/// The shortest time between two things that the agent does.
const SHORTEST: Duration = Duration::from_millis(200);

impl Raw {
    /// Reads a duration from 0.2 s to a day; a bare number is seconds.
    pub(in super::super) fn seconds(&self) -> Result<Duration, Error> {
        let bounds = SHORTEST..=Duration::from_hours(24);
        self.duration().filter(|read| bounds.contains(read)).ok_or_else(|| {
            self.refuse(
                "a duration from 0.2s to 1d such as 30s or 1m30s (a bare number is seconds)",
            )
        })
    }

    /// Reads a duration from 1 ms to 1 s; a bare number is milliseconds.
    pub(in super::super) fn milliseconds(&self) -> Result<Duration, Error> {
        let text = self.value.as_str();
        let with_unit = || text.filter(|text| text.ends_with('s')).and_then(duration_text::parse);
        let number = self.whole().or_else(|| whole(text?));
        let read = number.map(Duration::from_millis).or_else(with_unit);
        let bounds = Duration::from_millis(1)..=Duration::from_secs(1);
        read.filter(|read| bounds.contains(read)).ok_or_else(|| {
            self.refuse("a duration from 1ms to 1s such as 50ms (a bare number is milliseconds)")
        })
    }

    /// Reads an age from 0.2 s to 5 min, or 0; a bare number is seconds. What is idle for 5 min is
    /// forgotten.
    pub(in super::super) fn age(&self) -> Result<Duration, Error> {
        let bounds = SHORTEST..=Duration::from_mins(5);
        let allowed = |read: &Duration| read.is_zero() || bounds.contains(read);
        self.duration().filter(allowed).ok_or_else(|| {
            self.refuse(
                "0, or a duration from 0.2s to 5m such as 30s or 1m30s (a bare number is seconds)",
            )
        })
    }

    /// Reads any duration; a bare number is seconds.
    fn duration(&self) -> Option<Duration> {
        match &self.value {
            Value::Float(number) => Duration::try_from_secs_f64(*number).ok(),
            Value::Integer(number) => u64::try_from(*number).ok().map(Duration::from_secs),
            Value::String(text) => duration_text::parse(text),
            _ => None,
        }
    }
}
