//! Texts as words: identifiers and sentences alike, split at cases, underscores and lines.
//!
//! A phrase is found across line breaks and comment markers, and in `snake_case` and `CamelCase`.

/// One word of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// In lower case.
    pub(crate) text: String,
    /// Counted from 1.
    pub(crate) line: usize,
    /// Whether only blanks, comment markers, `_` or `-` separate it from the word before.
    pub(crate) follows: bool,
}

/// Splits a text.
pub(crate) fn split(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut current = String::new();
    let mut lower = false;
    let (mut line, mut follows, mut following) = (1, true, true);
    for letter in text.chars().chain(std::iter::once(' ')) {
        let boundary = lower && letter.is_uppercase();
        if (!letter.is_alphanumeric() || boundary) && !current.is_empty() {
            let text = std::mem::take(&mut current);
            words.push(Word { text, line, follows });
            following = true;
        }
        if letter.is_alphanumeric() {
            if current.is_empty() {
                follows = following;
            }
            current.extend(letter.to_lowercase());
        } else {
            following &= letter.is_whitespace() || matches!(letter, '/' | '!' | '#' | '_' | '-');
        }
        lower = letter.is_lowercase();
        line += usize::from(letter == '\n');
    }
    words
}

/// Returns the lines where a phrase begins. `word*` stands for every word that starts so; any other
/// word also stands for its plural.
pub(crate) fn lines_of(phrase: &str, words: &[Word]) -> Vec<usize> {
    let pattern: Vec<&str> = phrase.split_whitespace().collect();
    if pattern.is_empty() {
        return Vec::new();
    }
    words
        .windows(pattern.len())
        .filter(|window| {
            window.iter().zip(&pattern).all(|(word, pattern)| fits(&word.text, pattern))
                && window[1..].iter().all(|word| word.follows)
        })
        .map(|window| window[0].line)
        .collect()
}

fn fits(word: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => word.starts_with(start),
        None => word == pattern || word.strip_suffix('s') == Some(pattern),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(phrase: &str, text: &str) -> Vec<usize> {
        lines_of(phrase, &split(text))
    }

    #[test]
    fn a_phrase_is_found_in_sentences_identifiers_and_across_comment_lines() {
        assert_eq!(
            lines("open door", "/// An open\n/// door.\nfn open_door(OpenDoors)"),
            [1, 3, 3]
        );
        assert_eq!(lines("open door", "open, door. Open the door"), [0; 0]);
    }

    #[test]
    fn a_word_is_not_found_inside_another() {
        assert_eq!(lines("art", "their part, arts"), [1]);
        assert_eq!(lines("art*", "artist"), [1]);
    }
}
