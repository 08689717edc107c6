//! What the agent answered about a kind, held against what is expected.
use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::expected::{Expected, Finding};

/// The answer of `leaks`, or the part of it that is about one kind.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Answer {
    /// Who is accused.
    pub(super) suspects: Vec<Suspect>,
    /// What is worth knowing and accuses nobody.
    pub(super) notes: Vec<Suspect>,
}

/// A suspect or a note, as docs/api.md describes it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Suspect {
    pub(super) process: String,
    pub(super) role: String,
    pub(super) kind: String,
    pub(super) service_port: Option<u16>,
    pub(super) connections: u64,
    pub(super) certainty: String,
    pub(super) sentence: String,
    pub(super) sample: Vec<Sample>,
}

/// A connection of a suspect.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Sample {
    netns: u32,
}

/// How the answer about a kind compares; each text says what is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// As expected.
    Right,
    /// Somebody is not named, or under a wrong kind or count.
    Miss(Vec<String>),
    /// A process is accused that has done nothing.
    False(Vec<String>),
}

impl Answer {
    /// Reads the JSON of `/api/v1/leaks`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).context("understand the agent's answer")
    }

    /// Divides the answer: a part for each network namespace, then what is in none of them.
    pub(super) fn split(self, netns: &[u32]) -> (Vec<Self>, Self) {
        let mut mine: Vec<Self> = netns.iter().map(|_| Self::default()).collect();
        let mut elsewhere = Self::default();
        let place = |suspect: &Suspect| {
            let of = suspect.sample.first()?.netns;
            netns.iter().position(|netns| *netns == of)
        };
        for suspect in self.suspects {
            let part = place(&suspect).and_then(|place| mine.get_mut(place));
            part.unwrap_or(&mut elsewhere).suspects.push(suspect);
        }
        for note in self.notes {
            let part = place(&note).and_then(|place| mine.get_mut(place));
            part.unwrap_or(&mut elsewhere).notes.push(note);
        }
        (mine, elsewhere)
    }
}

impl Outcome {
    /// Whether the step fails for it: a false accusation always, a miss unless it is recorded.
    pub(super) fn fails(&self, is_known: bool) -> bool {
        match self {
            Self::Right => false,
            Self::Miss(_) => !is_known,
            Self::False(_) => true,
        }
    }
}

/// Holds an answer against what is expected.
pub(super) fn compare(expected: &Expected, answer: &Answer) -> Outcome {
    let accused = |suspect: &Suspect| expected.accused.iter().any(|one| one.allows(suspect));
    let guilty = |suspect: &Suspect| expected.accused.iter().any(|one| one.is_about(suspect));
    let (wrong, slandered): (Vec<_>, Vec<_>) =
        answer.suspects.iter().filter(|one| !accused(one)).partition(|one| guilty(one));
    if !slandered.is_empty() {
        return Outcome::False(slandered.iter().map(|one| one.sentence.clone()).collect());
    }
    let missing = |wanted: &[Finding], found: &[Suspect]| -> Vec<String> {
        let is_missing = |one: &&Finding| !found.iter().any(|suspect| one.is_answered(suspect));
        wanted.iter().filter(is_missing).map(|one| format!("not named: {}", one.process)).collect()
    };
    let mut texts = missing(&expected.accused, &answer.suspects);
    texts.extend(missing(&expected.note, &answer.notes));
    texts.extend(wrong.iter().map(|one| format!("wrong: {}", one.sentence)));
    if texts.is_empty() { Outcome::Right } else { Outcome::Miss(texts) }
}

impl Finding {
    /// Whether a suspect is this process in this role at this port.
    fn is_about(&self, suspect: &Suspect) -> bool {
        self.process == suspect.process
            && self.role == suspect.role
            && Some(self.port) == suspect.service_port
    }

    /// Whether a suspect is what is expected.
    fn is_answered(&self, suspect: &Suspect) -> bool {
        let [least, most] = self.connections;
        self.is_about(suspect)
            && self.kinds.contains(&suspect.kind)
            && (least..=most).contains(&suspect.connections)
    }

