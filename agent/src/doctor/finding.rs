//! A finding: what was measured, its limit, what it costs and what changes it.
//!
//! Guarantee: text of other programs in a finding has no character that controls a terminal, and a
//! command line to paste has such text only as one quoted word of a shell.

use serde::Serialize;

use crate::query::text::printable;

/// How bad a finding is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Something fails now, or at the next connection.
    Critical,
    /// A limit is near, or something was lost.
    Warning,
    /// Worth knowing: it fails under a load that was not seen.
    Note,
    /// The check could not be made.
    Unknown,
    /// Nothing was found.
    Ok,
}

impl Severity {
    /// Returns its name in the text.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "CRITICAL",
            Self::Warning => "WARNING",
            Self::Note => "NOTE",
            Self::Unknown => "UNKNOWN",
            Self::Ok => "OK",
        }
    }
}

/// What a check came to. The fields of the JSON are a contract with its readers; docs/doctor.md
/// describes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The check, a word of docs/doctor.md.
    pub(crate) check: &'static str,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What it is about: a process, a destination, a setting.
    pub(crate) subject: String,
    /// The finding in words; of [`Severity::Unknown`] the reason.
    pub(crate) says: String,
    /// The measured value, in `unit`.
    pub(crate) measured: Option<u64>,
    /// Its limit, in `unit`.
    pub(crate) limit: Option<u64>,
    /// What the numbers count.
    pub(crate) unit: &'static str,
    /// What happens when the limit is reached; empty where nothing was found.
    pub(crate) costs: String,
    /// What to paste, or what to change; empty where nothing was found.
    pub(crate) change: String,
}

impl Finding {
    /// Returns a finding without numbers.
    pub(crate) fn new(check: &'static str, severity: Severity, subject: &str, says: &str) -> Self {
        Self {
            check,
            severity,
            subject: printable(subject),
            says: printable(says),
            measured: None,
            limit: None,
            unit: "",
            costs: String::new(),
            change: String::new(),
        }
    }

    /// Returns that a check found nothing.
    pub(crate) fn ok(check: &'static str, subject: &str, says: &str) -> Self {
        Self::new(check, Severity::Ok, subject, says)
    }

    /// Returns that a check could not be made.
    pub(crate) fn unknown(check: &'static str, subject: &str, why: &str) -> Self {
        Self::new(check, Severity::Unknown, subject, why)
    }

    /// Adds the measured value and its limit.
    pub(crate) fn value(self, measured: u64, limit: Option<u64>, unit: &'static str) -> Self {
        Self { measured: Some(measured), limit, unit, ..self }
    }

    /// Adds what it costs and what changes it.
    pub(crate) fn costs(self, costs: &str, change: &str) -> Self {
        Self { costs: printable(costs), change: printable(change), ..self }
    }
}

/// Returns whether `measured` is at least so many percent of `limit`. Of a limit of 0 it is.
pub(crate) fn reaches(measured: u64, limit: u64, percent: u64) -> bool {
    u128::from(measured) * 100 >= u128::from(limit) * u128::from(percent)
}

/// Returns a share in percent for a sentence, rounded down; 100 of nothing.
pub(crate) fn percent(measured: u64, limit: u64) -> u64 {
    let share = (u128::from(measured) * 100).checked_div(u128::from(limit)).unwrap_or(100);
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// Returns the command that sets a sysctl, in the network namespace of a process if one is given.
pub(crate) fn sysctl(inside: Option<u32>, name: &str, value: &str) -> String {
    let set = if value.contains(' ') {
        format!("sysctl -w {name}=\"{value}\"")
    } else {
        format!("sysctl -w {name}={value}")
    };
    inside.map_or_else(|| set.clone(), |pid| format!("nsenter --net=/proc/{pid}/ns/net {set}"))
}

/// Returns how a sysctl of a network namespace is set, the own one or one that a process names. Of
/// one without a known process it is words: a command would change the own namespace.
pub(crate) fn sysctl_of(
    own: bool,
    netns: u32,
    pid: Option<u32>,
    name: &str,
    value: &str,
) -> String {
    if own || pid.is_some() {
        return sysctl(pid.filter(|_| !own), name, value);
    }
    format!(
        "in network namespace {netns}, of which no process is known (lsns -t net): {name} = {value}"
    )
}

/// Returns text of another program as one word of a shell, which expands nothing in it. What could
/// be taken for an option, or for a character of a terminal, is replaced by `instead`.
pub(crate) fn word(text: &str, instead: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._@:/-".contains(letter);
    if text.is_empty() || text.starts_with('-') || printable(text) != text {
        instead.to_owned()
    } else if text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_is_one_word_of_a_shell_or_none() {
        assert_eq!(word("nginx.service", "UNIT"), "nginx.service");
        assert_eq!(word("a b", "UNIT"), "'a b'");
        assert_eq!(word("$(reboot)", "UNIT"), "'$(reboot)'");
        assert_eq!(word("a'; reboot; '", "UNIT"), r"'a'\''; reboot; '\'''");
        for hostile in ["", "-x", "a\nb", "\u{1b}[2J", "a\u{202e}b"] {
            assert_eq!(word(hostile, "UNIT"), "UNIT", "{hostile:?}");
        }
    }

    #[test]
    fn text_of_others_controls_no_terminal() {
        let evil = "a\u{1b}[31m\n\u{202e}";
        let finding = Finding::new("x", Severity::Note, evil, evil).costs(evil, evil);
        for text in [&finding.subject, &finding.says, &finding.costs, &finding.change] {
            assert!(!text.chars().any(crate::events::names::controls_terminal), "{text:?}");
        }
    }

    #[test]
    fn shares_are_exact_at_their_limits_and_never_overflow() {
        assert!(reaches(80, 100, 80) && !reaches(79, 100, 80) && reaches(0, 0, 80));
        assert!(reaches(u64::MAX, u64::MAX, 100) && !reaches(u64::MAX - 1, u64::MAX, 100));
        assert_eq!((percent(1, 3), percent(5, 0), percent(u64::MAX, 1)), (33, 100, u64::MAX));
    }

    #[test]
    fn a_setting_of_another_namespace_is_set_there() {
        assert_eq!(sysctl(None, "net.core.somaxconn", "9"), "sysctl -w net.core.somaxconn=9");
        assert_eq!(
            sysctl(Some(7), "net.ipv4.ip_local_port_range", "1 2"),
            "nsenter --net=/proc/7/ns/net sysctl -w net.ipv4.ip_local_port_range=\"1 2\""
        );
    }

    #[test]
    fn a_setting_of_a_namespace_without_a_process_is_no_command() {
        let of = |own, pid| sysctl_of(own, 8, pid, "net.core.somaxconn", "9");
        assert_eq!(of(true, Some(7)), "sysctl -w net.core.somaxconn=9");
        assert_eq!(of(true, None), of(true, Some(7)));
        assert!(of(false, Some(7)).starts_with("nsenter --net=/proc/7/ns/net sysctl"));
        let words = of(false, None);
        assert!(words.starts_with("in network namespace 8, of which no process"), "{words}");
        assert!(words.ends_with("net.core.somaxconn = 9") && !words.contains("sysctl"), "{words}");
    }

    #[test]
    fn the_worst_comes_first() {
        let mut all = [Severity::Ok, Severity::Note, Severity::Critical, Severity::Warning];
        all.sort_unstable();
        assert_eq!(all.map(Severity::as_str), ["CRITICAL", "WARNING", "NOTE", "OK"]);
    }
}
