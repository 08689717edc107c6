//! The agent's page against itself: totals of one metric have to fit those of another.

use crate::harness::kernel;
use crate::harness::ledger::{Ledger, terms};
use crate::harness::settle::Between;

/// What the agent says has to fit what it says elsewhere; nothing lost, nothing corrected.
pub(super) fn agrees_with_itself(ledger: &mut Ledger, between: Between<'_>) {
    let delta = |name: &str, labels: &[(&str, &str)]| between.delta(name, labels);
    let closes = ["established", "close_wait", "fin_wait1", "fin_wait2", "last_ack", "closing"];
    ledger.equal(
        "closed, by transition",
        closes
            .iter()
            .map(|state| {
                (
                    format!("{state}>close"),
                    delta("transitions_total", &[("old", state), ("new", "close")]),
                )
            })
            .collect(),
        terms!("closed" => delta("connections_closed_total", &[])),
    );
    ledger.equal(
        "opened and not closed",
        terms!(
            "opened" => delta("connections_opened_total", &[]),
            "closed" => -delta("connections_closed_total", &[]),
        ),
        closes
            .iter()
            .map(|state| ((*state).to_owned(), delta("connections", &[("state", state)])))
            .chain([("fin_wait2, orphaned".to_owned(), between.full_orphans())])
            .collect(),
    );
    flow(ledger, between);
    ledger.equal(
        "records",
        terms!("transitions" => delta("transitions_total", &[])),
        terms!("applied" => delta("events_total", &[("event", "transition")])),
    );
    for (histogram, counter, labels) in [
        ("connection_duration_seconds_count", "connections_closed_total", &[] as &[_]),
        ("connect_duration_seconds_count", "connections_opened_total", &[("role", "client")]),
    ] {
        ledger.equal(
            histogram,
            terms!(counter => delta(counter, labels)),
            terms!("observations" => delta(histogram, &[])),
        );
    }
    let corrected =
        |kind: &str| (kind.to_owned(), delta("reconcile_corrections_total", &[("kind", kind)]));
    ledger.equal(
        "corrections",
        terms!("none" => 0),
        ["missed_open", "missed_close", "wrong_state"].map(corrected).to_vec(),
    );
    for name in [
        "events_lost_total",
        "decode_errors_total",
        "connections_refused_total",
        "label_overflow_total",
    ] {
        ledger.equal(name, terms!("none" => 0), terms!(name => delta(name, &[])));
    }
}

/// Whatever enters a state leaves it or is still there: a transition that nobody saw shows up here,
/// by name. (A child is born as a copy of its listener, so `listen>syn_recv` leaves no state.)
fn flow(ledger: &mut Ledger, between: Between<'_>) {
    let moved = |end: &str, state: &str| between.delta("transitions_total", &[(end, state)]);
    let births = between.moved("listen", "syn_recv");
    for state in kernel::FULL_STATES {
        let children = if state == "listen" { births } else { 0 };
        let orphaned = if state == "fin_wait2" { between.full_orphans() } else { 0 };
        let listed = between.after.sockets.get(state) - between.before.sockets.get(state);
        ledger.equal(
            &format!("flow through {state}"),
            terms!("listed" => listed, "orphaned" => orphaned),
            terms!("entered" => moved("new", state), "left" => children - moved("old", state)),
        );
    }
}
