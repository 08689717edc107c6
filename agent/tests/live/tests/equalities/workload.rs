//! The agent's page against what the workload knows that it did.

use crate::harness::ledger::{Ledger, terms};
use crate::harness::settle::{Between, Moment};
use crate::roles;
use crate::workload::Tally;

/// What the page says about the processes of this test.
fn ours(moment: &Moment, name: &str, labels: &[(&str, &str)]) -> i64 {
    [roles::TEST_NAME, roles::VICTIM]
        .map(|process| moment.page.sum(name, &[labels, &[("process", process)]].concat()))
        .iter()
        .sum()
}

/// What the workload knows about itself.
pub(super) fn agrees(ledger: &mut Ledger, between: Between<'_>, tally: &Tally) {
    // Only what this test made: its own sockets and those of the process that it killed.
    let delta = |name: &str, labels: &[(&str, &str)]| {
        ours(between.after, name, labels) - ours(between.before, name, labels)
    };
    for role in ["client", "server"] {
        let made = if role == "client" { "opened_client" } else { "opened_server" };
        ledger.equal(
            made,
            terms!("made" => tally.get(made)),
            terms!("opened" => delta("connections_opened_total", &[("role", role)])),
        );
    }
    for reason in ["refused", "timed_out", "canceled", "no_local_port"] {
        ledger.equal(
            reason,
            terms!("made" => tally.get(reason)),
            terms!("failures" => delta("connect_failures_total", &[("reason", reason)])),
        );
    }
    let closed = |reason: &str| {
        (reason.to_owned(), delta("connections_closed_total", &[("reason", reason)]))
    };
    ledger.equal(
        "closed by a reset of the peer",
        terms!("made" => tally.get("rst_received")),
        vec![closed("rst_received")],
    );
    ledger.equal(
        "closed by a reset of this side",
        terms!("made" => tally.get("rst_sent")),
        vec![closed("rst_sent")],
    );
    ledger.equal(
        "closed for no reason of the workload's",
        terms!("made" => 0),
        ["timeout", "other"].map(closed).to_vec(),
    );
    ledger.equal(
        "closed after a FIN",
        // An end that aborts a half-closed connection has sent a FIN. Whether the peer has
        // acknowledged it by then decides what the kernel tells of the reset. An orphan that stayed
        // a full socket is not closed yet: the kernel ends it after a minute
        // (`tcp_keepalive_timer`).
        terms!(
            "fin" => tally.get("fin"),
            "aborted" => tally.get("half_closed_abort"),
            "reset" => tally.get("rst_after_fin",
        ),
            "orphaned" => -between.full_orphans()),
        ["fin_local", "fin_remote", "simultaneous", "rst_after_fin"].map(closed).to_vec(),
    );
    assert!(
        closed("rst_after_fin").1 >= tally.get("rst_after_fin"),
        "resets after a FIN: {}",
        closed("rst_after_fin").1
    );
}
