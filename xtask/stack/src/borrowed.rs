//! Programs that were unpacked from a package and not installed.
//!
//! Debian's Prometheus and Alertmanager read their pages and templates from
//! `/usr/share/prometheus`, a path that is compiled in. Where the package is only unpacked
//! somewhere, its `usr/share` is laid over the system's, in a mount namespace that only that
//! program is in; without root, in a user namespace too.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

/// Mounts the first argument over /usr/share and becomes the rest.
const BECOME: &str =
    r#"mount -t overlay overlay -o "lowerdir=$1:/usr/share" /usr/share && shift && exec "$@""#;

/// A command that runs the first of `names` that is on PATH.
///
/// # Errors
/// When none is there.
pub(crate) fn command(names: &[&str]) -> Result<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut found =
        names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let program = found
        .find(|program| program.is_file())
        .with_context(|| format!("find {} on PATH", names.join(" or ")))?;
    let program =
        program.canonicalize().with_context(|| format!("follow {}", program.display()))?;
    let Some(share) = own_share(&program) else { return Ok(Command::new(program)) };
    let mut command = Command::new("unshare");
    // The owner of this process' entry in /proc is its user.
    if std::fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() != 0) {
        command.args(["--user", "--map-root-user"]);
    }
    command
        .args(["--mount", "--propagation", "private", "--", "sh", "-c", BECOME, "sh"])
        .arg(share)
        .arg(program);
    Ok(command)
}

/// The `usr/share` that was unpacked with a program; none where the program is installed.
fn own_share(program: &Path) -> Option<PathBuf> {
    let usr = program.parent().filter(|folder| folder.ends_with("usr/bin"))?.parent()?;
    let share = usr.join("share");
    (usr != Path::new("/usr") && share.is_dir()).then_some(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installed_program_needs_no_files_laid_over_the_systems() {
        assert_eq!(own_share(Path::new("/usr/bin/prometheus")), None);
        assert_eq!(own_share(Path::new("/opt/prometheus/prometheus")), None);
    }
}
