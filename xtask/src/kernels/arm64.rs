//! `cargo xtask test --full arm64`: the portable live tests on Debian's arm64 kernels, each in a
//! guest that an x86_64 machine emulates.
//!
//! The programs are those that `cargo xtask dist` builds for arm64: static, with the kernel side of
//! this machine's build, byte for byte. MPTCP is left out: `ip` of busybox cannot set it up.
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

use super::fetch::{self, Source};
use super::guest::Payload;
use super::{PORTABLE, Seen, boot_each, test_name};
use crate::arch::Arch;
use crate::packages::{self, Consent};
use crate::results::Counts;
use crate::{build, dist, process, setup, workspace};

/// The series that are booted, oldest first; 7 is the newest 7.x. Debian has no 5.15.
const SERIES: [&str; 4] = ["5.10", "6.1", "6.12", "7"];
/// Tests that need a program that the guest lacks.
const LEFT_OUT: &str = "--skip portable::mptcp";

/// Boots every series and prints what was seen; `filter` is part of the names of the tests.
pub(crate) fn main(filter: Option<&str>, consent: Consent) -> Result<ExitCode> {
    if Arch::own()? == Arch::Arm {
        bail!("this is an arm64 machine: `cargo xtask test` runs the same tests on its own kernel");
    }
    let filter = test_name(filter.unwrap_or(PORTABLE))?;
    let toolchain = setup::for_build(consent)?;
    setup::for_tests(consent)?;
    setup::for_arm64(consent)?;
    let own = build::agent(&toolchain, build::Profile::Release)?;
    let (agent, tests) = dist::programs_for_guests(Arch::Arm, &own, &toolchain, consent)?;
    let payload = Payload {
        agent,
        tests,
        busybox: busybox()?,
        ip: None,
        arguments: format!("{filter} {LEFT_OUT}"),
    };
    let mirror = std::env::var("XTASK_DEBIAN_MIRROR").ok();
    let source = Source { arch: Arch::Arm, mirror: mirror.as_deref(), refresh: false };
    let kernels = fetch::all(&SERIES.map(str::to_owned), &source)?;
    let mut rows: Vec<Row> = Vec::new();
    for (kernel, result) in boot_each(&payload, &kernels, false)? {
        rows.push(Row { series: kernel.wanted.clone(), package: kernel.package.clone(), result });
    }
    rows.sort_by_key(|row| SERIES.iter().position(|series| *series == row.series));
    println!("\n{}", table(&rows));
    let passed = |row: &Row| row.result.as_ref().is_ok_and(|seen| seen.counts.failed == 0);
    Ok(if rows.iter().all(passed) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What came of one series.
struct Row {
    series: String,
    package: String,
    result: Result<Seen>,
}

/// The head of the table.
const HEAD: &str = "| kernel | booted | passed | failed | s |\n|---|---|---:|---:|---:|\n";

/// Returns the rows as a table of Markdown, with the sum of the tests below it.
fn table(rows: &[Row]) -> String {
    let mut text = HEAD.to_owned();
    let mut sum = Counts::default();
    for Row { series, package, result } in rows {
        sum += result.as_ref().map_or_else(|_| Counts::default(), |seen| seen.counts);
        // Writing to a String cannot fail.
        let _ = match result {
            Ok(Seen { release, counts: Counts { passed, failed }, seconds }) => {
                writeln!(text, "| {series} | {release} | {passed} | {failed} | {seconds:.0} |")
            }
            Err(error) => writeln!(text, "| {series} | {package}: {error:#} | | | |"),
        };
    }
    let _ = write!(text, "arm64: {sum}");
    text
}

/// Returns a static busybox for arm64, of the same version as this machine's.
fn busybox() -> Result<PathBuf> {
    const PACKAGE: &str = "busybox-static";
    let version = packages::candidate(PACKAGE).context("apt does not know busybox-static")?;
    let home = workspace::tools().join(format!("{PACKAGE}-arm64-{version}"));
    if !home.exists() {
        eprintln!("kernels: unpacking {PACKAGE} {version} for arm64 into target/tools");
        let archive = packages::foreign(PACKAGE, &version, Arch::Arm.debian())?;
        let new = home.with_extension("new");
        process::run(Command::new("dpkg-deb").arg("--extract").arg(&archive).arg(&new))?;
        std::fs::rename(&new, &home).context("take busybox")?;
        std::fs::remove_file(&archive).context("remove the package")?;
    }
    // Before and after the folders of programs became one.
    let places = ["bin/busybox", "usr/bin/busybox"].map(|place| home.join(place));
    places.into_iter().find(|place| place.is_file()).context("the package has no busybox")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_has_a_row_also_one_that_brought_no_result() {
        let seen = Seen {
            release: "6.1.0-57-cloud-arm64".to_owned(),
            counts: Counts { passed: 70, failed: 1 },
            seconds: 130.4,
        };
        let row = |series: &str, result| Row {
            series: series.to_owned(),
            package: format!("linux-image-{series}"),
            result,
        };
        let rows = [
            row("5.10", Err(anyhow::anyhow!("no verdict").context("the guest ended"))),
            row("6.1", Ok(seen)),
        ];
        let expected = "| kernel | booted | passed | failed | s |\n|---|---|---:|---:|---:|\n\
            | 5.10 | linux-image-5.10: the guest ended: no verdict | | | |\n\
            | 6.1 | 6.1.0-57-cloud-arm64 | 70 | 1 | 130 |\n\
            arm64: 70 passed, 1 failed";
        assert_eq!(table(&rows), expected);
    }
}
