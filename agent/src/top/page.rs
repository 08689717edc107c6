//! The agent's page at `/metrics`, read back: the families that the view shows, as numbers.
//!
//! The page comes from another program. Guarantees: a line that is no sample is left out, nothing
//! panics, and at most [`MOST`] samples are kept.

use std::collections::BTreeMap;

use catalogue::metrics::{Metric, agent, connections, lifecycle, pressure};

use crate::client::sample::{self, Sample};

/// The families that are kept.
static KEPT: [&Metric; 26] = [
    &connections::CONNECTIONS,
    &connections::TIME_WAIT_SOCKETS,
    &connections::SYN_RECV_SOCKETS,
    &lifecycle::CONNECTIONS_OPENED,
    &lifecycle::CONNECTIONS_CLOSED,
    &lifecycle::CONNECT_FAILURES,
    &lifecycle::RETRANSMITTED_SEGMENTS,
    &lifecycle::SYNACK_RETRANSMITS,
    &pressure::OPEN_FDS,
    &pressure::MAX_FDS,
    &pressure::EPHEMERAL_PORTS_USED,
    &pressure::LISTEN_SOCKETS,
    &pressure::LISTEN_BACKLOG,
    &pressure::LISTEN_BACKLOG_LIMIT,
    &pressure::LISTEN_BACKLOG_USED,
    &pressure::LISTEN_UNACCEPTED,
    &pressure::LISTEN_UNACCEPTED_AGE,
    &pressure::LISTEN_SYN_QUEUE,
    &pressure::LISTEN_DROPS,
    &pressure::LISTEN_OVERFLOWS,
    &agent::EVENTS_LOST,
    &agent::CONNECTIONS_REFUSED,
    &agent::CONNECTIONS_TRACKED,
    &agent::CONNECTIONS_LIMIT,
    &agent::RECONCILE_LAST_COMPLETED,
    &agent::PROCESS_START_TIME,
];

/// The most samples that are kept; an agent with the largest budgets has fewer.
const MOST: usize = 100_000;
/// What is kept of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Page {
    families: BTreeMap<&'static str, Vec<Sample>>,
}

impl Page {
    /// Reads a page.
    pub(crate) fn read(text: &str) -> Self {
        let (mut page, mut kept) = (Self::default(), 0);
        for (name, sample) in text.lines().filter_map(sample) {
            page.families.entry(name).or_default().push(sample);
            kept += 1;
            if kept >= MOST {
                break;
            }
        }
        page
    }

    /// Returns the series of a family; none if the page has no such family.
    pub(crate) fn samples(&self, metric: &Metric) -> &[Sample] {
        debug_assert!(KEPT.iter().any(|kept| kept.name == metric.name), "{} is kept", metric.name);
        self.families.get(metric.name).map_or(&[], Vec::as_slice)
    }

    /// Returns the sum over a family; `None` if the page has no such family.
    pub(crate) fn total(&self, metric: &Metric) -> Option<f64> {
        let samples = self.samples(metric);
        (!samples.is_empty()).then(|| samples.iter().map(|sample| sample.value).sum())
    }

    /// Returns the sums over a family by the values of some labels.
    pub(crate) fn sums<const N: usize>(
        &self,
        metric: &Metric,
        labels: [&str; N],
    ) -> BTreeMap<[&str; N], f64> {
        let mut sums = BTreeMap::new();
        for sample in self.samples(metric) {
            *sums.entry(labels.map(|label| sample.label(label))).or_default() += sample.value;
        }
        sums
    }
}

/// Reads a line; `None` unless it is a number of a family that is kept.
fn sample(line: &str) -> Option<(&'static str, Sample)> {
    let known = |name: &str| KEPT.iter().find(|kept| kept.name == name).map(|kept| kept.name);
    sample::read(line, known).filter(|(_, sample)| sample.value.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::*;
    use crate::client::sample::{LONGEST, MOST_LABELS};

    #[test]
    fn the_agents_own_page_is_read() {
        let page = Page::read(include_str!("../metrics/golden.txt"));
        let states = page.sums(&connections::CONNECTIONS, ["state"]);
        assert_eq!(states.get(&["close_wait"]), Some(&7.0), "{states:?}");
        assert_eq!(page.total(&agent::EVENTS_LOST), Some(2.0));
        let of = page.sums(&pressure::LISTEN_BACKLOG, ["process", "workload", "port"]);
        assert_eq!(of.get(&["nginx", "web.service", "80"]), Some(&5.0));
        for metric in KEPT {
            assert!(!page.samples(metric).is_empty(), "{} is on the page", metric.name);
        }
    }

    #[test]
    fn a_name_with_quotes_and_line_breaks_is_one_name() {
        let line = r#"tcpwarden_connections{process="a\"b\\c\nd",state="listen"} 3 1700000000"#;
        let page = Page::read(line);
        let samples = page.samples(&connections::CONNECTIONS);
        assert_eq!((samples[0].label("process"), samples[0].value), ("a\"b\\c\nd", 3.0));
        assert_eq!(samples[0].label("role"), "");
    }

    #[test]
    fn what_is_no_sample_is_left_out() {
        let long = format!("tcpwarden_connections{{process=\"{}\"}} 1", "x".repeat(LONGEST));
        for line in [
            "",
            "tcpwarden_connections",
            "tcpwarden_connections ",
            "tcpwarden_connections NaN",
            "tcpwarden_connections +Inf",
            "tcpwarden_connections{process=\"x\" 1",
            "tcpwarden_connections{process=\"x} 1",
            "tcpwarden_connections{process=\"x\\",
            &format!("tcpwarden_connections{{{}}} 1", "a=\"1\",".repeat(MOST_LABELS + 1)),
            "somebody_elses_total 7",
            "<html>",
            &long,
        ] {
            assert_eq!(Page::read(line), Page::default(), "{line}");
        }
        let good = format!("{long}\ntcpwarden_connections_tracked 5\n\u{0}\n");
        assert_eq!(Page::read(&good).total(&agent::CONNECTIONS_TRACKED), Some(5.0));
    }

    #[test]
    fn a_page_without_end_is_kept_up_to_its_bound() {
        let page = Page::read(&"tcpwarden_connections 1\n".repeat(MOST + 7));
        assert_eq!(page.samples(&connections::CONNECTIONS).len(), MOST);
    }

    proptest! {
        #[test]
        fn no_page_panics(text in "(tcpwarden_connections|x)(\\{|\\}|\"|\\\\|,|=|a| |1|\n|é)*") {
            let _ = Page::read(&text);
        }
    }
}
