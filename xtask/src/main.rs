//! The project's own commands, reached as `cargo xtask VERB`: set-up, build, run, check, test,
//! kernels, bench, lab, demo, dashboards, soak, fuzz, fleet, picture.
//!
//! Every verb installs what it needs before it starts, prints what it does, and fails with one
//! message that names what to do. `cargo xtask` alone prints the help.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the output of these commands is for the person at the terminal"
)]

mod alerts;
mod arch;
mod bench;
mod book;
mod bpf_linker;
mod build;
mod cargo;
mod chart;
mod check;
mod commit;
mod dashboards;
mod demo;
mod dist;
mod fleet;
mod fuzz;
mod kernels;
mod lab;
mod machines;
mod packages;
mod page;
mod picture;
mod process;
mod python;
mod results;
mod root_tests;
mod run;
mod setup;
mod soak;
mod supply;
mod test;
mod tool;
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
    Check(check::Args),
    Test(test::Args),
    #[command(hide = true)]
    TestStep(test::StepArgs),
    Kernels(kernels::Args),
    Bench(bench::Args),
    Soak(soak::Args),
    Fuzz(fuzz::Args),
    Fleet(fleet::Args),
    Lab(lab::Args),
    Demo(demo::Args),
    #[command(hide = true)]
    DemoPlay(demo::PlayArgs),
    Dashboards(dashboards::Args),
    Picture(picture::Args),
    Dist(dist::Args),
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
        Verb::Check(args) => check::main(&args).map(done),
        Verb::Test(args) => test::main(&args),
        Verb::TestStep(args) => test::step(&args).map(done),
        Verb::Kernels(args) => kernels::main(&args),
        Verb::Soak(args) => soak::main(&args),
        Verb::Fuzz(args) => fuzz::main(&args),
        Verb::Fleet(args) => fleet::main(&args),
        Verb::Lab(args) => lab::main(&args).map(done),
        Verb::Demo(args) => demo::main(&args).map(done),
        Verb::DemoPlay(args) => demo::play(&args).map(done),
        Verb::Bench(args) => bench::main(&args).map(done),
        Verb::Dashboards(args) => dashboards::main(&args).map(done),
        Verb::Picture(args) => picture::main(&args).map(done),
        Verb::Dist(args) => dist::main(&args).map(done),
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