    /// Whether a suspect is expected, or true beside it.
    fn allows(&self, suspect: &Suspect) -> bool {
        self.is_answered(suspect) || self.is_about(suspect) && self.also.contains(&suspect.kind)
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    const LEAK: &str = r#"
        about = "a leak"
        report = "https://example.org/1"
        packages = ["nginx"]
        [[accused]]
        process = "shop"
        role = "client"
        port = 7000
        kinds = ["never_closed", "never_read"]
        connections = [20, 30]
        also = ["established_growing"]
    "#;

    fn suspect(process: &str, kind: &str, connections: u64, netns: u32) -> Suspect {
        Suspect {
            process: process.into(),
            role: "client".into(),
            kind: kind.into(),
            service_port: Some(7000),
            connections,
            sentence: format!("{process} {connections}"),
            sample: vec![Sample { netns }],
            ..Suspect::default()
        }
    }

    fn outcome(expected: &Expected, suspects: &[Suspect], notes: &[Suspect]) -> Outcome {
        let answer = Answer { suspects: suspects.to_vec(), notes: notes.to_vec() };
        compare(expected, &answer)
    }

    #[test]
    fn a_leak_is_right_only_with_process_kind_and_count() {
        let leak: Expected = toml::from_str(LEAK).unwrap();
        let right = suspect("shop", "never_read", 20, 1);
        let beside = suspect("shop", "established_growing", 3, 1);
        assert_eq!(outcome(&leak, &[right.clone(), beside.clone()], &[]), Outcome::Right);
        let miss = |texts: &[&str]| Outcome::Miss(texts.iter().map(|&text| text.into()).collect());
        assert_eq!(outcome(&leak, &[beside], &[]), miss(&["not named: shop"]));
        assert_eq!(
            outcome(&leak, &[], slice::from_ref(&right)),
            miss(&["not named: shop"]),
            "a note"
        );
        for wrong in [suspect("shop", "never_read", 31, 1), suspect("shop", "no_answer", 31, 1)] {
            let told = miss(&["not named: shop", "wrong: shop 31"]);
            assert_eq!(outcome(&leak, &[wrong], &[]), told);
        }
        let victim = suspect("nginx", "never_read", 20, 1);
        let slander = Outcome::False(vec!["nginx 20".into()]);
        assert_eq!(outcome(&leak, &[right, victim], &[]), slander);
    }

    #[test]
    fn an_innocent_is_right_only_if_nobody_is_accused_and_its_note_is_there() {
        let text = LEAK.replace("[[accused]]", "[[note]]");
        let innocent: Expected = toml::from_str(&text).unwrap();
        let found = suspect("shop", "never_read", 20, 1);
        assert_eq!(outcome(&innocent, &[], slice::from_ref(&found)), Outcome::Right);
        let absent = Outcome::Miss(vec!["not named: shop".into()]);
        assert_eq!(outcome(&innocent, &[], &[]), absent);
        let slander = Outcome::False(vec!["shop 20".into()]);
        assert_eq!(outcome(&innocent, slice::from_ref(&found), slice::from_ref(&found)), slander);
    }

    #[test]
    fn a_miss_that_is_recorded_does_not_fail_and_a_false_accusation_always_does() {
        let (miss, slander) = (Outcome::Miss(Vec::new()), Outcome::False(Vec::new()));
        let fails = [false, true]
            .map(|known| [&Outcome::Right, &miss, &slander].map(|one| one.fails(known)));
        assert_eq!(fails, [[false, true, true], [false, false, true]]);
    }

    #[test]
    fn an_answer_is_divided_by_network_namespace() {
        let suspects =
            [("a", 1), ("b", 2), ("c", 3)].map(|(name, netns)| suspect(name, "", 1, netns));
        let answer = Answer { suspects: suspects.to_vec(), notes: suspects.to_vec() };
        let (mine, elsewhere) = answer.split(&[2, 9, 1]);
        let names =
            |of: &[Suspect]| -> String { of.iter().map(|one| one.process.as_str()).collect() };
        let parts: Vec<_> = mine.iter().map(|part| names(&part.suspects)).collect();
        assert_eq!((parts.join(","), names(&elsewhere.notes)), ("b,,a".into(), "c".into()));
    }
}
