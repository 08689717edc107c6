//! All cases at once beside ten thousand healthy connections: who is to be accused of what, and
//! nobody else; with an agent that was there before, and with one that came a minute later.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::blame::missing;
use super::cases::Stage;
use crate::harness::agent::Agent;

/// A leak that grows shows after a minute of samples, which are half a minute apart; a younger
/// agent has to take them first.
const SOON: Duration = Duration::from_mins(4);
/// How much later the agent starts in the second order.
const LATER: Duration = Duration::from_mins(1);
/// How long nobody else may be accused once all are.
const AFTER: Duration = Duration::from_mins(1);
pub(super) fn early() {
    crowd(false);
}

pub(super) fn late() {
    crowd(true);
}

fn crowd(late: bool) {
    let early = (!late).then(|| Agent::start(&[]));
    let begun = Instant::now();
    let stage = Stage::set(late);
    eprintln!("crowd: all is there after {:.0?}", begun.elapsed());
    if late {
        std::thread::sleep(LATER);
    }
    let agent = early.unwrap_or_else(|| Agent::start(&[]));
    let start = Instant::now();
    let mut right_since = None;
    loop {
        let (suspects, notes) = leaks(&agent, &stage);
        let others: Vec<_> = suspects
            .iter()
            .filter(|one| !stage.blames.iter().any(|blame| blame.is_of(one)))
            .collect();
        assert!(others.is_empty(), "accused, and innocent: {others:#?}");
        let wrong = missing(&stage.blames, &suspects);
        let unnoted = missing(&stage.notes, &notes);
        let healthy = healthy(&agent, &stage);
        let is_right = wrong.is_empty() && unnoted.is_empty() && healthy.is_none();
        let shown = wrong.len() + unnoted.len();
        eprintln!(
            "crowd: after {:.0?} {} of {} are said, {} suspects, {} notes",
            start.elapsed(),
            stage.blames.len() + stage.notes.len() - shown,
            stage.blames.len() + stage.notes.len(),
            suspects.len(),
            notes.len(),
        );
        right_since = is_right.then(|| right_since.unwrap_or_else(Instant::now));
        if right_since.is_some_and(|since| since.elapsed() >= AFTER) {
            break;
        }
        assert!(
            start.elapsed() < SOON + AFTER,
            "after {SOON:?} not said: {wrong:#?} {unnoted:#?} {healthy:?}; the suspects: {:#?}",
            suspects.iter().map(|one| &one["sentence"]).collect::<Vec<_>>()
        );
        std::thread::sleep(Duration::from_secs(5));
    }
    stage.ports_are_used_up(&agent);
}

/// The suspects and the notes of the stage's namespaces.
fn leaks(agent: &Agent, stage: &Stage) -> (Vec<Value>, Vec<Value>) {
    let (status, body) = agent.get("/api/v1/leaks?limit=1000");
    assert_eq!(status, 200, "the status of the leaks: {body}");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    let [suspects, notes] = ["suspects", "notes"].map(|list| {
        let all = answer[list].as_array().expect("a list").iter();
        all.filter(|one| stage.is_in(&one["sample"][0]["netns"])).cloned().collect::<Vec<_>>()
    });
    (suspects, notes)
}

/// What is wrong with the count of the healthy connections.
fn healthy(agent: &Agent, stage: &Stage) -> Option<String> {
    let page = agent.scrape();
    let counts = ["ok-client", "ok-server"]
        .map(|process| page.sum("connections", &[("process", process), ("state", "established")]));
    let wanted = i64::try_from(stage.healthy).expect("a count");
    (counts != [wanted; 2]).then(|| format!("{counts:?} are healthy, not {wanted} at each end"))
}
