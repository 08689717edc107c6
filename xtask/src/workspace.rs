//! Paths: the workspace, its target directory and the private tools there.
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Returns the directory that holds the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// Returns where set-up keeps the tools that it makes. Nothing of it is on the user's own PATH.
pub(crate) fn tools() -> PathBuf {
    root().join("target/tools")
}

/// Returns the folder of the private tools' programs.
pub(crate) fn tools_bin() -> PathBuf {
    tools().join("bin")
}

/// Returns where the kernels of the guests are kept.
pub(crate) fn kernels() -> PathBuf {
    root().join("target/kernels")
}

/// Returns PATH with the private tools in front, and the directories of `ip` and `nft` at the end:
/// a user's own PATH often lacks these.
pub(crate) fn path() -> Result<OsString> {
    let current = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::iter::once(tools_bin()).chain(std::env::split_paths(&current));
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::join_paths(directories.chain(system)).context("put target/tools/bin on PATH")
}
