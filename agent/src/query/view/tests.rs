//! What options of the output come to, and which exclude each other.

use super::*;
use crate::cli::{Command, parse};
use crate::query::Request;

fn request(words: &str) -> Request {
    let words = std::iter::once("tcpwarden").chain(words.split(' '));
    match parse(words).unwrap().command {
        Command::Query(request) => *request,
        other => panic!("{other:?} is no query"),
    }
}

fn refused(words: &str) -> String {
    request(words).check().unwrap_err().to_string()
}

#[test]
fn forms_that_exclude_each_other_are_refused() {
    for command in ["connections", "leaks", "ports", "trouble"] {
        for fine in ["", " --json", " -o json", " --json -o json", " --output wide", " -o csv"] {
            assert_eq!(request(&format!("{command}{fine}")).check(), Ok(()), "{command}{fine}");
        }
        assert_eq!(
            refused(&format!("{command} --json -o csv")),
            "output is 'csv': expected json, or no --json beside it"
        );
        let text = refused(&format!("{command} --json --columns taken_at"));
        assert!(text.starts_with("columns is 'taken_at': expected -o text, wide or csv"), "{text}");
    }
}

#[test]
fn the_columns_are_those_of_the_answer_that_is_asked_for() {
    assert_eq!(request("connections --columns state,AGE --columns pid").check(), Ok(()));
    assert_eq!(request("connections --group-by peer --columns group,conns").check(), Ok(()));
    assert!(refused("connections --columns group").contains("expected one of state, "));
    assert!(refused("connections --group-by peer --columns state").contains("one of group, "));
    assert!(refused("leaks --columns kinds").ends_with("; kind is the nearest"));
}

#[test]
fn watching_takes_a_duration_within_its_bounds() {
    let read = |words: &str| request(words).watches();
    assert_eq!(read("leaks"), None);
    assert_eq!(read("leaks --watch"), Some(Duration::from_secs(2)));
    assert_eq!(read("leaks --watch --json"), Some(Duration::from_secs(2)));
    assert_eq!(read("leaks --watch 1m30s"), Some(Duration::from_secs(90)));
    assert_eq!(read("leaks --watch=1"), Some(LEAST));
    for wrong in ["0s", "999ms", "25h", "2x", ""] {
        let error = parse(["tcpwarden", "leaks", &format!("--watch={wrong}")]).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{wrong}");
        assert!(error.to_string().contains("from 1s to 1d"), "{error}");
    }
}

#[test]
fn colours_are_for_a_terminal_and_for_who_insists() {
    let view =
        |color| OutputArgs { color, ..OutputArgs::default() }.view(Format::Text, String::new());
    assert!(view(Colour::Always).colour && !view(Colour::Never).colour);
    assert_eq!(view(Colour::Always).paint(Tone::Bad, "x"), "\u{1b}[31mx\u{1b}[0m");
    assert!(view(Colour::Always).paint(Tone::Plain, "x") == "x" && View::default().is_prose());
}
