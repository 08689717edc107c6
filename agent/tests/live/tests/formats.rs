//! The forms of `/metrics`: OpenMetrics and gzip, from an agent in its sandbox, as curl and
//! Prometheus' own client for Python read them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Test;
use super::break_in::{http, status};
use crate::harness::agent::{Agent, scratch};
use crate::workload::programs::{Program, feed};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("host::formats::gzip_comes_from_the_sandbox_to_those_who_take_it", gzip),
    ("host::formats::the_python_client_reads_in_openmetrics_what_it_reads_in_text", client),
];

/// What Prometheus 2.42 sends.
const PROMETHEUS: &str = "Accept: application/openmetrics-text;version=1.0.0,application/\
    openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const TEXT: &str = "content-type: text/plain; version=0.0.4\r\n";
const OPEN_METRICS: &str =
    "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";

/// The program that compares pages.
const COMPARE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/programs/openmetrics.py");
/// How often the pages are compared until they agree.
const TRIES: usize = 5;
/// The packages that `cargo xtask setup` unpacks for it.
const LIBRARIES: [&str; 2] = ["python3-prometheus-client", "python3-decorator"];

/// Asks for the page with curl: the head and the body, unpacked where the options say so.
fn curl(agent: &Agent, options: &[&str]) -> (String, Vec<u8>) {
    let address = agent.address();
    let path = address.strip_prefix("unix:").expect("it listens on a socket file");
    let mut command = Command::new("curl");
    command.args(["-si", "--max-time", "20", "--unix-socket", path]).args(options);
    let output = command.arg("http://localhost/metrics").output().expect("run curl");
    assert!(output.status.success(), "curl {options:?}: {}", output.status);
    let mut answer = output.stdout;
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("an empty line");
    let body = answer.split_off(end + 4);
    (String::from_utf8(answer).expect("a head of text"), body)
}

/// Fails unless a text page is whole: it has its first and last family that is always there.
fn is_whole(page: &[u8]) {
    let text = std::str::from_utf8(page).expect("text");
    let starts = text.starts_with("# HELP process_cpu_seconds_total ");
    let has_last = text.contains("\ntcpwarden_visibility_limited{") && text.ends_with('\n');
    assert!(starts && has_last, "{text}");
}

fn gzip() {
    let agent = Agent::start(&[]);
    let pid = http(&agent);
    let (head, text) = curl(&agent, &[]);
    assert!(head.contains(TEXT) && !head.contains("content-encoding"), "{head}");
    assert!(head.contains("vary: accept, accept-encoding\r\n"), "{head}");
    is_whole(&text);

    let (head, unpacked) = curl(&agent, &["--compressed"]);
    assert!(head.contains(TEXT) && head.contains("content-encoding: gzip\r\n"), "{head}");
    is_whole(&unpacked);

    let (head, packed) = curl(&agent, &["-H", "Accept-Encoding: gzip"]);
    assert!(head.contains(&format!("content-length: {}\r\n", packed.len())), "{head}");
    assert!(packed.starts_with(b"\x1f\x8b"), "it is gzip");
    // A page without a label of a process is help for the most part: 3878 bytes of 14,226.
    assert!(packed.len() * 3 < text.len(), "{} bytes of {}", packed.len(), text.len());

    let (head, open) = curl(&agent, &["--compressed", "-H", PROMETHEUS]);
    assert!(head.contains(OPEN_METRICS) && head.contains("content-encoding: gzip\r\n"), "{head}");
    assert!(open.ends_with(b"\n# EOF\n"), "{}", String::from_utf8_lossy(&open));

    for hostile in [
        "Accept-Encoding: gzip;q=0, *".to_owned(),
        "Accept-Encoding: gzip;q=9999999999999999999999".to_owned(),
        format!("Accept-Encoding: {}", "\"".repeat(4000)),
        format!("Accept: {}", "application/openmetrics-text;q=0,".repeat(200)),
        format!("Accept: {}", ";=,\\\"/*".repeat(500)),
    ] {
        let (head, body) = curl(&agent, &["-H", &hostile]);
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains(TEXT), "{hostile}: {head}");
        is_whole(&body);
    }
    assert_eq!(http(&agent), pid, "the process that has served all of it");
    assert_eq!(status(pid, "Seccomp:"), "2", "its system calls are filtered");
}

/// Where `cargo xtask setup` unpacks the libraries, as `PYTHONPATH` takes it.
fn libraries() -> String {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools");
    let folder = |package: &&str| {
        let folder = tools.join(package).join("usr/lib/python3/dist-packages");
        assert!(folder.exists(), "there is no {}: run `cargo xtask setup`", folder.display());
        folder.display().to_string()
    };
    LIBRARIES.iter().map(folder).collect::<Vec<_>>().join(":")
}

/// A page in a file, which is removed with it.
struct Kept(PathBuf);

impl Kept {
    fn new(page: &[u8]) -> Self {
        let path = scratch("page");
        std::fs::write(&path, page).expect("write the page");
        Self(path)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Asks for the page as text, in OpenMetrics and as text, and compares; what went wrong, if any.
fn compared(agent: &Agent) -> Result<(), String> {
    let pages: Vec<_> = [&[][..], &["-H", PROMETHEUS], &[]]
        .iter()
        .map(|options| Kept::new(&curl(agent, options).1))
        .collect();
    let open = std::fs::read_to_string(&pages[1].0).expect("the page");
    assert!(open.contains(r#"process="a\"b\\c le=\"1\",}""#), "the process is on it:\n{open}");
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", libraries()).arg(COMPARE).args(pages.iter().map(|page| &page.0));
    let output = command.output().expect("run python3");
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{said}\n{open}")) }
}

/// The agent follows connections of a process whose name is full of what the formats escape. What
/// moves while pages are fetched can differ once, and not each time.
fn client() {
    let agent = Agent::start(&[]);
    let mut program = Program::python(&["read", "a\"b\\c le=\"1\",}", "3", "127.0.0.1"], None);
    let address = program.address("127.0.0.1");
    feed(address, 3, b"x");
    program.ready();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let mut last = Ok(());
    let agreed = (0..TRIES).any(|_| {
        last = compared(&agent);
        last.is_ok()
    });
    assert!(agreed, "in each of {TRIES} tries they differ:\n{}", last.unwrap_err());
}
