//! Masks what is secret in the words of a command line.

use super::secret::{is_bare_key, is_issued, is_key, short_options};
use super::text::ELLIPSIS;

/// What stands for a secret.
const MASK: &str = "***";

/// Reads the words of a command line from left to right and writes them with their secrets masked.
#[derive(Default)]
pub(super) struct Masker {
    out: String,
    /// The word before announced that this one is a secret.
    pending: bool,
    /// The short options with a secret of the program that was named last.
    short: &'static [&'static str],
}

impl Masker {
    /// Appends one argument, in which hidden characters are escaped.
    pub(super) fn argument(&mut self, argument: &str) {
        if !self.out.is_empty() {
            self.out.push(' ');
        }
        if self.pending && !is_long(argument) {
            self.note(argument);
            self.out.push_str(MASK);
            return;
        }
        self.pending = false;
        let mut rest = argument;
        let mut first = true;
        while !rest.is_empty() {
            let used = self.word(rest, first);
            rest = &rest[used..];
            first = false;
            let separator = separator(rest);
            self.out.push_str(&rest[..separator]);
            rest = &rest[separator..];
        }
    }

    /// Returns the text without spaces at its end.
    pub(super) fn finish(mut self) -> String {
        self.out.truncate(self.out.trim_end_matches(' ').len());
        self.out
    }

    /// Appends the word at the front of `rest` and returns how many bytes it took. A value can take
    /// more than a word: to its closing quote, or to the end of the argument.
    fn word(&mut self, rest: &str, first: bool) -> usize {
        let word = &rest[..word_end(rest)];
        if word.is_empty() {
            return 0;
        }
        if self.pending && !is_long(word) {
            self.note(word);
            return self.value(rest, false);
        }
        self.note(word);
        if is_issued(word) {
            self.out.push_str(MASK);
            return word.len();
        }
        if let Some(option) = self.short.iter().find(|option| word.starts_with(**option)) {
            self.out.push_str(option);
            return option.len() + self.value(&rest[option.len()..], first);
        }
        let value = value_at(word, first);
        let before = |at: usize| value.is_none_or(|(value, _)| at < value);
        if let Some((user, password, at)) = credentials(word).filter(|(user, ..)| before(*user)) {
            self.out.push_str(&word[..user]);
            self.secret(&word[user..password - 1], is_issued);
            self.out.push(':');
            self.secret(&word[password..at], |_| true);
            return at + self.word(&rest[at..], false);
        }
        if let Some((at, whole)) = value {
            self.url(&word[..at]);
            self.pending = false;
            return at + self.value(&rest[at..], whole);
        }
        self.pending |= is_bare_key(word);
        self.url(word);
        word.len()
    }

    /// Takes note of what a word means for those behind it: a program with short options that hold
    /// secrets, an option whose value is one. It does so for a word that is masked, too, because
    /// that can be an option which stands where a value was expected.
    fn note(&mut self, word: &str) {
        self.pending = word.starts_with('-') && is_key(word);
        if let Some(options) = short_options(word) {
            self.short = options;
        }
    }

