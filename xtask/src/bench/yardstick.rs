//! The yardstick: a program on the same hook that does nothing but hand a record of the same size
//! to a ring. What the agent's own program costs beyond it is what the agent can be blamed for.
//! Beside it a program that does nothing at all: what the kernel takes to call one more.

use std::path::{Path, PathBuf};

use agent_common::record;
use anyhow::{Context as _, Result};

use super::arms::{Arm, Kind};
use super::names::{EMPTY, YARDSTICK};
use crate::arch::{self, Arch};
use crate::cargo;

/// Bytes of the record that the agent writes for a transition, unless that is to CLOSE.
const BYTES: usize = size_of::<record::State>();

/// What `given` names, or else what is built for it; `object` is the agent's kernel side, which
/// need not be compiled again.
pub(super) fn arms(given: Option<&Path>, object: &Path) -> Result<[Arm; 2]> {
    let binary = given.map_or_else(|| build(object), |given| Ok(given.to_owned()))?;
    Ok([(YARDSTICK, BYTES), (EMPTY, 0)].map(|(name, bytes)| Arm {
        name: name.to_owned(),
        kind: Kind::Yardstick { binary: binary.clone(), bytes },
    }))
}

fn build(object: &Path) -> Result<PathBuf> {
    let mut command = cargo::cargo("build")?;
    command.env("TCPWARDEN_BPF_OBJECT", object).args([
        "--quiet",
        "--release",
        "--package",
        "cost",
        "--bin",
        "yardstick",
    ]);
    arch::statically(&mut command, Arch::own()?);
    cargo::build(&mut command).context("build the yardstick")?.executable("yardstick")
}

/// Runs and nanoseconds of its program, from the line that it says at its end: `runs N ns M`.
pub(super) fn counted(said: &str) -> Option<(u64, u64)> {
    let words: Vec<_> = said.split_whitespace().collect();
    let at = words.windows(4).find(|words| words[0] == "runs" && words[2] == "ns")?;
    Some((at[1].parse().ok()?, at[3].parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_last_line_is_read_and_anything_else_is_not() {
        assert_eq!(counted("runs 20 ns 1300\n"), Some((20, 1300)));
        for other in ["", "runs 20", "runs x ns 3", "attached"] {
            assert_eq!(counted(other), None, "{other:?}");
        }
    }
}
