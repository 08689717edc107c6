//! What is shipped besides the program, and where each file lies: in a package, in the archive, in
//! the image.
//!
//! The unit is the one of `deploy/systemd`, with one line of it changed for packages.
use std::path::Path;

use anyhow::{Result, ensure};

use super::archive::gzip;
use super::item::{Item, Kind, folder, read};
use crate::workspace;

/// The line of the unit that a package changes, and what it becomes.
const BY_HAND: &str = "\nExecStart=/usr/local/bin/tcpwarden run\n";
const PACKAGED: &str =
    "\nExecStart=/usr/bin/tcpwarden run --config /etc/tcpwarden/tcpwarden.toml\n";
const UNIT: &str = "deploy/systemd/tcpwarden.service";
const CONFIG: &str = "deploy/tcpwarden.toml";

/// What of `dashboards` is of use without the source.
const BOARDS: [&str; 4] = ["grafana", "prometheus", "provisioning", "examples"];
/// Texts of the source that are shipped as they are.
const TEXTS: [&str; 2] = ["README.md", "SECURITY.md"];
const LICENCES: [&str; 5] =
    ["LICENSE-APACHE", "LICENSE-GPL2", "LICENSE-LGPL-2.1", "LICENSE-MIT", "NOTICE"];

/// The kind of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packager {
    Deb,
    Rpm,
}

impl Packager {
    /// Returns the name that nfpm has for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Rpm => "rpm",
        }
    }
}

/// What was built.
pub(super) struct Built<'a> {
    /// The program.
    pub(super) program: &'a [u8],
    /// The folder that `manual` wrote.
    pub(super) manual: &'a Path,
}

/// Returns the files of a package, but for those that only one kind of package has.
pub(super) fn package(built: &Built<'_>, packager: Packager) -> Result<Vec<Item>> {
    let share = "usr/share";
    let mut items = vec![
        Item::new("usr/bin/tcpwarden", built.program).executed(),
        Item::new("usr/lib/systemd/system/tcpwarden.service", unit()?),
        Item::of_source(
            "deploy/packaging/group.conf",
            "usr/lib/systemd/system/tcpwarden.service.d/10-group.conf",
        )?,
        Item::of_source("deploy/packaging/sysusers.conf", "usr/lib/sysusers.d/tcpwarden.conf")?,
        Item::of_source(CONFIG, "etc/tcpwarden/tcpwarden.toml")?.kind(Kind::Config),
        Item::of_source("deploy/packaging/environment", "etc/default/tcpwarden")?
            .kind(Kind::Config),
    ];
    for page in folder(&built.manual.join("man"), &format!("{share}/man/man1"))? {
        items.push(Item::new(format!("{}.gz", page.path), gzip(&page.bytes)?));
    }
    let zsh = match packager {
        Packager::Deb => "vendor-completions",
        Packager::Rpm => "site-functions",
    };
    for (file, place) in [
        ("tcpwarden.bash", "bash-completion/completions/tcpwarden".to_owned()),
        ("_tcpwarden", format!("zsh/{zsh}/_tcpwarden")),
        ("tcpwarden.fish", "fish/vendor_completions.d/tcpwarden.fish".to_owned()),
    ] {
        let text = read(&built.manual.join("completions").join(file))?;
        items.push(Item::new(format!("{share}/{place}"), text));
    }
    items.extend(boards(&format!("{share}/tcpwarden"))?);
    let documents = format!("{share}/doc/tcpwarden");
    items.extend(texts(&documents)?);
    items.push(Item::of_source("NOTICE", format!("{documents}/NOTICE"))?);
    Ok(items)
}

/// Returns the files of the archive, in a folder of this name.
pub(super) fn archive(built: &Built<'_>, top: &str) -> Result<Vec<Item>> {
    let mut items = vec![
        Item::new(format!("{top}/tcpwarden"), built.program).executed(),
        Item::of_source(UNIT, format!("{top}/tcpwarden.service"))?,
        Item::of_source(CONFIG, format!("{top}/tcpwarden.toml"))?,
        Item::of_source("CHANGELOG.md", format!("{top}/CHANGELOG.md"))?,
    ];
    items.extend(folder(built.manual, top)?);
    items.extend(boards(&format!("{top}/dashboards"))?);
    items.extend(texts(top)?);
    items.extend(licences(top)?);
    Ok(items)
}

