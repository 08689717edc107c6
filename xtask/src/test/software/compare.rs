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

/// Answers, each with the second at which it came.
pub(super) type Looks = Vec<(u64, Answer)>;

/// A suspect or a note, as docs/api.md describes it.
#[derive(Clone, Debug, Deserialize)]
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
    /// A process is accused that has done nothing, at the end or in passing.
    False {
        /// Who, and when.
        texts: Vec<String>,
        /// Whether one of them is called likely.
        likely: bool,
    },
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
    /// Whether the step fails for it. What is recorded as known does not, except that an innocent
    /// is called a likely leak.
    pub(super) fn fails(&self, is_known: bool) -> bool {
        match self {
            Self::Right => false,
            Self::Miss(_) | Self::False { likely: false, .. } => !is_known,
            Self::False { likely: true, .. } => true,
        }
    }
}

/// Holds the answers about a kind against what is expected: the last one as a whole, those before,
/// each with its second, only for whom they accuse. What grows is not told at once.
pub(super) fn compare(expected: &Expected, before: &[(u64, Answer)], last: &Answer) -> Outcome {
    let mut texts = Vec::new();
    let mut likely = false;
    let mut slander = |when: &str, answer: &Answer| {
        for suspect in answer.suspects.iter().filter(|one| expected.is_innocent(one)) {
            likely |= suspect.certainty == "likely";
            texts.push(format!("{when}, {}: {}", suspect.certainty, suspect.sentence));
        }
    };
    for (second, answer) in before {
        slander(&format!("after {second} s"), answer);
    }
    slander("at the end", last);
    if !texts.is_empty() {
        return Outcome::False { texts, likely };
    }
    let missing = |wanted: &[Finding], found: &[Suspect]| -> Vec<String> {
        let is_missing = |one: &&Finding| !found.iter().any(|suspect| one.is_answered(suspect));
        wanted.iter().filter(is_missing).map(|one| format!("not named: {}", one.process)).collect()
    };
    let allowed = |suspect: &Suspect| expected.accused.iter().any(|one| one.allows(suspect));
    let mut texts = missing(&expected.accused, &last.suspects);
    texts.extend(missing(&expected.note, &last.notes));
    let wrong = last.suspects.iter().filter(|one| !allowed(one));
    texts.extend(wrong.map(|one| format!("wrong: {}", one.sentence)));
    if texts.is_empty() { Outcome::Right } else { Outcome::Miss(texts) }
}

impl Expected {
    /// Whether a suspect is nobody who must be accused.
    fn is_innocent(&self, suspect: &Suspect) -> bool {
        !self.accused.iter().any(|one| one.is_about(suspect))
    }
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
            certainty: "possible".into(),
            sentence: format!("{process} {connections}"),
            sample: vec![Sample { netns }],
        }
    }

    fn outcome(expected: &Expected, suspects: &[Suspect], notes: &[Suspect]) -> Outcome {
        compare(expected, &[], &answer(suspects, notes))
    }

    fn answer(suspects: &[Suspect], notes: &[Suspect]) -> Answer {
        Answer { suspects: suspects.to_vec(), notes: notes.to_vec() }
    }

    fn slander(text: &str, likely: bool) -> Outcome {
        Outcome::False { texts: vec![text.into()], likely }
    }

    #[test]
    fn a_leak_is_right_only_with_process_kind_and_count() {
        let leak: Expected = toml::from_str(LEAK).unwrap();
        let right = suspect("shop", "never_read", 20, 1);
        let beside = suspect("shop", "established_growing", 3, 1);
        assert_eq!(outcome(&leak, &[right.clone(), beside.clone()], &[]), Outcome::Right);
        let miss = |texts: &[&str]| Outcome::Miss(texts.iter().map(|&text| text.into()).collect());
        assert_eq!(outcome(&leak, &[beside], &[]), miss(&["not named: shop"]));
        let noted = outcome(&leak, &[], slice::from_ref(&right));
        assert_eq!(noted, miss(&["not named: shop"]));
        for wrong in [suspect("shop", "never_read", 31, 1), suspect("shop", "no_answer", 31, 1)] {
            let told = miss(&["not named: shop", "wrong: shop 31"]);
            assert_eq!(outcome(&leak, &[wrong], &[]), told);
        }
        let victim = suspect("nginx", "never_read", 20, 1);
        let found = outcome(&leak, &[right, victim], &[]);
        assert_eq!(found, slander("at the end, possible: nginx 20", false));
    }

    #[test]
    fn an_innocent_is_right_only_if_nobody_is_ever_accused_and_its_note_is_there() {
        let text = LEAK.replace("[[accused]]", "[[note]]");
        let innocent: Expected = toml::from_str(&text).unwrap();
        let found = suspect("shop", "never_read", 20, 1);
        let note = answer(&[], slice::from_ref(&found));
        assert_eq!(compare(&innocent, &[(30, Answer::default())], &note), Outcome::Right);
        let absent = Outcome::Miss(vec!["not named: shop".into()]);
        assert_eq!(outcome(&innocent, &[], &[]), absent);
        let likely = Suspect { certainty: "likely".into(), ..found };
        let passing = compare(&innocent, &[(30, answer(&[likely], &[]))], &note);
        assert_eq!(passing, slander("after 30 s, likely: shop 20", true));
    }

    #[test]
    fn what_is_recorded_does_not_fail_except_a_likely_false_accusation() {
        let all = [
            Outcome::Right,
            Outcome::Miss(Vec::new()),
            slander("possible", false),
            slander("likely", true),
        ];
        assert_eq!(all.each_ref().map(|one| one.fails(false)), [false, true, true, true]);
        assert_eq!(all.each_ref().map(|one| one.fails(true)), [false, false, false, true]);
    }

    #[test]
    fn an_answer_is_divided_by_network_namespace() {
        let suspects =
            [("a", 1), ("b", 2), ("c", 3)].map(|(name, netns)| suspect(name, "", 1, netns));
        let (mine, elsewhere) = answer(&suspects, &suspects).split(&[2, 9, 1]);
        let names =
            |of: &[Suspect]| -> String { of.iter().map(|one| one.process.as_str()).collect() };
        let parts: Vec<_> = mine.iter().map(|part| names(&part.suspects)).collect();
        assert_eq!((parts.join(","), names(&elsewhere.notes)), ("b,,a".into(), "c".into()));
    }
}
