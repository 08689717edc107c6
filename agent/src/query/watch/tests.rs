//! The loop of `--watch`, with a clock and an agent that a test plays.

use nix::sys::signal::SigSet;

use super::*;

/// A world that answers as it was told, and notes what happens.
#[derive(Default)]
struct Played {
    /// The answers to come; a signal after the last.
    answers: Vec<Result<&'static str, &'static str>>,
    asked: Vec<bool>,
    waited: Duration,
    /// The number of the wait in which a signal comes.
    signal: Option<usize>,
    waits: usize,
    printed: String,
    warnings: Vec<String>,
    /// What writing comes to.
    broken: Option<io::ErrorKind>,
}

impl World for Played {
    fn ask(&mut self, is_first: bool) -> Option<Result<String, Error>> {
        if self.answers.is_empty() {
            return None;
        }
        self.asked.push(is_first);
        let failed = |why: &str| {
            if why.starts_with("--") {
                Error::Usage(why.into())
            } else {
                Error::Agent { agent: "there".into(), why: why.into() }
            }
        };
        Some(self.answers.remove(0).map(str::to_owned).map_err(failed))
    }

    fn wait(&mut self, time: Duration) -> bool {
        self.waited += time;
        self.waits += 1;
        self.signal != Some(self.waits)
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.waited
    }

    fn print(&mut self, text: &str) -> io::Result<()> {
        self.printed.push_str(text);
        self.broken.map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn warn(&mut self, text: &str) {
        self.warnings.push(text.to_owned());
    }
}

const EVERY: Duration = Duration::from_secs(2);

fn played(answers: &[Result<&'static str, &'static str>]) -> Played {
    Played { answers: answers.to_vec(), ..Played::default() }
}

#[test]
fn on_paper_each_answer_has_its_time_and_a_line_stands_between_two() {
    let mut world = played(&[Ok("a\n"), Ok("b\n")]);
    assert_eq!(run(&mut world, EVERY, Frame::Paper).unwrap(), exit::OK);
    assert_eq!(world.printed, "1970-01-01T00:00:00.000Z\na\n---\n1970-01-01T00:00:02.000Z\nb\n");
    assert_eq!((world.asked, world.waited), (vec![true, false], 2 * EVERY));
}

#[test]
fn a_screen_is_made_empty_for_each_answer_and_programs_get_the_answers_alone() {
    let mut world = played(&[Ok("a\n"), Ok("b\n")]);
    run(&mut world, EVERY, Frame::Screen).unwrap();
    assert_eq!(world.printed.matches(CLEAR).count(), 2);
    assert!(world.printed.ends_with("\x1b[H\x1b[2J1970-01-01T00:00:02.000Z\n\nb\n"));
    let mut world = played(&[Ok("a\n"), Ok("b\n")]);
    run(&mut world, EVERY, Frame::None).unwrap();
    assert_eq!(world.printed, "a\nb\n");
}

#[test]
fn an_agent_that_goes_away_is_said_once_and_asked_until_it_is_back() {
    let mut world =
        played(&[Ok("a\n"), Err("gone"), Err("gone"), Err("busy"), Ok("b\n"), Err("gone")]);
    assert_eq!(run(&mut world, EVERY, Frame::None).unwrap(), exit::OK);
    assert_eq!(world.printed, "a\nb\n");
    let said: Vec<_> = world.warnings.iter().map(String::as_str).collect();
    let text = |why| format!("cannot ask the agent at there: {why}; asking again, 2s after each");
    assert_eq!(said.len(), 3, "{said:?}");
    for (said, why) in said.iter().zip(["gone", "busy", "gone"]) {
        assert!(said.starts_with(&text(why)), "{said}");
    }
}

#[test]
fn a_file_that_cannot_be_read_for_a_while_is_said_once_and_read_again() {
    let wrong = Err("--password-file p: gone");
    let mut world = played(&[Ok("a\n"), wrong, wrong, Ok("b\n")]);
    assert_eq!(run(&mut world, EVERY, Frame::None).unwrap(), exit::OK);
    assert_eq!(world.printed, "a\nb\n");
    assert_eq!(world.warnings, ["--password-file p: gone; asking again, 2s after each answer"]);
}

#[test]
fn the_first_answer_fails_as_without_watching() {
    for (why, code) in [("gone", exit::AGENT), ("--ca p: gone", exit::USAGE)] {
        let mut world = played(&[Err(why), Ok("a\n")]);
        let error = run(&mut world, EVERY, Frame::None).unwrap_err();
        assert_eq!((error.code(), world.waits), (code, 0));
    }
}

#[test]
fn a_wait_ends_when_the_reader_goes_away_and_not_before() {
    let signals = SignalFd::new(&SigSet::empty()).unwrap();
    let (reader, writer) = io::pipe().unwrap();
    let short = Duration::from_millis(20);
    assert!(!is_over(&signals, Some(writer.as_fd()), short));
    drop(reader);
    assert!(is_over(&signals, Some(writer.as_fd()), Duration::from_mins(1)));
    assert!(!is_over(&signals, None, short), "a question is answered as without watching");
}

#[test]
fn a_signal_ends_it_with_0_while_it_waits_and_while_it_asks() {
    let mut world = Played { signal: Some(2), ..played(&[Ok("a\n"); 9]) };
    assert_eq!(run(&mut world, EVERY, Frame::None).unwrap(), exit::OK);
    assert_eq!(world.printed, "a\na\n");
    assert_eq!(run(&mut played(&[]), EVERY, Frame::None).unwrap(), exit::OK);
}

#[test]
fn a_reader_that_has_gone_is_the_end_and_a_full_disk_an_error() {
    let broken = |kind| Played { broken: Some(kind), ..played(&[Ok("a\n"); 9]) };
    let mut world = broken(io::ErrorKind::BrokenPipe);
    assert_eq!(run(&mut world, EVERY, Frame::Paper).unwrap(), exit::OK);
    let mut world = broken(io::ErrorKind::StorageFull);
    assert_eq!(run(&mut world, EVERY, Frame::Paper).unwrap_err().code(), exit::FAILURE);
}
