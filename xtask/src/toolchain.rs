//! Finds or makes the compiler of the kernel side.
//!
//! The BPF target has no prebuilt `core`, so this needs a compiler that takes unstable flags
//! together with the sources of exactly that compiler. Two routes, the first that works is taken:
//! 1. rustup's nightly with its component `rust-src`;
//! 2. the distribution's own `rustc`, `cargo` and Rust sources, linked into rustup as `bpf-distro`.
//!
//! "Works" means that its `core` compiles for BPF. That takes some seconds, so the answer is
//! remembered in `target/tools` and holds as long as the compiler says the same about itself.
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::packages::{self, Consent};
use crate::{process, workspace};

/// The name under which the distribution's compiler is linked into rustup.
pub(crate) const DISTRO: &str = "bpf-distro";
/// Where distributions install that compiler.
const DISTRO_PREFIX: &str = "/usr";
/// Packages of the distribution: compiler, cargo and sources of one version each.
const DISTRO_PACKAGES: [[&str; 3]; 2] =
    [["rustc-web", "cargo-web", "rust-web-src"], ["rustc", "cargo", "rust-src"]];

/// A compiler for the kernel side, checked.
pub(crate) struct Toolchain {
    /// What `rustup run` calls it.
    pub(crate) name: String,
    /// The output of `rustc -vV`.
    pub(crate) version: String,
    /// Where it is installed.
    pub(crate) sysroot: PathBuf,
}

impl Toolchain {
    /// The major version of its LLVM, which bpf-linker must match.
    pub(crate) fn llvm_major(&self) -> Result<u32> {
        field(&self.version, "LLVM version: ")
            .and_then(|version| version.split('.').next()?.parse().ok())
            .with_context(|| format!("the toolchain {} does not name its LLVM version", self.name))
    }

    /// One line for a person.
    pub(crate) fn summary(&self) -> String {
        let release = field(&self.version, "release: ").unwrap_or("?");
        let llvm = field(&self.version, "LLVM version: ").unwrap_or("?");
        format!("{} (rustc {release}, LLVM {llvm}) in {}", self.name, self.sysroot.display())
    }
}

/// Finds a compiler for the kernel side, and installs the distribution's when there is none.
pub(crate) fn ensure(consent: Consent) -> Result<Toolchain> {
    if let Some(toolchain) = remembered() {
        return Ok(toolchain);
    }
    if let Some(toolchain) = found()? {
        return Ok(toolchain);
    }
    install(consent)?;
    found()?.with_context(|| {
        format!(
            "the packages are installed, but their compiler does not build core for BPF; {}",
            advice()
        )
    })
}

/// Returns the toolchain of the last run if it is unchanged.
fn remembered() -> Option<Toolchain> {
    let stamp = std::fs::read_to_string(stamp()).ok()?;
    let (name, version) = stamp.split_once('\n')?;
    let toolchain = inspect(name)?;
    (toolchain.version == version).then_some(toolchain)
}

/// Returns the first route that works, and remembers it.
fn found() -> Result<Option<Toolchain>> {
    if !process::on_path("rustup") {
        // Without rustup cargo is the distribution's own, and so is the compiler.
        return inspect("system").map_or(Ok(None), checked);
    }
    if let Some(toolchain) = inspect("nightly").map_or(Ok(None), checked)? {
        return Ok(Some(toolchain));
    }
    if inspect(DISTRO).is_none() && Path::new(DISTRO_PREFIX).join("bin/rustc").exists() {
        eprintln!("setup: linking the compiler in {DISTRO_PREFIX} into rustup as {DISTRO}");
        process::run(Command::new("rustup").args(["toolchain", "link", DISTRO, DISTRO_PREFIX]))?;
    }
    inspect(DISTRO).map_or(Ok(None), checked)
}

/// Returns what a toolchain reports about itself; nothing if it is not installed.
fn inspect(name: &str) -> Option<Toolchain> {
    let version = process::output(rustc(name).arg("-vV")).ok()?;
    let sysroot = process::output(rustc(name).args(["--print", "sysroot"])).ok()?;
    Some(Toolchain { name: name.to_owned(), version, sysroot: PathBuf::from(sysroot.trim()) })
}

