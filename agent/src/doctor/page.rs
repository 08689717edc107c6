//! The agent's page of metrics, read again: the text format 0.0.4.
//!
//! Guarantees: any text is read without a panic, lines that are no series are passed over, and at
//! most [`MAX_SERIES`] of the families in [`FAMILIES`] are kept.

use crate::client::sample::{self, Sample};

/// The most series that are kept.
const MAX_SERIES: usize = 1 << 16;
/// The families that the checks read, without their prefix.
pub(crate) const FAMILIES: [&str; 20] = [
    "build_info",
    "connections_limit",
    "connections_refused_total",
    "connections_tracked",
    "connections_unverified",
    "decode_errors_total",
    "events_lost_total",
    "events_total",
    "internal_errors_total",
    "label_overflow_total",
    "log_lines_dropped_total",
    "probe_attached",
    "probe_info",
    "process_fds_exhausted_seconds",
    "process_max_fds",
    "process_open_fds",
    "reconcile_last_completed_timestamp_seconds",
    "tcp_memory_bytes",
    "visibility_limited",
    "web_config_last_reload_successful",
];
/// The prefix of the agent's own names; `process_open_fds` without it is of the agent itself.
const PREFIX: &str = "tcpwarden_";

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    name: &'static str,
    sample: Sample,
}

impl Series {
    /// Returns the value of a label, empty without it.
    pub(crate) fn label(&self, name: &str) -> &str {
        self.sample.label(name)
    }

    /// Returns the value as a whole number: 0 for what is none, the largest for what is larger.
    pub(crate) fn number(&self) -> u64 {
        whole(self.sample.value)
    }
}

/// The series of a page that the checks read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Page(Vec<Series>);

impl Page {
    /// Reads a page.
    pub(crate) fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(series).take(MAX_SERIES).collect())
    }

    /// Returns the series of a family.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Series> {
        self.0.iter().filter(move |series| series.name == name)
    }

    /// Returns the sum over a family; `None` without a series.
    pub(crate) fn sum(&self, name: &str) -> Option<u64> {
        let mut all = self.all(name).map(Series::number).peekable();
        all.peek()?;
        Some(all.fold(0, u64::saturating_add))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and takes what is no number for 0"
)]
const fn whole(value: f64) -> u64 {
    value as u64
}

/// Reads a line of a family that is known.
fn series(line: &str) -> Option<Series> {
    let known = |name: &str| {
        let name = name.strip_prefix(PREFIX)?;
        FAMILIES.into_iter().find(|family| *family == name)
    };
    sample::read(line, known).map(|(name, sample)| Series { name, sample })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_with_escapes_and_foreign_lines_are_passed_over() {
        let page = Page::parse(
            "# HELP x\ntcpwarden_probe_attached{probe=\"a\\\"}\\n\"} 1\nprocess_open_fds 9\n\
             tcpwarden_connections_tracked 12\ntcpwarden_connections{state=\"listen\"} 5\n\
             tcpwarden_probe_attached{probe=\"b\ntcpwarden_probe_attached{\ntcpwarden_\n\
             tcpwarden_connections_limit x\ntcpwarden_events_total NaN\n",
        );
        let probes: Vec<_> = page.all("probe_attached").collect();
        assert_eq!((probes.len(), probes[0].label("probe")), (1, "a\"}\n"));
        assert_eq!(probes[0].label("no"), "");
        assert_eq!(page.sum("connections_tracked"), Some(12));
        assert_eq!((page.sum("process_open_fds"), page.sum("connections_limit")), (None, None));
        assert_eq!(page.sum("events_total"), Some(0));
    }

    #[test]
    fn a_value_becomes_a_whole_number_whatever_it_is() {
        let numbers = [-1.0, f64::NAN, 2.9, 1e300, f64::INFINITY].map(whole);
        assert_eq!(numbers, [0, 0, 2, u64::MAX, u64::MAX]);
    }

    #[test]
    fn the_families_are_those_of_the_catalogue() {
        let known = |name: &&str| {
            let whole = format!("{PREFIX}{name}");
            catalogue::metrics::all().any(|metric| metric.name == whole)
        };
        let unknown: Vec<_> = FAMILIES.iter().filter(|name| !known(name)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,200}", tail in "[\"\\\\{}=, a\\n0-9]{0,100}") {
            let _ = Page::parse(&format!("tcpwarden_probe_info{{{tail}\n{text}"));
        }
    }
}
