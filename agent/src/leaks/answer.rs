//! The answer about leaks: the suspects, the notes, and what was examined.
//!
//! Made by `Watch`, written and read again as JSON; docs/api.md describes it.

use serde::{Deserialize, Serialize};

use super::suspect::Suspect;
use crate::listing::answer::Taken;

/// The suspects, and what was examined to find them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Leaks {
    /// When the answer was made.
    #[serde(flatten)]
    pub(crate) taken: Taken,
    /// What was examined.
    pub(crate) looked_at: LookedAt,
    /// How many suspects there are.
    pub(crate) matched: usize,
    /// How many of them are in this answer.
    pub(crate) returned: usize,
    /// Whether there are more.
    pub(crate) truncated: bool,
    /// The suspects, the one with the highest score first.
    pub(crate) suspects: Vec<Suspect>,
    /// What is worth knowing and accuses nobody, at most twenty, the largest first.
    pub(crate) notes: Vec<Suspect>,
    /// How many notes there are.
    pub(crate) notes_matched: usize,
    /// How many suspects are as sure as `fail_on` asks for; 0 without it.
    pub(crate) failing: usize,
}

/// What was examined. Without it an empty list could also mean that the table is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LookedAt {
    /// How many rows the table has.
    pub(crate) connections: u64,
    /// How many of them match the query and are in a transient state.
    pub(crate) in_leak_states: u64,
    /// How many of those have been in it for more than ten seconds.
    pub(crate) past_grace: u64,
    /// How many connections are in no group, because there were too many groups.
    pub(crate) ungrouped: u64,
    /// How many groups had no room in the history, in all samples together.
    pub(crate) unsampled: u64,
    /// How far back the samples reach from which the growth is computed.
    pub(crate) history_seconds: f64,
}
