//! What an alert is: its rule, its limits and its texts.
//!
//! What an alert says of its limits, its runbook says with the same words, from the same constants.

use std::time::Duration;

pub(crate) use crate::limit::percent;
pub use crate::limit::{Limit, Severity, Unit};
use crate::settings::AlertOptions;
pub use crate::site::JOB;
use crate::site::Site;
use crate::timing::Timing;

/// A limit or window in an alert, for its description and its runbook.
#[derive(Debug, Clone)]
pub struct Term {
    /// Stands for the value in texts, in double square brackets.
    pub key: &'static str,
    /// With its unit.
    pub value: String,
    /// What is measured against it, for the runbook; empty for a part of the description only.
    pub meaning: &'static str,
    /// What a site can set it to; `None` where it cannot.
    pub limit: Option<Limit>,
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
    /// When it fires, in PromQL, with what the site sets.
    #[must_use]
    pub fn expression(&self, timing: &Timing) -> String {
        self.site(timing).fill(&(self.expr)(&timing.of(self.name)))
    }

    /// Its limits, windows and other parts of its texts, with what the site sets.
    #[must_use]
    pub fn filled_terms(&self, timing: &Timing) -> Vec<Term> {
        (self.terms)(&timing.of(self.name))
    }

    /// How urgent it is, with what the site sets.
    #[must_use]
    pub fn severity_at(&self, timing: &Timing) -> Severity {
        self.set(timing).and_then(AlertOptions::severity).unwrap_or(self.severity)
    }

    /// For how long the expression must hold, with what the site sets.
    #[must_use]
    pub fn hold_at(&self, timing: &Timing) -> Duration {
        self.set(timing).and_then(AlertOptions::hold).unwrap_or(self.hold)
    }

    /// Whether the site leaves it out.
    #[must_use]
    pub fn is_disabled(&self, timing: &Timing) -> bool {
        self.set(timing).is_some_and(AlertOptions::is_disabled)
    }

    fn set<'a>(&self, timing: &'a Timing) -> Option<&'a AlertOptions> {
        timing.options.as_deref()?.of(self.name)
    }

    fn site(&self, timing: &Timing) -> Site {
        timing.site(Some(self.name))
    }

    /// The description with its limits put in.
    #[must_use]
    pub fn describe(&self, timing: &Timing) -> String {
        self.fill(self.description, timing)
    }

    /// A text with the limits of this alert put in.
    #[must_use]
    pub fn fill(&self, text: &str, timing: &Timing) -> String {
        let filled = self.filled_terms(timing).iter().fold(text.to_owned(), |text, term| {
            text.replace(&format!("[[{}]]", term.key), &term.value)
        });
        self.site(timing).fill(&filled)
    }
}

/// A term.
pub(crate) const fn term(key: &'static str, value: String, meaning: &'static str) -> Term {
    Term { key, value, meaning, limit: None }
}

/// A term that is a limit: a site can set it by its key.
pub(crate) fn limit(
    key: &'static str,
    default: f64,
    unit: Unit,
    meaning: &'static str,
    timing: &Timing,
) -> Term {
    let value = unit.write(timing.limit(key, default));
    Term { key, value, meaning, limit: Some(Limit { default, unit }) }
}
