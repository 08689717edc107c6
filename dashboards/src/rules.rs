//! Alert and recording rules, as files that Prometheus and its relatives load.
//!
//! Each alert stands by itself: it needs no recording rule.

mod json;
pub(crate) mod promql;
pub mod records;
pub(crate) mod shared;
mod yaml;

use std::sync::LazyLock;

use serde_json::Value;

use crate::File;
pub use crate::alert::{Alert, JOB, Severity, Term};
use crate::alerts::FOUND;
use crate::timing::Timing;

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

/// The rule files with these times and with what a site sets, if [`Timing::with`] was told.
#[must_use]
pub fn files(timing: &Timing) -> Vec<File> {
    vec![
        File {
            path: "dashboards/prometheus/tcpwarden-alerts.yml".to_owned(),
            text: file_of(all(), timing),
        },
        File {
            path: "dashboards/prometheus/tcpwarden-recording.yml".to_owned(),
            text: yaml::records(timing),
        },
    ]
}

/// The text of a file with these alerts only.
#[must_use]
pub fn file_of(alerts: &[Alert], timing: &Timing) -> String {
    yaml::alerts(alerts, timing)
}

/// The groups of the alerts, as `promtool` reads them in JSON.
#[must_use]
pub fn alert_groups(timing: &Timing) -> Value {
    json::alerts(timing)
}

/// The groups of the recording rules, likewise.
#[must_use]
pub fn record_groups(timing: &Timing) -> Value {
    json::records(timing)
}
