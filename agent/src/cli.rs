//! The command line: the commands, their options and `--help`.
//!
//! Called by `main`. The options of `run` stay text here; [`crate::config`] reads them together
//! with the environment and the file. The commands that ask a running agent come from
//! [`crate::query`].

mod notes;

use std::fmt::Write as _;
use std::time::Duration;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::client::{Address, AgentOptions};
use crate::commands::rules::{DashboardsArgs, RulesArgs};
use crate::config::RunArgs;
use crate::doctor::{self, DoctorArgs};
use crate::duration_text;
use crate::events::Format;
use crate::events::watch::Which;
use crate::exit;
use crate::http::child::ChildArgs;
use crate::query::{self, Request};
use crate::top::{self, TopArgs};
use crate::version;

use notes::{CHECK_NOTES, EVENTS_NOTES, EXAMPLES, RUN_NOTES, SEE_ALSO};

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
    /// Read the lists that the agent hands over
    #[command(hide = true, name = crate::lister::child::COMMAND)]
    Lister,
    /// Speak HTTP for the agent
    #[command(hide = true, name = crate::http::child::COMMAND)]
    Http(ChildArgs),
    /// Say what on this host limits or endangers TCP, and what to change
    Doctor(Box<DoctorArgs>),
    /// Print state transitions and retransmits as they happen
    Events(Box<EventsArgs>),
    /// Show a running agent in a terminal, refreshed
    Top(Box<TopArgs>),
    /// Write alert and recording rules, as they are or with limits and labels of your own
    Rules(RulesArgs),
    /// Write the dashboards for Grafana, as they are or with labels of your own
    Dashboards(DashboardsArgs),
    /// A query: asks a running agent and prints its answer. [`parse`] adds one command for each.
    #[command(skip)]
    Query(Box<Request>),
}

/// Options of `events`.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct EventsArgs {
    /// The form of the events [default: text]
    #[arg(short, long, value_name = "FORM", value_enum)]
    pub output: Option<Format>,
    /// The same as -o json
    #[arg(long)]
    pub json: bool,
    /// Stop after this time: 10s, 1m30s; a bare number is seconds
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// Stop after this many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// The running agent that is asked for the owners of sockets that are older than this command:
    /// ADDR:PORT, [ADDR6]:PORT, NAME:PORT, :PORT, unix:/path/to.sock, http://HOST:PORT or
    /// https://HOST:PORT
    /// [default: unix:/run/tcpwarden/tcpwarden.sock or 127.0.0.1:10793, if one answers]
    #[expect(rustdoc::broken_intra_doc_links, reason = "the text is the help; it has no links")]
    #[arg(long, value_name = "ADDRESS", env = "TCPWARDEN_AGENT", help_heading = "Agent")]
    pub agent: Option<Address>,
    /// How it is asked.
    #[command(flatten)]
    pub options: AgentOptions,
    /// Which events.
    #[command(flatten)]
    pub which: Which,
}

/// Reads the command line.
///
/// # Errors
/// The message of clap, also for `--help` and `--version`. The caller prints it with `print` and
/// ends with its `exit_code`, 0 or 2.
pub fn parse<I, T>(arguments: I) -> Result<Cli, clap::Error>
where
    I: IntoIterator<Item = T>,
    T: Into<std::ffi::OsString> + Clone,
{
    let command = command().version(version::short()).long_version(version::long());
    let matches = command.try_get_matches_from(arguments)?;
    if let Some((name, of_command)) = matches.subcommand()
        && let Some(request) = Request::from_matches(name, of_command)?
    {
        return Ok(Cli { command: Command::Query(Box::new(request)) });
    }
    Cli::from_arg_matches(&matches)
}

