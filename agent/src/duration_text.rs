//! Durations and points in time as text: `1h30m`, `3 h 12 min`, RFC 3339.
//!
//! Used by the page at `/`, the queries and their text output. Guarantees: [`parse`] returns `None`
//! for what it cannot read, never panics and never returns more than [`LONGEST`]; every value can
//! be written.

use std::time::{Duration, SystemTime};

/// The longest duration that [`parse`] returns: ten years, far more than any uptime.
pub(crate) const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);

/// What [`parse`] accepts, as the second half of "expected ...".
pub(crate) const ALLOWED: &str =
    "a duration such as 90s, 5m, 1h30m or 2d (a bare number is seconds), at most 10 years";

/// Reads whole numbers with the units s, m, h and d, or a bare number of seconds. Returns `None`
/// for any other text and for more than [`LONGEST`].
#[must_use]
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let mut seconds: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let mut units = after.chars();
        let unit = match units.next() {
            None if rest.len() == text.len() => 1,
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 86_400,
            _ => return None,
        };
        seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        rest = units.as_str();
    }
    (!text.is_empty() && seconds <= LONGEST.as_secs()).then(|| Duration::from_secs(seconds))
}

/// Writes a duration for a sentence, in its two largest units: `3 h 12 min`.
#[must_use]
pub(crate) fn long(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min {} s", seconds % 60),
        3600..86400 => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// Writes a duration for a table column: as [`long`], but without blanks, so that [`parse`] reads
/// it.
#[must_use]
pub(crate) fn short(duration: Duration) -> String {
    long(duration).replace("min", "m").replace(' ', "")
}

/// Writes a point in time as RFC 3339 in UTC with milliseconds: `2026-11-21T13:00:00.000Z`. A time
/// before 1970 is written as the start of 1970.
#[must_use]
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
        since.subsec_millis()
    )
}

/// Returns year, month and day of the Gregorian date `days` days after 1970-01-01.
fn date(days: u64) -> (u64, u64, u64) {
    /// Days in 400 years, after which the calendar repeats.
    const CYCLE: u64 = 146_097;
    let (mut year, mut left) = (1970 + days / CYCLE * 400, days % CYCLE);
    while left >= days_of(year) {
        left -= days_of(year);
        year += 1;
    }
    let february = days_of(year) - 337;
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

/// Returns how many days a year has.
const fn days_of(year: u64) -> u64 {
    if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) {
        366
    } else {
        365
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::proptest;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let seconds = |text| parse(text).map(|duration| duration.as_secs());
        for (text, expected) in [
            ("90s", 90),
            ("5m", 300),
            ("3h", 10_800),
            ("1h30m", 5400),
            ("2d", 172_800),
            ("17", 17),
            ("0s", 0),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for wrong in [
            "",
            "s",
            "5x",
            "1m30",
            "-5s",
            "1.5h",
            " 5s",
            "99999999999999999999s",
            "9999999999d",
            "3651d",
            "5s ",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_are_written_as_rfc_3339() {
        let at = |seconds: u64| {
            rfc3339(SystemTime::UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 7))
        };
        assert_eq!(at(0), "1970-01-01T00:00:00.007Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.007Z");
        assert_eq!(at(1_735_689_599), "2024-12-31T23:59:59.007Z");
        assert_eq!(at(4_107_542_399), "2100-02-28T23:59:59.007Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.007Z");
    }

    proptest! {
        #[test]
        fn what_is_written_short_is_read_back(seconds in 0_u64..86_400) {
            let read = parse(&short(Duration::from_secs(seconds))).unwrap().as_secs();
            assert!(read <= seconds && seconds - read < 60);
        }

        #[test]
        fn no_text_panics(text in ".*", days in 0_u64..10_000_000) {
            let _ = parse(&text);
            let (_, month, day) = date(days);
            assert!((1..=12).contains(&month) && (1..=31).contains(&day));
        }
    }
}
