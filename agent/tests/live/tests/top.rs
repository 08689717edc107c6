//! `tcpwarden top` in a terminal, which tmux is: its keys, its lists, and the terminal behind it.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Output};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Test;
use crate::harness::agent::{Agent, binary, scratch};
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, wait_for};
use crate::roles;

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("host::top::a_leak_is_in_every_list_down_to_one_socket", lists),
    ("host::top::the_terminal_is_as_it_was_on_every_way_out", restored),
    ("host::top::an_agent_that_goes_away_is_asked_again", away),
    ("host::top::it_ends_with_its_terminal", abandoned),
];

/// Connections that are leaked.
const LEAKED: usize = 5;
/// The name of the process that leaks.
const LEAKER: &str = "live-top";

/// A shell in a terminal of its own.
struct Terminal {
    /// The socket of its server.
    server: PathBuf,
}

impl Terminal {
    fn new() -> Self {
        let terminal = Self { server: scratch("tmux") };
        terminal.tmux(&["new-session", "-d", "-x", "110", "-y", "30", "env PS1='$ ' sh"]);
        terminal.tmux(&["set-option", "-s", "escape-time", "0"]);
        terminal
    }

    fn tmux(&self, words: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.args(["-u", "-f", "/dev/null", "-S"]).arg(&self.server).args(words);
        let output: Output = command.output().expect("run tmux");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tmux {words:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Presses keys, by the names that tmux has for them.
    fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Types a line.
    fn enter(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.press(&["Enter"]);
    }

    /// Waits until the screen shows all of some texts.
    fn shows(&self, texts: &[&str]) {
        let mut last = String::new();
        let start = std::time::Instant::now();
        while start.elapsed() < PATIENCE {
            last = self.screen();
            if texts.iter().all(|text| last.contains(text)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the screen does not show {texts:?}:\n{last}");
    }

    /// Starts the view; returns its process id.
    fn top(&self, agent: &str) -> Pid {
        let path = scratch("pid");
        let (file, program) = (path.display(), binary().display().to_string());
        self.enter(&format!(
            "sh -c 'echo $$ > {file}; exec {program} top --interval 500ms --agent {agent}'; \
             echo code=$?"
        ));
        self.shows(&["1 Suspects", "every 500ms", "q quit"]);
        let pid = std::fs::read_to_string(&path).expect("its process id");
        std::fs::remove_file(&path).expect("remove the file");
        Pid::from_raw(pid.trim().parse().expect("a number"))
    }

    /// Whether the alternate screen is on, and the cursor.
    fn modes(&self) -> String {
        self.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]).trim().to_owned()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = Command::new("tmux").arg("-S").arg(&self.server).arg("kill-server").output();
        let _ = std::fs::remove_file(&self.server);
    }
}

/// Peers that close and a process that never does.
fn lists() {
    let (netns, agent, terminal) = (Netns::new(), Agent::start(&[]), Terminal::new());
    terminal.top(&agent.address());
    let leaker = roles::start(&netns, &format!("listen 127.0.0.1:0 {LEAKED}"), LEAKER);
    let address = roles::line(&leaker);
    let streams: Vec<_> = netns
        .enter(|| (0..LEAKED).map(|_| TcpStream::connect(&address).expect("connect")).collect());
    roles::ready(&leaker, 1);
    drop(streams);
    let port = address.rsplit(':').next().expect("a port");
    let filter = || {
        terminal.press(&["/"]);
        terminal.enter(LEAKER);
    };

    filter();
    terminal.shows(&["never_read", &format!("process {LEAKER} (pid {})", leaker.id())]);
    terminal.press(&["Enter"]);
    terminal.shows(&[&format!("sockets of {LEAKER}"), "STATE", "close_wait (unread)"]);
    assert_eq!(terminal.screen().matches("close_wait (unread)").count(), LEAKED);
    terminal.press(&["Enter"]);
    terminal.shows(&["FIELD", "connection_age_seconds", "close_wait"]);
    terminal.press(&["Escape"]);
    terminal.shows(&["close_wait (unread)"]);
    terminal.press(&["Escape"]);
    terminal.shows(&["never_read"]);

    terminal.press(&["2"]);
    filter();
    terminal.shows(&["CLOSE_WAIT", "OPEN/s", LEAKER]);
    terminal.press(&["3"]);
    terminal.shows(&["PEER", "FAILED", "127.0.0.1"]);
    terminal.press(&["Tab"]);
    filter();
    terminal.shows(&["QUEUE", "DROPS", LEAKER, port]);
    terminal.press(&["5"]);
    filter();
    terminal.shows(&["WITHIN", "suspect", "5 close_wait connections"]);
    drop(leaker);
    terminal.shows(&["ended"]);
    terminal.press(&["?"]);
    terminal.shows(&["Shift-Tab"]);
    terminal.press(&["x", "Space"]);
    terminal.shows(&["FROZEN"]);
    terminal.press(&["Space", "q"]);
    terminal.shows(&["code=0"]);
}

/// How the view is ended.
type Way<'a> = &'a dyn Fn(&Terminal, Pid);

fn restored() {
    let agent = Agent::start(&[]);
    let terminal = Terminal::new();
    let files = [scratch("before"), scratch("after")];
    let setting = |place: usize| {
        terminal.enter(&format!(
            "stty -g > {}; echo written-$((40 + {place}))",
            files[place].display()
        ));
        terminal.shows(&[&format!("written-{}", 40 + place)]);
        std::fs::read_to_string(&files[place]).expect("the settings of the terminal")
    };
    let before = setting(0);
    let signal = |signal| move |_: &Terminal, pid| kill(pid, signal).expect("send the signal");
    let ways: [(&str, Way<'_>); 5] = [
        ("q", &|terminal, _| terminal.press(&["q"])),
        ("Ctrl-C", &|terminal, _| terminal.press(&["C-c"])),
        ("SIGTERM", &signal(Signal::SIGTERM)),
        ("SIGINT", &signal(Signal::SIGINT)),
        ("SIGHUP", &signal(Signal::SIGHUP)),
    ];
    for (name, way) in ways {
        terminal.enter("clear; echo behind-$((41 + 1))");
        terminal.shows(&["behind-42"]);
        let pid = terminal.top(&agent.address());
        assert_eq!(terminal.modes(), "1 0", "the modes while it runs");
        assert!(!terminal.screen().contains("behind-42"), "{name}: {}", terminal.screen());
        way(&terminal, pid);
        terminal.shows(&["behind-42", "code=0"]);
        assert_eq!(terminal.modes(), "0 1", "{name}: the modes behind it");
        assert_eq!(setting(1), before, "{name}: the settings of the terminal");
    }
    for file in files {
        std::fs::remove_file(file).expect("remove the file");
    }
}

/// The terminal goes away, once with the signal that tells so and once where that is ignored.
fn abandoned() {
    let agent = Agent::start(&[]);
    for line in ["", "trap '' HUP"] {
        let terminal = Terminal::new();
        terminal.enter(line);
        let pid = terminal.top(&agent.address());
        drop(terminal);
        wait_for("the end of top", PATIENCE, || {
            kill(pid, None).is_err_and(|error| error == Errno::ESRCH).then_some(())
        });
    }
}

fn away() {
    let path = scratch("sock");
    let file = path.display().to_string();
    let start = || Agent::start(&["--socket", &file]);
    let (agent, terminal) = (start(), Terminal::new());
    terminal.top(&format!("unix:{file}"));
    terminal.shows(&["last pass"]);
    agent.stop(Signal::SIGKILL);
    terminal.shows(&["no answer, trying again", "last pass"]);
    let agent = start();
    wait_for("the new agent to be asked", PATIENCE, || {
        (!terminal.screen().contains("no answer")).then_some(())
    });
    terminal.press(&["5"]);
    terminal.shows(&["the agent was started anew"]);
    terminal.press(&["q"]);
    terminal.shows(&["code=0"]);
    drop(agent);
    let _ = std::fs::remove_file(&path);
}
