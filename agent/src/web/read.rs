//! Reads the file and the files that it names, and says by what to tell that one has changed.
//!
//! Used by `reload`. Guarantees: what is read is bounded, and was tried as the HTTP process will
//! use it; an error names the file, the place in it and what is wrong.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::bundle::{Bundle, Material};
use super::file::{File, Source, Tls};
use super::{tls, yaml};
use crate::bounded;

/// The most bytes of one file.
const MOST: u64 = 1 << 20;

/// What tells a file from what it was: device, inode, size, and the times of its contents and of
/// its owner and mode.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp(u64, u64, u64, [i64; 4]);

/// Files and what they were when they were last read; none if there was no such file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamps(Vec<(PathBuf, Option<Stamp>)>);

impl Stamps {
    fn add(&mut self, path: &Path) {
        if !self.0.iter().any(|(known, _)| known == path) {
            self.0.push((path.to_owned(), stamp(path)));
        }
    }

    /// Adds those of others that it does not have.
    pub(super) fn join(&mut self, others: Self) {
        let is_new = |path: &PathBuf| !self.0.iter().any(|(known, _)| known == path);
        let new: Vec<_> = others.0.into_iter().filter(|(path, _)| is_new(path)).collect();
        self.0.extend(new);
    }

    /// Returns what the same files are now.
    pub(super) fn now(&self) -> Self {
        Self(self.0.iter().map(|(path, _)| (path.clone(), stamp(path))).collect())
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    let times = [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()];
    Some(Stamp(found.dev(), found.ino(), found.size(), times))
}

/// Reads a web configuration; `stamps` gets every file that it rests on, also if it is wrong.
///
/// # Errors
/// What is wrong, and where.
pub(super) fn read(path: &Path, stamps: &mut Stamps) -> Result<Bundle, String> {
    stamps.add(path);
    let name = path.display();
    let text = contents(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    let wrong = |error: String| format!("{name}: {error}");
    let folder = path.parent().unwrap_or(Path::new("."));
    let file = match yaml::read(&text).map_err(wrong)? {
        Some(root) => File::read(&root, folder).map_err(wrong)?,
        None => File::default(),
    };
    let material = file.tls.map(|tls| material(tls, stamps)).transpose().map_err(wrong)?;
    let bundle = Bundle { tls: material, headers: file.headers, users: file.users };
    bundle.to_bytes().map_err(|error| wrong(error.to_string()))?;
    Ok(bundle)
}

/// Reads the files of the part about TLS, and tries them.
fn material(tls: Tls, stamps: &mut Stamps) -> Result<Material, String> {
    let sources = [Some(&tls.certificates), Some(&tls.key), tls.client_ca.as_ref()];
    for source in sources.into_iter().flatten() {
        if let Source::File(_, path) = source {
            stamps.add(path);
        }
    }
    let material = Material {
        certificates: pem(&tls.certificates)?,
        key: pem(&tls.key)?,
        client_ca: tls.client_ca.as_ref().map(pem).transpose()?,
        rules: tls.rules,
    };
    match tls::server(&material) {
        Ok(_server) => Ok(material),
        Err((part, why)) => Err(match part {
            tls::Part::Certificates => format!("{}: {why}", tls.certificates.name()),
            tls::Part::Key => format!("{}: {why}", tls.key.name()),
            tls::Part::ClientCa => {
                let name = tls.client_ca.map(|source| source.name()).unwrap_or_default();
                format!("{name}: {why}")
            }
            tls::Part::Rules => format!("tls_server_config: {why}"),
        }),
    }
}

fn pem(source: &Source) -> Result<String, String> {
    match source {
        Source::Here(_, text) => Ok(text.clone()),
        Source::File(key, path) => contents(path)
            .map_err(|error| format!("{key}: cannot read {}: {error}", path.display())),
    }
}

/// Returns the text of a file.
fn contents(path: &Path) -> Result<String, String> {
    bounded::file(path, MOST).and_then(bounded::utf8).map_err(|error| error.to_string())
}