/// Returns the files of the image.
pub(super) fn image(program: &[u8]) -> Result<Vec<Item>> {
    let mut items = licences("usr/share/licenses/tcpwarden")?;
    items.push(Item::new("usr/bin/tcpwarden", program).executed());
    Ok(items)
}

/// Returns the unit as packages have it.
pub(super) fn unit() -> Result<String> {
    let text = String::from_utf8_lossy(&read(&workspace::root().join(UNIT))?).into_owned();
    let times = text.matches(BY_HAND).count();
    ensure!(times == 1, "{UNIT} has {times} lines {}, not one", BY_HAND.trim());
    Ok(text.replace(BY_HAND, PACKAGED))
}

/// Returns the licences.
pub(super) fn licences(to: &str) -> Result<Vec<Item>> {
    let one = |name| Ok(Item::of_source(name, format!("{to}/{name}"))?.kind(Kind::Licence));
    LICENCES.into_iter().map(one).collect()
}

fn boards(to: &str) -> Result<Vec<Item>> {
    let source = workspace::root().join("dashboards");
    let mut items = vec![Item::of_source("dashboards/README.md", format!("{to}/README.md"))?];
    for name in BOARDS {
        items.extend(folder(&source.join(name), &format!("{to}/{name}"))?);
    }
    // Tests of the rules, which their unit tests read.
    items.retain(|item| !item.path.starts_with(&format!("{to}/prometheus/tests/")));
    Ok(items)
}

fn texts(to: &str) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    for name in TEXTS {
        items.push(Item::of_source(name, format!("{to}/{name}"))?);
    }
    items.extend(folder(&workspace::root().join("docs"), &format!("{to}/docs"))?);
    // For who reads the source.
    let of_the_source = ["decisions", "images"].map(|name| format!("{to}/docs/{name}/"));
    items.retain(|item| !of_the_source.iter().any(|folder| item.path.starts_with(folder)));
    let of_the_book = ["SUMMARY.md", "book.toml"].map(|name| format!("{to}/docs/{name}"));
    items.retain(|item| !of_the_book.contains(&item.path));
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_changes_one_line_of_the_unit() {
        let source = String::from_utf8(read(&workspace::root().join(UNIT)).unwrap()).unwrap();
        let packaged = unit().unwrap();
        let changed: Vec<(&str, &str)> =
            source.lines().zip(packaged.lines()).filter(|(one, other)| one != other).collect();
        assert_eq!(changed, [(BY_HAND.trim(), PACKAGED.trim())]);
        assert_eq!(source.lines().count(), packaged.lines().count());
    }

    #[test]
    fn each_file_is_packed_once_and_belongs_to_the_program_or_the_administrator() {
        let manual = std::env::temp_dir().join(format!("manual-{}", std::process::id()));
        for file in ["man/tcpwarden.1", "completions/_tcpwarden"] {
            let file = manual.join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "x").unwrap();
        }
        for shell in ["bash", "fish"] {
            std::fs::write(manual.join(format!("completions/tcpwarden.{shell}")), "x").unwrap();
        }
        let built = Built { program: b"program", manual: &manual };
        for items in [
            package(&built, Packager::Deb).unwrap(),
            package(&built, Packager::Rpm).unwrap(),
            archive(&built, "top").unwrap(),
            image(b"program").unwrap(),
        ] {
            let mut paths: Vec<&str> = items.iter().map(|item| item.path.as_str()).collect();
            let all = paths.len();
            paths.sort_unstable();
            paths.dedup();
            assert_eq!(paths.len(), all);
            let executed: Vec<&Item> = items.iter().filter(|item| item.mode & 0o111 != 0).collect();
            assert_eq!(executed.len(), 1, "only the program is executed");
            assert_eq!(executed[0].bytes, b"program");
            for item in &items {
                assert_eq!(item.kind == Kind::Config, item.path.starts_with("etc/"), "{item:?}");
            }
        }
        std::fs::remove_dir_all(&manual).unwrap();
    }
}
