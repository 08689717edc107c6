//! What `connections`, `leaks` and `ports` have in common: check the options, ask the agent, print
//! its answer.
//!
//! Guarantees: an option that the agent would refuse is refused here, with its name; text that came
//! over the wire reaches the terminal without control characters.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::cli::{AgentArgs, Pairs};
use crate::client;
use crate::duration_text;
use crate::events::names;
use crate::exit::{self, Error};
use crate::listing::query::Refusal;

/// The refusal of an option.
pub(super) fn usage(refusal: &Refusal) -> Error {
    Error::Usage(format!(
        "--{refusal}",
        refusal = Refusal { parameter: refusal.parameter.replace('_', "-"), ..refusal.clone() }
    ))
}

/// Asks the agent, and prints its answer as it is, or as `text` words it.
pub(super) fn ask<T: DeserializeOwned>(
    from: &AgentArgs,
    path: &str,
    pairs: &Pairs<'_>,
    out: &mut impl Write,
    text: impl FnOnce(&T, &mut String),
) -> Result<u8, Error> {
    let failed = |why: String| Error::Agent {
        agent: printable(&from.agent.to_string()),
        why: printable(&why),
    };
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let body = client::fetch(&from.agent, &format!("{path}?{query}"))
        .map_err(|failure| failed(failure.to_string()))?;
    let foreign = |error: serde_json::Error| {
        failed(format!("its answer is not what an agent of this version sends: {error}"))
    };
    let mut page = String::new();
    if from.json {
        let _: serde::de::IgnoredAny = serde_json::from_slice(&body).map_err(foreign)?;
        page = harmless(&String::from_utf8_lossy(&body));
    } else {
        text(&serde_json::from_slice(&body).map_err(foreign)?, &mut page);
    }
    match out.write_all(page.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Other(
            anyhow::Error::new(error).context("cannot write the answer to the output"),
        )),
        // A reader that went away (`connections | head`) is the end, not an error.
        _ => Ok(exit::OK),
    }
}

/// JSON with the same meaning and without a character that steers a terminal. Outside of strings
/// JSON has none but blanks and line ends; inside of them, escapes stand for any.
fn harmless(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '\n' | '\r' | '\t' => text.push(character),
            steering if names::steers(steering) => {
                let mut units = [0; 2];
                for unit in steering.encode_utf16(&mut units) {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
            plain => text.push(plain),
        }
    }
    text
}

/// A name from the wire as it may stand on a line: no steering, not longer than any real one.
pub(super) fn printable(text: &str) -> String {
    const LONGEST: usize = 1000;
    names::printable(&text.chars().take(LONGEST).collect::<String>())
}

/// An age from the wire as a person says it.
pub(super) fn age(seconds: f64, write: fn(Duration) -> String) -> String {
    let sane =
        Duration::try_from_secs_f64(seconds).ok().filter(|age| *age <= 10 * duration_text::LONGEST);
    sane.map_or_else(|| "?".to_owned(), write)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_passes_without_what_steers_a_terminal_and_means_the_same() {
        let evil = "{\"a\": \"x\\u001b[31m\u{9b}2J\u{202e}\u{7f}é\",\n \"b\": 1}\n";
        let clean = harmless(evil);
        assert!(!clean.chars().any(|c| names::steers(c) && c != '\n'), "{clean:?}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&clean), read(evil));
    }

    #[test]
    fn an_age_that_cannot_be_is_a_question_mark() {
        for wrong in [-1.0, 1e300, f64::INFINITY, f64::NAN] {
            assert_eq!(age(wrong, duration_text::long), "?");
        }
        assert_eq!(age(75.4, duration_text::long), "1 min 15 s");
    }
}
