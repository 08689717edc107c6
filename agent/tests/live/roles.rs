//! Helper processes: this same program, started again in a role that a thread cannot play, because
//! it holds a namespace or has to be killed.

use std::io::{Read as _, Write as _};
use std::process::Command;

use testkit::launch::Launch;
use testkit::process::{Ending, Process};

use crate::harness::PATIENCE;
use crate::harness::netns::Netns;

/// The name of the test process in the agent's labels.
pub(crate) const TEST_NAME: &str = "live-test";
/// The name of a process that gets killed.
pub(crate) const VICTIM: &str = "live-victim";
/// The environment variable with the role of a helper.
pub(crate) const ROLE: &str = "TCPWARDEN_LIVE_ROLE";
/// The environment variable with its name in the process list.
pub(crate) const NAME: &str = "TCPWARDEN_LIVE_NAME";

/// A command that starts this program in a role, under a process name of at most 15 letters.
///
/// The roles are in `dispatch.rs` and `handover.rs`. Each prints `ready` when it holds what it
/// should hold, and ends when its input does.
pub(crate) fn command(role: &str, name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the path of this program"));
    command.env(ROLE, role).env(NAME, name);
    command
}

/// Starts this program in a role inside a namespace; the end of its input ends it.
pub(crate) fn start(netns: &Netns, role: &str, name: &str) -> Process {
    start_command(netns, command(role, name))
}

/// Starts a helper process inside a namespace; the end of its input ends it.
pub(crate) fn start_command(netns: &Netns, command: Command) -> Process {
    let launch = Launch::new("a helper process", command).ending(Ending::Input);
    netns.enter(|| launch.spawn()).expect("start a helper process")
}

/// Waits until a helper and its relatives, so many in all, hold what they should.
pub(crate) fn ready(helper: &Process, members: usize) {
    for _ in 0..members {
        helper.expect_line("ready", PATIENCE).expect("a helper process that is ready");
    }
}

/// Waits until the workers of an opener, so many, are about to accept. The opener says "ready" when
/// it likes; the workers do once they have accepted.
pub(crate) fn accepting(opener: &Process, workers: usize) {
    let said: Vec<String> = (0..=workers).map(|_| line(opener)).collect();
    assert_eq!(said.iter().filter(|line| *line == "accepting").count(), workers, "{said:?}");
}

/// The next line of a helper.
pub(crate) fn line(helper: &Process) -> String {
    helper.line(PATIENCE).expect("the output of a helper").expect("a line of a helper")
}

/// Holds something until the input ends.
pub(crate) fn hold<T>(something: T) {
    say("ready");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    drop(something);
}

/// Tells the test a line.
pub(crate) fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("write to stdout");
}
