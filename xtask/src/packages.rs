//! Installs packages of the distribution through apt: only what is missing, and named first.
use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::process::Command;
use std::sync::Once;

use anyhow::{Context as _, Result, bail};

use crate::{process, workspace};

/// Whether set-up may install without asking.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// Ask once if a person is at the terminal.
    Ask,
    /// `--yes`.
    Given,
}

/// Installs `packages` system-wide, without the ones that they merely recommend. `why` completes
/// "needed ...".
pub(crate) fn install(packages: &[&str], why: &str, consent: Consent) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.join(" ");
    if !has_apt() {
        bail!(
            "{names} (named as in Debian) needed {why}, and this machine has no apt-get: install \
             them with its own package manager"
        );
    }
    eprintln!("setup: installing {names} system-wide with apt-get, needed {why}");
    if consent == Consent::Ask && process::is_interactive() && !confirmed()? {
        bail!("not installed: {names}; install by hand or answer yes");
    }
    update()?;
    let mut command = process::privileged("apt-get", "to install packages")?;
    command.args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(packages);
    process::run(&mut command)
}

/// Unpacks one package into `target/tools` and links `programs` of it into `target/tools/bin`:
/// nothing is installed, so that no daemon of the package is ever started.
pub(crate) fn borrow(package: &str, programs: &[&str]) -> Result<()> {
    let unpacked = workspace::tools().join(package);
    if !has_apt() {
        bail!(
            "{package} (named as in Debian) is needed for the tests, and this machine has no \
             apt-get: install it with its own package manager"
        );
    }
    eprintln!("setup: unpacking package {package} into {}", unpacked.display());
    update()?;
    std::fs::create_dir_all(workspace::tools_bin()).context("create target/tools/bin")?;
    let downloads = workspace::tools().join("downloads");
    std::fs::create_dir_all(&downloads).context("create target/tools/downloads")?;
    let mut command = Command::new("apt-get");
    command
        .args(["download", "--quiet", "--option", "APT::Sandbox::User=root", package])
        .current_dir(&downloads);
    process::run(&mut command)?;
    let archive = newest(&downloads, package)?;
    process::run(Command::new("dpkg-deb").arg("--extract").arg(&archive).arg(&unpacked))?;
    std::fs::remove_file(&archive).with_context(|| format!("remove {}", archive.display()))?;
    for program in programs {
        let name = Path::new(program).file_name().context("the program has no name")?;
        relink(&unpacked.join(program), &workspace::tools_bin().join(name))?;
    }
    Ok(())
}

/// Returns the version that apt would install; nothing if apt does not know the package.
pub(crate) fn candidate(package: &str) -> Option<String> {
    let policy =
        process::output(Command::new("apt-cache").env("LC_ALL", "C").args(["policy", package]))
            .ok()?;
    let version = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    (version != "(none)").then(|| version.to_owned())
}

/// Whether dpkg has installed a package.
pub(crate) fn is_installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat", "${db:Status-Status}", package]);
    process::output(&mut query).is_ok_and(|status| status == "installed")
}

/// Whether this system has apt and dpkg.
pub(crate) fn has_apt() -> bool {
    process::on_path("apt-get") && process::on_path("dpkg-deb")
}

/// Refreshes apt's lists once per run. A mirror that does not answer is only a warning: the lists
/// at hand may be enough.
pub(crate) fn update() -> Result<()> {
    static ONCE: Once = Once::new();
    let mut result = Ok(());
    ONCE.call_once(|| result = refresh());
    result
}

fn refresh() -> Result<()> {
    let mut command = process::privileged("apt-get", "to refresh the package lists")?;
    if process::run(command.args(["--quiet", "--quiet", "update"])).is_err() {
        eprintln!("setup: apt-get update failed; going on with the package lists at hand");
    }
    Ok(())
}

/// Makes `link` point at `original`, in place of what it was.
pub(crate) fn relink(original: &Path, link: &Path) -> Result<()> {
    if link.symlink_metadata().is_ok() {
        std::fs::remove_file(link).with_context(|| format!("remove {}", link.display()))?;
    }
    std::os::unix::fs::symlink(original, link)
        .with_context(|| format!("link {} to {}", link.display(), original.display()))
}

fn newest(directory: &Path, package: &str) -> Result<std::path::PathBuf> {
    let prefix = format!("{package}_");
    let entries =
        std::fs::read_dir(directory).with_context(|| format!("read {}", directory.display()))?;
    let mut found: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .collect();
    found.sort_by_key(std::fs::DirEntry::file_name);
    found
        .pop()
        .map(|entry| entry.path())
        .with_context(|| format!("apt-get download left no {package} in {}", directory.display()))
}

fn confirmed() -> Result<bool> {
    eprint!("setup: go on? [Y/n] ");
    std::io::stderr().flush().context("write the question")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("read the answer")?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"))
}

/// Downloads a package of another processor's Debian, and returns its file. apt gets lists of its
/// own in `target/tools`; those of the system stay as they are.
pub(crate) fn foreign(package: &str, version: &str, arch: &str) -> Result<std::path::PathBuf> {
    let home = workspace::tools().join(format!("apt-{arch}"));
    for folder in ["lists/partial", "cache/archives/partial", "downloads"] {
        let folder = home.join(folder);
        std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    }
    std::fs::write(home.join("status"), "").context("write the empty list of packages")?;
    let path = |name: &str| home.join(name).display().to_string();
    let config = format!(
        "APT::Architecture \"{arch}\";\nAPT::Architectures {{ \"{arch}\"; }};\n\
         Dir::State::lists \"{}\";\nDir::State::status \"{}\";\nDir::Cache \"{}\";\n\
         Acquire::Languages \"none\";\nAPT::Sandbox::User \"root\";\n",
        path("lists"),
        path("status"),
        path("cache")
    );
    std::fs::write(home.join("apt.conf"), config).context("write the settings of apt")?;
    let downloads = home.join("downloads");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("APT_CONFIG", home.join("apt.conf")).arg("--quiet=2").args(arguments);
        process::run(command.current_dir(&downloads))
    };
    apt(&["update"])?;
    apt(&["download", &format!("{package}={version}")])?;
    newest(&downloads, package)
}
