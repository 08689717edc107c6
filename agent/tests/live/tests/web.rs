//! TLS, passwords and their reload, with the real agent and the process that speaks HTTP.

use std::net::Ipv4Addr;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::address::Address;
use testkit::certificates::Certificates;
use testkit::launch::{Launch, Output};
use testkit::process::{Ending, Process};

use super::Test;
use super::errors::{expect, finish};
use crate::harness::agent::{binary, scratch};
use crate::harness::{PATIENCE, wait_for};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("host::web::tls_and_passwords_are_those_of_the_file_and_follow_it", follows),
    ("host::web::a_wrong_web_configuration_ends_the_start_with_its_place", wrong),
];

/// An agent that speaks TLS.
struct Secured {
    files: Certificates,
    agent: Process,
    /// `https://ADDRESS:PORT`.
    url: String,
}

fn text(password: &str) -> String {
    let hash = bcrypt::hash(password, 10).expect("a hash");
    format!(
        "tls_server_config:\n  cert_file: agent.pem\n  key_file: agent.key\n  min_version: TLS13\n\
         http_server_config:\n  headers:\n    X-Frame-Options: deny\n\
         basic_auth_users:\n  prometheus: {hash}\n"
    )
}

impl Secured {
    fn start() -> Self {
        let files = Certificates::new().expect("a folder");
        files.authority("ca").expect("an authority");
        files.certificate("agent", "ca", "IP:127.0.0.1").expect("a certificate");
        let path = files.write("web.yml", &text("first")).expect("the file");
        let path = path.display().to_string();
        let address = Address::Tcp((Ipv4Addr::LOCALHOST, 0).into());
        let options = ["--web-config-file", &path];
        let command = testkit::agent::Agent::command(&binary(), &address, &options);
        let launch = Launch::new("the agent", command)
            .output(Output::LinesAndLog)
            .ending(Ending::Signal(Signal::SIGTERM));
        let agent = launch.spawn().expect("start the agent");
        let line = agent.line(PATIENCE).expect("its output").expect("a line");
        let url = line.strip_prefix("listening on ").and_then(|url| url.strip_suffix("/metrics"));
        let url = url.unwrap_or_else(|| panic!("the agent said {line:?}")).to_owned();
        assert!(url.starts_with("https://127.0.0.1:"), "{url}");
        Self { files, agent, url }
    }

    /// Asks with curl; the status, or 0 if there is no connection, and what came.
    fn ask(&self, ca: &str, options: &[&str], path: &str) -> (u16, String) {
        let mut command = Command::new("curl");
        command.args(["-si", "--max-time", "20", "--cacert", &self.files.name(ca)]);
        let output = command.args(options).arg(format!("{}{path}", self.url)).output();
        let answer = String::from_utf8_lossy(&output.expect("run curl").stdout).into_owned();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_default(), answer)
    }

    /// Waits for a status, which comes when the agent has read the file again.
    fn becomes(&self, ca: &str, options: &[&str], status: u16) {
        wait_for(&format!("{status} with {ca}"), PATIENCE, || {
            (self.ask(ca, options, "/healthz").0 == status).then_some(())
        });
    }

    /// Waits until the metric says whether its files are in force.
    fn is_in_force(&self, ca: &str, options: &[&str], expected: bool) {
        let line = format!("\ntcpwarden_web_config_last_reload_successful {}", u8::from(expected));
        wait_for(&line, PATIENCE, || {
            self.ask(ca, options, "/metrics").1.contains(&line).then_some(())
        });
    }

    /// Its HTTP process.
    fn http(&self) -> Option<u32> {
        let (pid, name) = (self.agent.id(), "tcpwarden-http");
        let children = format!("/proc/{pid}/task");
        let tasks = std::fs::read_dir(children).expect("its threads").flatten();
        let of = |path: std::path::PathBuf| {
            std::fs::read_to_string(path.join("children")).unwrap_or_default()
        };
        let all: Vec<String> = tasks.map(|task| of(task.path())).collect();
        let mut all = all.iter().flat_map(|line| line.split_whitespace());
        let is_http = |child: &&str| {
            let comm = std::fs::read_to_string(format!("/proc/{child}/comm"));
            comm.unwrap_or_default().trim() == name
        };
        all.find(is_http)?.parse().ok()
    }
}

