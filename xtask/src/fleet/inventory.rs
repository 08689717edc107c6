//! What `dashboards --inventory` prints: boards, rules, and the series that queries can read.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// How the fleet board is found: its uid or its title has this, in letters of either case.
const FLEET: &str = "fleet";

/// Everything that is generated.
#[derive(Debug, Deserialize)]
pub(super) struct Inventory {
    pub(super) boards: Vec<Board>,
    /// The rule files of production.
    pub(super) rules: Vec<RuleFile>,
    pub(super) series: Vec<Series>,
    /// The names of the alerts.
    pub(super) alerts: Vec<String>,
    /// Between two evaluations of the rules, seconds.
    pub(super) interval: u64,
    /// Between two scrapes, seconds.
    pub(super) scrape: u64,
}

/// A dashboard.
#[derive(Debug, Deserialize)]
pub(super) struct Board {
    pub(super) uid: String,
    pub(super) title: String,
    /// What stands for All, by the name of the variable.
    pub(super) all: BTreeMap<String, String>,
    pub(super) queries: Vec<Query>,
}

/// A query of a panel, with Grafana's variables in it.
#[derive(Debug, Deserialize)]
pub(super) struct Query {
    pub(super) panel: String,
    pub(super) expr: String,
    /// Whether it is asked for now only.
    pub(super) instant: bool,
}

/// A rule file.
#[derive(Debug, Deserialize)]
pub(super) struct RuleFile {
    pub(super) path: String,
    pub(super) text: String,
}

/// The name of series, with their labels.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Series {
    pub(super) name: String,
    /// Whether a rule writes them.
    pub(super) recorded: bool,
    pub(super) labels: Vec<Label>,
}

/// A label with the closed set of its values; none where anything may stand.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Label {
    pub(super) name: String,
    pub(super) values: Vec<String>,
}

impl Inventory {
    /// Returns the board whose uid or title contains `named`; that of the fleet without a name.
    ///
    /// # Errors
    /// There is no such board; the message lists those that are there.
    pub(super) fn board(&self, named: Option<&str>) -> Result<&Board> {
        let wanted = named.unwrap_or(FLEET).to_lowercase();
        let is_wanted = |board: &&Board| {
            [&board.uid, &board.title].iter().any(|text| text.to_lowercase().contains(&wanted))
        };
        let known =
            || self.boards.iter().map(|one| one.uid.as_str()).collect::<Vec<_>>().join(", ");
        self.boards.iter().find(is_wanted).with_context(|| {
            format!("no board has {wanted:?} in its uid or title; there are: {}", known())
        })
    }
}
