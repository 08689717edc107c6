//! Readers for values that several queries take.
//!
//! Called from the declarations of parameters. Each returns the value, or what is allowed as the
//! second half of "expected ...".

use std::str::FromStr;
use std::time::Duration;

use catalogue::labels::{Role, SocketState};

use crate::conn::States;
use crate::duration_text;
use crate::listing::filter::{ENDS, End, Filter, Pattern};

/// What is allowed in place of a refused value.
pub(crate) type Expected = String;

/// The most rows in one answer.
pub(super) const MAX_ROWS: usize = 1000;

/// Reads a member of a closed set, also as `ss` or the kernel spell it: `CLOSE-WAIT`, `FIN-WAIT-1`.
pub(crate) fn choice<T: Copy>(text: &str, known: &[(&str, T)]) -> Result<T, Expected> {
    let plain = text.to_ascii_lowercase().replace('-', "_");
    let found = known
        .iter()
        .find(|(word, _)| *word == plain || word.replace('_', "") == plain.replace('_', ""));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
        format!("one of {}", words.join(", "))
    })
}

/// Reads an unsigned number without a sign.
pub(crate) fn number<T: FromStr>(text: &str, allowed: &str) -> Result<T, Expected> {
    let digits = text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| allowed.to_owned())
}

/// Reads a port.
pub(crate) fn port(text: &str) -> Result<u16, Expected> {
    number(text, "a port from 0 to 65535")
}

/// Reads the most rows that an answer may have: 1 to [`MAX_ROWS`].
pub(super) fn limit(text: &str) -> Result<usize, Expected> {
    let allowed = format!("a whole number from 1 to {MAX_ROWS}");
    let limit = number(text, &allowed)?;
    if (1..=MAX_ROWS).contains(&limit) { Ok(limit) } else { Err(allowed) }
}

/// Reads a duration.
pub(super) fn duration(text: &str) -> Result<Duration, Expected> {
    duration_text::parse(text).ok_or_else(|| duration_text::ALLOWED.to_owned())
}

/// Reads what stands behind a parameter that is given or not.
pub(super) fn flag(text: &str) -> Result<bool, Expected> {
    if text.is_empty() { Ok(true) } else { choice(text, &[("yes", true), ("no", false)]) }
}

/// Reads a name, or the beginning of one with `*` behind it.
pub(crate) fn pattern(text: &str) -> Result<Pattern, Expected> {
    if text.is_empty() {
        Err("a name, or its beginning and *".to_owned())
    } else {
        Ok(Pattern::new(text))
    }
}

/// Reads an end of a connection.
pub(crate) fn end(text: &str) -> Result<End, Expected> {
    text.parse().map_err(|_not_an_end| ENDS.to_owned())
}

/// Reads a role.
pub(crate) fn role(text: &str) -> Result<Role, Expected> {
    let known: Vec<_> = Role::ALL.iter().map(|role| (role.as_str(), *role)).collect();
    choice(text, &known)
}

/// Reads a state.
pub(crate) fn state(text: &str) -> Result<SocketState, Expected> {
    let known: Vec<_> = SocketState::ALL.iter().map(|state| (state.as_str(), *state)).collect();
    choice(text, &known)
}

/// Reads a state and adds it to the filter. The first state replaces "any state".
pub(super) fn add_state(filter: &mut Filter, text: &str) -> Result<(), Expected> {
    let state = state(text)?;
    let before = if filter.states == States::ALL { States::NONE } else { filter.states };
    filter.states = before.with(state);
    Ok(())
}
