//! `bench --check`: what the agent's own code costs in instructions and allocations, compared with
//! another commit in the same run. Both are counted, not timed, so that a noisy machine can judge.
//!
//! The work is that of the crate `cost`. Its program `counted` is built from the working tree and
//! from the base, and each piece of work that both know may cost up to a tenth more than it did. A
//! commit that means to cost more says so in its message, in a line `Accepts-cost: PIECE`.

mod base;
mod compare;
mod counts;
mod interrupt;

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use self::base::{Base, Tree};
use self::compare::{Piece, Verdict};
use self::interrupt::Interrupts;
use crate::arch::{self, Arch};
use crate::results::Counts;
use crate::setup::{self, ConsentArgs};
use crate::{build, cargo, workspace};

/// The gate's own options.
#[derive(clap::Args)]
pub(crate) struct CheckArgs {
    /// Compare what the agent's code costs in instructions and allocations with another commit,
    /// and fail where that is more than a tenth more; needs no root. A line `Accepts-cost:
    /// PIECE` in a commit's message lets a piece of work cost more
    #[arg(
        long,
        conflicts_with_all = [
            "update", "from", "quick", "loads", "peers", "rounds", "seconds", "connections"
        ]
    )]
    pub(super) check: bool,
    /// The commit to compare with [default: where this branch left origin/main, or the commit
    /// before this one]
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
        Outcome::Compared(Counts { failed, .. }) => {
            bail!("{failed} of the pieces of work cost more than they may; see above")
        }
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
        Err(why) => {
            write(json, &json!({ "compared": false, "why": why }))?;
            return Ok(Outcome::Nothing(why));
        }
    };
    let folder = workspace::root().join("target/check");
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let lock = File::create(folder.join("lock")).context("create the lock of the checks")?;
    // A second check would take the base's files away from the first. Held until the file is
    // closed.
    lock.lock().context("wait for another check of this tree")?;
    eprintln!("cost: building the counted work of {base} and of the working tree");
    let then = {
        let tree = Tree::unpack(&base, folder.join("base"))?;
        interrupts.check()?;
        // Cargo tells the crates of two trees apart by name, version and their paths in the
        // workspace. Were they all the same, each tree would take the other's build for its
        // own; then the base is built apart, with all it needs.
        let target =
            if tree.mark()? { workspace::root().join("target") } else { folder.join("build") };
        program(&tree.path, object, &target, &folder.join("counted-base"))
    };
    interrupts.check()?;
    let now = program(
        workspace::root(),
        object,
        &workspace::root().join("target"),
        &folder.join("counted-now"),
    )?;
    interrupts.check()?;
    let pieces = counts::of_both(&then.with_context(|| format!("build {base}"))?, &now)?;
    interrupts.check()?;
    judge(&base, &pieces, &base.accepted()?, json)
}

fn write(file: Option<&Path>, json: &Value) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    std::fs::write(file, format!("{json:#}\n")).with_context(|| format!("write {}", file.display()))
}

/// Builds `counted` in a tree and puts it where the next build leaves it alone.
fn program(tree: &Path, object: &Path, target: &Path, to: &Path) -> Result<PathBuf> {
    let mut command = cargo::cargo("build")?;
    command.args(["--quiet", "--release", "--package", "cost", "--bin", "counted"]);
    // As what is shipped, and with what was built for that.
    arch::statically(&mut command, Arch::own()?);
    command.current_dir(tree).env("TCPWARDEN_BPF_OBJECT", object);
    command.arg("--target-dir").arg(target);
    let built = cargo::build(&mut command)?.executable("counted")?;
    std::fs::copy(&built, to)
        .with_context(|| format!("copy {} to {}", built.display(), to.display()))?;
    Ok(to.to_owned())
}

