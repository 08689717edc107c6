//! Two readings of the agent's page, and what they tell together: numbers now, and rates between
//! them.
//!
//! Guarantee: no rate is negative. A counter that has gone down belongs to an agent that was
//! started anew, and so do all others of its page: there is no rate until the next reading.

use std::collections::BTreeMap;
use std::time::Duration;

use catalogue::labels::OTHER;
use catalogue::metrics::{Metric, agent, connections, lifecycle, pressure};

use super::page::Page;

/// A page, and when it was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    /// The time since the view began.
    pub(crate) at: Duration,
    /// The page.
    pub(crate) page: Page,
}

/// The last page, and the one before, if both are of one run of the agent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readings {
    before: Option<Reading>,
    now: Option<Reading>,
}

/// How full something is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fullest {
    /// The share in use; 1 is full.
    pub(crate) ratio: f64,
    /// What it belongs to, as it came.
    pub(crate) whose: String,
}

impl Readings {
    /// Takes the next page. Returns whether the agent was started anew since the last one.
    pub(crate) fn push(&mut self, reading: Reading) -> bool {
        let last = self.now.take();
        let restarted = last.as_ref().is_some_and(|last| is_of_another(&last.page, &reading.page));
        self.before = last.filter(|_| !restarted);
        self.now = Some(reading);
        restarted
    }

    /// Returns the last page.
    pub(crate) fn page(&self) -> Option<&Page> {
        self.now.as_ref().map(|reading| &reading.page)
    }

    /// Returns the page before the last one, and how much earlier it was asked for.
    pub(crate) fn before(&self) -> Option<(&Page, Duration)> {
        let (before, now) = (self.before.as_ref()?, self.now.as_ref()?);
        Some((&before.page, now.at.saturating_sub(before.at)))
    }

    /// Returns how much a counter goes up a second, over all its series.
    pub(crate) fn rate(&self, metric: &Metric) -> Option<f64> {
        let (before, over) = self.before()?;
        rate(before.total(metric)?, self.page()?.total(metric)?, over)
    }

    /// Returns how much a counter goes up a second, by the values of some labels. There is none for
    /// what stands under [`OTHER`]: series that end are added to it.
    pub(crate) fn rates<const N: usize>(
        &self,
        metric: &Metric,
        labels: [&str; N],
    ) -> BTreeMap<[&str; N], f64> {
        let (Some((before, over)), Some(page)) = (self.before(), self.page()) else {
            return BTreeMap::new();
        };
        let earlier = before.sums(metric, labels);
        let of = |(key, now): ([_; N], f64)| {
            let before = earlier.get(&key).copied().unwrap_or_default();
            (!key.contains(&OTHER)).then_some(())?;
            Some((key, rate(before, now, over)?))
        };
        page.sums(metric, labels).into_iter().filter_map(of).collect()
    }

    /// Returns the connections by state, TIME_WAIT and half-open ones among them, the most first.
    pub(crate) fn states(&self) -> Vec<(String, f64)> {
        let Some(page) = self.page() else { return Vec::new() };
        let sums = page.sums(&connections::CONNECTIONS, ["state"]);
        let mut states: Vec<_> =
            sums.into_iter().map(|([state], count)| (state.to_owned(), count)).collect();
        let half_open = page.total(&connections::SYN_RECV_SOCKETS).unwrap_or_default();
        match states.iter_mut().find(|(state, _)| state == "syn_recv") {
            Some((_, count)) => *count += half_open,
            None => states.push(("syn_recv".to_owned(), half_open)),
        }
        let time_wait = page.total(&connections::TIME_WAIT_SOCKETS).unwrap_or_default();
        states.push(("time_wait".to_owned(), time_wait));
        states.retain(|(_, count)| *count > 0.0);
        states.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        states
    }

    /// Returns the process that has come nearest to its limit of descriptors.
    pub(crate) fn descriptors(&self) -> Option<Fullest> {
        let page = self.page()?;
        let limits = page.sums(&pressure::MAX_FDS, ["process", "workload"]);
        let open = page.sums(&pressure::OPEN_FDS, ["process", "workload"]);
        let share = |(whose, open): (&[&str; 2], &f64)| {
            let limit = limits.get(whose).filter(|limit| **limit > 0.0)?;
            let whose = format!("{} {open} of {limit}", whose[0]);
            Some(Fullest { ratio: open / limit, whose })
        };
        fullest(open.iter().filter_map(share))
    }

    /// Returns the network namespace that has the fewest local ports left towards one destination.
    pub(crate) fn ports(&self) -> Option<Fullest> {
        let samples = self.page()?.samples(&pressure::EPHEMERAL_PORTS_USED).iter();
        fullest(samples.map(|sample| Fullest {
            ratio: sample.value,
            whose: format!("netns {}", sample.label("netns")),
        }))
    }

    /// Returns the fullest accept queue.
    pub(crate) fn accept_queue(&self) -> Option<Fullest> {
        let samples = self.page()?.samples(&pressure::LISTEN_BACKLOG_USED).iter();
        fullest(samples.map(|sample| Fullest {
            ratio: sample.value,
            whose: format!("{} port {}", sample.label("process"), sample.label("port")),
        }))
    }

    /// Returns how many segments are retransmitted a second, SYN-ACKs among them.
    pub(crate) fn retransmits(&self) -> Option<f64> {
        let segments = self.rate(&lifecycle::RETRANSMITTED_SEGMENTS);
        let syn_acks = self.rate(&lifecycle::SYNACK_RETRANSMITS);
        match (segments, syn_acks) {
            (None, None) => None,
            (one, other) => Some(one.unwrap_or_default() + other.unwrap_or_default()),
        }
    }

