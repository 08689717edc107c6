//! Which build this is: version, commit and build id.
//!
//! `cargo xtask build` sets `TCPWARDEN_COMMIT`; a build without it has no commit to name. The build
//! id is the linker's note in the program (`.note.gnu.build-id`), which debug symbols have as well.

use std::fs::File;
use std::path::Path;
use std::sync::LazyLock;

use object::{Object as _, ReadCache};

/// The version of the package.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What stands for a commit or a build id that is not known.
const UNKNOWN: &str = "unknown";

/// The program that runs.
const OWN: &str = "/proc/self/exe";

/// The commit and the build id of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build {
    /// The commit that it was built from, or `unknown`.
    pub commit: &'static str,
    /// The build id in hexadecimal digits, or `unknown`.
    pub id: &'static str,
}

impl Default for Build {
    /// Returns a build of which nothing is known.
    fn default() -> Self {
        Self { commit: UNKNOWN, id: UNKNOWN }
    }
}

impl Build {
    /// Returns the build that runs.
    #[must_use]
    pub fn own() -> Self {
        static ID: LazyLock<Option<String>> = LazyLock::new(|| id_of(Path::new(OWN)));
        let commit = option_env!("TCPWARDEN_COMMIT").filter(|commit| !commit.is_empty());
        Self { commit: commit.unwrap_or(UNKNOWN), id: ID.as_deref().unwrap_or(UNKNOWN) }
    }
}

/// Returns the text of `-V`, behind the name of the program.
pub(crate) fn short() -> &'static str {
    static TEXT: LazyLock<String> =
        LazyLock::new(|| format!("{VERSION} (commit {})", Build::own().commit));
    &TEXT
}

/// Returns the text of `--version`, behind the name of the program.
pub(crate) fn long() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let Build { commit, id } = Build::own();
        format!("{VERSION}\ncommit: {commit}\nbuild id: {id}")
    });
    &TEXT
}

/// Returns the build id of a program, if it can be read and has one. Only the parts that tell are
/// read.
fn id_of(program: &Path) -> Option<String> {
    let cache = ReadCache::new(File::open(program).ok()?);
    let object = object::File::parse(&cache).ok()?;
    let id = object.build_id().ok()??;
    Some(id.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_id_is_that_of_the_note_and_a_file_without_one_has_none() {
        let own = id_of(Path::new(OWN)).unwrap();
        assert!(own.len() >= 16 && own.chars().all(|digit| digit.is_ascii_hexdigit()), "{own}");
        assert_eq!(Build::own().id, own);
        assert_eq!(id_of(Path::new("/proc/self/status")), None);
        assert_eq!(id_of(Path::new("/nowhere")), None);
    }

    #[test]
    fn the_texts_name_version_commit_and_build_id() {
        let Build { commit, id } = Build::own();
        assert_eq!(short(), format!("{VERSION} (commit {commit})"));
        assert_eq!(long(), format!("{VERSION}\ncommit: {commit}\nbuild id: {id}"));
        assert_eq!(Build::default(), Build { commit: "unknown", id: "unknown" });
    }
}
