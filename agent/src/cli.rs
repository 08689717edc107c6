//! The command line: what can be asked of the program and how `--help` teaches it.
//!
//! Options of `run` arrive here as text and become values in [`crate::config`], which also reads
//! the environment and the file, so that a wrong value is told the same way wherever it came from.

mod ask;

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::exit;

pub use ask::{AgentArgs, ConnectionsArgs, LeaksArgs, Pairs, PortsArgs};

/// The address of `run` unless told otherwise: loopback, and a port that the list of default ports
/// of Prometheus exporters leaves free (it fills 9100-9999 and goes on one by one from 10000; 793
/// is the RFC that TCP had for forty years).
pub const DEFAULT_LISTEN: &str = "127.0.0.1:10793";

/// Follows every TCP socket from birth to death and names the process that leaks, retransmits or is
/// refused.
#[derive(Debug, Parser)]
#[command(
    name = "tcpwarden",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    subcommand_required = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the agent: attach the probes, keep the connection table, serve /metrics
    Run(Box<RunArgs>),
    /// Attach every probe for real, print what each came to, detach
    Check,
    /// Print state transitions and retransmits as they happen
    Events(EventsArgs),
    /// Ask a running agent which connections there are: filtered, with ages and owners
    Connections(Box<ConnectionsArgs>),
    /// Ask a running agent who is suspected to leak connections, the worst first
    Leaks(Box<LeaksArgs>),
    /// Ask a running agent which destinations have taken most of their local ports
    Ports(Box<PortsArgs>),
}

/// Options of `run`, as text; see [`crate::config::KEYS`] for their bounds.
#[derive(Args, Debug, Default)]
pub struct RunArgs {
    /// Where to serve HTTP: ADDR:PORT, [ADDR6]:PORT or unix:/path/to.sock [default:
    /// 127.0.0.1:10793]
    #[arg(long, value_name = "ADDRESS", help_heading = "Serving")]
    pub listen: Option<String>,
    /// Seconds between passes over the kernel's own socket list; at least 0.2, fractions allowed
    /// [default: 30]
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true, help_heading = "Cadence")]
    pub reconcile_interval: Option<String>,
    /// Seconds after which a socket that stays in a leak state has its owner verified against the
    /// descriptor tables, before the next pass is due; fractions allowed [default: 10]
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true, help_heading = "Cadence")]
    pub verify_after: Option<String>,
    /// Milliseconds between visits to the rings, 1 to 1000 [default: 50]
    #[arg(long, value_name = "MILLISECONDS", allow_hyphen_values = true, help_heading = "Cadence")]
    pub drain_interval_ms: Option<String>,
    /// Bytes of the ring for state transitions, a power of two from 4096 [default: 8388608]
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true, help_heading = "Bounds")]
    pub ring_bytes: Option<String>,
    /// Bytes of the ring for retransmits, a power of two from 4096 [default: 1048576]
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true, help_heading = "Bounds")]
    pub retransmit_ring_bytes: Option<String>,
    /// Rows of the connection table; sockets beyond are counted as refused [default: 1000000]
    #[arg(long, value_name = "ROWS", allow_hyphen_values = true, help_heading = "Bounds")]
    pub max_connections: Option<String>,
    /// Label sets of processes by role, and as many with a port; more are counted under `~other`
    /// [default: 200]
    #[arg(long, value_name = "SETS", allow_hyphen_values = true, help_heading = "Bounds")]
    pub max_series: Option<String>,
    /// What to log: error, warn, info, debug, trace, or a tracing filter [default: info]
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// Read options from a TOML file; its keys are the names of these options
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Do not drop privileges after attaching (for debugging)
    #[arg(long)]
    pub keep_privileges: bool,
    /// Answer /api, which shows addresses and process names, also where other machines can ask
    #[arg(long, help_heading = "Serving")]
    pub expose_connections: bool,
}

/// Options of `events`.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct EventsArgs {
    /// One JSON object a line instead of text
    #[arg(long)]
    pub json: bool,
    /// Stop after this many seconds, fractions allowed
    #[arg(long, value_name = "SECONDS", value_parser = parse_duration)]
    pub duration: Option<std::time::Duration>,
    /// Stop after this many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
}

/// Reads the command line.
///
/// # Errors
/// What clap has to say: also `--help` and `--version` come this way. The caller prints it with
/// `print` and ends with its `exit_code`, 0 or 2.
pub fn parse<I, T>(arguments: I) -> Result<Cli, clap::Error>
where
    I: IntoIterator<Item = T>,
    T: Into<std::ffi::OsString> + Clone,
{
    let matches = command().try_get_matches_from(arguments)?;
    Cli::from_arg_matches(&matches)
}

/// The command with its long help.
fn command() -> clap::Command {
    let codes = exit_codes();
    Cli::command()
        .after_help("See `tcpwarden help <COMMAND>` for options, and `tcpwarden --help` for examples and exit codes.")
        .after_long_help(format!("{EXAMPLES}\n{codes}"))
        .mut_subcommand("run", |run| run.after_long_help(format!("{RUN_NOTES}\n{codes}")))
        .mut_subcommand("check", |check| check.after_long_help(format!("{CHECK_NOTES}\n{codes}")))
        .mut_subcommand("events", |events| events.after_long_help(EVENTS_NOTES))
        .mut_subcommand("connections", |connections| connections.after_long_help(format!("{CONNECTIONS_NOTES}\n{codes}")))
        .mut_subcommand("leaks", |leaks| leaks.after_long_help(format!("{LEAKS_NOTES}\n{codes}")))
}

