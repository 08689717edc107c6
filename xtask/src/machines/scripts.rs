//! Tests of what the plays run: how claims are counted, and what the CRI is asked.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::plays::PLAYS;
use crate::results::Counts;
use crate::workspace;

fn folder() -> PathBuf {
    workspace::root().join("xtask/src/machines")
}

fn run(program: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn every_script_of_a_play_is_one_for_sh() {
    for (file, _) in PLAYS.iter().flat_map(super::plays::Play::files) {
        if file.extension().is_some_and(|extension| extension == "sh") {
            let output = run("sh", &["-n", &file.display().to_string()], b"");
            assert!(output.status.success(), "{}: {output:?}", file.display());
        }
    }
}

#[test]
fn claims_are_counted_as_tests_are() {
    let play = "subject=x; . ./claims.sh; claim holds true; claim also within 2 not false
        claim fails sh -c 'echo why; exit 3'; evidence() { echo more; }; claim again false
        count_claims";
    let output = run("sh", &["-c", play], b"");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(Counts::read(&said), Counts { passed: 2, failed: 2 }, "{said}");
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<&str> = said.lines().take(6).collect();
    let failed = "test x::fails ... FAILED: sh -c echo why; exit 3 (3)";
    let expected = [
        "test x::holds ... ok",
        "test x::also ... ok",
        failed,
        "why",
        "test x::again ... FAILED: false (1)",
        "more",
    ];
    assert_eq!(lines, expected);
}

/// Returns the message of a question to the CRI, without its frame.
fn question(words: &[&str]) -> Vec<u8> {
    let output = run("python3", &[&["containers/cri.py"], words].concat(), b"");
    let text = output.stdout;
    assert!(output.status.success() && text.len() > 5, "{:?}", output.stderr);
    let length = u32::from_be_bytes([text[1], text[2], text[3], text[4]]);
    assert_eq!((text[0], length as usize), (0, text.len() - 5));
    text[5..].to_vec()
}

#[test]
fn a_question_to_the_cri_has_its_frame_and_an_answer_has_its_id() {
    let id = "3f2a9c0d".repeat(8);
    // Field 1, a text of 64 bytes.
    let named = [&[0x0a, 64], id.as_bytes()].concat();
    assert_eq!(question(&["start", &id]), named);
    let sandbox = question(&["sandbox"]);
    assert_eq!(sandbox[0], 0x0a);
    let container = question(&["container", &id]);
    assert!(container.starts_with(&named));
    // The configuration of the sandbox is repeated, as field 3 instead of 1.
    assert!(container.ends_with(&sandbox[1..]));
    assert_eq!(container[container.len() - sandbox.len()], 0x1a);
    let answer = [&[0, 0, 0, 0, 66], &named[..]].concat();
    let output = run("python3", &["containers/cri.py", "id"], &answer);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), id);
    // An error has no message.
    assert!(!run("python3", &["containers/cri.py", "id"], b"").status.success());
}
