//! Where a number of the page stands besides: a series of `/metrics`, or a place in an answer of
//! the API.
//!
//! Used by every section. The tests look each up and compare.

use std::fmt::Write as _;

use catalogue::metrics::Metric;

use super::{FAILURES, LEAKS, PORTS, address};
use crate::query::Query;
use crate::query::leaks::LeaksQuery;
use crate::query::ports::PortsQuery;
use crate::query::trouble::TroubleQuery;

/// Returns a series as it is written on the page of metrics.
pub(super) fn series(metric: &Metric, labels: &[(&str, &str)]) -> String {
    let mut series = metric.name.to_owned();
    for (place, (name, value)) in labels.iter().enumerate() {
        series.push(if place == 0 { '{' } else { ',' });
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        // Writing to a String cannot fail.
        let _ = write!(series, "{name}=\"{value}\"");
    }
    if !labels.is_empty() {
        series.push('}');
    }
    series
}

/// Returns the sum of all series of a metric with these labels.
pub(super) fn sum(metric: &Metric, labels: &[(&str, &str)]) -> String {
    format!("sum({})", series(metric, labels))
}

/// Returns a place in the answer of `leaks`, a JSON pointer (RFC 6901).
pub(super) fn leaks(pointer: &str) -> String {
    place::<LeaksQuery>(LEAKS, pointer)
}

/// The same of `trouble`.
pub(super) fn failures(pointer: &str) -> String {
    place::<TroubleQuery>(FAILURES, pointer)
}

/// The same of `ports`.
pub(super) fn ports(pointer: &str) -> String {
    place::<PortsQuery>(PORTS, pointer)
}

fn place<Q: Query>(parameters: &str, pointer: &str) -> String {
    format!("{}#{pointer}", address::<Q>(parameters))
}
