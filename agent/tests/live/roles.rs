//! Helper processes: this same program, started again in a role that a thread cannot play, because
//! it holds a namespace or has to be killed.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, ExitCode};

use testkit::process::{Ending, Launch, Process};

use crate::harness::PATIENCE;
use crate::harness::space::Space;
use crate::heirs;

/// The name of the test process in the agent's labels.
pub(crate) const TEST_NAME: &str = "live-test";
/// The name of a process that gets killed.
pub(crate) const VICTIM: &str = "live-victim";
const ROLE: &str = "TCPWARDEN_LIVE_ROLE";
const NAME: &str = "TCPWARDEN_LIVE_NAME";

/// A command that starts this program in a role, under a process name of at most 15 letters.
///
/// Roles: `connect ADDRESS COUNT`; `listen ADDRESS COUNT`; those of [`heirs`]. Each
/// prints `ready` when it holds what it should hold (`listen` its address before), and ends when
/// its input does.
pub(crate) fn command(role: &str, name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the path of this program"));
    command.env(ROLE, role).env(NAME, name);
    command
}

/// Starts this program in a role inside a namespace; the end of its input ends it.
pub(crate) fn start(space: &Space, role: &str, name: &str) -> Process {
    start_command(space, command(role, name))
}

/// Starts a helper process inside a namespace; the end of its input ends it.
pub(crate) fn start_command(space: &Space, command: Command) -> Process {
    let launch = Launch::new("a helper process", command).ending(Ending::Input);
    space.enter(|| launch.spawn()).expect("start a helper process")
}

/// Waits until a helper and its relatives, so many in all, hold what they should.
pub(crate) fn ready(helper: &Process, members: usize) {
    for _ in 0..members {
        helper.expect_line("ready", PATIENCE).expect("a helper process that is ready");
    }
}

/// The next line of a helper.
pub(crate) fn line(helper: &Process) -> String {
    helper.line(PATIENCE).expect("the output of a helper").expect("a line of a helper")
}

/// Plays the role named in the environment, if there is one.
pub(crate) fn dispatch() -> Option<ExitCode> {
    if let Some(code) = testkit::netns::dispatch() {
        return Some(code);
    }
    let role = std::env::var(ROLE).ok()?;
    let name = std::env::var(NAME).unwrap_or_default();
    std::fs::write("/proc/self/comm", name).expect("set the name of this process");
    match *role.split(' ').collect::<Vec<_>>() {
        ["connect", address, count] => {
            let address: SocketAddr = address.parse().expect("an address");
            let count = count.parse().expect("a count");
            let streams: Vec<_> =
                (0..count).map(|_| TcpStream::connect(address).expect("connect")).collect();
            hold(streams);
        }
        ["listen", address, count] => {
            let listener = TcpListener::bind(address).expect("listen");
            say(&listener.local_addr().expect("its address").to_string());
            let count = count.parse().expect("a count");
            let streams: Vec<_> = (0..count).map(|_| listener.accept().expect("accept")).collect();
            hold((listener, streams));
        }
        ref words => assert!(heirs::play(words), "no role is called {role:?}"),
    }
    Some(ExitCode::SUCCESS)
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