/// Returns the command line with the queries and the long help texts. Of the version it has only
/// the number: the rest is of one build.
#[must_use]
pub fn command() -> clap::Command {
    let codes = exit_codes();
    let own = Cli::command()
        .after_help(SEE_ALSO)
        .after_long_help(format!("{EXAMPLES}\n{codes}"))
        .mut_subcommand("run", |run| run.after_long_help(format!("{RUN_NOTES}\n{codes}")))
        .mut_subcommand("check", |check| check.after_long_help(format!("{CHECK_NOTES}\n{codes}")))
        .mut_subcommand("doctor", |it| it.after_long_help(format!("{}\n{codes}", doctor::NOTES)))
        .mut_subcommand("top", |top| top.after_long_help(format!("{}\n{codes}", top::NOTES)))
        .mut_subcommand("events", |events| events.after_long_help(EVENTS_NOTES));
    query::ALL.iter().fold(own, |command, query| command.subcommand(query.command(&codes)))
}

/// Returns the exit codes as a block of help text.
fn exit_codes() -> String {
    exit::TABLE.iter().fold(String::from("Exit codes:\n"), |mut text, (code, meaning)| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {code}  {meaning}");
        text
    })
}

/// Reads a duration from a millisecond to a year; a bare number is seconds.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let read = match text.parse() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => duration_text::parse(text),
    };
    let bounds = Duration::from_millis(1)..=Duration::from_hours(365 * 24);
    read.filter(|read| bounds.contains(read)).ok_or_else(|| {
        "expected a duration from 1ms to 365d such as 10s or 1m30s (a bare number is seconds)"
            .to_owned()
    })
}

#[cfg(test)]
mod snapshots;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_parse_with_their_options() {
        let cli = parse(["tcpwarden", "run", "--listen", "unix:/x", "--keep-privileges"]).unwrap();
        let Command::Run(run) = cli.command else { panic!("not run") };
        assert_eq!((run.listen, run.keep_privileges), (vec!["unix:/x".to_owned()], true));
        assert!(matches!(parse(["tcpwarden", "check"]).unwrap().command, Command::Check));
        let Command::Events(events) =
            parse(["tcpwarden", "events", "--json", "--duration", "0.5", "--count", "3"])
                .unwrap()
                .command
        else {
            panic!("not events")
        };
        assert_eq!(
            *events,
            EventsArgs {
                output: None,
                json: true,
                duration: Some(Duration::from_millis(500)),
                count: Some(3),
                agent: None,
                options: AgentOptions::default(),
                which: Which::default()
            }
        );
    }

    #[test]
    fn wrong_arguments_name_themselves_and_end_with_2() {
        for (arguments, named) in [
            (vec!["tcpwarden", "fly"], "'fly'"),
            (vec!["tcpwarden", "run", "--lisen", "x"], "'--listen'"),
            (vec!["tcpwarden", "events", "--duration", "0"], "from 1ms to 365d"),
            (vec!["tcpwarden", "events", "--duration", "2y"], "from 1ms to 365d"),
            (vec!["tcpwarden", "events", "--duration", "inf"], "from 1ms to 365d"),
            (vec!["tcpwarden", "events", "--count", "0"], "'0'"),
            (vec!["tcpwarden", "events", "--state", "open"], "one of syn_sent"),
            (vec!["tcpwarden", "events", "--peer", "10.0.0.0/33"], "a block of them"),
            (vec!["tcpwarden", "events", "--port", "65536"], "65536"),
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
        for query in query::ALL {
            assert!(text.contains(query.about()), "{query:?}: {text}");
        }
        let run = parse(["tcpwarden", "run", "--help"]).unwrap_err().to_string();
        assert!(
            run.contains(crate::config::DEFAULT_LISTEN) && run.contains("TCPWARDEN_RING_BYTES"),
            "{run}"
        );
        let run = run.split_whitespace().collect::<Vec<_>>().join(" ");
        for key in crate::config::KEYS {
            assert!(run.contains(&format!("--{}", key.name)), "{}: {run}", key.name);
            let says_default = match key.default {
                "false" => true,
                // What it is without the option depends on the machine, and is said in words.
                "" => run.contains("[default: that of the agent]"),
                default => run.contains(&format!("[default: {default}]")),
            };
            assert!(says_default, "{}", key.name);
        }
    }

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        command().debug_assert();
    }
}
