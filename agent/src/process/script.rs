//! Finds the script, module or main class in the arguments of a runtime.

use super::argv::Argv;
use super::rules::{Runtime, Word};
use super::secret::{is_issued, is_key};
use super::text::{MAX_NAME as MAX, base, clean};

/// The most words that are looked at.
const MAX_WORDS: usize = 512;

/// What a word of the command line is to a runtime.
#[derive(Debug, PartialEq)]
enum Part<'a> {
    /// An option that stands alone.
    Flag,
    /// An option that could have the next word as its value.
    Unknown,
    /// An option whose next word is its value.
    Valued,
    /// An option whose value is the name; it is the next word if it is not here.
    Named(Option<&'a str>),
    /// Program text follows.
    Code,
    /// A word that belongs to no option.
    Word,
}

impl Runtime {
    /// Returns the name of what the runtime runs, at most 64 bytes; `None` if the arguments do not
    /// tell it. It is never an option, an assignment, a URL or what looks like a token.
    pub(super) fn script(&self, argv: &[u8]) -> Option<String> {
        match Argv::parse(argv) {
            Argv::Tokens(tokens) => {
                let words: Vec<&str> = tokens.iter().skip(1).map(AsRef::as_ref).collect();
                self.run_by(&words)
            }
            Argv::Title(title) => self.titled(&title),
        }
    }

    /// Returns the name from a title: one that the rules know, the command line of a runtime, or
    /// the first word, as in `puma: cluster worker 0`.
    fn titled(&self, title: &str) -> Option<String> {
        for start in &self.titles {
            if let Some(rest) = title.strip_prefix(start.as_str()) {
                let name = token(rest.split(' ').next()?)?;
                return Some(clean(format!("{start}{name}").as_bytes(), MAX));
            }
        }
        let (first, rest) = title.split_once(' ')?;
        if self.is_called(base(first).trim_end_matches(':')) {
            let words: Vec<&str> = rest.split(' ').filter(|word| !word.is_empty()).collect();
            return self.run_by(&words);
        }
        // A path with a space in it is no title.
        token(first.trim_end_matches(':'))
    }

    /// Returns the name from the words behind the runtime's own.
    fn run_by(&self, words: &[&str]) -> Option<String> {
        let mut words = words.iter().copied().take(MAX_WORDS);
        let mut unsure = false;
        while let Some(word) = words.next() {
            match self.part(word) {
                Part::Flag => {}
                Part::Unknown => unsure = true,
                Part::Valued => unsure |= words.next().is_some_and(is_option),
                Part::Named(value) => return self.named(value.or_else(|| words.next())?),
                Part::Code => return None,
                Part::Word if self.word == Word::Never || has(&self.skip, base(word)) => {}
                Part::Word if has(&self.code, word) => return None,
                Part::Word => return self.word(word, unsure),
            }
        }
        None
    }

    /// Returns the name from a word that belongs to no option. Behind an option that is not known
    /// only an ending makes it a script.
    fn word(&self, word: &str, unsure: bool) -> Option<String> {
        let ends = self.endings.iter().any(|ending| word.ends_with(ending.as_str()));
        if (unsure || self.word == Word::Ending) && !ends {
            return None;
        }
        self.named(word)
    }

    /// Returns the name from the value of an option or a word. What follows an `@` is a host. A
    /// script that is read from a descriptor has no name.
    fn named(&self, value: &str) -> Option<String> {
        let descriptor = value.starts_with("/dev/") || value.starts_with("/proc/");
        if descriptor || value.contains("://") || value.contains('=') || is_option(value) {
            return None;
        }
        let value = base(value.trim_end_matches('/'));
        let mut value = value.split('@').next()?;
        while self.word == Word::Class && value.len() > MAX {
            let Some((_, end)) = value.split_once('.') else { break };
            value = end;
        }
        token(value)
    }

    fn part<'a>(&self, word: &'a str) -> Part<'a> {
        if !is_option(word) {
            return Part::Word;
        }
        let (option, value) = match word.split_once('=') {
            Some((option, value)) => (option, Some(value)),
            None => (word, None),
        };
        if word == "-" || has(&self.code, option) {
            Part::Code
        } else if has(&self.named, option) {
            Part::Named(value)
        } else if has(&self.valued, option) {
            if value.is_some() { Part::Flag } else { Part::Valued }
        } else if self.joined && !word.starts_with("--") {
            self.joined_part(word)
        } else if value.is_some() || word == "--" || has(&self.flags, option) {
            Part::Flag
        } else if word.starts_with("--") || is_key(option) {
            Part::Unknown
        } else {
            Part::Flag
        }
    }

    /// Reads short options that are joined: the first with a value takes the rest of the word, or
    /// the next one. A long name with one hyphen that calls its value a secret is not read so.
    fn joined_part<'a>(&self, word: &'a str) -> Part<'a> {
        let sign = &word[..1];
        let alone = if is_key(word) { Part::Unknown } else { Part::Flag };
        for (at, letter) in word.char_indices().skip(1) {
            let option = format!("{sign}{letter}");
            let rest = &word[at + letter.len_utf8()..];
            if has(&self.code, &option) {
                return Part::Code;
            }
            if has(&self.named, &option) {
                return Part::Named((!rest.is_empty()).then_some(rest));
            }
            if has(&self.valued, &option) {
                return if rest.is_empty() { Part::Valued } else { alone };
            }
        }
        alone
    }
}

/// Returns a word as a name, cut to 64 bytes; `None` if it has no letter, has other characters than
/// names of files and classes have, or looks like a token.
pub(super) fn token(word: &str) -> Option<String> {
    let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '_' | '-' | '$');
    let begins = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '_');
    let fits = word.starts_with(begins) && word.chars().all(plain) && !is_issued(word);
    fits.then(|| clean(word.as_bytes(), MAX)).filter(|name| name.chars().any(char::is_alphabetic))
}

fn is_option(word: &str) -> bool {
    word.starts_with(['-', '+', '@'])
}

fn has(list: &[String], word: &str) -> bool {
    list.iter().any(|known| known == word)
}
