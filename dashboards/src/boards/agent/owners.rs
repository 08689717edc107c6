//! Who owns what, labels, passes and versions, for the board [`agent`](super).

use catalogue::metrics::agent::{
    BUILD_INFO, CONNECTIONS_SHARED, CONNECTIONS_UNATTRIBUTED, CONNECTIONS_UNHELD,
    CONNECTIONS_UNVERIFIED, LABEL_OVERFLOW, OWNERS_VERIFIED, PROBE_INFO, RECONCILE_DURATION,
    RECONCILE_LAST_COMPLETED, VISIBILITY_LIMITED,
};

use crate::alerts::tcpwarden_labels_overflowing::LABEL_OVERFLOW_RATE;
use crate::boards::Shown;
use crate::boards::draft::Draft;
use crate::boards::promql::{aggregate, max, quantile, sum};
use crate::boards::shared::{self, ALL};
use crate::grafana::looks::Thresholds;
use crate::grafana::unit::Unit;

pub(super) fn attribution() -> Vec<Draft> {
    vec![
        Draft::graph(41, "Owners in doubt", Unit::Count)
            .about(
                "Sockets without an owner, in network namespaces that could not be entered, held \
                 by no process, and held by several.",
                "Without an owner, growing.",
                &["TcpwardenUnattributed"],
                "The agent needs CAP_SYS_ADMIN, CAP_SYS_PTRACE and the host's /proc.",
            )
            .size(8, 8)
            .ask(
                sum("", &ALL.of(&CONNECTIONS_UNATTRIBUTED, "")),
                "without an owner",
                Shown::InFault(shared::UNHELD),
            )
            .ask(
                sum("", &ALL.of(&CONNECTIONS_UNVERIFIED, "")),
                "could not be looked at",
                Shown::ZeroWhenHealthy,
            )
            .ask(
                sum("", &ALL.of(&CONNECTIONS_UNHELD, "")),
                "held by nobody",
                Shown::ZeroWhenHealthy,
            )
            .ask(
                sum("", &ALL.of(&CONNECTIONS_SHARED, "")),
                "held by several",
                Shown::ZeroWhenHealthy,
            )
            .colored(&[
                "without an owner",
                "could not be looked at",
                "held by nobody",
                "held by several",
            ]),
    ]
}

pub(super) fn passes() -> Vec<Draft> {
    let passes = ALL.buckets(&RECONCILE_DURATION, "");
    vec![
        Draft::graph(42, "Labels folded, by budget", Unit::PerSecond)
            .about(
                "Label sets that were folded into ~other, by the budget that was used up, at the \
                 agent with the most.",
                "Any steady line.",
                &["TcpwardenLabelsOverflowing"],
                "Raise --max-series, or look for a program that changes its name.",
            )
            .size(8, 8)
            .limits(Thresholds::warning(LABEL_OVERFLOW_RATE))
            .ask(
                max("family", &ALL.rate(&LABEL_OVERFLOW, "")),
                "{{family}}",
                Shown::InFault(shared::NARROW),
            ),
        Draft::graph(43, "Duration of passes", Unit::Seconds)
            .about(
                "How long a pass over the kernel's own list of sockets took.",
                "Near the interval of passes.",
                &["TcpwardenPassesStalled"],
                "Raise --reconcile-interval on hosts with millions of sockets.",
            )
            .size(8, 8)
            .ask(quantile(0.5, "", &passes), "median", Shown::In("echo"))
            .ask(quantile(0.99, "", &passes), "99 %", Shown::In("echo"))
            .colored(&["median", "99 %"]),
    ]
}

pub(super) fn inventory() -> Vec<Draft> {
    let age = |metric| format!("time() - min({})", ALL.of(metric, ""));
    let names = ["instance", "probe", "state"];
    let columns = names
        .into_iter()
        .zip(["Instance", "Probe", "State"])
        .map(|(name, title)| shared::column(name, title))
        .collect();
    vec![
        Draft::graph(44, "Age of what passes tell", Unit::Seconds)
            .about(
                "How long ago the last pass and the last reading of all descriptor tables ended, \
                 where it is longest.",
                "A line that only rises.",
                &["TcpwardenPassesStalled"],
                "The log of the agent says what it waits for.",
            )
            .size(8, 8)
            .ask(age(&RECONCILE_LAST_COMPLETED), "last pass", Shown::Always)
            .ask(age(&OWNERS_VERIFIED), "owners read", Shown::Always)
            .colored(&["last pass", "owners read"]),
        Draft::table(45, "State of the probes", "Probe")
            .about(
                "Each probe at each agent: attached, unsupported by that kernel, or failed.",
                "failed.",
                &["TcpwardenProbeDetached"],
                "`tcpwarden check` on the host says why.",
            )
            .size(8, 8)
            .columns(columns, &["Time", "Value"])
            .ask(max("instance, probe, state", &ALL.of(&PROBE_INFO, "")), "", Shown::Always),
        sight(),
        Draft::table(46, "Versions", "Agents")
            .about(
                "How many agents run which version.",
                "More than one version for long.",
                &[],
                "Finish the roll-out.",
            )
            .size(8, 8)
            .columns(
                vec![
                    shared::column("version", "Version"),
                    shared::number("Value", "Agents", Unit::Digits),
                ],
                &["Time"],
            )
            .ask(aggregate("count", "version", &ALL.of(&BUILD_INFO, "")), "", Shown::Always),
    ]
}

/// Returns the panel about what is hidden from agents.
fn sight() -> Draft {
    Draft::table(47, "Agents that do not see all", "Agents")
        .about(
            "How many agents something hides a part of their machine from, and what: a pid \
             namespace of their own, or a capability that is missing.",
            "Any number above 0.",
            &[],
            "`tcpwarden check` in the agent's place says what is hidden, and what to do.",
        )
        .size(8, 8)
        .columns(
            vec![
                shared::column("limit", "What hides it"),
                shared::number("Value", "Agents", Unit::Digits),
            ],
            &["Time"],
        )
        .ask(sum("limit", &ALL.of(&VISIBILITY_LIMITED, "")), "", Shown::ZeroWhenHealthy)
}
