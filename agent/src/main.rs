//! `tcpwarden`: reads the command line, starts the log, runs one command, ends with its exit code.

use std::io::stdout;
use std::process::ExitCode;

use tcpwarden::cli::{self, Command};
use tcpwarden::commands::{check, events, rules, run};
use tcpwarden::config::RunConfig;
use tcpwarden::doctor;
use tcpwarden::exit::Error;
use tcpwarden::http;
use tcpwarden::lister::child;
use tcpwarden::log::{self, Format};
use tcpwarden::top;

fn main() -> ExitCode {
    tcpwarden::kernel::lookup::without_modules();
    tcpwarden::kernel::heap::give_back_large_pieces();
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
            log::start(&config.log, config.log_format)?;
            log::catch_panics();
            tcpwarden::config::warn_of_unknown_variables(std::env::vars_os().map(|one| one.0));
            run::run(&config)
        }
        Command::Check => {
            log::start("error", Format::Text)?;
            check::check(&mut stdout().lock())
        }
        Command::Doctor(arguments) => {
            log::start("error", Format::Text)?;
            doctor::doctor(&arguments, &mut stdout().lock())
        }
        Command::Events(arguments) => {
            log::start("warn", Format::Text)?;
            events::events(&arguments)
        }
        Command::Top(arguments) => top::top(&arguments),
        Command::Rules(arguments) => rules::rules(&arguments, &mut stdout().lock()),
        Command::Dashboards(arguments) => rules::dashboards(&arguments, &mut stdout().lock()),
        Command::Lister => child::run(),
        Command::Http(arguments) => {
            log::start(&arguments.log, arguments.log_format)?;
            log::catch_panics();
            http::child::run(&arguments)
        }
        Command::Query(request) => request.run(&mut stdout().lock()),
    }
}
