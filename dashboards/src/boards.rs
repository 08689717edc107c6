//! The dashboards.

use crate::File;

/// A query of a panel, and when it must return something that is not zero.
#[derive(Debug, Clone)]
pub struct Query {
    /// PromQL with Grafana's variables in it.
    pub expr: String,
    /// When the proof on a live agent expects values from it.
    pub shown: Shown,
}

/// When a query has something to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Not zero in every scenario of the lab.
    Always,
    /// Not zero in this scenario of the lab.
    In(&'static str),
    /// It has values, which are zero while the agent is healthy.
    ZeroWhenHealthy,
}

/// One dashboard.
#[derive(Debug, Clone)]
pub struct Board {
    /// Fixed, in links.
    pub uid: &'static str,
    /// Every query of every panel.
    pub queries: Vec<Query>,
    /// The variables with the queries that fill them.
    pub variables: Vec<(&'static str, String)>,
    /// What Grafana imports.
    pub json: serde_json::Value,
}

/// Every dashboard.
#[must_use]
pub fn all() -> Vec<Board> {
    Vec::new()
}

/// The files to import.
#[must_use]
pub fn files() -> Vec<File> {
    all()
        .into_iter()
        .map(|board| File { path: format!("dashboards/grafana/{}.json", board.uid), text: format!("{:#}\n", board.json) })
        .collect()
}
