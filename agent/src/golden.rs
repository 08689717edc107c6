//! Texts that are compared with a committed file.

use std::path::Path;

/// Compares with a file of this package, or rewrites it under `TCPWARDEN_BLESS=1`.
pub(crate) fn compare(path: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("TCPWARDEN_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let first = committed.lines().zip(text.lines()).position(|(one, other)| one != other);
    assert!(
        committed == text,
        "{} differs from line {:?} on; if that is meant, rewrite it with TCPWARDEN_BLESS=1 cargo \
         test",
        path.display(),
        first.map(|line| line + 1)
    );
}
