//! How many series there can be, for the reference of metrics.

use crate::buckets::{BYTES, SECONDS};
use crate::labels::{CloseReason, ConnectFailure, Phase, RetransmitKind, Role, SocketState, Stage};
use crate::limits::{IDLE_AGES, LEAK_PLACES, SPARE, STUCK_AGES, YOUNG_PORTS};

/// Returns the section on the number of series: the bound follows from the label budgets alone.
pub(super) fn bounds() -> String {
    let leaking = SocketState::ALL.iter().filter(|state| state.can_leak()).count();
    // Buckets, +Inf, sum and count.
    let (seconds, bytes) = (SECONDS.len() + 3, BYTES.len() + 3);
    let group = SocketState::COUNT
        + leaking * (1 + STUCK_AGES.len())
        + Phase::COUNT * RetransmitKind::COUNT
        + Stage::COUNT
        + 3;
    let (failures, idle) = (ConnectFailure::COUNT, IDLE_AGES.len());
    let counters = 1 + CloseReason::COUNT + failures;
    let service = counters + 3 * seconds + 2 * bytes;
    let sets = SocketState::COUNT * Role::COUNT;
    let states = sets * seconds;
    format!(
        "
## How many series there can be

The number of series is bounded by the label budgets, not by the traffic. What comes beyond a
budget is counted under `~other` and in `tcpwarden_label_overflow_total`.

| budget | series for each |
|---|---|
| group: a process in a workload and role (`--max-series`, 200) | at most {group} |
| service: a process, a workload, a role and a port (`--max-series` too) | {counters}, and at \
most {service} once all its histograms hold an observation |
| service and a named destination that it connects to (`--max-series` too, and those of `~other` \
and `~young`) | {failures} of failures |
| group and such a destination (likewise) | {idle} of idle connections |
| workload that has a group | 1 |
| listeners: a process, a workload and a port (`--max-series` too) | 6 |
| process with sockets | 3 |
| ports of young names ({YOUNG_PORTS}), each with a role | {counters} to {service}, as a service |
| network namespace (64) | 8 |
| listener port with SYN-ACKs retransmitted | 1 |
| fixed | at most {states} for times in state, 3 a probe and 2 more while the kernel keeps \
statistics, and fewer than 300 others |

A budget may run over by {SPARE} while workloads wait for their names, and that of groups by
{LEAK_PLACES} for connections that are stuck. With both used up and every
histogram filled that is {total} series, without named destinations; with 30 groups and 50 services
it is at most {usual} and the fixed ones. `scrape_samples_scraped` of Prometheus tells the true
number.
In OpenMetrics there are, as `_created`, at most {sets} more for times in state, 3 a probe, and
fewer than 100 others.
",
        total = (200 + SPARE + LEAK_PLACES) * (group + service + 1)
            + YOUNG_PORTS * service
            + 200 * (6 + 3)
            + states,
        usual = 30 * (group + 6 + 3 + 1) + 50 * service,
    )
}
