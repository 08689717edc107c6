//! Finds the Debian mirrors of this machine in its own apt sources.
//!
//! Both forms are understood: deb822 stanzas in `*.sources` and one-line entries in `sources.list`
//! and `*.list`.
use std::path::{Path, PathBuf};

/// The suites that have the kernels, oldest first.
const SUITES: [&str; 5] = ["bullseye", "bookworm", "trixie", "trixie-backports", "sid"];
/// The suites whose security updates have newer ones.
const SECURITY_SUITES: [&str; 3] = ["bullseye-security", "bookworm-security", "trixie-security"];
/// The key that signs them, if the system keeps it here.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The base addresses of the archive and of its security updates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mirrors {
    /// The main archive.
    pub(crate) archive: Option<String>,
    /// The security updates.
    pub(crate) security: Option<String>,
}

impl Mirrors {
    /// Reads the mirrors of this system.
    pub(crate) fn of_system() -> Self {
        let mut mirrors = Self::default();
        for file in source_files() {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let addresses = if file.extension().is_some_and(|extension| extension == "sources") {
                stanzas(&text)
            } else {
                lines(&text)
            };
            for address in addresses {
                mirrors.take(address);
            }
        }
        mirrors
    }

    /// Returns an apt source list of all suites that have kernels; nothing without a mirror.
    pub(crate) fn source_list(&self) -> Option<String> {
        let archive = self.archive.as_ref()?;
        let signed = if Path::new(KEYRING).exists() {
            format!("[signed-by={KEYRING}] ")
        } else {
            String::new()
        };
        let entry = |address: &str, suite: &str| format!("deb {signed}{address} {suite} main\n");
        let mut list: String = SUITES.iter().map(|suite| entry(archive, suite)).collect();
        if let Some(security) = &self.security {
            list.extend(SECURITY_SUITES.iter().map(|suite| entry(security, suite)));
        }
        Some(list)
    }

    /// Keeps the address of one of Debian's two archives, known by its end; the first of each wins.
    fn take(&mut self, address: &str) {
        match address.trim_end_matches('/').rsplit('/').next() {
            Some("debian") => self.archive.get_or_insert_with(|| address.to_owned()),
            Some("debian-security") => self.security.get_or_insert_with(|| address.to_owned()),
            _ => return,
        };
    }
}

fn source_files() -> Vec<PathBuf> {
    let directory = Path::new("/etc/apt/sources.list.d");
    let entries =
        std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let named = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "sources" || extension == "list")
    };
    let mut files: Vec<_> = entries.filter(named).collect();
    files.sort();
    files.insert(0, PathBuf::from("/etc/apt/sources.list"));
    files
}

/// Returns the addresses of the binary archives with component main in deb822 stanzas.
fn stanzas(text: &str) -> Vec<&str> {
    let mut addresses = Vec::new();
    for stanza in text.split("\n\n") {
        let field = |name: &str| {
            let lines = stanza.lines().filter_map(|line| line.split_once(':'));
            lines
                .into_iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map_or("", |(_, value)| value.trim())
        };
        let has =
            |name: &str, word: &str| field(name).split_whitespace().any(|value| value == word);
        if has("Types", "deb")
            && has("Components", "main")
            && !field("Enabled").eq_ignore_ascii_case("no")
        {
            addresses.extend(field("URIs").split_whitespace());
        }
    }
    addresses
}

/// Returns the addresses of the binary archives with component main in one-line entries.
fn lines(text: &str) -> Vec<&str> {
    text.lines().filter_map(entry).collect()
}

/// Returns the address of `deb [options] ADDRESS SUITE main ...`.
fn entry(line: &str) -> Option<&str> {
    let rest = line.trim().strip_prefix("deb")?.strip_prefix([' ', '\t'])?.trim_start();
    let rest = if rest.starts_with('[') { rest.split_once(']')?.1 } else { rest };
    let mut words = rest.split_whitespace();
    let address = words.next()?;
    words.skip(1).any(|component| component == "main").then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deb822_stanzas_are_read_without_sources_others_and_disabled_ones() {
        let text = "Types: deb\n# a comment: here\nURIs: http://m.invalid/debian \
            http://n.invalid/debian/\nSuites: bookworm\nComponents: main contrib\n\n\
            Types: deb-src\nURIs: http://src.invalid/debian\nSuites: bookworm\nComponents: main\n\n\
            Types: deb\nEnabled: no\nURIs: http://off.invalid/debian\nSuites: bookworm\n\
            Components: main\n\n\
            Types: deb\nURIs: http://docker.invalid/linux/debian\nSuites: bookworm\nComponents: \
            stable\n";
        assert_eq!(stanzas(text), ["http://m.invalid/debian", "http://n.invalid/debian/"]);
    }

    #[test]
    fn one_line_entries_are_read_with_and_without_options() {
        let text = "# deb http://old.invalid/debian bookworm main\n\
            deb http://m.invalid/debian bookworm main contrib\n\
            deb [arch=amd64 signed-by=/k.gpg] http://s.invalid/debian-security bookworm-security \
            main\n\
            deb-src http://src.invalid/debian bookworm main\n\
            deb http://docker.invalid/linux/debian bookworm stable\n";
        assert_eq!(lines(text), ["http://m.invalid/debian", "http://s.invalid/debian-security"]);
    }

    #[test]
    fn the_first_archive_of_each_sort_is_taken_and_no_third_party() {
        let mut mirrors = Mirrors::default();
        for address in [
            "http://x.invalid/apt",
            "http://m.invalid/debian/",
            "http://n.invalid/debian",
            "http://m.invalid/debian-security",
        ] {
            mirrors.take(address);
        }
        assert_eq!(mirrors.archive.as_deref(), Some("http://m.invalid/debian/"));
        assert_eq!(mirrors.security.as_deref(), Some("http://m.invalid/debian-security"));
        let list = mirrors.source_list().unwrap();
        assert!(list.contains("http://m.invalid/debian/ sid main\n"));
        assert!(list.contains("http://m.invalid/debian-security bullseye-security main\n"));
        assert_eq!(Mirrors::default().source_list(), None);
    }
}
