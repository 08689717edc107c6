//! What a scenario tells the person at the terminal.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;

use crate::program::{Lab, binary, wait_for};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("list_names_every_scenario", list),
    ("it_says_what_to_look_at_and_that_no_agent_answers", alone),
    ("it_passes_on_what_the_agent_says_and_nothing_that_steers_a_terminal", passes_on),
    ("a_scenario_that_is_none_is_refused_by_name", unknown),
];

fn list() {
    let output = Command::new(binary()).arg("list").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let names: Vec<_> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, lab::all().iter().map(|scenario| scenario.name).collect::<Vec<_>>());
}

fn unknown() {
    let output = Command::new(binary()).arg("ecko").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && text.contains("\"ecko\"") && text.contains("list"),
        "{text}"
    );
}

fn alone() {
    let mut lab = Lab::start("half-close", 3);
    assert!(lab.ended().success(), "{}", lab.said());
    let said = lab.said();
    for part in [
        "dashboard tcpwarden-leaks",
        "alerts: TcpFinWait2Stuck",
        "no agent answers at unix:/nonexistent",
        "cargo xtask run",
        "over;",
    ] {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
    assert_eq!(said.matches("no agent answers").count(), 1, "{said}");
}

/// An agent that answers one page and one suspect, whatever it is asked.
fn passes_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 1000];
            let length = stream.read(&mut request).unwrap_or(0);
            let body = match std::str::from_utf8(&request[..length]) {
                Ok(text)
                    if text.starts_with(
                        "GET /api/v1/leaks?process=catalog-api&process=storefront ",
                    ) =>
                {
                    r#"{"suspects": [{"sentence": "catalog-api holds \u001b[2J7 sockets"}]}"#
                }
                _ => {
                    "tcpwarden_process_open_fds{process=\"catalog-api\",workload=\"w\"} \
                    7\ntcpwarden_process_max_fds{process=\"catalog-api\"} 400\n"
                }
            };
            let _ = write!(stream, "HTTP/1.0 200 OK\r\n\r\n{body}");
        }
    });
    let lab = Lab::with_agent("fd-leak", 5, &format!("http://{address}"));
    let said = wait_for("the agent's words", || {
        Some(lab.said()).filter(|said| said.contains("has 7 of 400 descriptors open"))
    });
    assert!(
        said.contains("the agent: catalog-api holds ?[2J7 sockets") && !said.contains('\u{1b}'),
        "{said}"
    );
}
