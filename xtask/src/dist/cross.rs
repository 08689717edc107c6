//! What builds the program for the other processor: a linker and the standard library for it.
//!
//! The library is that of the compiler in use, if rustup has it, or else that of the distribution's
//! compiler, whose package for the other processor is unpacked into `target/tools`.
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::arch::Arch;
use crate::packages::{self, Consent};
use crate::toolchain::{self, Toolchain};
use crate::{process, workspace};

/// Packages of the distribution with a standard library, one for each name of its compiler.
const LIBRARIES: [(&str, &str); 2] =
    [("rustc-web", "libstd-rust-web-dev"), ("rustc", "libstd-rust-dev")];

/// What cargo needs to build for the other processor.
pub(super) struct Cross {
    arch: Arch,
    /// The toolchain of rustup; `None` for the one of the workspace.
    toolchain: Option<String>,
    /// Where the standard library is, if not at the compiler's own place.
    sysroot: Option<PathBuf>,
}

impl Cross {
    /// Finds or installs it.
    pub(super) fn ensure(arch: Arch, kernel: &Toolchain, consent: Consent) -> Result<Self> {
        let (linker, _) = binutils(arch);
        if !process::on_path(&linker) {
            let (compiler, library) = match arch {
                Arch::X86 => ("gcc-x86-64-linux-gnu", "libc6-dev-amd64-cross"),
                Arch::Arm => ("gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"),
            };
            let why = format!("to link for {}", arch.kernel());
            packages::install(&[compiler, library], &why, consent)?;
        }
        let mut own = Command::new("rustc");
        if has_library(own.current_dir(workspace::root()), arch, &[]) {
            return Ok(Self { arch, toolchain: None, sysroot: None });
        }
        let advice = format!(
            "no standard library of Rust for {}: `rustup target add {}`, or Debian's rustc-web, \
             cargo-web and rust-web-src, whose library for the other processor is then unpacked; \
             --arch leaves a processor out",
            arch.kernel(),
            arch.triple()
        );
        // The library of the distribution is of use to its compiler only.
        if !packages::has_apt() || kernel.name != toolchain::DISTRO {
            bail!("{advice}");
        }
        let sysroot = unpacked(arch).context(advice)?;
        Ok(Self { arch, toolchain: Some(kernel.name.clone()), sysroot: Some(sysroot) })
    }

    /// Returns `cargo VERB` for it.
    pub(super) fn cargo(&self, verb: &str) -> Result<Command> {
        let mut command = match &self.toolchain {
            Some(name) => {
                let mut command = Command::new("rustup");
                command.args(["run", name, "cargo"]);
                command
            }
            None => Command::new("cargo"),
        };
        command.arg(verb).env("PATH", workspace::path()?).current_dir(workspace::root());
        Ok(command)
    }

    /// Adds what a build needs that already has its target and its flags.
    pub(super) fn complete(&self, command: &mut Command) {
        let variable = self.arch.triple().to_uppercase().replace('-', "_");
        let (linker, _) = binutils(self.arch);
        command.env(format!("CARGO_TARGET_{variable}_LINKER"), linker);
        if let Some(sysroot) = &self.sysroot {
            let flags = format!("-C target-feature=+crt-static --sysroot={}", sysroot.display());
            command.env(format!("CARGO_TARGET_{variable}_RUSTFLAGS"), flags);
        }
    }
}

/// Returns the compiler that links for a processor, and `strip` for it.
pub(super) fn binutils(arch: Arch) -> (String, String) {
    let of = |program: &str| format!("{}-linux-gnu-{program}", arch.kernel());
    (of("gcc"), of("strip"))
}

/// Whether a compiler has the standard library for a processor.
fn has_library(rustc: &mut Command, arch: Arch, flags: &[&str]) -> bool {
    rustc.args(["--print", "target-libdir", "--target", &arch.triple()]).args(flags);
    process::output(rustc).is_ok_and(|place| is_library(Path::new(place.trim())))
}

/// Whether a folder has the standard library.
fn is_library(folder: &Path) -> bool {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    names.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().starts_with("libstd-"))
}

/// Returns the folder with the library of the distribution's compiler, unpacked now if it is not
/// there.
fn unpacked(arch: Arch) -> Result<PathBuf> {
    let installed = LIBRARIES.iter().find(|(compiler, _)| packages::is_installed(compiler));
    let (_, package) = installed.context("the distribution's compiler is not installed")?;
    let version = process::output(Command::new("dpkg-query").args([
        "--show",
        "--showformat",
        "${Version}",
        package,
    ]))?;
    let home = workspace::tools().join(format!("{package}-{}-{version}", arch.debian()));
    let library = home.join("lib/rustlib").join(arch.triple()).join("lib");
    if !is_library(&library) {
        eprintln!("dist: unpacking {package} {version} for {} into target/tools", arch.debian());
        let archive = packages::foreign(package, &version, arch.debian())?;
        let new = home.with_extension("new");
        process::run(Command::new("dpkg-deb").arg("--extract").arg(&archive).arg(&new))?;
        std::fs::rename(new.join("usr"), &home).context("take the library")?;
        std::fs::remove_dir_all(&new).context("remove what is left of the package")?;
        std::fs::remove_file(&archive).context("remove the package")?;
    }
    if !is_library(&library) {
        bail!("{package} has no library in {}", library.display());
    }
    Ok(home)
}
