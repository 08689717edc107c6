//! The local ports for one destination are nearly used up.

use catalogue::metrics::pressure::{EPHEMERAL_PORTS_USED, PORTS_EXHAUSTED, SYSCTL};

use crate::alert::{Alert, Severity};
use crate::rules::promql::{eq, indent, keys, series};
use crate::rules::shared::{near_terms, now_or_soon};
use crate::timing::{FOR_SHORT, KEEP, TREND, Timing};

/// The alert TcpEphemeralPortsNearExhaustion.
pub const ALERT: Alert = Alert {
    name: "TcpEphemeralPortsNearExhaustion",
    group: "tcpwarden-limits",
    rank: 220,
    severity: Severity::Warning,
    expr,
    hold: FOR_SHORT,
    keep: KEEP,
    summary: "The local ports for one destination are nearly used up.",
    description: "In network namespace {{ $labels.netns }} on {{ $labels.instance }} \
        {{ $value | humanizePercentage }} of the local ports \
        towards one destination are taken: at least [[critical]], or [[warning]] and all of them \
        within [[horizon]]. Then connects to it \
        fail with EADDRNOTAVAIL.",
    terms: near_terms,
    board: "tcpwarden-capacity",
    panel: 21,
    runbook: include_str!("runbook.md"),
};

/// Where the host takes ports in TIME_WAIT again (`tcp_tw_reuse=1`), their number says nothing;
/// when connects fail for lack of a port, the next alert does. Namespaces of containers have that
/// setting for themselves.
fn expr(timing: &Timing) -> String {
    let ratio = series(&EPHEMERAL_PORTS_USED, &[]);
    let reuse = format!(
        "label_replace({} == 1, \"netns\", \"host\", \"name\", \".*\")",
        series(&SYSCTL, &[eq("name", "tcp_tw_reuse")])
    );
    let history = format!("{ratio}[{}]", timing.span(TREND));
    let near = now_or_soon(&ratio, &history, &series(&PORTS_EXHAUSTED, &[]), timing);
    format!("(\n{}\n)\nunless on {}\n{reuse}", indent(&near), keys("job, instance, netns"))
}
