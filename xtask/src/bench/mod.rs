//! `bench`: what the agent costs, measured on this machine beside nothing and beside what one would
//! use instead.
//!
//! Each load runs in network namespaces of its own, under each of its arms in turn (A B C A B C
//! ...). Numbers of one run are comparable with each other, not with those of another machine or
//! time.

mod arms;
pub(crate) mod check;
mod cli;
mod figures;
pub(crate) mod interrupt;
mod kernel;
mod launch;
pub(crate) mod loads;
mod machine;
mod markdown;
mod measure;
mod memory;
mod names;
mod peers;
mod printed;
mod report;
mod rounds;
mod source;
pub(crate) mod stage;
mod stats;
mod table;
#[cfg(test)]
mod tests;
mod usage;
mod yardstick;

use anyhow::{Context as _, Result};

pub(crate) use cli::{Args, LoadArgs};
use loads::place::Place;
use loads::{crowd, run};

/// Runs all measurements and prints them.
pub(crate) fn main(args: &Args) -> Result<()> {
    if args.check.check {
        return check::main(&args.check, args.json.as_deref(), &args.consent);
    }
    measure::main(args)
}

/// Makes load in this process; `bench` starts it inside a namespace.
pub(crate) fn load(args: &LoadArgs) -> Result<()> {
    match args.kind.as_str() {
        "statistics" => kernel::statistics(),
        "hold" => crowd::hold(args.amount),
        "hold-part" => crowd::hold_part(args.amount),
        name => {
            let servers = u32::try_from(args.amount).context("no process has such an id")?;
            run::serve(loads::find(name)?, Place::new(servers))
        }
    }
}
