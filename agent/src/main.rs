//! `tcpwarden`: reads the command line, starts the log, runs one command, ends with its exit code.

use std::io::{IsTerminal as _, stderr, stdout};
use std::process::ExitCode;

use tcpwarden::cli::{self, Command};
use tcpwarden::commands::{check, events, run};
use tcpwarden::config::RunConfig;
use tcpwarden::exit::Error;
use tcpwarden::http;
use tcpwarden::lister::child;
use tcpwarden::log::Log;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    tcpwarden::kernel::lookup::without_modules();
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            // If standard output is closed, there is no reader.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1));
        }
    };
    match dispatch(cli.command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            tcpwarden::print_error(&error);
            ExitCode::from(&error)
        }
    }
}

fn dispatch(command: Command) -> Result<u8, Error> {
    match command {
        Command::Run(arguments) => {
            let config = RunConfig::load(&arguments, &|name| std::env::var_os(name))?;
            start_log(&config.log)?;
            tcpwarden::log::catch_panics();
            tcpwarden::config::warn_of_unknown_variables(std::env::vars_os().map(|one| one.0));
            run::run(&config)
        }
        Command::Check => {
            start_log("error")?;
            check::check(&mut stdout().lock())
        }
        Command::Events(arguments) => {
            start_log("warn")?;
            events::events(&arguments)
        }
        Command::Lister => child::run(),
        Command::Http(arguments) => {
            start_log(&arguments.log)?;
            tcpwarden::log::catch_panics();
            http::child::run(&arguments)
        }
        Command::Query(request) => request.run(&mut stdout().lock()),
    }
}

/// Starts the log on standard error; standard output is for what a command prints.
fn start_log(filter: &str) -> Result<(), Error> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Error::Usage(format!("cannot read the log filter {filter:?}: {error}")))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Log::default)
        // What cannot be written is counted. The library would print it, and panic over that.
        .log_internal_errors(false)
        .with_ansi(stderr().is_terminal())
        .with_target(false)
        .init();
    Ok(())
}
