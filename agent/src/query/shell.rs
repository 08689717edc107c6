//! Words of a command that a reader copies into a shell.

use super::text::printable;

/// Returns an option as a shell takes it; `None` if its value cannot be printed as it is.
pub(super) fn option(name: &str, value: &str) -> Option<String> {
    if value.is_empty() || printable(value) != value {
        return None;
    }
    // Behind a blank it would be the next option.
    let separator = if value.starts_with('-') { '=' } else { ' ' };
    Some(format!("--{name}{separator}{}", quoted(value)))
}

/// Returns a word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.,:/@%+".contains(letter);
    if word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
