//! `[[expected]]` of the configuration file: connections that look like a leak and are known.

use std::time::{Duration, SystemTime};

use serde::Deserialize;

/// The most entries.
const MOST: usize = 256;

/// Connections that are expected: they are shown as such and accuse nobody.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expected {
    /// The name of the process, as in the metrics.
    pub process: String,
    /// The service port; any if there is none.
    #[serde(default)]
    pub port: Option<u16>,
    /// The most connections that are expected; any number if there is none.
    #[serde(default)]
    pub at_most: Option<u64>,
    /// Until when, as a day (`2027-03-31`, UTC, the end of that day); for ever if there is none.
    #[serde(default)]
    pub until: Option<String>,
    /// Why, shown with the connections.
    pub reason: String,
}

impl Expected {
    /// Reads the entries.
    ///
    /// # Errors
    /// An entry has an unknown or missing key, `until` is no day, or there are too many entries:
    /// what is wrong, and what is allowed.
    pub(super) fn read(value: toml::Value) -> Result<Vec<Self>, String> {
        let all: Vec<Self> = value.try_into().map_err(|error: toml::de::Error| {
            format!(
                "{}; each [[expected]] has process and reason, and may have port, at-most and \
                     until",
                error.message()
            )
        })?;
        if all.len() > MOST {
            return Err(format!("there are {} entries, at most {MOST} are allowed", all.len()));
        }
        match all.iter().filter_map(|one| one.until.as_deref()).find(|day| end_of(day).is_none()) {
            Some(day) => Err(format!("until is {day:?}: expected a day such as 2027-03-31")),
            None => Ok(all),
        }
    }

    /// Returns whether `connections` of a process at a service port are expected at `now`.
    #[must_use]
    pub fn covers(
        &self,
        process: &str,
        port: Option<u16>,
        connections: u64,
        now: SystemTime,
    ) -> bool {
        let ends = self.until.as_deref().and_then(end_of);
        self.process == process
            && self.port.is_none_or(|wanted| port == Some(wanted))
            && self.at_most.is_none_or(|most| connections <= most)
            && ends.is_none_or(|ends| now < ends)
    }
}

/// Returns the end of a day in UTC; `None` if the text is no day since 1970.
fn end_of(day: &str) -> Option<SystemTime> {
    let mut parts = day.splitn(3, '-').map(str::parse::<i64>);
    let mut part = || parts.next()?.ok();
    let (year, month, day) = (part()?, part()?, part()?);
    let leaps = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leaps => 29,
        2 => 28,
        _ => 31,
    };
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=last).contains(&day) {
        return None;
    }
    // The days since 1970-03-01 of the proleptic Gregorian calendar, by years that begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    let days = u64::try_from(days - 719_468 + 1).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(days * 86_400))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Expected>, String> {
        let table: toml::Table = text.parse().unwrap();
        Expected::read(table["expected"].clone())
    }

    #[test]
    fn an_entry_covers_its_process_port_number_and_time() {
        let text = "[[expected]]\nprocess = \"tracker\"\nport = 6881\nat-most = 1000\n\
                    until = \"2027-03-31\"\nreason = \"peers idle for hours\"\n";
        let one = read(text).unwrap().remove(0);
        let day = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        // 2027-04-01 00:00 UTC.
        let end = 1_806_537_600;
        assert!(one.covers("tracker", Some(6881), 1000, day(end - 1)));
        assert!(!one.covers("tracker", Some(6881), 1000, day(end)));
        assert!(!one.covers("tracker", Some(6881), 1001, day(0)));
        assert!(!one.covers("tracker", Some(80), 1, day(0)));
        assert!(!one.covers("tracker", None, 1, day(0)));
        assert!(!one.covers("other", Some(6881), 1, day(0)));
    }

    #[test]
    fn a_wrong_entry_is_an_error_that_says_what_is_allowed() {
        for (text, part) in [
            ("[[expected]]\nprocess = \"a\"", "reason"),
            ("[[expected]]\nprocess = \"a\"\nreason = \"b\"\nports = 1", "ports"),
            ("[[expected]]\nprocess = \"a\"\nreason = \"b\"\nuntil = \"soon\"", "2027-03-31"),
            ("[[expected]]\nprocess = \"a\"\nreason = \"b\"\nuntil = \"2027-13-01\"", "2027-13-01"),
            ("[[expected]]\nprocess = \"a\"\nreason = \"b\"\nuntil = \"2027-02-29\"", "2027-02-29"),
            ("expected = 7", "process and reason"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
