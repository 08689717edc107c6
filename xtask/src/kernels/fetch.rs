//! Fetches kernels through an apt configuration of their own: one package each, unpacked and
//! reduced to what a guest needs.
//!
//! Nothing is installed and the system's apt configuration is not touched. A kernel once fetched is
//! kept in `target/kernels`, one for arm64 in `arm64` there, so that later runs need no network.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, bail};

use super::sources::Mirrors;
use super::version;
use crate::arch::Arch;
use crate::{process, workspace};

/// Modules that the agent's seeding needs where they are not built in, in the order of their
/// insertion.
const MODULES: [&str; 2] = ["inet_diag", "tcp_diag"];

/// How many packages are tried: lists of a suite that has ended name some that are gone.
const TRIES: usize = 12;

/// A kernel that can be booted.
pub(crate) struct Kernel {
    /// What was asked for, such as `6.1`.
    pub(crate) wanted: String,
    /// The processor that it is for.
    pub(crate) arch: Arch,
    /// Where it is kept, with the logs of its guests.
    pub(crate) home: PathBuf,
    /// The package that it came from.
    pub(crate) package: String,
    /// Its image.
    pub(crate) image: PathBuf,
    /// Modules to insert, in order.
    pub(crate) modules: Vec<PathBuf>,
}

/// Where kernels come from.
pub(crate) struct Source<'a> {
    pub(crate) arch: Arch,
    /// Another mirror than the one of this system.
    pub(crate) mirror: Option<&'a str>,
    /// Whether newer packages are looked for than those in the cache.
    pub(crate) refresh: bool,
}

/// Returns the kernels of `wanted`, from the cache if they are there.
pub(crate) fn all(wanted: &[String], source: &Source<'_>) -> Result<Vec<Kernel>> {
    let arch = source.arch;
    let mut archive = None;
    let mut kernels = Vec::new();
    for version in wanted {
        if let Some(kernel) = cached(version, arch).filter(|_| !source.refresh) {
            kernels.push(kernel);
            continue;
        }
        if archive.is_none() {
            archive = Some(Archive::open(source)?);
        }
        let Some(archive) = &archive else { continue };
        archive.fetch(version)?;
        kernels.push(
            cached(version, arch)
                .with_context(|| format!("the package for {version} left no kernel"))?,
        );
    }
    Ok(kernels)
}

/// Where kernels for a processor are kept.
fn place(arch: Arch) -> PathBuf {
    match arch {
        Arch::X86 => workspace::kernels(),
        Arch::Arm => workspace::kernels().join("arm64"),
    }
}

/// Returns a kernel of the cache if it is complete: the name of its package is written last.
fn cached(wanted: &str, arch: Arch) -> Option<Kernel> {
    let home = place(arch).join(wanted);
    let package = fs::read_to_string(home.join("package")).ok()?.trim().to_owned();
    let modules = MODULES
        .map(|name| home.join(format!("{name}.ko")))
        .into_iter()
        .filter(|path| path.exists())
        .collect();
    let image = home.join("vmlinuz");
    Some(Kernel { wanted: wanted.to_owned(), arch, home, package, image, modules })
}

/// Debian's archive through an apt configuration of its own.
struct Archive {
    arch: Arch,
    configuration: PathBuf,
    names: String,
}

impl Archive {
    fn open(source: &Source<'_>) -> Result<Self> {
        let arch = source.arch;
        let mut mirrors = Mirrors::of_system();
        if let Some(mirror) = source.mirror {
            mirrors = Mirrors { archive: Some(mirror.to_owned()), security: None };
        }
        let Some(list) = mirrors.source_list() else {
            bail!(
                "no Debian mirror among this machine's apt sources: name one with --mirror or \
                 XTASK_DEBIAN_MIRROR"
            );
        };
        let home = place(arch).join("apt");
        for directory in ["lists/partial", "cache/archives/partial", "state"] {
            fs::create_dir_all(home.join(directory))
                .with_context(|| format!("create {}", home.join(directory).display()))?;
        }
        fs::write(home.join("state/status"), "")
            .context("write the empty list of installed packages")?;
        fs::write(home.join("sources.list"), list).context("write the source list")?;
        let configuration = home.join("apt.conf");
        fs::write(&configuration, settings(&home, arch)).context("write the apt configuration")?;
        let mut archive = Self { arch, configuration, names: String::new() };
        eprintln!("kernels: reading the package lists of Debian's suites into {}", home.display());
        if process::run(archive.apt("apt-get").args(["--quiet", "--quiet", "update"])).is_err() {
            // One suite may have left the mirror; the others still have their kernels.
            eprintln!("kernels: apt-get update failed in part; going on with the lists at hand");
        }
        archive.names = process::output(archive.apt("apt-cache").args(["pkgnames", "linux-"]))?;
        Ok(archive)
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", &self.configuration);
        command
    }

