//! What the program prints without an agent: each `transcripts/*.trycmd` is commands with their
//! output and exit code, in the form of the tool of that name.
//!
//! `$ COMMAND` begins a command, `? CODE` says its exit code (0 without), the rest up to a blank
//! line is its output, both streams. `TCPWARDEN_BLESS=1` writes the files anew.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The text before the first command stays as it is.
fn played(text: &str) -> String {
    let mut pieces = text.split("\n$ ");
    let head = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(head, |text, piece| {
        let command = piece.lines().next().unwrap_or_default();
        text + "\n$ " + command + "\n" + &ran(command)
    })
}

/// Runs a command of the program, and returns exit code and output as a transcript has them.
fn ran(command: &str) -> String {
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some("tcpwarden"), "{command}");
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_tcpwarden"));
    program.args(words).env_clear().stdin(Stdio::null());
    program.stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = program.spawn().unwrap();
    // It holds the pipe too, whose end the reader would wait for.
    drop(program);
    let mut output = String::new();
    std::io::Read::read_to_string(&mut reader, &mut output).unwrap();
    let code = child.wait().unwrap().code().unwrap();
    let code = if code == 0 { String::new() } else { format!("? {code}\n") };
    let lines: String = output.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    code + &lines
}

#[test]
fn what_is_printed_is_as_it_is_committed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut commands = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let committed = fs::read_to_string(&path).unwrap();
        let now = played(&committed);
        if std::env::var_os("TCPWARDEN_BLESS").is_some() {
            fs::write(&path, &now).unwrap();
        } else {
            assert_eq!(committed, now, "{}: TCPWARDEN_BLESS=1 writes it anew", path.display());
        }
        commands += now.matches("\n$ ").count();
    }
    assert!(commands > 10, "only {commands} commands were found");
}
