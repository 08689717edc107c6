//! The command line of a process, fit to be shown.
//!
//! Used by what answers root and the socket's group ([`display`]), and by what answers over TCP
//! ([`public`]). Guarantees: at most [`MAX`] bytes; no hidden characters; values of options that
//! are named like secrets, passwords in URLs and what looks like a token are `***`; showing what
//! was shown changes nothing.

use super::argv::tokens;
use super::mask::Masker;
use super::name::{Facts, MAX as MAX_NAME, executable, runtime};
use super::rules::Rules;
use super::text::{clean, cut, escape};

/// The longest command line that is shown, bytes.
pub(crate) const MAX: usize = 256;

/// How often a command line is masked again before it is given up. Twice is enough for all that is
/// not made to be in the way.
const ROUNDS: usize = 8;
/// What is shown of a command line that is given up.
const GIVEN_UP: &str = "***";

/// Returns the command line with its secrets masked. `argv` is the text of `/proc/PID/cmdline`:
/// tokens with a NUL behind each, of which the first 4 KiB are read. It is cut to [`MAX`] bytes
/// between two characters, with an ellipsis at its end. Empty if the process has no arguments.
#[must_use]
pub(crate) fn display(argv: &[u8]) -> String {
    // A mask can make a secret of what stands behind it: `-pw` and a control character, then a
    // user and `:@`. What was shown is masked until that changes nothing.
    let mut line = once(argv);
    for _ in 0..ROUNDS {
        let again = once(line.as_bytes());
        if again == line {
            return line;
        }
        line = again;
    }
    GIVEN_UP.to_owned()
}

/// Masks a command line and cuts it.
fn once(argv: &[u8]) -> String {
    let mut masker = Masker::default();
    let mut escaped = String::new();
    for token in tokens(argv) {
        escaped.clear();
        escape(token, &mut escaped);
        masker.argument(&escaped);
    }
    cut(masker.finish(), MAX)
}

/// Returns the name of the executable and the script, module or main class that it runs, without
/// any argument: what may be shown to everyone. At most 129 bytes. Empty if neither is known.
#[must_use]
pub(crate) fn public(facts: &Facts<'_>, rules: &Rules) -> String {
    let executable = executable(facts.executable).unwrap_or_default();
    let comm = clean(facts.comm, MAX_NAME);
    let script =
        runtime(&comm, Some(&executable), rules).and_then(|runtime| runtime.script(facts.argv));
    match script {
        Some(script) if executable.is_empty() => script,
        Some(script) => format!("{executable} {script}"),
        None => executable,
    }
}
