//! The lists of the view, one file each: from what the agent has answered to rows.

pub(crate) mod changes;
pub(crate) mod destinations;
pub(crate) mod life;
pub(crate) mod listeners;
pub(crate) mod processes;
pub(crate) mod sockets;
pub(crate) mod suspects;

use catalogue::labels::YOUNG;

use crate::duration_text;
use crate::query::text::age;

/// Returns whether a name of a process or a workload stands for itself alone: the agent reads one
/// with `*` at its end as the beginning of names, and its answers have young names, not [`YOUNG`].
fn is_exact(name: &str) -> bool {
    !name.ends_with('*') && name != YOUNG
}

/// Returns the parameters of the query for some sockets, those without value left out, and those
/// that would stand for others too.
fn parameters(pairs: &[(&str, &str)]) -> String {
    let mut parameters = form_urlencoded::Serializer::new(String::new());
    parameters.extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty() && is_exact(value)));
    parameters.append_pair("limit", &super::table::MOST.to_string());
    parameters.finish()
}

/// Writes an age in seconds.
fn short(seconds: f64) -> String {
    age(seconds, duration_text::short)
}

/// Writes an age that may be a lower bound.
fn at_least(seconds: f64, is_bound: bool) -> String {
    format!("{}{}", short(seconds), if is_bound { "+" } else { "" })
}

/// Writes a share in percent.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

/// Returns a count as the number that it is sorted by.
#[expect(clippy::cast_precision_loss, reason = "it is shown, and sorted by, and no more")]
const fn number(count: u64) -> f64 {
    count as f64
}

/// Returns what says that a list has not all there is; nothing if it has.
fn shown_of(shown: usize, all: u64) -> String {
    let is_all = u64::try_from(shown).is_ok_and(|shown| shown >= all);
    if is_all { String::new() } else { format!("{shown} of {all} shown") }
}
