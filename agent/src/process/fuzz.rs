//! What holds for any bytes in place of the files of a process.

use super::cmdline::{MAX, display, public};
use super::name::{Facts, MAX as MAX_NAME, name as name_of};
use super::read::{limit, start_of};
use super::rules::Rules;
use super::text::is_hidden;

/// `stat` and `limits` are read or not, and a start is a number that `stat` has behind the last
/// parenthesis.
pub(crate) fn stat(data: &[u8]) {
    if let Some(start) = start_of(data) {
        let text = String::from_utf8_lossy(data);
        let behind = text.rsplit(')').next().unwrap_or_default();
        let mut words = behind.split_ascii_whitespace();
        assert!(words.any(|word| word.parse() == Ok(start)), "{start}");
    }
    if let Some(limit) = limit(data) {
        let text = String::from_utf8_lossy(data);
        assert!(limit == u64::MAX || text.contains(&limit.to_string()));
    }
}

/// A command line is bounded, has no hidden characters, and is shown the same again.
pub(crate) fn command_line(data: &[u8]) {
    let line = display(data);
    assert!(line.len() <= MAX, "{} bytes", line.len());
    assert!(!line.chars().any(is_hidden), "{line:?}");
    assert_eq!(display(line.as_bytes()), line);
}

/// A name has 1 to [`MAX_NAME`] bytes, no hidden characters, and does not begin with `~`. What
/// everyone sees is bounded and clean too. The first three lines are the command name, the
/// executable and the unit; the rest are the arguments.
pub(crate) fn name(data: &[u8]) {
    let mut parts = data.splitn(4, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (comm, executable, unit, argv) = (part(), part(), part(), part());
    let unit = String::from_utf8_lossy(unit);
    let comm = &comm[..comm.len().min(15)];
    let facts = Facts { comm, executable, argv, unit: &unit };
    let rules = Rules::builtin();
    let named = name_of(&facts, &rules);
    assert!((1..=MAX_NAME).contains(&named.name.len()), "{named:?}");
    assert!(!named.name.starts_with('~') && !named.name.chars().any(is_hidden), "{named:?}");
    let shown = public(&facts, &rules);
    assert!(shown.len() <= 2 * MAX_NAME + 1 && !shown.chars().any(is_hidden), "{shown:?}");
}
