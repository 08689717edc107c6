//! Parts of an answer as text: ages, names and ends of connections.
//!
//! Used by the queries' text output. Guarantee: text that came over the wire reaches the terminal
//! without control characters.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::duration_text;
use crate::events::names;

/// The most letters of a name from the wire; no real name is longer.
const MAX_NAME: usize = 1000;

/// Returns a name from the wire for one line of a terminal: control characters are escaped, and it
/// is cut at 1000 letters.
pub(crate) fn printable(text: &str) -> String {
    names::printable(&text.chars().take(MAX_NAME).collect::<String>())
}

/// Returns an age from the wire, written by `write`, or `?` if the number is no possible age.
pub(crate) fn age(seconds: f64, write: fn(Duration) -> String) -> String {
    let possible = |age: &Duration| *age <= 10 * duration_text::LONGEST;
    let age = Duration::try_from_secs_f64(seconds).ok().filter(possible);
    age.map_or_else(|| "?".to_owned(), write)
}

/// Returns an end as `ss` shows it: `*` for any address and any port.
pub(crate) fn end(address: IpAddr, port: u16) -> String {
    if address.is_unspecified() && port == 0 {
        "*".to_owned()
    } else {
        SocketAddr::new(address, port).to_string()
    }
}

/// Returns JSON with the same meaning and without a character that controls a terminal. Outside of
/// strings JSON has no control characters but white space; inside of them an escape can replace
/// any.
pub(super) fn escape_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '\n' | '\r' | '\t' => text.push(character),
            control if names::controls_terminal(control) => {
                let mut units = [0; 2];
                for unit in control.encode_utf16(&mut units) {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
            plain => text.push(plain),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_passes_without_what_controls_a_terminal_and_means_the_same() {
        let evil = "{\"a\": \"x\\u001b[31m\u{9b}2J\u{202e}\u{7f}é\",\n \"b\": 1}\n";
        let clean = escape_json(evil);
        assert!(!clean.chars().any(|c| names::controls_terminal(c) && c != '\n'), "{clean:?}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&clean), read(evil));
    }

    #[test]
    fn an_age_that_cannot_be_is_a_question_mark() {
        for wrong in [-1.0, 1e300, f64::INFINITY, f64::NAN] {
            assert_eq!(age(wrong, duration_text::short), "?");
        }
        assert_eq!(age(75.4, duration_text::short), "1m15s");
    }
}
