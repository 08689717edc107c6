//! What a site sets, as plain values: [`options`](crate::options) checks them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::limit::Severity;
use crate::matchers::{self, Matcher};
use crate::site::{JOB, Site};

/// What a site sets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    pub(crate) alerts: BTreeMap<&'static str, AlertOptions>,
    pub(crate) selector: Vec<Matcher>,
    pub(crate) cluster_label: Option<String>,
    pub(crate) runbook_base_url: Option<String>,
}

/// What a site sets of one alert.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AlertOptions {
    pub(crate) limits: BTreeMap<&'static str, f64>,
    pub(crate) severity: Option<Severity>,
    pub(crate) hold: Option<Duration>,
    pub(crate) is_disabled: bool,
    pub(crate) processes: Vec<String>,
    pub(crate) workloads: Vec<String>,
}

impl Options {
    /// The limit of an alert, if it is set.
    pub(crate) fn limit(&self, alert: &str, key: &str) -> Option<f64> {
        self.alerts.get(alert)?.limits.get(key).copied()
    }

    /// What is set of an alert; `None` for nothing.
    pub(crate) fn of(&self, alert: &str) -> Option<&AlertOptions> {
        self.alerts.get(alert)
    }

    /// Where the runbooks are published, without a slash at the end.
    pub(crate) fn runbook_base_url(&self) -> Option<&str> {
        self.runbook_base_url.as_deref()
    }

    /// The label that tells clusters from each other.
    pub(crate) fn cluster_label(&self) -> Option<&str> {
        self.cluster_label.as_deref()
    }

    /// Whether the selector says which jobs are agents.
    pub(crate) fn names_job(&self) -> bool {
        self.selector.iter().any(|matcher| matcher.label == "job" && matcher.chooses())
    }

    /// What the site adds to the expression of an alert, or of a recording rule.
    pub(crate) fn site(&self, alert: Option<&str>) -> Site {
        let of = alert.and_then(|name| self.of(name));
        let mut labels: Vec<String> = self.cluster_label.iter().cloned().collect();
        // A recorded series has them too, so that the same selector finds it.
        for matcher in
            self.selector.iter().filter(|one| !["job", "instance"].contains(&one.label.as_str()))
        {
            if !labels.contains(&matcher.label) {
                labels.push(matcher.label.clone());
            }
        }
        Site {
            separator: ",",
            matchers: self.selector.iter().map(ToString::to_string).collect(),
            processes: of.and_then(|of| matchers::none_of("process", &of.processes)),
            workloads: of.and_then(|of| matchers::none_of("workload", &of.workloads)),
            chosen: None,
            agents: (!self.names_job()).then(|| format!("job=~{}", matchers::quoted(JOB))),
            labels,
        }
    }

    /// What the site adds to the queries of a board, where people choose clusters.
    pub(crate) fn site_of_boards(&self) -> Site {
        let chosen = self.cluster_label.as_ref().map(|label| format!("{label}=~\"$cluster\""));
        Site { separator: ", ", chosen, ..self.site(None) }
    }
}

impl AlertOptions {
    /// The severity, if it is set.
    pub(crate) const fn severity(&self) -> Option<Severity> {
        self.severity
    }

    /// How long the expression must hold, if it is set.
    pub(crate) const fn hold(&self) -> Option<Duration> {
        self.hold
    }

    /// Whether the alert is left out.
    pub(crate) const fn is_disabled(&self) -> bool {
        self.is_disabled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_matcher_that_chooses_names_the_jobs_of_agents() {
        for (selector, names) in [
            ("", false),
            (r#"env="prod""#, false),
            (r#"job!="x""#, false),
            (r#"job!~"x""#, false),
            (r#"job="x""#, true),
            (r#"job!="y",job=~"x""#, true),
        ] {
            let mut options = Options::default();
            options.set_selector(selector).unwrap();
            assert_eq!(options.names_job(), names, "{selector}");
            assert_eq!(options.site(None).agents.is_none(), names, "{selector}");
        }
    }
}