    /// Downloads the newest package for `wanted` that is there, and keeps its image and modules.
    fn fetch(&self, wanted: &str) -> Result<()> {
        let mut failed = None;
        for package in version::ranked(self.names.lines(), wanted, self.arch).iter().take(TRIES) {
            match self.take(wanted, package) {
                Ok(()) => return Ok(()),
                Err(error) => {
                    eprintln!("kernels: {wanted}: {error:#}");
                    failed = Some(error);
                }
            }
        }
        Err(failed.unwrap_or_else(|| {
            let arch = self.arch.debian();
            anyhow!("no suite of the mirror has a cloud kernel {wanted} for {arch}")
        }))
    }

    /// Downloads a package and keeps its image and modules.
    fn take(&self, wanted: &str, package: &str) -> Result<()> {
        eprintln!("kernels: {wanted}: fetching {package}");
        let home = place(self.arch).join(wanted);
        remove(&home)?;
        let unpacked = home.join("unpacked");
        fs::create_dir_all(&unpacked).with_context(|| format!("create {}", unpacked.display()))?;
        // Where the kernel is in a package of its own, so are the modules.
        let modules = version::modules_of(package)
            .filter(|modules| self.names.lines().any(|name| name == modules));
        let mut download = self.apt("apt-get");
        process::output(
            download
                .args(["--quiet", "--quiet", "download", package])
                .args(modules)
                .current_dir(&home),
        )?;
        let archives = files(&home)?
            .into_iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == "deb"));
        for archive in archives {
            process::run(Command::new("dpkg-deb").arg("--extract").arg(&archive).arg(&unpacked))?;
            fs::remove_file(&archive).with_context(|| format!("remove {}", archive.display()))?;
        }
        keep(&unpacked, &home).with_context(|| format!("take the kernel out of {package}"))?;
        remove(&unpacked)?;
        fs::write(home.join("package"), package).context("note the package")
    }
}

/// Copies the image and the modules that are needed, these decompressed.
fn keep(unpacked: &Path, home: &Path) -> Result<()> {
    let files = files(unpacked)?;
    let named = |path: &&PathBuf, start: &str| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))
    };
    let image = files.iter().find(|path| named(path, "vmlinuz")).context("it has no vmlinuz")?;
    fs::copy(image, home.join("vmlinuz")).context("copy the image")?;
    for module in MODULES {
        let Some(found) = files.iter().find(|path| named(path, &format!("{module}.ko"))) else {
            continue;
        };
        let copy = home.join(format!("{module}.ko"));
        if found.extension().is_some_and(|extension| extension == "xz") {
            let output =
                fs::File::create(&copy).with_context(|| format!("create {}", copy.display()))?;
            process::run(
                Command::new(workspace::tools_bin().join("busybox"))
                    .args(["xz", "-dc"])
                    .arg(found)
                    .stdout(output),
            )?;
        } else {
            fs::copy(found, &copy).context("copy a module")?;
        }
    }
    Ok(())
}

/// Returns all files below a directory.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in
            fs::read_dir(&directory).with_context(|| format!("read {}", directory.display()))?
        {
            let entry = entry.with_context(|| format!("read {}", directory.display()))?;
            let kind =
                entry.file_type().with_context(|| format!("read {}", entry.path().display()))?;
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}

fn remove(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(|| format!("remove {}", directory.display()))?;
    }
    Ok(())
}

fn settings(home: &Path, arch: Arch) -> String {
    let (home, arch) = (home.display(), arch.debian());
    format!(
        "APT::Architecture \"{arch}\";\nAPT::Architectures {{ \"{arch}\"; }};\n\
         Dir::Etc::sourcelist \"{home}/sources.list\";\nDir::Etc::sourceparts \"-\";\n\
         Dir::State \"{home}/state\";\n\
         Dir::State::lists \"{home}/lists\";\nDir::State::status \"{home}/state/status\";\n\
         Dir::Cache \"{home}/cache\";\n\
         Acquire::Languages \"none\";\n\
         Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n\
         APT::Sandbox::User \"root\";\n"
    )
}
