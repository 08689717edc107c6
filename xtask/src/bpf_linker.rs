//! bpf-linker in `target/tools`, linked against the very LLVM that the kernel side's compiler uses.
//!
//! bpf-linker reads the compiler's bitcode, so both must have the same LLVM major. It finds the
//! library through a directory of links that is made here, at build time and (by its rpath) at run
//! time.
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::packages::relink;
use crate::toolchain::Toolchain;
use crate::{process, workspace};

const VERSION: &str = "0.13.0";
/// The LLVM majors that this version of bpf-linker can be built for.
const LLVM_MAJORS: std::ops::RangeInclusive<u32> = 21..=23;

/// Installs a bpf-linker for the LLVM of `toolchain`, unless it is there.
pub(crate) fn ensure(toolchain: &Toolchain) -> Result<()> {
    let major = toolchain.llvm_major()?;
    if !LLVM_MAJORS.contains(&major) {
        bail!(
            "bpf-linker {VERSION} cannot be built for LLVM {major} of the toolchain {}; it \
             supports LLVM {} to {}",
            toolchain.name,
            LLVM_MAJORS.start(),
            LLVM_MAJORS.end()
        );
    }
    let prefix = link_llvm(toolchain, major)?;
    let home = workspace::tools().join(format!("bpf-linker-{VERSION}-llvm-{major}"));
    let program = home.join("bin/bpf-linker");
    if !runs(&program) {
        install(&home, &prefix, major)?;
        if !runs(&program) {
            bail!(
                "{} was built but does not run; remove {} and try again",
                program.display(),
                home.display()
            );
        }
    }
    std::fs::create_dir_all(workspace::tools_bin()).context("create target/tools/bin")?;
    relink(&program, &workspace::tools_bin().join("bpf-linker"))
}

fn install(home: &Path, prefix: &Path, major: u32) -> Result<()> {
    eprintln!(
        "setup: building bpf-linker {VERSION} for LLVM {major} in {} (about a minute)",
        home.display()
    );
    let feature = format!("llvm-{major}");
    let mut command = Command::new("cargo");
    command.args([
        "install",
        "bpf-linker",
        "--version",
        VERSION,
        "--no-default-features",
        "--features",
        &feature,
        "--force",
        "--locked",
    ]);
    command
        .arg("--root")
        .arg(home)
        .arg("--target-dir")
        .arg(workspace::tools().join("bpf-linker-build"));
    command
        .env("LLVM_PREFIX", prefix)
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTC_BOOTSTRAP")
        .current_dir(workspace::root());
    process::run(&mut command)
}

/// Returns a directory whose `lib` holds the compiler's LLVM both as `libLLVM.so` and under its own
/// name.
fn link_llvm(toolchain: &Toolchain, major: u32) -> Result<PathBuf> {
    let rustc = toolchain.sysroot.join("bin/rustc");
    let libraries = process::output(Command::new("ldd").arg(&rustc))?;
    let (name, path) = find_llvm(&libraries).with_context(|| {
        format!("{} is not linked with a shared libLLVM, which bpf-linker needs", rustc.display())
    })?;
    let prefix = workspace::tools().join(format!("llvm-{major}"));
    let lib = prefix.join("lib");
    std::fs::create_dir_all(&lib).with_context(|| format!("create {}", lib.display()))?;
    relink(Path::new(path), &lib.join("libLLVM.so"))?;
    relink(Path::new(path), &lib.join(name))?;
    Ok(prefix)
}

/// Returns the name and the path of libLLVM in the output of `ldd`.
fn find_llvm(libraries: &str) -> Option<(&str, &str)> {
    libraries.lines().find_map(|line| {
        let (name, rest) = line.trim().split_once(" => ")?;
        let path = rest.rsplit_once(" (")?.0;
        name.starts_with("libLLVM").then_some((name, path))
    })
}

fn runs(program: &Path) -> bool {
    process::output(Command::new(program).arg("--version"))
        .is_ok_and(|answer| answer.trim().ends_with(VERSION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shared_llvm_is_found_under_the_name_of_either_route() {
        let distro = "\tlibc.so.6 => /lib/libc.so.6 (0x7f)\n\tlibLLVM.so.22.1 => \
            /lib/x/libLLVM.so.22.1 (0x7f)\n";
        assert_eq!(find_llvm(distro), Some(("libLLVM.so.22.1", "/lib/x/libLLVM.so.22.1")));
        let rustup = "\tlibLLVM.so.22.1-rust-1.97.0-nightly => \
            /r/bin/../lib/libLLVM.so.22.1-rust-1.97.0-nightly (0x7f)\n";
        assert_eq!(
            find_llvm(rustup).map(|found| found.0),
            Some("libLLVM.so.22.1-rust-1.97.0-nightly")
        );
        assert_eq!(find_llvm("\tlibc.so.6 => /lib/libc.so.6 (0x7f)\n"), None);
        assert_eq!(find_llvm("\tlibLLVM.so.22.1 => not found\n"), None);
    }
}
