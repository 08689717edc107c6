//! Compiles the kernel side (`agent-ebpf`) and leaves its object in `OUT_DIR` for the loader.
//!
//! `TCPWARDEN_BPF_TOOLCHAIN` names the rustup toolchain to use; `cargo xtask` sets it to the one
//! that its set-up found. Without it rustup's nightly is used. `TCPWARDEN_BPF_OBJECT` names an
//! object that is already built, which several builds of the user side can share.
//! `AYA_BUILD_SKIP=1` skips the kernel side altogether: `cargo check` and `clippy` work then, the
//! binary does not.
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use aya_build::{Package, Toolchain, build_ebpf};

fn main() -> anyhow::Result<()> {
    println!("cargo:rerun-if-env-changed=TCPWARDEN_BPF_TOOLCHAIN");
    println!("cargo:rerun-if-env-changed=TCPWARDEN_BPF_OBJECT");
    println!("cargo:rerun-if-env-changed=AYA_BUILD_SKIP");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../agent-common/src");
    let out = std::env::var_os("OUT_DIR").context("OUT_DIR is not set")?;
    let object = Path::new(&out).join("tcpwarden-probes");
    if let Some(built) = std::env::var_os("TCPWARDEN_BPF_OBJECT") {
        println!("cargo:rerun-if-changed={}", built.display());
        return take(Path::new(&built), &object);
    }
    if !object.exists() {
        std::fs::write(&object, [])?;
    }
    let named = std::env::var("TCPWARDEN_BPF_TOOLCHAIN").ok();
    let skipped = std::env::var("AYA_BUILD_SKIP")
        .is_ok_and(|skip| skip == "1" || skip.eq_ignore_ascii_case("true"));
    if !skipped {
        check_tools(named.as_deref())?;
        if named.is_some() && std::env::var_os("RUSTC_BOOTSTRAP").is_none() {
            return again_with_unstable_features();
        }
    }
    let toolchain = named.as_deref().map_or(Toolchain::Nightly, Toolchain::Custom);
    let features: &[&str] =
        if std::env::var_os("CARGO_FEATURE_BPF_LOG").is_some() { &["log"] } else { &[] };
    let package =
        Package { name: "agent-ebpf", root_dir: "../agent-ebpf", features, ..Package::default() };
    build_ebpf([package], toolchain)
        .context("build the kernel side; `cargo xtask build` sets up what it needs")
}

/// Copies an object that is already built. Reads before it writes: the object may be the one of an
/// earlier run of this script, and a file copied onto itself would be empty.
fn take(built: &Path, object: &Path) -> anyhow::Result<()> {
    let bytes = std::fs::read(built)
        .with_context(|| format!("read the kernel side from {}", built.display()))?;
    if bytes.is_empty() {
        bail!(
            "{} is empty: it was built without the kernel side; \
             unset TCPWARDEN_BPF_OBJECT and build again",
            built.display()
        );
    }
    std::fs::write(object, bytes).with_context(|| format!("write {}", object.display()))
}

/// Runs this script once more with `RUSTC_BOOTSTRAP=1`, so that a stable compiler builds `core` for
/// BPF. Only the kernel side sees the variable: set from outside, it would hold for every crate of
/// the user side too.
fn again_with_unstable_features() -> anyhow::Result<()> {
    let script = std::env::current_exe().context("find this build script")?;
    let mut command = Command::new(script);
    let output = command
        .env("RUSTC_BOOTSTRAP", "1")
        .stderr(Stdio::inherit())
        .output()
        .context("run this build script again")?;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        // Cargo would repeat each of these as a warning on every later build.
        if !(output.status.success() && is_progress(line)) {
            println!("{line}");
        }
    }
    if !output.status.success() {
        bail!("the kernel side did not build: {}", output.status);
    }
    Ok(())
}

/// Returns whether a line is the inner cargo's progress, which aya-build passes on as a warning.
fn is_progress(line: &str) -> bool {
    line.strip_prefix("cargo:warning=").is_some_and(|text| {
        let word = text.split_whitespace().next().unwrap_or_default();
        matches!(
            word,
            "" | "Adding"
                | "Compiling"
                | "Downloaded"
                | "Downloading"
                | "Finished"
                | "Locking"
                | "Updating"
        )
    })
}

/// Fails with a message that names the missing tool, before a compiler fails with another.
fn check_tools(toolchain: Option<&str>) -> anyhow::Result<()> {
    let answers =
        |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    if !answers(Command::new("bpf-linker").arg("--version")) {
        bail!(
            "bpf-linker is not on PATH or does not run: `cargo xtask build` builds it and the \
             agent (AYA_BUILD_SKIP=1 skips the kernel side)"
        );
    }
    let name = toolchain.unwrap_or("nightly");
    if answers(Command::new("rustup").arg("--version"))
        && !answers(Command::new("rustup").args(["run", name, "rustc", "--version"]))
    {
        bail!(
            "rustup has no toolchain {name}: `cargo xtask build` finds or installs one \
             (AYA_BUILD_SKIP=1 skips the kernel side)"
        );
    }
    Ok(())
}
