//! `tcpwarden doctor`: what on this host limits or endangers TCP, each with the measured value, the
//! limit, what it costs and what changes it.
//!
//! `host` reads what the own user may read, `told` asks the running agent for what only it knows,
//! `checks` makes findings of both, `letter` writes them. Guarantees: nothing of the host is
//! changed; without an agent all other checks are made, and those that need it say so.

pub(crate) mod cgroups;
mod checks;
pub(crate) mod finding;
pub(crate) mod host;
mod letter;
pub(crate) mod page;
pub(crate) mod told;

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use crate::client::{Address, Agent, AgentOptions};
use crate::exit::{self, Error};
use crate::query::text::{escape_json, printable};
use checks::Readings;
use finding::{Finding, Severity};
use host::Host;
use told::Told;

/// The notes at the end of `--help`.
pub(crate) const NOTES: &str = "\
Examples:
  tcpwarden doctor                                what limits or endangers TCP on this host
  tcpwarden doctor --all                          also each check that found nothing
  tcpwarden doctor --json | jq -r '.[] | select(.severity == \"critical\") | .change'
  sudo ip netns exec blue tcpwarden doctor        the settings and counters of that namespace

Reads settings and counters of its own network namespace, as its user may, and asks the running
agent of this machine for what only that knows; without an agent the other checks are made, and
UNKNOWN says which are missing. It changes nothing: a change is a line to paste, once it is
understood. Ends with 9 if a finding is a warning or critical, with 7 if nothing could be checked.
";

/// Options of `doctor`.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct DoctorArgs {
    /// Also each check that found nothing
    #[arg(long)]
    pub all: bool,
    /// A JSON array of findings instead of text
    #[arg(long)]
    pub json: bool,
    /// The running agent of this machine: ADDR:PORT, [ADDR6]:PORT, NAME:PORT, :PORT,
    /// unix:/path/to.sock, http://HOST:PORT or https://HOST:PORT
    /// [default: unix:/run/tcpwarden/tcpwarden.sock, else 127.0.0.1:10793]
    #[expect(rustdoc::broken_intra_doc_links, reason = "the text is the help; it has no links")]
    #[arg(long, value_name = "ADDRESS", env = "TCPWARDEN_AGENT", help_heading = "Agent")]
    pub agent: Option<Address>,
    /// How it is asked.
    #[command(flatten)]
    pub options: AgentOptions,
}

/// Makes all checks and prints what they found. Returns the exit code: [`exit::ILL`] if there is a
/// warning or worse.
///
/// # Errors
/// An option is of no use, nothing could be checked, or the output cannot be written.
pub fn doctor(arguments: &DoctorArgs, out: &mut impl Write) -> Result<u8, Error> {
    let addresses = arguments.agent.clone().map_or_else(Address::usual, |named| vec![named]);
    let agent = Agent { addresses: &addresses, options: &arguments.options };
    let told = Told::ask(&agent).map_err(|wrong| Error::Usage(printable(&wrong)))?;
    let mut host = Host::read();
    if told.page.is_err() {
        host.read_processes();
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut found = checks::all(&Readings { host: &host, told: &told, now });
    let Some(code) = code(&found) else {
        let why = told.page.err().unwrap_or_default();
        return Err(Error::Agent {
            agent: printable(&agent.place()),
            why: printable(&format!("{why}; and nothing of /proc can be read")),
        });
    };
    found.sort_by_key(|one| one.severity);
    let page = if arguments.json {
        json(&found, arguments.all)?
    } else {
        letter::written(&found, arguments.all)
    };
    match out.write_all(page.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Other(
            anyhow::Error::new(error).context("cannot write the findings to the output"),
        )),
        _ => Ok(code),
    }
}

/// Returns the exit code for findings; `None` if nothing could be checked.
fn code(found: &[Finding]) -> Option<u8> {
    let is_ill = |one: &Finding| one.severity <= Severity::Warning;
    let is_known = |one: &Finding| one.severity != Severity::Unknown;
    let code = if found.iter().any(is_ill) { exit::ILL } else { exit::OK };
    found.iter().any(is_known).then_some(code)
}

/// Returns the findings as a JSON array, one a line.
fn json(found: &[Finding], all: bool) -> Result<String, Error> {
    let shown = found.iter().filter(|one| all || one.severity != Severity::Ok);
    let lines: Result<Vec<_>, _> = shown.map(serde_json::to_string).collect();
    let lines = lines.map_err(|error| Error::Other(anyhow::Error::new(error)))?;
    Ok(escape_json(&format!("[\n{}\n]\n", lines.join(",\n"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_has_its_code_a_note_has_none_and_nothing_known_is_no_success() {
        let one = |severity| Finding::new("x", severity, "a", "b");
        assert_eq!(code(&[one(Severity::Note), one(Severity::Unknown)]), Some(exit::OK));
        assert_eq!(code(&[one(Severity::Unknown), one(Severity::Unknown)]), None);
        for severity in [Severity::Warning, Severity::Critical] {
            assert_eq!(code(&[one(Severity::Ok), one(severity)]), Some(exit::ILL));
        }
    }

    #[test]
    fn the_json_is_an_array_with_every_field() {
        let found = [
            Finding::new("x", Severity::Critical, "a", "b").value(3, Some(2), "u").costs("c", "d"),
            Finding::ok("y", "a", "b"),
        ];
        let read = |all| -> serde_json::Value {
            serde_json::from_str(&json(&found, all).unwrap()).unwrap()
        };
        let one = serde_json::json!({
            "check": "x", "severity": "critical", "subject": "a", "says": "b", "measured": 3,
            "limit": 2, "unit": "u", "costs": "c", "change": "d",
        });
        assert_eq!(read(false), serde_json::json!([one]));
        assert_eq!(read(true)[1]["severity"], "ok");
        assert_eq!(
            json(&[], false).unwrap().parse::<serde_json::Value>().unwrap(),
            serde_json::json!([])
        );
    }

    #[test]
    fn without_an_agent_the_rest_is_checked_and_what_is_missing_is_said() {
        let arguments = DoctorArgs {
            json: true,
            all: true,
            agent: Some("unix:/nonexistent/tcpwarden.sock".parse().unwrap()),
            ..DoctorArgs::default()
        };
        let mut out = Vec::new();
        let code = doctor(&arguments, &mut out).unwrap();
        assert!(code == exit::OK || code == exit::ILL);
        let found: Vec<serde_json::Value> = serde_json::from_slice(&out).unwrap();
        let of = |check: &str| found.iter().find(|one| one["check"] == check).unwrap();
        for check in ["accept_queue", "ephemeral_ports", "keepalive", "agent"] {
            assert_eq!(of(check)["severity"], "unknown", "{check}");
            assert!(of(check)["says"].to_string().contains("/nonexistent/"), "{check}");
        }
        for check in ["somaxconn", "time_wait", "open_files", "descriptors"] {
            assert_ne!(of(check)["severity"], "unknown", "{check}");
        }
    }
}
