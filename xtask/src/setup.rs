//! `cargo xtask setup`: installs everything that the other verbs need. They call the parts that
//! they use.
//!
//! Takes no time if all is there. What is installed system-wide goes through apt and is named
//! first; everything else stays in `target/tools`.
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::arch::Arch;
use crate::packages::Consent;
use crate::toolchain::Toolchain;
use crate::{bpf_linker, packages, process, toolchain, workspace};

/// Install the BPF toolchain, bpf-linker and the programs that the tests use, if they are missing.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
}

/// Options of every verb that may install.
#[derive(clap::Args, Default)]
pub(crate) struct ConsentArgs {
    /// Install missing packages without asking.
    #[arg(long)]
    yes: bool,
}

impl ConsentArgs {
    /// Whether set-up may install without asking.
    pub(crate) fn consent(&self) -> Consent {
        if self.yes { Consent::Given } else { Consent::Ask }
    }
}

/// Programs of the tests, with the package that brings each.
const TEST_PROGRAMS: [(&str, &str); 8] = [
    ("nft", "nftables"),
    ("ip", "iproute2"),
    ("systemd-analyze", "systemd"),
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("cpio", "cpio"),
    ("python3", "python3"),
    ("tmux", "tmux"),
    COUNTER,
];

/// The program that counts instructions, with its package.
const COUNTER: (&str, &str) = ("valgrind", "valgrind");

/// Packages of the tests that are only unpacked, with the programs that are used of each.
/// Installed, two would start a daemon, and the third would replace a program of the system.
const BORROWED: [(&str, &[&str]); 3] = [
    ("prometheus", &["usr/bin/prometheus", "usr/bin/promtool"]),
    ("prometheus-alertmanager", &["usr/bin/prometheus-alertmanager", "usr/bin/amtool"]),
    ("busybox-static", &["bin/busybox"]),
];

/// Libraries for Python of the tests, likewise: a test names the folders in `target/tools`.
const LIBRARIES: [&str; 2] = ["python3-prometheus-client", "python3-decorator"];

/// The packages whose installed programs are used if the system has them.
const AS_INSTALLED: [&str; 2] = ["prometheus", "prometheus-alertmanager"];

/// Programs that make machines and boot them.
const MACHINE_PROGRAMS: [(&str, &str); 3] = [
    ("mmdebstrap", "mmdebstrap"),
    ("mke2fs", "e2fsprogs"),
    ("qemu-system-x86_64", "qemu-system-x86"),
];

pub(crate) fn main(args: &Args) -> Result<()> {
    let toolchain = for_build(args.consent.consent())?;
    for_tests(args.consent.consent())?;
    println!("setup: kernel side: {}", toolchain.summary());
    println!("setup: bpf-linker and borrowed programs: {}", workspace::tools_bin().display());
    println!("setup: ready");
    Ok(())
}

/// Installs what `build` needs.
pub(crate) fn for_build(consent: Consent) -> Result<Toolchain> {
    std::fs::create_dir_all(workspace::tools()).context("create target/tools")?;
    let toolchain = toolchain::ensure(consent)?;
    bpf_linker::ensure(&toolchain)?;
    Ok(toolchain)
}

/// Installs what `bench --check` needs besides.
pub(crate) fn for_counting(consent: Consent) -> Result<()> {
    packages::install(&missing(&[COUNTER]), "to count instructions", consent)
}

/// Installs what `test` and `kernels` need besides.
pub(crate) fn for_tests(consent: Consent) -> Result<()> {
    packages::install(&missing(&TEST_PROGRAMS), "for the tests", consent)?;
    BORROWED.iter().try_for_each(borrow)?;
    for package in LIBRARIES {
        if !workspace::tools().join(package).join("usr").exists() {
            packages::borrow(package, &[])?;
        }
    }
    Ok(())
}

/// Unpacks Prometheus, if it is not there.
pub(crate) fn for_prometheus() -> Result<()> {
    borrow(&BORROWED[0])
}

/// Unpacks a package, unless its programs are there.
fn borrow((package, programs): &(&str, &[&str])) -> Result<()> {
    if programs.iter().all(|program| is_there(package, program)) {
        return Ok(());
    }
    packages::borrow(package, programs)
}

/// Installs what machines need besides.
pub(crate) fn for_machines(consent: Consent) -> Result<()> {
    packages::install(&missing(&MACHINE_PROGRAMS), "for the machines", consent)
}

/// Installs what machines of another processor need besides: an emulator, and one that the kernel
/// starts for that processor's programs, by which a machine is made.
pub(crate) fn for_machines_of(arch: Arch, consent: Consent) -> Result<()> {
    for_arm64(consent)?;
    // mmdebstrap asks it whether the kernel runs such programs.
    let asked = missing(&[("arch-test", "arch-test")]);
    packages::install(&asked, "to make machines of arm64", consent)?;
    let name = format!("qemu-{}", arch.kernel());
    let registry = Path::new("/proc/sys/fs/binfmt_misc");
    if registry.join(&name).exists() {
        return Ok(());
    }
    let form = Path::new("/usr/lib/binfmt.d").join(&name).with_extension("conf");
    if !form.exists() {
        packages::install(&["qemu-user-static"], "to make machines of arm64", consent)?;
    }
    if !registry.join("register").exists() {
        let mut mount = process::privileged("mount", "to run programs of arm64")?;
        mount.args(["-t", "binfmt_misc", "binfmt_misc"]).arg(registry);
        process::run(&mut mount)?;
    }
    // The package registers it only where systemd runs.
    if !registry.join(&name).exists() {
        let form = std::fs::read_to_string(&form).context("read what marks programs of arm64")?;
        std::fs::write(registry.join("register"), form.trim_end())
            .context("let the kernel run programs of arm64")?;
    }
    Ok(())
}

/// Installs what guests of arm64 need besides what `test` needs.
pub(crate) fn for_arm64(consent: Consent) -> Result<()> {
    let program = [("qemu-system-aarch64", "qemu-system-arm")];
    packages::install(&missing(&program), "to boot kernels of arm64", consent)
}

/// Returns the packages of programs that are not on PATH.
fn missing(programs: &[(&str, &'static str)]) -> Vec<&'static str> {
    programs
        .iter()
        .filter(|(program, _)| !process::on_path(program))
        .map(|(_, package)| *package)
        .collect()
}

/// Whether a program of a borrowed package is installed or unpacked.
fn is_there(package: &str, program: &str) -> bool {
    let Some(name) = Path::new(program).file_name() else { return false };
    workspace::tools_bin().join(name).exists()
        || (AS_INSTALLED.contains(&package) && process::on_path(&name.to_string_lossy()))
}
