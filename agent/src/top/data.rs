//! What the agent has answered so far, as the lists need it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ask::Answers;
use super::changes::{self, History};
use super::readings::{Reading, Readings};
use crate::duration_text;
use crate::leaks::Leaks;
use crate::listing::answer::Taken;
use crate::query::connections::Connections;
use crate::query::text::printable;
use crate::query::trouble::Troubles;

/// What is known, each part as of the last answer that had it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Data {
    /// The pages.
    pub(crate) readings: Readings,
    /// The suspects.
    pub(crate) leaks: Option<Leaks>,
    /// The troubles.
    pub(crate) troubles: Option<Troubles>,
    /// Connections by peer.
    pub(crate) peers: Option<Connections>,
    /// What changed.
    pub(crate) history: History,
    /// Why the last refresh had no answer; `None` if it had.
    pub(crate) failure: Option<String>,
    /// Why one of the questions had none, by its name.
    errors: BTreeMap<&'static str, String>,
    /// When the last suspects came, since the view began.
    at: Duration,
    /// When they were taken, on the agent's clock.
    taken: Taken,
}

impl Data {
    /// Takes answers.
    pub(crate) fn take(&mut self, answers: Answers) {
        if answers.leaks.is_some() {
            self.failure = None;
        }
        let over = answers.at.saturating_sub(self.at);
        let mut changed = Vec::new();
        if let Some(leaks) = self.kept("leaks", answers.leaks) {
            if let Some(before) = &self.leaks {
                changed = changes::of_suspects(before, &leaks);
            }
            self.taken = leaks.taken.clone();
            self.at = answers.at;
            self.leaks = Some(leaks);
        }
        if let Some(reading) = self.kept("metrics", answers.page) {
            changed.extend(self.read(reading));
        }
        let clock = self.clock();
        self.history.take(&clock, over, changed);
        if let Some(troubles) = self.kept("trouble", answers.troubles) {
            self.troubles = Some(troubles);
        }
        if let Some(peers) = self.kept("connections by peer", answers.peers) {
            self.peers = Some(peers);
        }
    }

    /// Takes a page, and returns what changed since the last one.
    fn read(&mut self, reading: Reading) -> Vec<changes::Change> {
        if self.readings.push(reading) {
            return vec![changes::restarted()];
        }
        match (self.readings.before(), self.readings.page()) {
            (Some((before, _)), Some(now)) => changes::of_counters(before, now),
            _ => Vec::new(),
        }
    }

    /// Takes a refresh that had no answer.
    pub(crate) fn fail(&mut self, why: &str) {
        self.failure = Some(printable(why));
    }

    /// Returns an answer, and keeps the reason if there is none.
    fn kept<T>(&mut self, name: &'static str, answer: Option<Result<T, String>>) -> Option<T> {
        match answer? {
            Ok(answer) => {
                self.errors.remove(name);
                Some(answer)
            }
            Err(why) => {
                self.errors.insert(name, printable(&why));
                None
            }
        }
    }

    /// Returns why some questions had no answer.
    pub(crate) fn error(&self) -> Option<String> {
        self.errors.iter().next().map(|(name, why)| format!("{name}: {why}"))
    }

    /// Returns the time of day on the agent's clock, UTC, as of the last suspects.
    pub(crate) fn clock(&self) -> String {
        let at = self.unix().and_then(|at| std::time::SystemTime::UNIX_EPOCH.checked_add(at));
        at.and_then(|at| duration_text::rfc3339(at).get(11..19).map(ToOwned::to_owned))
            .unwrap_or_else(|| "--:--:--".to_owned())
    }

    /// Returns the same as Unix time.
    pub(crate) fn unix(&self) -> Option<Duration> {
        duration_text::parse_rfc3339(&self.taken.taken_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaks::suspect::Suspect;
    use crate::top::page::Page;

    fn answers(at: u64, suspects: &[&str], page: &str) -> Answers {
        let at = Duration::from_secs(at);
        let suspect = |name: &&str| Suspect { process: (*name).to_owned(), ..Suspect::default() };
        let taken_at = "2026-11-21T14:16:55.867Z".to_owned();
        let leaks = Leaks {
            taken: Taken { taken_at, taken_at_monotonic_ns: 0 },
            suspects: suspects.iter().map(suspect).collect(),
            ..Leaks::default()
        };
        let page = Some(Ok(Reading { at, page: Page::read(page) }));
        Answers { leaks: Some(Ok(leaks)), page, at, ..Answers::default() }
    }

    fn whats(data: &Data) -> Vec<&'static str> {
        data.history.newest().map(|entry| entry.change.what).collect()
    }

    #[test]
    fn changes_have_the_agents_clock_and_the_time_since_the_last_answer() {
        let mut data = Data::default();
        assert_eq!(data.clock(), "--:--:--");
        data.take(answers(1, &["a"], "tcpwarden_events_lost_total 1\n"));
        assert!(whats(&data).is_empty(), "the first answer is no change");
        data.take(answers(4, &["b"], "tcpwarden_events_lost_total 2\n"));
        assert_eq!(whats(&data), ["lost", "ended", "suspect"]);
        let newest = data.history.newest().next().unwrap();
        assert_eq!((newest.at.as_str(), newest.over), ("14:16:55", Duration::from_secs(3)));
    }

    #[test]
    fn an_agent_that_was_started_anew_is_one_change() {
        let mut data = Data::default();
        let page = |start: u32, lost: u32| {
            format!("process_start_time_seconds {start}\ntcpwarden_events_lost_total {lost}\n")
        };
        data.take(answers(1, &[], &page(1, 1)));
        data.take(answers(2, &[], &page(2, 5)));
        assert_eq!(whats(&data), ["agent"]);
    }

    #[test]
    fn what_fails_leaves_what_was_known() {
        let mut data = Data::default();
        data.take(answers(1, &["a"], ""));
        data.fail("gone\u{1b}[2J");
        assert_eq!(data.failure.as_deref(), Some("gone\\u{1b}[2J"));
        assert_eq!(data.leaks.as_ref().map(|leaks| leaks.suspects.len()), Some(1));
        data.take(Answers::default());
        assert!(data.failure.is_some(), "an answer to nothing says nothing");
        let refused = Answers { leaks: Some(Err("403".to_owned())), ..Answers::default() };
        data.take(refused);
        assert_eq!((data.failure.clone(), data.error().as_deref()), (None, Some("leaks: 403")));
        data.take(answers(2, &["a"], ""));
        assert_eq!(data.error(), None);
    }
}
