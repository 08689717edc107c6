//! A probe that this kernel supports is not attached.

use catalogue::metrics::agent::{PROBE_ATTACHED, PROBE_INFO};

use crate::alert::{Alert, Severity};
use crate::rules::promql::{eq, series};
use crate::rules::shared::nothing;
use crate::timing::{FOR_SHORT, KEEP, Timing};

/// The alert TcpwardenProbeDetached.
pub const ALERT: Alert = Alert {
    name: "TcpwardenProbeDetached",
    group: "tcpwarden-agent",
    rank: 750,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "A probe that this kernel supports is not attached.",
    description: "The probe {{ $labels.probe }} of {{ $labels.instance }} is not attached: what \
        it feeds does not move, and alerts on it cannot fire.",
    terms: nothing,
    board: "tcpwarden-agent",
    panel: 12,
    runbook: include_str!("runbook.md"),
};

/// Unsupported is no fault: an older kernel has fewer hooks.
fn expr(_timing: &Timing) -> String {
    let unsupported = series(&PROBE_INFO, &[eq("state", "unsupported")]);
    format!("{} == 0\nunless ignoring (state)\n{unsupported}", series(&PROBE_ATTACHED, &[]))
}