    /// Masks the value at the front of `rest`, all of it if `whole`, and returns how many bytes it
    /// took. One that is masked already stays. If there is none here, the next word is one.
    fn value(&mut self, rest: &str, whole: bool) -> usize {
        let end = word_end(rest);
        if end == 0 {
            let text = trim_separators(rest);
            if !whole || text.is_empty() || is_long(text) {
                self.pending = true;
                return 0;
            }
            let blank = rest.len() - text.len();
            self.out.push_str(&rest[..blank]);
            return blank + self.value(text, whole);
        }
        if is_masked(&rest[..end]) {
            self.out.push_str(&rest[..end]);
            return end;
        }
        self.out.push_str(MASK);
        let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''));
        match quote {
            _ if whole => rest.len(),
            Some(quote) => {
                let close = rest[1..].find(quote).map_or(rest.len(), |at| at + 2);
                close + word_end(&rest[close..])
            }
            None => end,
        }
    }

    /// Appends a text, or a mask if it is secret and not masked already.
    fn secret(&mut self, text: &str, is_secret: impl Fn(&str) -> bool) {
        self.out.push_str(if is_secret(text) && !is_masked(text) { MASK } else { text });
    }

    /// Appends a word that has no password of a URL. A user that looks like a token is masked.
    fn url(&mut self, word: &str) {
        let Some(start) = word.find("://").map(|at| at + 3) else {
            self.out.push_str(word);
            return;
        };
        let (scheme, rest) = word.split_at(start);
        self.out.push_str(scheme);
        let Some((user, host)) = rest.rfind('@').map(|at| rest.split_at(at)) else {
            return self.authority(rest);
        };
        self.secret(user, is_issued);
        self.out.push_str(host);
    }

    /// Appends a URL without `@`. What stands in the place of the port and is none is the beginning
    /// of a password that was cut.
    fn authority(&mut self, rest: &str) {
        let end = rest.find(['/', '?', '#', ',']).unwrap_or(rest.len());
        let port = rest[..end].rfind(':').map(|at| at + 1).filter(|_| !rest.starts_with('['));
        let Some(port) = port else {
            self.out.push_str(rest);
            return;
        };
        let text = &rest[port..end];
        let is_port = |text: &str| text.trim_end_matches(ELLIPSIS).parse::<u16>().is_ok();
        self.out.push_str(&rest[..port]);
        self.secret(text, |text| !is_port(text));
        self.out.push_str(&rest[end..]);
    }
}

/// Returns where user and password begin in a word with a URL, and where the `@` behind them is. It
/// is the last one, because a password can hold one, and so can all that ends a host.
fn credentials(word: &str) -> Option<(usize, usize, usize)> {
    let user = match word.find("://") {
        Some(at) => at + 3,
        // `user:password@tcp(host)/database`, perhaps behind `--dsn=`.
        None => word.find('=').map_or(0, |at| at + 1),
    };
    let at = word.rfind('@').filter(|at| *at > user)?;
    let password = user + word[user..at].find(':')? + 1;
    Some((user, password, at))
}

/// Returns where the value of the first secret key of a word begins, and whether it goes on to the
/// end of the argument. It does behind a colon, as in a header, and if the argument begins with
/// the key.
fn value_at(word: &str, first: bool) -> Option<(usize, bool)> {
    let mut start = 0;
    for (at, letter) in word.char_indices() {
        let end = at + letter.len_utf8();
        match letter {
            '=' | ':' => {
                let key = word[start..at].trim_end_matches(['"', '\'']);
                let key = key.rsplit(['"', '\'']).next().unwrap_or(key);
                if is_key(key) && !word[end..].starts_with("//") {
                    return Some((end, letter == ':' || (first && start == 0)));
                }
                start = end;
            }
            '?' | '&' | ';' | ',' | '{' | '}' | '[' | ']' | '(' | ')' | '|' | '/' => start = end,
            _ => {}
        }
    }
    None
}

/// Returns whether a text begins with a long option, perhaps one that is cut behind its first
/// hyphen. It is no value of the option before it.
fn is_long(text: &str) -> bool {
    text.starts_with("--") || text.strip_prefix('-').is_some_and(|rest| rest == "…")
}

/// Returns whether a text is a mask, perhaps cut, or nothing.
fn is_masked(text: &str) -> bool {
    text.chars().all(|letter| matches!(letter, '*' | ELLIPSIS))
}

/// Returns where the first word ends.
fn word_end(text: &str) -> usize {
    let ends = |at: &usize| separator(&text[*at..]) > 0;
    text.char_indices().map(|(at, _)| at).find(ends).unwrap_or(text.len())
}

/// Returns the length of the separator at the front: a space, or an escaped line end or tab.
fn separator(text: &str) -> usize {
    let is_at_front = |separator: &&str| text.starts_with(*separator);
    [" ", "\\u{a}", "\\u{9}", "\\u{d}"].into_iter().find(is_at_front).map_or(0, str::len)
}

/// Returns the text behind the separators at its front.
fn trim_separators(mut text: &str) -> &str {
    while separator(text) > 0 {
        text = &text[separator(text)..];
    }
    text
}
