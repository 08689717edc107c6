//! The project's own commands, reached as `cargo xtask VERB`: set-up, build, run, test, kernels,
//! lab, demo.
//!
//! Every verb makes sure of what it needs before it starts, says what it is doing, and fails with
//! one message that names what to do. `cargo xtask` alone prints the help.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the output of these commands is for the person at the terminal"
)]

mod bench;
mod bpf_linker;
mod build;
mod cargo;
mod dashboards;
mod demo;
mod kernels;
mod lab;
mod packages;
mod process;
mod results;
mod run;
mod setup;
mod test;
mod toolchain;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Setup(setup::Args),
    Build(build::Args),
    Run(run::Args),
    Test(test::Args),
    Kernels(kernels::Args),
    Bench(bench::Args),
    Lab(lab::Args),
    Demo(demo::Args),
    #[command(hide = true)]
    DemoPlay(demo::PlayArgs),
    Dashboards(dashboards::Args),
    #[command(hide = true)]
    BenchLoad(bench::LoadArgs),
}

fn main() -> ExitCode {
    if let Some(code) = testkit::netns::dispatch() {
        return code;
    }
    let done = |()| ExitCode::SUCCESS;
    let result = match Cli::parse().verb {
        Verb::Setup(args) => setup::main(&args).map(done),
        Verb::Build(args) => build::main(&args).map(done),
        Verb::Run(args) => run::main(&args).map(done),
        Verb::Test(args) => test::main(&args),
        Verb::Kernels(args) => kernels::main(&args),
        Verb::Lab(args) => lab::main(&args).map(done),
        Verb::Demo(args) => demo::main(&args).map(done),
        Verb::DemoPlay(args) => demo::play(&args).map(done),
        Verb::Bench(args) => bench::main(&args).map(done),
        Verb::Dashboards(args) => dashboards::main(&args).map(done),
        Verb::BenchLoad(args) => bench::load(&args).map(done),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
