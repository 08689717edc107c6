//! `bench --check`: what the agent's own code costs in instructions and allocations, compared with another commit in
//! the same run. Both are counted, not timed, so that a noisy machine can judge.
//!
//! The work is that of the crate `cost`. Its program `counted` is built from the working tree and from the base, and
//! each piece of work that both know may cost up to a tenth more than it did.

mod base;
mod compare;
mod counts;
mod interrupt;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use self::base::{Base, Tree};
use self::compare::{Piece, Verdict};
use self::interrupt::Interrupts;
use crate::results::Counts;
use crate::setup::{self, ConsentArgs};
use crate::{build, cargo, workspace};

/// The gate's own options.
#[derive(clap::Args)]
pub(crate) struct CheckArgs {
    /// Compare what the agent's code costs in instructions and allocations with another commit, and fail where
    /// that is more than a tenth more; needs no root
    #[arg(long)]
    pub(super) check: bool,
    /// The commit to compare with [default: where this branch left origin/main, or the commit before this one]
    #[arg(long, value_name = "COMMIT", requires = "check")]
    base: Option<String>,
}

/// What a check came to.
pub(crate) enum Outcome {
    /// Every piece of work, as a test.
    Compared(Counts),
    /// There is nothing to compare with, and why.
    Nothing(String),
}

/// Runs the check as a command of its own.
pub(super) fn main(args: &CheckArgs, json: Option<&Path>, consent: &ConsentArgs) -> Result<()> {
    let consent = consent.consent();
    setup::for_counting(consent)?;
    let object = match std::env::var_os("TCPWARDEN_BPF_OBJECT") {
        Some(object) => PathBuf::from(object),
        None => build::agent(&setup::for_build(consent)?, build::Profile::Release)?.object,
    };
    match check(&object, args.base.as_deref(), json)? {
        Outcome::Compared(Counts { failed: 0, .. }) => Ok(()),
        Outcome::Compared(Counts { failed, .. }) => bail!("{failed} of the pieces of work cost more than they may; see above"),
        Outcome::Nothing(why) => {
            println!("cost: nothing compared: {why}");
            Ok(())
        }
    }
}

/// Compares the working tree with the base, with a kernel side that has been built.
pub(crate) fn check(object: &Path, base: Option<&str>, json: Option<&Path>) -> Result<Outcome> {
    let interrupts = Interrupts::note()?;
    let base = match base::find(base)? {
        Ok(base) => base,
        Err(why) => return Ok(Outcome::Nothing(why)),
    };
    let folder = workspace::root().join("target/check");
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    eprintln!("cost: building the counted work of {base} and of the working tree");
    let then = {
        let tree = Tree::unpack(&base, folder.join("base"))?;
        interrupts.check()?;
        // Cargo tells the crates of two trees apart by name, version and their paths in the workspace. Were they all
        // the same, each tree would take the other's build for its own; then the base is built apart, with all it needs.
        let target = if tree.mark()? { workspace::root().join("target") } else { folder.join("build") };
        program(&tree.path, object, &target, &folder.join("counted-base"))
    };
    interrupts.check()?;
    let now = program(workspace::root(), object, &workspace::root().join("target"), &folder.join("counted-now"))?;
    interrupts.check()?;
    let pieces = counts::of_both(&then.with_context(|| format!("build {base}"))?, &now)?;
    interrupts.check()?;
    judge(&base, &pieces, json)
}

/// Builds `counted` in a tree and puts it where the next build leaves it alone.
fn program(tree: &Path, object: &Path, target: &Path, to: &Path) -> Result<PathBuf> {
    let mut command = cargo::cargo("build")?;
    command.args(["--quiet", "--release", "--package", "cost", "--bin", "counted"]);
    command.current_dir(tree).env("TCPWARDEN_BPF_OBJECT", object);
    command.arg("--target-dir").arg(target);
    let built = cargo::build(&mut command)?.executable("counted")?;
    std::fs::copy(&built, to).with_context(|| format!("copy {} to {}", built.display(), to.display()))?;
    Ok(to.to_owned())
}

/// Prints the table and what follows from it.
fn judge(base: &Base, pieces: &[Piece], json: Option<&Path>) -> Result<Outcome> {
    print!("{}", table(base, pieces));
    if let Some(file) = json {
        let text = json!({
            "base": base.commit,
            "limit_ratio": compare::LIMIT,
            "pieces": pieces.iter().map(Piece::json).collect::<Vec<_>>(),
        });
        std::fs::write(file, format!("{text:#}\n")).with_context(|| format!("write {}", file.display()))?;
    }
    let of = |verdict: fn(&Verdict) -> bool| pieces.iter().filter(|piece| verdict(&piece.verdict())).count() as u64;
    let (grown, held) = (of(|verdict| matches!(verdict, Verdict::Grown(_))), of(|verdict| matches!(verdict, Verdict::Held)));
    let (new, gone) = (of(|verdict| matches!(verdict, Verdict::New)), of(|verdict| matches!(verdict, Verdict::Gone)));
    for piece in pieces {
        if let Verdict::Grown(why) = piece.verdict() {
            println!("GROWN: {}: {why}", piece.name);
        }
    }
    if grown > 0 {
        println!("{}", advice());
    }
    if grown + held == 0 {
        return Ok(Outcome::Nothing(format!("{base} has none of this work; {new} pieces are new")));
    }
    println!("cost: {held} pieces within the limit, {grown} grown, {new} new, {gone} gone, compared with {base}");
    Ok(Outcome::Compared(Counts { passed: held + new, failed: grown }))
}

fn table(base: &Base, pieces: &[Piece]) -> String {
    let mut text = format!("\ncost: instructions, allocations and bytes allocated for one unit, {base} -> working tree\n");
    let width = pieces.iter().map(|piece| piece.name.len()).max().unwrap_or_default();
    for piece in pieces {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {:width$}  {}", piece.name, piece.line());
    }
    text
}

fn advice() -> String {
    format!(
        "Each may cost {:.0} % more than on the base. Where the instructions go:\n  \
         valgrind --tool=callgrind '--toggle-collect=*counted_work*' --callgrind-out-file=target/check/out target/check/counted-now NAME\n  \
         callgrind_annotate target/check/out\n\
         and the same with target/check/counted-base. Where more work is meant, make it up elsewhere in the piece, or do it off this path.",
        (compare::LIMIT - 1.0) * 100.0
    )
}

#[cfg(test)]
mod review {
    use super::compare::Figures;
    use super::*;

    fn refuses(pieces: &[Piece]) {
        match judge(&Base::for_review(), pieces, None) {
            Ok(Outcome::Nothing(why)) => panic!("passes: {why}"),
            Ok(Outcome::Compared(counts)) => panic!("compared: {counts}"),
            Err(_) => {}
        }
    }

    #[test]
    fn work_that_is_all_gone_is_not_told_as_a_base_without_work() {
        let figures = Figures { units: 1, unit: "record".into(), instructions: 100, allocations: 0, bytes: 0 };
        refuses(&[Piece { name: "a".into(), then: Some(figures), now: None }]);
    }

    #[test]
    fn no_work_at_all_is_an_error() {
        refuses(&[]);
    }
}
