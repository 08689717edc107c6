//! Text from outside made fit to be shown.

use std::fmt::Write as _;

use crate::workload::label;

/// The longest name of a process, bytes.
pub(super) const MAX_NAME: usize = 64;
/// What stands where text was cut.
pub(super) const ELLIPSIS: char = '…';

/// The longest escaped character: `\u{e0001}`.
const ESCAPED: usize = 10;

/// Returns whether a character cannot be seen or reorders what stands beside it: control
/// characters, the bidirectional controls, zero-width characters, line separators and tags.
pub(super) fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Returns at most `most` bytes of text, cut between two characters. Hidden characters are removed,
/// what is not UTF-8 becomes U+FFFD, and so does a `~` at the front, because the agent's own names
/// begin with it.
pub(super) fn clean(bytes: &[u8], most: usize) -> String {
    label(lossy(bytes).filter(|letter| !is_hidden(*letter)), most)
}

/// Appends text with its hidden characters escaped: a line end as `\u{a}`. What is not UTF-8
/// becomes U+FFFD. A backslash is not escaped, so that escaping twice changes nothing; this is why
/// a line end is not `\n`, which names of Windows domains with users have.
pub(super) fn escape(bytes: &[u8], out: &mut String) {
    for letter in lossy(bytes) {
        if is_hidden(letter) {
            // Writing to a string does not fail.
            _ = write!(out, "\\u{{{:x}}}", u32::from(letter));
        } else {
            out.push(letter);
        }
    }
}

/// Returns at most `most` bytes of text, cut between two characters and not within one that is
/// escaped. Where it was cut stands an ellipsis, which is counted.
pub(super) fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        let end = text.floor_char_boundary(most.saturating_sub(ELLIPSIS.len_utf8()));
        let escaped = text[..end].rfind('\\').filter(|at| {
            let rest = &text[*at..];
            let close = rest.find('}').filter(|_| rest.starts_with("\\u{"));
            close.is_some_and(|close| close < ESCAPED && at + close >= end)
        });
        text.truncate(escaped.unwrap_or(end));
        text.push(ELLIPSIS);
    }
    text
}

/// Returns the part of a path behind its last slash.
pub(super) fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn lossy(bytes: &[u8]) -> impl Iterator<Item = char> {
    bytes.utf8_chunks().flat_map(|chunk| {
        let invalid = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        chunk.valid().chars().chain(invalid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_removed_or_escaped() {
        assert_eq!(clean("a\n\u{202e}b\u{200b}".as_bytes(), 9), "ab");
        assert_eq!(clean(b"~other", 9), "\u{fffd}other");
        assert_eq!(clean("ää".as_bytes(), 3), "ä");
        let mut out = String::new();
        escape("a\n\u{1b}[\u{202e}".as_bytes(), &mut out);
        assert_eq!(out, "a\\u{a}\\u{1b}[\\u{202e}");
    }

    #[test]
    fn a_cut_is_marked_within_the_bound() {
        assert_eq!(cut("abcdef".into(), 6), "abcdef");
        assert_eq!(cut("abcdefg".into(), 6), "abc…");
        assert_eq!(cut("äääää".into(), 6), "ä…");
        for most in 5..9 {
            assert_eq!(cut("ab\\u{a}cdefgh".into(), most), "ab…", "{most}");
        }
        assert_eq!(cut("ab\\u{a}cdefgh".into(), 10), "ab\\u{a}…");
    }
}
