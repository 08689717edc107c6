//! Counts tests: every test binary ends with a line `test result: ...`, and these are added up.
use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::ops::AddAssign;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

/// How many tests ran, and how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
}

impl Counts {
    /// Returns the sum over all `test result:` lines of a text.
    pub(crate) fn read(text: &str) -> Self {
        let mut sum = Self::default();
        for line in text.lines() {
            sum += Self::of_line(line);
        }
        sum
    }

    /// Returns the counts of one line; zero if it is not a result.
    fn of_line(line: &str) -> Self {
        // A guest's serial line ends in a carriage return.
        let Some((_, rest)) = line.trim().split_once("test result: ") else {
            return Self::default();
        };
        let count = |label: &str| {
            let before = rest.split(';').find_map(|part| part.trim().strip_suffix(label))?;
            before.split_whitespace().next_back()?.parse().ok()
        };
        Self { passed: count("passed").unwrap_or(0), failed: count("failed").unwrap_or(0) }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// Runs a test command, prints its output and counts its tests. A failed test is no error here; a
/// command that fails without a failed test is.
pub(crate) fn run(command: &mut Command) -> Result<Counts> {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("start the tests")?;
    let stdout = child.stdout.take().context("the tests have no output")?;
    let mut counts = Counts::default();
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.context("read the tests' output")?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        counts += Counts::of_line(&line);
    }
    let status = child.wait().context("wait for the tests")?;
    if !status.success() && counts.failed == 0 {
        bail!("the tests ended with {status} and named no failed test");
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_of_all_binaries_are_added_up() {
        let text = "running 2 tests\n\
            test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished \
            in 0.00s\n\
            noise\n\
            test result: FAILED. 11 passed; 3 failed; 1 ignored; 0 measured; 4 filtered out; \
            finished in 1.20s\r\n";
        assert_eq!(Counts::read(text), Counts { passed: 13, failed: 3 });
        assert_eq!(Counts::read(text).to_string(), "13 passed, 3 failed");
    }

    #[test]
    fn text_without_a_result_counts_nothing() {
        assert_eq!(Counts::read(""), Counts::default());
        assert_eq!(
            Counts::read("test result: \n5 passed; 5 failed\ntest result: ok. x passed"),
            Counts::default()
        );
    }
}
