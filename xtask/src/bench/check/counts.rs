//! Runs pieces of work and counts: allocations as the program itself does, instructions with
//! callgrind, inside of the one function that does the work, so that neither preparation nor start
//! counts.

use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context as _, Result, ensure};

use super::compare::{Figures, Piece};
use crate::process;

/// The function of `counted` inside of which everything counts.
const COUNTED: &str = "--toggle-collect=*counted_work*";

/// What the programs of both trees count, by piece: first those of the working tree, in its order.
pub(super) fn of_both(then: &Path, now: &Path) -> Result<Vec<Piece>> {
    // Both at once: what is counted does not depend on what else runs.
    let (then, now) = thread::scope(|scope| {
        let then = scope.spawn(|| all(then, "base"));
        let now = all(now, "working tree");
        (then.join(), now)
    });
    let mut then = then.map_err(|_panic| anyhow::anyhow!("counting the base panicked"))??;
    let mut pieces = Vec::new();
    for (name, now) in now? {
        let at = then.iter().position(|(other, _)| *other == name);
        let then = at.map(|at| then.remove(at).1);
        pieces.push(Piece { name, then, now: Some(now) });
    }
    pieces.extend(then.into_iter().map(|(name, then)| Piece { name, then: Some(then), now: None }));
    Ok(pieces)
}

/// Every piece of work that a program knows.
fn all(program: &Path, of: &str) -> Result<Vec<(String, Figures)>> {
    let names = process::output(&mut Command::new(program))?;
    let count = |name: &str| {
        let figures =
            counted(program, name).with_context(|| format!("count {name} of the {of}"))?;
        eprintln!("cost: counted {name} of the {of}");
        Ok((name.to_owned(), figures))
    };
    names.lines().map(str::trim).filter(|name| !name.is_empty()).map(count).collect()
}

fn counted(program: &Path, name: &str) -> Result<Figures> {
    let printed = process::output(Command::new(program).arg(name))?;
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", COUNTED, "--callgrind-out-file=/dev/null"])
        .arg(program)
        .arg(name);
    valgrind.env("PATH", crate::workspace::path()?).stdin(std::process::Stdio::null());
    let output = valgrind.output().context("run valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "valgrind failed: {}: {}", output.status, said.trim());
    let instructions =
        collected(&said).with_context(|| format!("valgrind told no count: {}", said.trim()))?;
    ensure!(
        instructions > 0,
        "nothing was counted: the function {COUNTED} names is not in {}",
        program.display()
    );
    figures(&printed, instructions).with_context(|| {
        format!("{} printed no figures but {:?}", program.display(), printed.trim())
    })
}

/// The figures of a program's line: units, what they are, allocations, bytes.
fn figures(line: &str, instructions: u64) -> Option<Figures> {
    let mut words = line.split_whitespace();
    let units: u64 = words.next()?.parse().ok().filter(|units| *units > 0)?;
    let unit = words.next()?.to_owned();
    let (allocations, bytes) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some(Figures { units, unit, instructions, allocations, bytes })
}

/// The count in what callgrind says at its end: `==123== Collected : 456`.
fn collected(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_two_programs_print_is_read() {
        assert_eq!(collected("==1== Events    : Ir\n==1== Collected : 5123\n==1==\n"), Some(5123));
        assert_eq!(collected("==1== Collected : \n"), None);
        let read = figures("20480 record 3 96\n", 5123).unwrap();
        assert_eq!(
            (read.units, read.unit.as_str(), read.allocations, read.bytes, read.instructions),
            (20480, "record", 3, 96, 5123)
        );
        for broken in ["", "0 record 3 96", "1 record 3", "x record 3 96"] {
            assert!(figures(broken, 1).is_none(), "{broken}");
        }
    }
}
