//! Each limit, `for` and `keep_firing_for` is held by a unit test: changed a little, one of them
//! fails.

use std::sync::Mutex;

use dashboards::rules::{self, Alert};

use crate::promtool::{play, rule};

/// How many mutants are tried at a time.
const THREADS: usize = 2;

/// One change of a rule: what it is, and the changed text.
struct Mutant {
    what: String,
    text: String,
}

/// A number a little smaller and a little larger: by one where it is a small whole one, else by a
/// tenth.
fn beside(number: &str) -> Vec<String> {
    let value: f64 = number.parse().unwrap();
    let step = if value.fract() == 0.0 && value.abs() <= 20.0 { 1.0 } else { value.abs() / 10.0 };
    // Nothing is below none, and a share is never above all.
    [value - step, value + step]
        .into_iter()
        .filter(|other| *other >= 0.0)
        .map(|other| other.to_string())
        .collect()
}

/// The expression with each number behind a comparison changed.
fn limits(text: &str) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for sign in [">= ", "> ", "== "] {
        for (at, _) in text.match_indices(sign) {
            let start = at + sign.len();
            let digits = text[start..]
                .find(|character: char| !character.is_ascii_digit() && character != '.');
            let number = &text[start..start + digits.unwrap_or(0)];
            // A description asks for what is `> 0`; that is no limit.
            if number.is_empty() || text[..start].rfind("description").is_some() {
                continue;
            }
            mutants.extend(beside(number).into_iter().map(|other| Mutant {
                what: format!("{sign}{number} is {sign}{other} (at {at})"),
                text: format!("{}{other}{}", &text[..start], &text[start + number.len()..]),
            }));
        }
    }
    mutants
}

/// A time of a rule: `5m`, `6h`.
fn minutes(span: &str) -> u32 {
    let (number, unit) = span.split_at(span.len() - 1);
    let number: u32 = number.parse().unwrap();
    match unit {
        "m" => number,
        "h" => 60 * number,
        other => panic!("{span}: {other}"),
    }
}

/// `for` and `keep_firing_for` a minute shorter and longer.
fn times(text: &str) -> Vec<Mutant> {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("for: ") || line.starts_with("keep_firing_for: "));
    let mut mutants = Vec::new();
    for line in lines {
        let (key, value) = line.split_once(": ").unwrap();
        let minutes = minutes(value);
        for other in [minutes - 1, minutes + 1] {
            let text = text.replacen(&format!(" {line}\n"), &format!(" {key}: {other}m\n"), 1);
            mutants.push(Mutant { what: format!("{line} is {other}m"), text });
        }
    }
    mutants
}

/// The expression with another operator between two conditions, or without what keeps `~other` and
/// `~young` out.
fn operators(text: &str) -> Vec<Mutant> {
    let lines: Vec<&str> = text.lines().collect();
    let mut mutants = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let other = match line.trim_start().split(' ').next() {
            Some("and") => line.replacen("and", "unless", 1),
            Some("or") => line.replacen("or", "and", 1),
            Some("unless") => line.replacen("unless", "and", 1),
            _ => continue,
        };
        let text =
            [&lines[..index], &[other.as_str()], &lines[index + 1..]].concat().join("\n") + "\n";
        mutants.push(Mutant {
            what: format!("line {index}, {}, is {}", line.trim(), other.trim()),
            text,
        });
    }
    if text.contains(r#"process!="~other""#) {
        mutants.push(Mutant {
            what: "~other is let in".to_owned(),
            text: text
                .replace(r#"process!="~other""#, r#"process!="""#)
                .replace(r#"port!="~other""#, r#"port!="""#),
        });
    }
    if text.contains(r#"process!="~young""#) {
        mutants.push(Mutant {
            what: "~young is let in".to_owned(),
            text: text.replace(r#"process!="~young""#, r#"process!="""#),
        });
    }
    let named = r#"process!~"~other|~young""#;
    if text.contains(named) {
        for (what, left) in [("~other", "~young"), ("~young", "~other")] {
            mutants.push(Mutant {
                what: format!("{what} is let in"),
                text: text
                    .replace(named, &format!("process!={left:?}"))
                    .replace(r#"port!="~other""#, r#"port!="""#),
            });
        }
    }
    mutants
}

fn survivors(alert: &Alert) -> Vec<String> {
    let text = rule(alert);
    let mutants: Vec<Mutant> =
        limits(&text).into_iter().chain(times(&text)).chain(operators(&text)).collect();
    assert!(mutants.len() >= 4, "{}: {} mutants", alert.name, mutants.len());
    assert!(play(alert, &text).0, "{}: its unit tests fail without any change", alert.name);
    let survives = |mutant: &&Mutant| {
        assert_ne!(mutant.text, text, "{}: {} changes nothing", alert.name, mutant.what);
        play(alert, &mutant.text).0
    };
    mutants
        .iter()
        .filter(survives)
        .map(|mutant| format!("{}: {}", alert.name, mutant.what))
        .collect()
}

#[test]
fn a_unit_test_fails_when_a_limit_a_time_or_an_operator_changes() {
    let alerts = rules::all();
    let queue = Mutex::new(alerts.iter());
    let next = || queue.lock().unwrap().next();
    let work = || std::iter::from_fn(next).flat_map(survivors).collect::<Vec<_>>();
    let survivors = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(survivors.is_empty(), "no unit test notices these changes:\n{}", survivors.join("\n"));
}
