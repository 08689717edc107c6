//! What changed between two refreshes: suspects that came and ended, and counters of failures that
//! moved.
//!
//! It is no stream of events: what came and went between two refreshes is not seen, and a change is
//! known to lie between them, no closer. Guarantee: at most [`KEPT`] changes are kept, [`MOST`] of
//! one refresh.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use catalogue::labels::OTHER;
use catalogue::metrics::{Metric, agent, lifecycle, pressure};

use super::lists::suspects;
use super::page::Page;
use super::table::Tone;
use crate::leaks::Leaks;
use crate::leaks::suspect::Suspect;

/// The most changes that are kept, the newest.
const KEPT: usize = 1000;
/// The most changes of one refresh.
const MOST: usize = 100;

/// One change, as it came: its texts may have control characters.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Change {
    /// What kind of change.
    pub(crate) what: &'static str,
    /// How it stands out.
    pub(crate) tone: Tone,
    /// Whose; empty if nobody's.
    pub(crate) process: String,
    /// What is to be said.
    pub(crate) text: String,
}

/// A change of a refresh.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Entry {
    /// Counted from the first.
    pub(crate) number: u64,
    /// The agent's clock at the refresh.
    pub(crate) at: String,
    /// How long before that the change can be at the most.
    pub(crate) over: Duration,
    /// What changed.
    pub(crate) change: Change,
}

/// The changes so far, the newest last.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    entries: VecDeque<Entry>,
    seen: u64,
}

impl History {
    /// Takes the changes of a refresh.
    pub(crate) fn take(&mut self, at: &str, over: Duration, mut changes: Vec<Change>) {
        let beyond = changes.len().saturating_sub(MOST);
        if beyond > 0 {
            changes.truncate(MOST);
            let text = format!("{beyond} more changes at this refresh");
            changes.push(Change { what: "more", text, ..Change::default() });
        }
        for change in changes {
            self.seen += 1;
            if self.entries.len() >= KEPT {
                self.entries.pop_front();
            }
            self.entries.push_back(Entry { number: self.seen, at: at.to_owned(), over, change });
        }
    }

    /// Returns the changes that are kept, the newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev()
    }
}

/// Returns the change of an agent that was started anew.
pub(crate) fn restarted() -> Change {
    let text = "the agent was started anew: its counters began at 0".to_owned();
    Change { what: "agent", tone: Tone::Warning, text, ..Change::default() }
}

/// Returns which suspects are new and which have ended. Nothing if an answer leaves some out.
pub(crate) fn of_suspects(before: &Leaks, now: &Leaks) -> Vec<Change> {
    if before.truncated || now.truncated {
        return Vec::new();
    }
    let by_id = |leaks: &Leaks| -> BTreeMap<String, Suspect> {
        leaks.suspects.iter().map(|one| (suspects::id(one), one.clone())).collect()
    };
    let (before, now) = (by_id(before), by_id(now));
    let one = |what, tone, suspect: &Suspect| Change {
        what,
        tone,
        process: suspect.process.clone(),
        text: suspect.sentence.clone(),
    };
    let new = now.iter().filter(|(id, _)| !before.contains_key(*id));
    let ended = before.iter().filter(|(id, _)| !now.contains_key(*id));
    let new = new.map(|(_, suspect)| one("suspect", Tone::Bad, suspect));
    new.chain(ended.map(|(_, suspect)| one("ended", Tone::Dim, suspect))).collect()
}