const EXAMPLES: &str = "\
Examples:
  sudo tcpwarden run                              serve http://127.0.0.1:10793/metrics
  sudo tcpwarden run --listen unix:/run/tw.sock   serve on a socket file (mode 0660)
  sudo tcpwarden check                            will it run here, and with which probes
  sudo tcpwarden events --duration 10             watch connections come and go for ten seconds
  sudo tcpwarden events --json | jq -c 'select(.error)'
  tcpwarden leaks                                 who is suspected to leak, in sentences
  tcpwarden connections --state close_wait --min-age 5m
";

const RUN_NOTES: &str = "\
Every option is also an environment variable (--ring-bytes is TCPWARDEN_RING_BYTES) and a key of the
--config file (ring-bytes = 8388608). The command line wins over the environment, the environment
over the file, the file over the default. An unknown key in the file is an error.

When ready, one line on standard output says where the metrics are; all else goes to standard error.
SIGINT and SIGTERM end the agent within a second.
";

const CHECK_NOTES: &str = "\
Needs the same privileges as run. Ends with 0 where every probe attached, with 6 where an optional one
did not, with 4 where the agent could not run at all.
";

const EVENTS_NOTES: &str = "\
Examples:
  tcpwarden events                                as a table; what is lost is told at the end
  tcpwarden events --json --count 100             JSON lines: ready, the events, summary
  tcpwarden events --json | jq -c 'select(.new == \"close_wait\")'
";

const CONNECTIONS_NOTES: &str = "\
Filters with several values (--state close_wait,syn_sent or --state close_wait --state syn_sent) ask for
any of them; different filters must all agree. An age with + behind it is a lower bound: the connection is
older than the agent. What did not fit under --limit is told at the end.

Examples:
  tcpwarden connections --state close_wait --min-age 5m
  tcpwarden connections --process nginx --peer 10.0.0.0/8 --sort retransmitted
  tcpwarden connections --state listen --sort port
  tcpwarden connections --json | jq '.connections[].pid'

Needs no privileges but those to reach the address: a socket file is open to its owner and group.
";

const LEAKS_NOTES: &str = "\
A suspect is a process with connections that have been in a state that should pass for more than ten
seconds: close_wait (the peer closed, the process never did), syn_sent (nobody answers), fin_wait2 with a
descriptor (half-closed), fin_wait1, last_ack and closing (the peer does not acknowledge). Ends with 0 also
where there are suspects; .matched of --json says how many.

Examples:
  tcpwarden leaks
  tcpwarden leaks --min-age 1h
  tcpwarden leaks --json | jq -r '.suspects[].sentence'
";

/// The exit codes as a block of help text.
fn exit_codes() -> String {
    exit::TABLE.iter().fold(String::from("Exit codes:\n"), |mut text, (code, meaning)| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {code}  {meaning}");
        text
    })
}

/// Seconds, possibly with a fraction, as a duration that is not zero.
fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let refuse = || "expected seconds from 0.001 to 31536000".to_owned();
    let seconds: f64 = text.parse().map_err(|_not_a_number: std::num::ParseFloatError| refuse())?;
    if !(0.001..=31_536_000.0).contains(&seconds) {
        return Err(refuse());
    }
    std::time::Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_parse_with_their_options() {
        let cli = parse(["tcpwarden", "run", "--listen", "unix:/x", "--keep-privileges"]).unwrap();
        let Command::Run(run) = cli.command else { panic!("not run") };
        assert_eq!((run.listen.as_deref(), run.keep_privileges), (Some("unix:/x"), true));
        assert!(matches!(parse(["tcpwarden", "check"]).unwrap().command, Command::Check));
        let Command::Events(events) =
            parse(["tcpwarden", "events", "--json", "--duration", "0.5", "--count", "3"])
                .unwrap()
                .command
        else {
            panic!("not events")
        };
        assert_eq!(
            events,
            EventsArgs {
                json: true,
                duration: Some(std::time::Duration::from_millis(500)),
                count: Some(3)
            }
        );
    }

    #[test]
    fn wrong_arguments_name_themselves_and_end_with_2() {
        for (arguments, named) in [
            (vec!["tcpwarden", "fly"], "'fly'"),
            (vec!["tcpwarden", "run", "--lisen", "x"], "'--listen'"),
            (vec!["tcpwarden", "events", "--duration", "0"], "0.001 to 31536000"),
            (vec!["tcpwarden", "events", "--duration", "inf"], "0.001 to 31536000"),
            (vec!["tcpwarden", "events", "--count", "0"], "'0'"),
            (vec!["tcpwarden"], "Usage"),
        ] {
            let error = parse(arguments).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    #[test]
    fn help_names_every_command_default_and_exit_code() {
        let help = parse(["tcpwarden", "--help"]).unwrap_err();
        assert_eq!(help.exit_code(), 0);
        let text = help.to_string();
        for word in [
            "run",
            "check",
            "events",
            "Exit codes:",
            "5  the listen address cannot be had",
            "Examples:",
        ] {
            assert!(text.contains(word), "{word}: {text}");
        }
        let run = parse(["tcpwarden", "run", "--help"]).unwrap_err().to_string();
        assert!(run.contains(DEFAULT_LISTEN) && run.contains("TCPWARDEN_RING_BYTES"), "{run}");
        let run = run.split_whitespace().collect::<Vec<_>>().join(" ");
        for key in crate::config::KEYS {
            assert!(run.contains(&format!("--{}", key.name)), "{}: {run}", key.name);
            assert!(
                run.contains(&format!("[default: {}]", key.default)) || key.default == "false",
                "{}",
                key.name
            );
        }
    }

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        command().debug_assert();
    }
}
