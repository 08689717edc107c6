//! `--watch` of the program, with an agent that a test plays on a socket file.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The line that says that there is nothing to list, which an empty answer comes to.
const NOTHING: &str = "no connection has taken a port of the ephemeral range";

/// Answers so many questions at a socket file, then it is gone.
fn agent(path: &Path, answers: usize) {
    let listener = UnixListener::bind(path).unwrap();
    let path = path.to_owned();
    thread::spawn(move || {
        for _ in 0..answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut question = [0; 4096];
            assert!(stream.read(&mut question).unwrap() > 0);
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close";
            write!(stream, "{head}\r\n\r\n{{}}").unwrap();
        }
        std::fs::remove_file(path).unwrap();
    });
}

/// A folder of its own.
fn folder(name: &str) -> PathBuf {
    let folder =
        std::env::temp_dir().join(format!("tcpwarden-watch-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

type Output = (Child, Lines<BufReader<ChildStdout>>, Lines<BufReader<ChildStderr>>);

fn watched(path: &Path, words: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tcpwarden"));
    program.args(words).args(["--agent", &format!("unix:{}", path.display())]);
    program.args(["--watch", "1s"]).env_clear().stdin(Stdio::null());
    let mut child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = BufReader::new(child.stderr.take().unwrap()).lines();
    (child, out, said)
}

fn interrupted(mut child: Child) -> Option<i32> {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    child.wait().unwrap().code()
}

#[test]
fn an_agent_that_goes_and_comes_back_is_asked_until_sigint_which_ends_with_0() {
    let folder = folder("gone");
    let path = folder.join("agent.sock");
    agent(&path, 2);
    let (child, mut out, mut said) = watched(&path, &["ports"]);
    let mut line = || out.next().unwrap().unwrap();
    let is_time = |line: &str| line.len() == 24 && line.ends_with('Z');
    assert!(is_time(&line()));
    assert_eq!((line().as_str(), line().as_str()), (NOTHING, "---"));
    assert!(is_time(&line()));
    assert_eq!(line(), NOTHING);
    let gone = said.next().unwrap().unwrap();
    assert!(gone.starts_with("tcpwarden: cannot ask the agent at unix:"), "{gone}");
    assert!(gone.ends_with("; asking again, 1s after each answer"), "{gone}");
    agent(&path, 1);
    assert_eq!(line(), "---");
    assert!(is_time(&line()));
    assert_eq!(line(), NOTHING);
    assert_eq!(interrupted(child), Some(0));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn csv_has_its_names_once_and_a_first_question_without_an_answer_ends_with_7() {
    let folder = folder("csv");
    let path = folder.join("agent.sock");
    agent(&path, 2);
    let words = ["ports", "-o", "csv", "--columns", "used,netns"];
    let (child, mut out, mut said) = watched(&path, &words);
    assert_eq!(out.next().unwrap().unwrap(), "used,netns");
    assert!(said.next().unwrap().unwrap().contains("asking again"), "both answers were read");
    assert_eq!(interrupted(child), Some(0));
    assert!(out.next().is_none());
    let (mut child, _, mut said) = watched(&path, &words);
    assert!(said.next().unwrap().unwrap().contains("cannot ask the agent"));
    assert_eq!(child.wait().unwrap().code(), Some(7));
    std::fs::remove_dir_all(folder).unwrap();
}