/// A counter of failures: what a step of it is called, and the labels that say more.
struct Counter {
    metric: &'static Metric,
    what: &'static str,
    tone: Tone,
    /// The label of whom it belongs to, and those that are named.
    labels: [&'static str; 3],
    unit: &'static str,
}

static COUNTERS: [Counter; 6] = [
    Counter {
        metric: &lifecycle::CONNECT_FAILURES,
        what: "failed",
        tone: Tone::Warning,
        labels: ["process", "reason", "port"],
        unit: "connects failed",
    },
    Counter {
        metric: &lifecycle::CONNECTIONS_CLOSED,
        what: "broken",
        tone: Tone::Warning,
        labels: ["process", "reason", "port"],
        unit: "connections broken off",
    },
    Counter {
        metric: &pressure::LISTEN_DROPS,
        what: "dropped",
        tone: Tone::Bad,
        labels: ["process", "port", ""],
        unit: "segments that a listener dropped",
    },
    Counter {
        metric: &pressure::LISTEN_OVERFLOWS,
        what: "overflow",
        tone: Tone::Bad,
        labels: ["", "netns", ""],
        unit: "connections refused, because an accept queue was full",
    },
    Counter {
        metric: &agent::EVENTS_LOST,
        what: "lost",
        tone: Tone::Bad,
        labels: ["", "ring", ""],
        unit: "records that the agent lost",
    },
    Counter {
        metric: &agent::CONNECTIONS_REFUSED,
        what: "refused",
        tone: Tone::Bad,
        labels: ["", "", ""],
        unit: "sockets for which the agent has no row left",
    },
];

/// Reasons of a close that are no failure.
const ORDERLY: [&str; 3] = ["fin_local", "fin_remote", "simultaneous"];

/// Returns which counters of failures went up between two pages of one run of the agent. What
/// stands under [`OTHER`] is left out: series that end are added to it.
pub(crate) fn of_counters(before: &Page, now: &Page) -> Vec<Change> {
    let mut changes = Vec::new();
    for counter in &COUNTERS {
        let earlier = before.sums(counter.metric, counter.labels);
        for (key, value) in now.sums(counter.metric, counter.labels) {
            let more = value - earlier.get(&key).copied().unwrap_or_default();
            if more < 1.0 || key.contains(&OTHER) || key.iter().any(|one| ORDERLY.contains(one)) {
                continue;
            }
            changes.push(counter.change(key, more));
        }
    }
    changes
}

impl Counter {
    fn change(&self, [process, one, two]: [&str; 3], more: f64) -> Change {
        let named = [(self.labels[1], one), (self.labels[2], two)];
        let named = named.iter().filter(|(label, _)| !label.is_empty());
        let named: Vec<String> = named.map(|(label, value)| format!(", {label} {value}")).collect();
        Change {
            what: self.what,
            tone: self.tone,
            process: process.to_owned(),
            text: format!("{}: {more:.0}{}", self.unit, named.concat()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaks(processes: &[&str]) -> Leaks {
        let suspect = |process: &&str| Suspect {
            process: (*process).to_owned(),
            sentence: format!("{process} leaks"),
            ..Suspect::default()
        };
        Leaks { suspects: processes.iter().map(suspect).collect(), ..Leaks::default() }
    }

    fn texts(changes: &[Change]) -> Vec<(&str, &str, &str)> {
        changes.iter().map(|one| (one.what, one.process.as_str(), one.text.as_str())).collect()
    }

    #[test]
    fn a_new_suspect_and_one_that_ended_are_told_and_one_that_stays_is_not() {
        let changes = of_suspects(&leaks(&["a", "b"]), &leaks(&["b", "c"]));
        assert_eq!(texts(&changes), [("suspect", "c", "c leaks"), ("ended", "a", "a leaks")]);
        assert!(of_suspects(&leaks(&["a"]), &leaks(&["a"])).is_empty());
    }

    #[test]
    fn an_answer_that_leaves_suspects_out_ends_none() {
        let cut = Leaks { truncated: true, ..leaks(&["b"]) };
        assert!(of_suspects(&leaks(&["a"]), &cut).is_empty());
        assert!(of_suspects(&cut, &leaks(&["a"])).is_empty());
    }

    #[test]
    fn counters_that_moved_are_told_with_what_they_moved_by() {
        let page = |failed: u32, fin: u32, rest: u32, lost: u32| {
            let closed = "tcpwarden_connections_closed_total";
            Page::read(&format!(
                "tcpwarden_connect_failures_total{{process=\"a\",port=\"80\",reason=\"refused\"}} \
                 {failed}\n\
                 {closed}{{process=\"a\",port=\"80\",reason=\"fin_local\"}} {fin}\n\
                 {closed}{{process=\"~other\",port=\"~other\",reason=\"timeout\"}} {rest}\n\
                 tcpwarden_events_lost_total{{ring=\"state\"}} {lost}\n"
            ))
        };
        let changes = of_counters(&page(1, 1, 1, 0), &page(4, 9, 9, 2));
        let expected = [
            ("failed", "a", "connects failed: 3, reason refused, port 80"),
            ("lost", "", "records that the agent lost: 2, ring state"),
        ];
        assert_eq!(texts(&changes), expected);
        assert!(of_counters(&page(4, 0, 0, 2), &page(4, 0, 0, 2)).is_empty());
        assert!(of_counters(&page(4, 0, 0, 2), &page(1, 0, 0, 0)).is_empty());
    }

    #[test]
    fn a_counter_that_was_not_on_the_page_counts_from_nothing() {
        let now = Page::read("tcpwarden_listen_drops_total{process=\"a\",port=\"80\"} 7\n");
        let changes = of_counters(&Page::default(), &now);
        assert_eq!(changes[0].text, "segments that a listener dropped: 7, port 80");
    }

    #[test]
    fn a_flood_of_changes_is_bounded_at_a_refresh_and_in_all() {
        let mut history = History::default();
        for _ in 0..20 {
            history.take("10:00:00", Duration::from_secs(2), vec![Change::default(); 5000]);
        }
        assert_eq!(history.newest().count(), KEPT);
        assert_eq!(history.seen, 20 * 101);
        let newest = history.newest().next().unwrap();
        assert_eq!(newest.change.text, "4900 more changes at this refresh");
    }
}