fn follows() {
    const FIRST: [&str; 2] = ["-u", "prometheus:first"];
    const SECOND: [&str; 2] = ["-u", "prometheus:second"];
    let mut secured = Secured::start();
    let (status, answer) = secured.ask("ca.pem", &FIRST, "/metrics");
    assert!(status == 200 && answer.contains("tcpwarden_"), "{answer}");
    assert!(answer.contains("x-frame-options: deny"), "{answer}");
    assert_eq!(secured.ask("ca.pem", &["-u", "prometheus:second"], "/metrics").0, 401);
    assert_eq!(secured.ask("ca.pem", &[], "/healthz").0, 401);
    assert_eq!(secured.ask("ca.pem", &["--tls-max", "1.2"], "/healthz").0, 0);
    commands(&secured);
    locked_in(&secured);
    // One that is started again has the same rules.
    let pid = secured.http().expect("the HTTP process");
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).expect("end the HTTP process");
    secured.becomes("ca.pem", &FIRST, 200);
    // A wrong file changes nothing, and the log says why.
    secured.files.write("web.yml", &text("second").replace("min_version", "mini")).expect("a file");
    let said = "unknown key \"mini\" in tls_server_config";
    wait_for("a line of the log", PATIENCE, || secured.agent.log().contains(said).then_some(()));
    secured.is_in_force("ca.pem", &FIRST, false);
    // Another certificate and another password, over the same listener.
    secured.files.authority("new").expect("an authority");
    secured.files.certificate("agent", "new", "IP:127.0.0.1").expect("a certificate");
    secured.files.write("web.yml", &text("second")).expect("a file");
    secured.becomes("new.pem", &SECOND, 200);
    secured.is_in_force("new.pem", &SECOND, true);
    assert_eq!(secured.ask("new.pem", &FIRST, "/healthz").0, 401);
    assert_eq!(secured.ask("ca.pem", &SECOND, "/healthz").0, 0, "the old certificate");
    let log = secured.agent.log();
    assert!(!log.contains("first") && !log.contains("$2b$"), "a secret is in the log:\n{log}");
    assert!(secured.agent.end(), "it ends when told");
}

/// The commands ask it.
fn commands(secured: &Secured) {
    secured.files.write("password", "first\n").expect("a file");
    let (ca, password) = (secured.files.name("ca.pem"), secured.files.name("password"));
    let user = ["--user", "prometheus", "--password-file", &password];
    let ask = |options: &[&str]| {
        let words = ["tcpwarden", "leaks", "--json", "--agent", &secured.url];
        finish(&[&words, options].concat())
    };
    expect(&ask(&[&["--ca", &ca], &user[..]].concat()), 0, &[]);
    expect(&ask(&["--ca", &ca]), 7, &["401", "--password-file"]);
    expect(&ask(&user), 7, &["--ca names"]);
}

/// Both threads of the HTTP process may do nothing.
fn locked_in(secured: &Secured) {
    let pid = secured.http().expect("the HTTP process");
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("its threads").flatten();
    let all: Vec<String> = tasks
        .map(|task| std::fs::read_to_string(task.path().join("status")).expect("its status"))
        .collect();
    assert_eq!(all.len(), 2, "one speaks HTTP, one verifies passwords");
    for status in all {
        for line in ["CapPrm:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
            assert!(status.lines().any(|its| its == line), "{line} in\n{status}");
        }
    }
}

fn wrong() {
    let files = Certificates::new().expect("a folder");
    let path =
        files.write("web.yml", "tls_server_config:\n  cert_file: none.pem\n").expect("a file");
    let path = path.display().to_string();
    let run = |listen: &str| {
        finish(&["tcpwarden", "run", "--listen", listen, "--web-config-file", &path])
    };
    expect(&run("127.0.0.1:0"), 2, &[&path, "line 2", "key_file"]);
    let file = format!("unix:{}", scratch("sock").display());
    expect(&run(&file), 2, &["--web-config-file", "socket file"]);
}
