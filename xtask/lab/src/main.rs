//! `lab NAME`: runs a scenario; `lab list` names them.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the output is for the person at the terminal"
)]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser;
use lab::run::{self, Options};
use testkit::address::Address;

/// Makes one classic TCP failure happen, in network namespaces of its own, and shows what the agent
/// says of it.
#[derive(Parser, Debug)]
#[command(name = "lab", arg_required_else_help = true)]
struct Cli {
    /// The scenario, or `list` for their names.
    name: String,
    /// How long it lasts.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(3..=3600))]
    seconds: u64,
    /// Where the agent answers: `http://ADDRESS:PORT` or `unix:/path`.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:10793")]
    agent: Address,
    /// Leave out that the committed alert rules wait for minutes: those that watch this wait for
    /// seconds.
    #[arg(long, hide = true)]
    short_rules: bool,
}

fn main() -> ExitCode {
    if let Some(code) = lab::cast::dispatch() {
        return code;
    }
    match play(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn play(cli: &Cli) -> Result<()> {
    if cli.name == "list" {
        for scenario in lab::all() {
            println!("{:16} {}", scenario.name, scenario.about);
        }
        return Ok(());
    }
    let scenario = lab::find(&cli.name)
        .with_context(|| format!("no scenario is called {:?}: `list` names them", cli.name))?;
    let interrupts = run::interrupts()?;
    let options = Options {
        length: Duration::from_secs(cli.seconds),
        agent: cli.agent.clone(),
        short_rules: cli.short_rules,
    };
    run::run(scenario, &options, &interrupts, &mut std::io::stdout())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn a_scenario_is_bounded_in_time() {
        assert_eq!(parse("lab echo").unwrap().seconds, 120);
        assert_eq!(parse("lab echo --seconds 3600").unwrap().seconds, 3600);
        for wrong in ["2", "3601", "-1", "1e3", "99999999999999999999"] {
            assert!(parse(&format!("lab echo --seconds {wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_agent_and_a_wrong_name_are_refused() {
        assert!(parse("lab echo --agent nowhere").is_err() && parse("lab").is_err());
        let error = play(&parse("lab ecko").unwrap()).unwrap_err();
        assert!(error.to_string().contains("ecko"), "{error}");
    }
}