/// Returns the toolchain if it is new enough, has its sources, and these compile for BPF.
fn checked(toolchain: Toolchain) -> Result<Option<Toolchain>> {
    let reject = |why: &str| {
        eprintln!("setup: the toolchain {} is of no use here: {why}", toolchain.name);
        Ok(None)
    };
    if !field(&toolchain.version, "release: ").is_some_and(is_new_enough) {
        return reject(&format!("it is older than Rust {}", env!("CARGO_PKG_RUST_VERSION")));
    }
    let core = toolchain.sysroot.join("lib/rustlib/src/rust/library/core/src/lib.rs");
    if !core.exists() {
        return reject("it has no rust-src");
    }
    eprintln!(
        "setup: checking that {} compiles core for BPF (once, some seconds)",
        toolchain.summary()
    );
    let scratch = workspace::tools().join("core-check");
    std::fs::create_dir_all(&scratch).with_context(|| format!("create {}", scratch.display()))?;
    let mut command = rustc(&toolchain.name);
    command.env("RUSTC_BOOTSTRAP", "1").args([
        "--target",
        "bpfel-unknown-none",
        "--edition",
        "2024",
        "--crate-type",
        "lib",
    ]);
    command
        .args(["--crate-name", "core", "--cap-lints", "allow", "--emit", "metadata", "--out-dir"])
        .arg(&scratch)
        .arg(core);
    let compiled = process::output(&mut command);
    std::fs::remove_dir_all(&scratch).with_context(|| format!("remove {}", scratch.display()))?;
    if compiled.is_err() {
        return reject("its rust-src does not compile: it is probably of another version");
    }
    std::fs::write(stamp(), format!("{}\n{}", toolchain.name, toolchain.version))
        .context("remember the toolchain")?;
    Ok(Some(toolchain))
}

/// Installs the distribution's compiler if it is new enough.
fn install(consent: Consent) -> Result<()> {
    if !packages::has_apt() {
        bail!("no toolchain for the kernel side, and no apt-get here to install one; {}", advice());
    }
    packages::update()?;
    let usable = |packages: &&[&str; 3]| {
        packages::candidate(packages[0]).is_some_and(|version| is_new_enough(&version))
    };
    match DISTRO_PACKAGES.iter().find(usable) {
        Some(packages) => {
            packages::install(packages, "to compile the kernel side for BPF", consent)
        }
        None => bail!(
            "no toolchain for the kernel side, and this distribution has no rustc of {} or later; \
             {}",
            env!("CARGO_PKG_RUST_VERSION"),
            advice()
        ),
    }
}

/// Returns the two commands that help, for messages.
fn advice() -> String {
    "install one of the two: `rustup toolchain install nightly --component rust-src`, or on Debian \
     `apt-get install rustc-web cargo-web rust-web-src`"
        .to_owned()
}

/// Returns `rustc` of a toolchain.
fn rustc(toolchain: &str) -> Command {
    if !process::on_path("rustup") {
        return Command::new("rustc");
    }
    let mut command = Command::new("rustup");
    command.args(["run", toolchain, "rustc"]);
    command
}

fn stamp() -> PathBuf {
    workspace::tools().join("bpf-toolchain")
}

/// Returns the rest of the line that starts with `label`.
fn field<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(label))
}

/// Whether a version is at least the one that the workspace needs.
fn is_new_enough(version: &str) -> bool {
    let number = |version: &str| {
        let mut parts = version
            .split(|c: char| !c.is_ascii_digit())
            .map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    };
    number(version) >= number(env!("CARGO_PKG_RUST_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_rustc_and_of_packages_are_compared_by_number() {
        assert!(is_new_enough("1.97.0-nightly"));
        assert!(is_new_enough("1.96.0+dfsg1-1~deb12u2"));
        assert!(is_new_enough("2.0.0"));
        assert!(!is_new_enough("1.63.0+dfsg1-2"));
        assert!(!is_new_enough("1.9.0"));
        assert!(!is_new_enough(""));
    }

    #[test]
    fn the_llvm_major_is_read_from_the_version() {
        let version = "rustc 1.96.0\nrelease: 1.96.0\nLLVM version: 22.1.8\n".to_owned();
        let toolchain = Toolchain { name: "x".to_owned(), version, sysroot: PathBuf::from("/usr") };
        assert_eq!(toolchain.llvm_major().ok(), Some(22));
        assert_eq!(toolchain.summary(), "x (rustc 1.96.0, LLVM 22.1.8) in /usr");
    }
}
