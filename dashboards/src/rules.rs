//! Alert and recording rules, as files that Prometheus and its relatives load.
//!
//! Each alert stands by itself: it needs no recording rule.

pub(crate) mod promql;
pub mod records;
pub(crate) mod shared;
mod yaml;

use std::sync::LazyLock;

use crate::File;
pub use crate::alert::{Alert, JOB, Severity, Term};
use crate::alerts::FOUND;
use crate::timing::Timing;

/// Where a `runbook_url` begins unless told otherwise: a path in this repository. Who publishes the
/// runbooks puts their address here, with `cargo xtask dashboards --runbooks URL`.
pub const RUNBOOKS: &str = "docs/runbooks/";

/// Returns every alert in the order of the rule file. Alerts of one group follow each other.
#[must_use]
pub fn all() -> &'static [Alert] {
    static ALL: LazyLock<Vec<Alert>> = LazyLock::new(|| {
        let mut alerts = FOUND.to_vec();
        alerts.sort_by_key(|alert| alert.rank);
        alerts
    });
    &ALL
}

/// The rule files with these times.
#[must_use]
pub fn files(timing: &Timing) -> Vec<File> {
    files_at(timing, RUNBOOKS)
}

/// The rule files with these times and this address of the runbooks, to which `NAME.md` is added.
#[must_use]
pub fn files_at(timing: &Timing, runbooks: &str) -> Vec<File> {
    vec![
        File {
            path: "dashboards/prometheus/tcpwarden-alerts.yml".to_owned(),
            text: file_of(all(), timing, runbooks),
        },
        File {
            path: "dashboards/prometheus/tcpwarden-recording.yml".to_owned(),
            text: yaml::records(timing),
        },
    ]
}

/// The text of a file with these alerts only.
#[must_use]
pub fn file_of(alerts: &[Alert], timing: &Timing, runbooks: &str) -> String {
    yaml::alerts(alerts, timing, runbooks)
}