/// Prints the table and what follows from it; the pieces of work in `accepted` may cost more.
fn judge(
    base: &Base,
    pieces: &[Piece],
    accepted: &[String],
    json: Option<&Path>,
) -> Result<Outcome> {
    print!("{}", table(base, pieces));
    let of = |verdict: fn(&Verdict) -> bool| {
        pieces.iter().filter(|piece| verdict(&piece.verdict())).count()
    };
    let (held, new) =
        (of(|verdict| *verdict == Verdict::Held), of(|verdict| *verdict == Verdict::New));
    let (grown, gone) = (
        of(|verdict| matches!(verdict, Verdict::Grown(_))),
        of(|verdict| *verdict == Verdict::Gone),
    );
    write(
        json,
        &json!({
            "compared": grown + held > 0,
            "base": base.commit,
            "limit_ratio": compare::LIMIT,
            "accepted": accepted,
            "pieces": pieces.iter().map(Piece::json).collect::<Vec<_>>(),
        }),
    )?;
    if grown + held == 0 {
        ensure!(new > 0, "the working tree has no work to count; xtask/cost lists it");
        ensure!(
            gone == 0,
            "none of the {gone} pieces of work of {base} is counted here any more; name a base \
            that has those of this tree"
        );
        return Ok(Outcome::Nothing(format!("{base} has none of this work; {new} pieces are new")));
    }
    let mut refused = 0;
    for piece in pieces {
        let Verdict::Grown(why) = piece.verdict() else { continue };
        let meant = accepted.contains(&piece.name);
        refused += u64::from(!meant);
        println!(
            "GROWN{}: {}: {why}",
            if meant { ", as a commit's message says" } else { "" },
            piece.name
        );
    }
    if refused > 0 {
        println!("{}", advice());
    }
    println!(
        "cost: {held} pieces within the limit, {grown} grown, {new} new, {gone} gone, compared \
        with {base}"
    );
    Ok(Outcome::Compared(Counts { passed: (held + grown) as u64 - refused, failed: refused }))
}

fn table(base: &Base, pieces: &[Piece]) -> String {
    let mut text = format!(
        "\ncost: instructions, allocations and bytes allocated for one unit, {base} -> working \
        tree\n"
    );
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
         valgrind --tool=callgrind '--toggle-collect=*counted_work*' \
        --callgrind-out-file=target/check/out target/check/counted-now NAME\n  \
         callgrind_annotate target/check/out\n\
         and the same with target/check/counted-base. Where more work is meant, say so in the \
        commit's message: a line `Accepts-cost: NAME`.",
        (compare::LIMIT - 1.0) * 100.0
    )
}

#[cfg(test)]
mod tests {
    use super::compare::Figures;
    use super::*;

    fn figures(instructions: u64) -> Figures {
        Figures { units: 1, unit: "record".into(), instructions, allocations: 0, bytes: 0 }
    }

    fn piece(then: Option<u64>, now: Option<u64>) -> Piece {
        Piece { name: "work".into(), then: then.map(figures), now: now.map(figures) }
    }

    fn judged(pieces: &[Piece], accepted: &[&str]) -> Result<Outcome> {
        let accepted: Vec<_> = accepted.iter().map(ToString::to_string).collect();
        judge(&Base::named("base"), pieces, &accepted, None)
    }

    #[test]
    fn a_comparison_of_nothing_passes_only_where_all_is_new() {
        assert!(judged(&[], &[]).is_err());
        assert!(judged(&[piece(Some(100), None)], &[]).is_err());
        assert!(judged(&[piece(Some(100), None), piece(None, Some(100))], &[]).is_err());
        assert!(matches!(judged(&[piece(None, Some(100))], &[]), Ok(Outcome::Nothing(_))));
    }

    #[test]
    fn a_piece_that_grew_fails_unless_a_commit_says_that_it_is_meant() {
        let grown = || [piece(Some(100), Some(120))];
        let failed = |outcome| match outcome {
            Ok(Outcome::Compared(counts)) => (counts.passed, counts.failed),
            _ => panic!("not compared"),
        };
        assert_eq!(failed(judged(&grown(), &[])), (0, 1));
        assert_eq!(failed(judged(&grown(), &["other"])), (0, 1));
        assert_eq!(failed(judged(&grown(), &["work"])), (1, 0));
    }
}
