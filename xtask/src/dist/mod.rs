//! `cargo xtask dist`: everything that is installed, packed from one commit.
//!
//! The program is the one that the suite tests, stripped. Each file is the same bytes for the same
//! commit, compiler and place of the source; times are those of the commit. Nothing is downloaded
//! but packages of the registries, and those only once.

mod archive;
mod cross;
mod debian;
mod image;
mod item;
mod layout;
mod nfpm;
mod play;
mod programs;
mod sums;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use self::debian::Changelog;
use self::item::Item;
use self::layout::{Built, Packager};
use self::nfpm::Package;
use crate::arch::Arch;
use crate::setup::{self, ConsentArgs};
use crate::{commit, supply, workspace};

pub(crate) use self::play::{for_machines, image_for_machines};
pub(crate) use self::programs::for_guests as programs_for_guests;

/// Pack what is installed: static programs, deb, rpm, tar.gz, a container image, sums, and a bill
/// of materials.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to put it.
    #[arg(long, value_name = "DIR", default_value = "target/dist/out")]
    out: PathBuf,
    /// For which processors.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "x86_64,arm64")]
    arch: Vec<Arch>,
    /// Who answers for the packages.
    #[arg(
        long,
        value_name = "NAME <ADDRESS>",
        env = "TCPWARDEN_MAINTAINER",
        default_value = "the tcpwarden authors <maintainers@tcpwarden.invalid>"
    )]
    maintainer: String,
    #[command(flatten)]
    consent: ConsentArgs,
}

/// What every file that is packed says of its origin.
struct Origin {
    version: String,
    commit: String,
    /// Seconds of Unix time, and the same as text (RFC 3339).
    time: u64,
    created: String,
    maintainer: String,
}

impl Origin {
    fn of(maintainer: &str) -> Result<Self> {
        let time = commit::time()?;
        let commit = commit::name().unwrap_or_else(|| "unknown".to_owned());
        if commit.ends_with("-dirty") {
            eprintln!("dist: files differ from the last commit: what is packed cannot be repeated");
        }
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit,
            time,
            created: debian::date(time, "+%Y-%m-%dT%H:%M:%SZ")?,
            maintainer: maintainer.to_owned(),
        })
    }
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let consent = args.consent.consent();
    let toolchain = setup::for_build(consent)?;
    let nfpm = nfpm::ensure(consent)?;
    let origin = Origin::of(&args.maintainer)?;
    let scratch = programs::scratch()?;
    let out = workspace::root().join(&args.out);
    std::fs::create_dir_all(&out).with_context(|| format!("make {}", out.display()))?;
    let bill = format!("tcpwarden-{}.cdx.json", origin.version);
    supply::bill(&out.join(&bill), origin.time)?;
    let own = programs::own(&toolchain)?;
    let manual = programs::manual(&toolchain, &scratch)?;
    let mut names = vec![bill];
    let mut roots = Vec::new();
    let mut arches = args.arch.clone();
    arches.sort_unstable();
    arches.dedup();
    for arch in arches {
        let program = programs::program(arch, &own, &toolchain, consent)?;
        let program = programs::stripped(&program, arch, &scratch)?;
        println!("dist: tcpwarden for {}: {} bytes", arch.kernel(), program.len());
        let built = Built { program: &program, manual: &manual };
        names.push(tarball(&origin, arch, &built, &out)?);
        for packager in [Packager::Deb, Packager::Rpm] {
            names.push(pack(&origin, packager, arch, &built, (&nfpm, &scratch, &out))?);
        }
        roots.push((arch, layout::image(&program)?));
    }
    names.push(container(&origin, &roots, &out)?);
    names.sort_unstable();
    sums::write(&out, &names)?;
    for name in &names {
        println!("dist: {name}: {} bytes", std::fs::metadata(out.join(name))?.len());
    }
    println!("dist: all of {} is in {}", origin.commit, out.display());
    Ok(())
}

/// Writes the archive for a processor; returns its name.
fn tarball(origin: &Origin, arch: Arch, built: &Built<'_>, out: &Path) -> Result<String> {
    let top = format!("tcpwarden-{}-linux-{}", origin.version, arch.kernel());
    let items = layout::archive(built, &top)?;
    let name = format!("{top}.tar.gz");
    write(out, &name, &archive::gzip(&archive::tar(&items, origin.time)?)?)?;
    Ok(name)
}

/// Writes a package with `nfpm`; returns its name. The folders are that of what is on the way and
/// that of the result.
fn pack(
    origin: &Origin,
    packager: Packager,
    arch: Arch,
    built: &Built<'_>,
    (nfpm, scratch, out): (&Path, &Path, &Path),
) -> Result<String> {
    let mut items = layout::package(built, packager)?;
    items.extend(of_packager(origin, packager)?);
    let package = Package {
        packager,
        arch,
        version: &origin.version,
        maintainer: &origin.maintainer,
        created: &origin.created,
        items: &items,
    };
    package.pack(nfpm, &scratch.join(packager.name()), out)
}

/// Returns the files that only one kind of package has.
fn of_packager(origin: &Origin, packager: Packager) -> Result<Vec<Item>> {
    match packager {
        Packager::Deb => debian::items(&Changelog {
            version: &origin.version,
            commit: &origin.commit,
            maintainer: &origin.maintainer,
            time: origin.time,
        }),
        Packager::Rpm => layout::licences("usr/share/licenses/tcpwarden"),
    }
}

/// Writes the image; returns its name.
fn container(origin: &Origin, roots: &[(Arch, Vec<Item>)], out: &Path) -> Result<String> {
    let name = format!("tcpwarden-{}-oci.tar", origin.version);
    let image = image::Name {
        version: &origin.version,
        commit: &origin.commit,
        time: origin.time,
        created: &origin.created,
    };
    write(out, &name, &image::archive(&image, roots)?)?;
    Ok(name)
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    std::fs::write(folder.join(name), bytes).with_context(|| format!("write {name}"))
}
