//! The processors that the agent is shipped for, and how cargo builds a program for one.
//!
//! What is shipped is static: it has the C library inside and needs nothing of the system that it
//! runs on. The suite tests that very program, so it is built once.
use std::process::Command;

use anyhow::{Result, bail};

/// A processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Arch {
    /// Of Intel and AMD, 64 bits.
    #[value(name = "x86_64")]
    X86,
    /// Of Arm, 64 bits.
    #[value(name = "arm64")]
    Arm,
}

impl Arch {
    /// Returns the processor of this machine.
    pub(crate) fn own() -> Result<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Ok(Self::X86),
            "aarch64" => Ok(Self::Arm),
            other => bail!("the agent is built for x86_64 and arm64, and this machine is {other}"),
        }
    }

    /// Returns the name as the kernel and rpm have it.
    pub(crate) const fn kernel(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "aarch64",
        }
    }

    /// Returns the name as Debian and container images have it.
    pub(crate) const fn debian(self) -> &'static str {
        match self {
            Self::X86 => "amd64",
            Self::Arm => "arm64",
        }
    }

    /// Returns the target of rustc.
    pub(crate) fn triple(self) -> String {
        format!("{}-unknown-linux-gnu", self.kernel())
    }
}

/// Makes a build of cargo one of static programs for this processor. The target is named also where
/// it is that of this machine: the flags would else hold for macros, which cannot be static.
pub(crate) fn statically(command: &mut Command, arch: Arch) {
    let triple = arch.triple();
    let variable = triple.to_uppercase().replace('-', "_");
    command.args(["--target", &triple]);
    command.env(format!("CARGO_TARGET_{variable}_RUSTFLAGS"), "-C target-feature=+crt-static");
    // They would take the place of the flags above.
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_static_build_names_its_target_and_its_flags() {
        let mut command = Command::new("cargo");
        statically(command.arg("build"), Arch::Arm);
        let arguments: Vec<_> = command.get_args().collect();
        assert_eq!(arguments, ["build", "--target", "aarch64-unknown-linux-gnu"]);
        let flags = command
            .get_envs()
            .find(|(name, _)| *name == "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS");
        assert_eq!(
            flags.and_then(|(_, value)| value?.to_str()),
            Some("-C target-feature=+crt-static")
        );
        assert_eq!(Arch::X86.triple(), "x86_64-unknown-linux-gnu");
    }
}
