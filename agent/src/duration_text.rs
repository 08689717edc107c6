//! Durations and points in time as text: `1h30m`, RFC 3339.
//!
//! Used by the configuration, the page at `/`, the queries and their text output. Guarantees:
//! [`parse`] returns `None` for what it cannot read, never panics and never returns more than
//! [`LONGEST`]; every value can be written.

use std::time::{Duration, SystemTime};

/// The longest duration that [`parse`] returns: ten years, far more than any uptime.
pub(crate) const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);

/// What [`parse`] accepts, as the second half of "expected ...".
pub(crate) const ALLOWED: &str =
    "a duration such as 90s, 5m, 1h30m or 2d (a bare number is seconds), at most 10 years";

/// Reads numbers with the units ms, s, m, h and d, or a bare number of seconds; each with at most
/// nine digits behind the point. Returns `None` for any other text and for more than [`LONGEST`].
#[must_use]
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let mut nanoseconds: u128 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, after) = split(rest, |letter| letter.is_ascii_digit() || letter == '.');
        let (unit, after) = split(after, |letter| letter.is_ascii_lowercase());
        let unit: Duration = match unit {
            "" if rest.len() == text.len() && after.is_empty() => Duration::from_secs(1),
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_mins(1),
            "h" => Duration::from_hours(1),
            "d" => Duration::from_hours(24),
            _ => return None,
        };
        nanoseconds = nanoseconds.checked_add(times(number, unit.as_nanos())?)?;
        rest = after;
    }
    let fits = !text.is_empty() && nanoseconds <= LONGEST.as_nanos();
    fits.then(|| u64::try_from(nanoseconds).ok().map(Duration::from_nanos)).flatten()
}

/// Splits a text behind the letters at its start that are of this kind.
fn split(text: &str, is_of_it: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|letter: char| !is_of_it(letter)).unwrap_or(text.len()))
}

/// Returns a decimal number, digits with or without a point between them, times a whole one.
fn times(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = u32::try_from(fraction.len()).ok().filter(|digits| (1..=9).contains(digits))?;
    let part = fraction.parse::<u128>().ok()?.checked_mul(unit)? / 10_u128.pow(digits);
    whole.parse::<u128>().ok()?.checked_mul(unit)?.checked_add(part)
}

/// Writes a duration in its two largest units, `3h12m`, so that [`parse`] reads it. A unit of which
/// there is none is left out: `5m`.
#[must_use]
pub(crate) fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    let ((large, unit), (small, below)) = match seconds {
        0..60 => return format!("{seconds}s"),
        60..3600 => ((minutes, 'm'), (seconds % 60, 's')),
        3600..86400 => ((hours, 'h'), (minutes, 'm')),
        _ => ((days, 'd'), (hours, 'h')),
    };
    if small == 0 { format!("{large}{unit}") } else { format!("{large}{unit}{small}{below}") }
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

/// Reads what [`rfc3339`] writes, as Unix time; `None` for any other form.
#[must_use]
pub(crate) fn parse_rfc3339(text: &str) -> Option<Duration> {
    let (text, millisecond) = text.strip_suffix('Z')?.split_once('.')?;
    let (day, time) = text.split_once('T')?;
    let numbers = |text: &str, mark| -> Option<[u64; 3]> {
        let numbers: Option<Vec<u64>> = text.split(mark).map(|one| one.parse().ok()).collect();
        numbers?.try_into().ok()
    };
    let ([year, month, day], [hour, minute, second]) = (numbers(day, '-')?, numbers(time, ':')?);
    if !(1970..=9999).contains(&year) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let before: u64 = (1970..year).map(days_of).sum();
    let days = (before..before + 366).find(|days| date(*days) == (year, month, day))?;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    let millisecond = millisecond.parse().ok().filter(|one| *one < 1000)?;
    Some(Duration::from_secs(seconds) + Duration::from_millis(millisecond))
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
        for (text, milliseconds) in [
            ("90s", 90_000),
            ("5m", 300_000),
            ("3h", 10_800_000),
            ("1h30m", 5_400_000),
            ("2d", 172_800_000),
            ("17", 17_000),
            ("0s", 0),
            ("0.5", 500),
            ("250ms", 250),
            ("1.5h", 5_400_000),
            ("1s250ms", 1250),
            ("3650d", 315_360_000_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for wrong in [
            "",
            "s",
            "5x",
            "1m30",
            "-5s",
            "+5s",
            ".5s",
            "5.s",
            "1.2.3s",
            "5S",
            "5us",
            "0.1234567890s",
            " 5s",
            "99999999999999999999s",
            "9999999999d",
            "3651d",
            "5s ",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
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

    #[test]
    fn times_are_read_back_and_no_other_form_is() {
        for milliseconds in [0, 951_782_400_007, 1_735_689_599_999, 4_107_542_400_000] {
            let time = Duration::from_millis(milliseconds);
            let text = rfc3339(SystemTime::UNIX_EPOCH + time);
            assert_eq!(parse_rfc3339(&text), Some(time), "{text}");
        }
        for wrong in [
            "",
            "2026-11-21T14:16:55Z",
            "2026-11-21 14:16:55.867Z",
            "2026-02-30T14:16:55.867Z",
            "2026-13-01T14:16:55.867Z",
            "99999-11-21T14:16:55.867Z",
            "2026-11-21T24:16:55.867Z",
            "2026-11-21T14:16:55.18446744073709551615Z",
            "2026-11-21T14:16:55.867Z2",
        ] {
            assert_eq!(parse_rfc3339(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_are_written_in_their_two_largest_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (75, "1m15s"),
            (3600, "1h"),
            (11_520, "3h12m"),
            (86_400, "1d"),
            (90_061, "1d1h"),
        ] {
            assert_eq!(short(Duration::from_millis(seconds * 1000 + 900)), text);
        }
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
