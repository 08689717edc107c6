//! What is played on fresh machines: the container image, and two versions of the packages for an
//! upgrade.
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::item::{Item, Kind};
use super::layout::{self, Built, Packager};
use super::nfpm::{self, Package};
use super::{Origin, container, of_packager, programs};
use crate::arch::Arch;
use crate::build::Agent;
use crate::packages::Consent;
use crate::toolchain::Toolchain;
use crate::workspace;

/// Each package: its kind, what is behind its version, and its name in the machine.
const PACKAGES: [(Packager, &str, &str); 3] = [
    (Packager::Deb, "", "old.deb"),
    (Packager::Deb, "+next", "new.deb"),
    (Packager::Rpm, "", "tcpwarden.rpm"),
];

/// Who answers for what is packed here.
const MAINTAINER: &str = "nobody <nobody@tcpwarden.invalid>";

/// Packs the container image for this machine's processor; returns its file.
pub(crate) fn image_for_machines(agent: &Agent) -> Result<PathBuf> {
    let origin = Origin::of(MAINTAINER)?;
    let out = folder()?;
    let arch = Arch::own()?;
    let program = programs::stripped(&agent.binary, arch, &programs::scratch()?)?;
    let name = container(&origin, &[(arch, layout::image(&program)?)], &out)?;
    Ok(out.join(name))
}

/// Returns the folder of what is packed here.
fn folder() -> Result<PathBuf> {
    let folder = workspace::root().join("target/dist/play");
    std::fs::create_dir_all(&folder).context("make the folder of what is played")?;
    Ok(folder)
}

/// Packs the packages for a processor; returns each with its name in the machine.
pub(crate) fn for_machines(
    arch: Arch,
    toolchain: &Toolchain,
    consent: Consent,
) -> Result<Vec<(PathBuf, &'static str)>> {
    let nfpm = nfpm::ensure(consent)?;
    let mut origin = Origin::of(MAINTAINER)?;
    let scratch = programs::scratch()?;
    let out = folder()?;
    let own = programs::own(toolchain)?;
    let manual = programs::manual(toolchain, &scratch)?;
    let binary = programs::program(arch, &own, toolchain, consent)?;
    let program = programs::stripped(&binary, arch, &scratch)?;
    let built = Built { program: &program, manual: &manual };
    let version = origin.version.clone();
    let mut packed = Vec::new();
    for (packager, next, name) in PACKAGES {
        origin.version = format!("{version}{next}");
        let mut items = layout::package(&built, packager)?;
        items.extend(of_packager(&origin, packager)?);
        if !next.is_empty() {
            change(&mut items);
        }
        let package = Package {
            packager,
            arch,
            version: &origin.version,
            maintainer: &origin.maintainer,
            created: &origin.created,
            items: &items,
        };
        packed.push((out.join(package.pack(&nfpm, &scratch.join("play"), &out)?), name));
    }
    Ok(packed)
}

/// Changes the files that an administrator edits, as a next version may: so an upgrade has to say
/// whose it keeps.
fn change(items: &mut [Item]) {
    for item in items.iter_mut().filter(|item| item.kind == Kind::Config) {
        item.bytes.extend_from_slice(b"\n# Of the next version.\n");
    }
}
