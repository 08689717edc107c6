//! What an alert is: its rule, its limits and its texts.
//!
//! What an alert says of its limits, its runbook says with the same words, from the same constants.

use std::time::Duration;

use crate::timing::Timing;

/// The jobs whose targets are agents, as a regular expression: any with the program's name in it,
/// which fits `tcpwarden` as well as `monitoring/tcpwarden` of an operator.
pub const JOB: &str = ".*tcpwarden.*";

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Wake somebody: users are refused, or will be within the hour.
    Critical,
    /// Look at it in working hours.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// The label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// A limit or window in an alert, for its description and its runbook.
#[derive(Debug, Clone)]
pub struct Term {
    /// Stands for the value in texts, in double square brackets.
    pub key: &'static str,
    /// With its unit.
    pub value: String,
    /// What is measured against it, for the runbook; empty for a part of the description only.
    pub meaning: &'static str,
}

/// One alert.
#[derive(Debug, Clone, Copy)]
pub struct Alert {
    /// CamelCase, with the prefix `Tcp`.
    pub name: &'static str,
    /// The group in the rule file.
    pub group: &'static str,
    /// The place in the rule file: the lower, the earlier. A group has its own hundred.
    pub rank: u32,
    /// How urgent it is.
    pub severity: Severity,
    /// When it fires, in PromQL.
    pub expr: fn(&Timing) -> String,
    /// For how long the expression must hold, in production.
    pub hold: Duration,
    /// For how long the alert goes on after the expression ended, in production.
    pub keep: Duration,
    /// What is wrong, one sentence without variables.
    pub summary: &'static str,
    /// Who, how much, which limit: a template of Prometheus with the keys of `terms` in double
    /// square brackets.
    pub description: &'static str,
    /// The limits and windows.
    pub terms: fn(&Timing) -> Vec<Term>,
    /// The uid of the dashboard that shows it.
    pub board: &'static str,
    /// The id of the panel of that board that shows it; the panel's description names the alert.
    pub panel: u32,
    /// The prose of its runbook: a template with the keys of `terms` in double square brackets.
    pub runbook: &'static str,
}

impl Alert {
    /// The description with its limits put in.
    #[must_use]
    pub fn describe(&self, timing: &Timing) -> String {
        self.fill(self.description, timing)
    }

    /// A text with the limits of this alert put in.
    #[must_use]
    pub fn fill(&self, text: &str, timing: &Timing) -> String {
        (self.terms)(timing).iter().fold(text.to_owned(), |text, term| {
            text.replace(&format!("[[{}]]", term.key), &term.value)
        })
    }
}

/// A share of one as a text: `80 %`.
pub(crate) fn percent(ratio: f64) -> String {
    format!("{} %", (ratio * 1000.0).round() / 10.0)
}

/// A term.
pub(crate) const fn term(key: &'static str, value: String, meaning: &'static str) -> Term {
    Term { key, value, meaning }
}
