//! Boots one guest under QEMU's software emulation and reads the exit status of its tests.
//!
//! Emulation is chosen on purpose. It works everywhere and boots in a few seconds; a /dev/kvm that
//! opens may still run no ordinary kernel, as on hosts that nest guests of one kind only. One
//! virtual processor was more reliable than two. A guest that ends without a status shows nothing
//! about the agent.
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::fetch::Kernel;
use crate::arch::Arch;
use crate::results::Counts;

/// How long a guest may be silent: longer than the four minutes after which the most patient test
/// fails with a message.
const SILENCE: Duration = Duration::from_mins(5);
/// How long a guest may take altogether: twice what one took beside two builds. One that hangs is
/// silent; this ends one that talks for ever.
const LIMIT: Duration = Duration::from_mins(40);

/// The machine of a processor.
struct Machine {
    /// The emulator.
    program: &'static str,
    kind: &'static str,
    processor: &'static str,
    memory: &'static str,
    /// The kernel command line: only errors on the console, and no work at boot that the tests do
    /// not need.
    line: &'static str,
    serial: Serial,
}

const X86: Machine = Machine {
    program: "qemu-system-x86_64",
    kind: "q35",
    processor: "max,la57=off",
    // The files of a guest lie in memory, and may take half of it.
    memory: "1G",
    line: "console=ttyS0 panic=-1 quiet no_timer_check mitigations=off nokaslr \
           cryptomgr.notests apparmor=0 audit=0 random.trust_cpu=on",
    serial: Serial::Two,
};
const ARM: Machine = Machine {
    program: "qemu-system-aarch64",
    kind: "virt",
    processor: "cortex-a72",
    memory: "1G",
    line: "console=ttyAMA0 panic=-1 quiet mitigations=off nokaslr cryptomgr.notests apparmor=0 \
           audit=0",
    serial: Serial::One,
};

/// The serial ports of a guest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serial {
    /// The console, and one for results.
    Two,
    /// One for both, where the machine has no second.
    One,
}

/// What a guest reported.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// The release that the booted kernel names.
    pub(crate) release: String,
    /// The exit status of the tests; nothing if the guest ended before them.
    pub(crate) verdict: Option<i32>,
    /// How many tests ran.
    pub(crate) counts: Counts,
    /// Everything that was read from the second serial port, or from the only one.
    pub(crate) results: String,
    /// Everything that was read from the console, if it has a port of its own.
    pub(crate) console: String,
}

/// Boots a kernel, and once more if the first guest ended without a status before `LIMIT`.
pub(crate) fn run(kernel: &Kernel, initramfs: &Path) -> Result<Report> {
    let started = Instant::now();
    let first = once(kernel, initramfs)?;
    if first.verdict.is_some() || started.elapsed() >= LIMIT {
        return Ok(first);
    }
    eprintln!("kernels: {}: no verdict, booting once more", kernel.wanted);
    once(kernel, initramfs)
}

fn once(kernel: &Kernel, initramfs: &Path) -> Result<Report> {
    let Machine { program, kind, processor, memory, line, serial } = match kernel.arch {
        Arch::X86 => X86,
        Arch::Arm => ARM,
    };
    let mut command = Command::new(program);
    command.args(["-M", kind, "-accel", "tcg", "-cpu", processor, "-smp", "1", "-m", memory]);
    command.args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"]);
    command.args(["-monitor", "none", "-append", line]);
    command.arg("-kernel").arg(&kernel.image).arg("-initrd").arg(initramfs);
    watch(command, &kernel.home, serial)
}

/// Starts a guest, whose logs lie in `home`, and waits for its end.
pub(crate) fn watch(mut command: Command, home: &Path, serial: Serial) -> Result<Report> {
    let [console, results] = ["console.log", "results.log"].map(|name| home.join(name));
    for log in [&console, &results] {
        fs::write(log, "").with_context(|| format!("empty {}", log.display()))?;
    }
    let ports: &[_] = match serial {
        Serial::Two => &[&console, &results],
        Serial::One => &[&results],
    };
    for log in ports {
        command.arg("-serial").arg(format!("file:{}", log.display()));
    }
    let program = command.get_program().to_string_lossy().into_owned();
    let mut guest =
        command.stdin(Stdio::null()).spawn().with_context(|| format!("start {program}"))?;
    wait(&mut guest, &results)?;
    let read = |log: &Path| {
        fs::read(log)
            .map(|bytes| String::from_utf8_lossy(&bytes).replace('\r', ""))
            .unwrap_or_default()
    };
    Ok(report(read(&results), read(&console)))
}

/// Waits until the guest ends. Kills a guest that is silent or takes too long.
fn wait(guest: &mut Child, results: &Path) -> Result<()> {
    let started = Instant::now();
    let (mut length, mut heard) = (0, started);
    while started.elapsed() < LIMIT && heard.elapsed() < SILENCE {
        if guest.try_wait().context("wait for the guest")?.is_some() {
            return Ok(());
        }
        let now = fs::metadata(results).map_or(0, |metadata| metadata.len());
        if now != length {
            (length, heard) = (now, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    guest.kill().context("end a guest that takes too long")?;
    guest.wait().map(drop).context("wait for the guest")
}

fn report(results: String, console: String) -> Report {
    let field =
        |label: &str| results.lines().find_map(|line| line.strip_prefix(label)).map(str::trim);
    Report {
        release: field("kernel: ").unwrap_or("nothing").to_owned(),
        verdict: field("verdict: ").and_then(|verdict| verdict.parse().ok()),
        counts: Counts::read(&results),
        results,
        console,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complete_report_has_release_counts_and_verdict() {
        let text = "kernel: 6.1.0-44-cloud-amd64\nrunning 3 tests\ntest result: FAILED. 2 passed; \
            1 failed; 0 ignored\nverdict: 101\n";
        let report = report(text.to_owned(), String::new());
        assert_eq!(report.release, "6.1.0-44-cloud-amd64");
        assert_eq!(report.verdict, Some(101));
        assert_eq!(report.counts, Counts { passed: 2, failed: 1 });
    }

    #[test]
    fn a_guest_that_died_on_the_way_has_no_verdict() {
        assert_eq!(
            report("kernel: 6.1.0\nrunning 3 tests\n".to_owned(), String::new()).verdict,
            None
        );
        assert_eq!(report(String::new(), "panic".to_owned()).release, "nothing");
    }
}
