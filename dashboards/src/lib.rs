//! What is made from the agent's metric catalogue: dashboards, alert and recording rules, runbooks and
//! the metric reference.
//!
//! Every name of a metric or label comes from `tcpwarden::metrics::catalogue`, every threshold from
//! [`threshold`], so that a picture, its alert and its runbook say the same number. `cargo xtask
//! dashboards` writes the files, a test compares them with the committed ones.
#![forbid(unsafe_code)]

pub mod boards;
pub mod docs;
pub mod grafana;
pub mod rules;
pub mod runbooks;
pub mod threshold;
pub mod timing;

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where, relative to the project's root.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// Every file that is generated, for production.
#[must_use]
pub fn files() -> Vec<File> {
    [boards::files(), rules::files(&timing::PRODUCTION), runbooks::files(), docs::files()].concat()
}