    /// Returns how long ago the last pass ended at `now`, both in seconds of Unix time on the
    /// agent's clock; `None` before the first.
    pub(crate) fn pass_age(&self, now: Option<Duration>) -> Option<Duration> {
        let at = self.page()?.total(&agent::RECONCILE_LAST_COMPLETED)?;
        let at = Duration::try_from_secs_f64(at).ok().filter(|at| !at.is_zero())?;
        Some(now?.saturating_sub(at))
    }
}

/// Returns the counter's rate a second; `None` if it went down or no time has passed.
pub(crate) fn rate(before: f64, now: f64, over: Duration) -> Option<f64> {
    let more = now - before;
    (more >= 0.0 && !over.is_zero()).then(|| more / over.as_secs_f64())
}

/// Returns whether the second page is of another run of the agent than the first.
fn is_of_another(one: &Page, other: &Page) -> bool {
    let start = |page: &Page| page.total(&agent::PROCESS_START_TIME);
    let fell = |metric: &Metric| {
        let falls = one.total(metric).zip(other.total(metric));
        falls.is_some_and(|(before, now)| now < before)
    };
    start(one) != start(other)
        || fell(&lifecycle::CONNECTIONS_OPENED)
        || fell(&lifecycle::CONNECTIONS_CLOSED)
        || fell(&lifecycle::RETRANSMITTED_SEGMENTS)
}

fn fullest(all: impl Iterator<Item = Fullest>) -> Option<Fullest> {
    all.max_by(|one, other| one.ratio.total_cmp(&other.ratio))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(at: u64, opened: u32, start: u32) -> Reading {
        let page = format!(
            "process_start_time_seconds {start}\n\
             tcpwarden_connections_opened_total{{process=\"a\"}} {opened}\n\
             tcpwarden_connections_opened_total{{process=\"~other\"}} 2\n"
        );
        Reading { at: Duration::from_secs(at), page: Page::read(&page) }
    }

    fn opened(readings: &Readings) -> Option<f64> {
        readings.rate(&lifecycle::CONNECTIONS_OPENED)
    }

    #[test]
    fn a_rate_is_the_difference_of_two_readings_by_their_time() {
        let mut readings = Readings::default();
        assert_eq!(opened(&readings), None);
        assert!(!readings.push(reading(1, 10, 7)));
        assert_eq!(opened(&readings), None, "one reading has no rate");
        assert!(!readings.push(reading(5, 30, 7)));
        assert_eq!(opened(&readings), Some(5.0));
        assert!(!readings.push(reading(7, 30, 7)));
        assert_eq!(opened(&readings), Some(0.0));
    }

    #[test]
    fn over_a_restart_there_is_no_rate_and_never_a_negative_one() {
        let mut readings = Readings::default();
        readings.push(reading(1, 100, 7));
        assert!(readings.push(reading(2, 3, 7)), "a counter went down");
        assert_eq!((opened(&readings), readings.before()), (None, None));
        assert!(!readings.push(reading(3, 4, 7)));
        assert_eq!(opened(&readings), Some(1.0));
        assert!(readings.push(reading(4, 900, 8)), "it was started at another time");
        assert_eq!(opened(&readings), None, "it has counted more than the earlier one");
        assert_eq!(rate(5.0, 4.0, Duration::from_secs(1)), None);
        assert_eq!(rate(4.0, 5.0, Duration::ZERO), None);
    }

    #[test]
    fn a_process_has_a_rate_of_its_own_and_the_rest_has_none() {
        let mut readings = Readings::default();
        readings.push(reading(0, 1, 7));
        readings.push(reading(2, 5, 7));
        let rates = readings.rates(&lifecycle::CONNECTIONS_OPENED, ["process"]);
        assert_eq!(rates, BTreeMap::from([(["a"], 2.0)]));
    }

    #[test]
    fn the_states_are_those_of_the_page_the_most_first() {
        let mut readings = Readings::default();
        assert!(readings.states().is_empty());
        readings.push(Reading {
            at: Duration::ZERO,
            page: Page::read(
                "tcpwarden_connections{state=\"established\"} 5\n\
                 tcpwarden_connections{state=\"close_wait\"} 0\n\
                 tcpwarden_time_wait_sockets{netns=\"host\"} 9\n\
                 tcpwarden_syn_recv_sockets{netns=\"host\"} 1\n",
            ),
        });
        let states = readings.states();
        let states: Vec<_> = states.iter().map(|(state, count)| (state.as_str(), *count)).collect();
        assert_eq!(states, [("time_wait", 9.0), ("established", 5.0), ("syn_recv", 1.0)]);
    }

    #[test]
    fn the_fullest_of_each_kind_is_named() {
        let mut readings = Readings::default();
        let page = Page::read(include_str!("../metrics/golden.txt"));
        readings.push(Reading { at: Duration::ZERO, page });
        let ratio = |full: Option<Fullest>| full.map(|full| full.ratio);
        assert_eq!(ratio(readings.ports()), Some(1.0));
        assert_eq!(ratio(readings.accept_queue()), Some(1.0));
        let descriptors = readings.descriptors().unwrap();
        assert!(descriptors.whose.contains(" of "), "{descriptors:?}");
        assert!(readings.pass_age(Some(Duration::MAX)).is_some());
        assert_eq!(Readings::default().pass_age(Some(Duration::MAX)), None);
    }
}
