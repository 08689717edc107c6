//! The equalities between the kernel's books and the agent's: what docs/metrics.md says of each
//! metric, as a table that can be checked.

use std::collections::BTreeSet;

use agent_common::probe::{Hook, PROBES, STATE_PROBES};

use crate::harness::kernel::{self, Counters};
use crate::harness::ledger::{Ledger, Terms, terms};
use crate::harness::settle::Moment;
use crate::harness::space::Space;
use crate::harness::witness;
use crate::roles;
use crate::workload::Tally;

/// What has to be equal, by the definitions of the metrics; `unreported` are the resets that this
/// kernel reports to nobody.
pub(super) fn equalities(
    before: &Moment,
    after: &Moment,
    tally: &Tally,
    unreported: Terms,
) -> Ledger {
    let mut ledger = Ledger::default();
    let kernel = &after.counters - &before.counters;
    let delta = |name: &str, labels: &[(&str, &str)]| {
        after.page.sum(name, labels) - before.page.sum(name, labels)
    };
    let moved = |old: &str, new: &str| delta("transitions_total", &[("old", old), ("new", new)]);
    let failed = |reason: &str| delta("connect_failures_total", &[("reason", reason)]);
    let opened = |role: &str| delta("connections_opened_total", &[("role", role)]);
    let all_failed = delta("connect_failures_total", &[]);
    let told = all_failed - failed("canceled") - failed("no_local_port");

    ledger.equal(
        "ActiveOpens, by connection",
        terms!("ActiveOpens" => kernel.get("ActiveOpens")),
        terms!("opened client" => opened("client"), "failures" => all_failed, "without a port" => -failed("no_local_port"),
            "in syn_sent" => delta("connections", &[("state", "syn_sent")])),
    );
    ledger.equal(
        "ActiveOpens, by transition",
        terms!("ActiveOpens" => kernel.get("ActiveOpens")),
        terms!("close>syn_sent" => moved("close", "syn_sent"), "without a port" => -failed("no_local_port")),
    );
    ledger.equal(
        "PassiveOpens, by transition",
        terms!("PassiveOpens" => kernel.get("PassiveOpens")),
        terms!("listen>syn_recv" => moved("listen", "syn_recv")),
    );
    ledger.equal(
        "PassiveOpens, by connection",
        terms!("PassiveOpens" => kernel.get("PassiveOpens")),
        terms!("opened server" => opened("server"), "syn_recv>close" => moved("syn_recv", "close"), "in syn_recv" => delta("connections", &[("state", "syn_recv")])),
    );
    ledger.equal(
        "AttemptFails",
        terms!("AttemptFails" => kernel.get("AttemptFails")),
        terms!("failures told by the kernel" => told, "syn_recv>close" => moved("syn_recv", "close")),
    );
    ledger.equal(
        "EstabResets",
        terms!("EstabResets" => kernel.get("EstabResets")),
        terms!("established>close" => moved("established", "close"), "close_wait>close" => moved("close_wait", "close")),
    );
    retransmits(&mut ledger, before, after, &kernel);
    let mut resets = terms!("resets sent" => delta("resets_sent_total", &[]));
    resets.extend(unreported);
    ledger.equal("OutRsts", terms!("OutRsts" => kernel.get("OutRsts")), resets);
    let others = PROBES.iter().filter(|probe| {
        matches!(probe.hook, Hook::Tracepoint(_)) && !STATE_PROBES.contains(&probe.name)
    });
    for probe in others.map(|probe| probe.name) {
        let missed = delta("bpf_misses_total", &[("probe", probe)]);
        // Rare (one program that interrupts itself); how many segments it would have told nobody
        // knows.
        witness::add(missed);
        ledger.equal(
            &format!("skipped runs of {probe}"),
            terms!("none" => 0),
            terms!("skipped" => missed),
        );
    }
    own_books(&mut ledger, before, after);
    foreign(&mut ledger, before, after);
    for failure in after.page.all("retransmit_failures_total", &[]) {
        let error = failure.labels.get("error").map_or("?", String::as_str);
        ledger.note(format!(
            "retransmits that failed with {error}: {}",
            delta("retransmit_failures_total", &[("error", error)])
        ));
    }
    for miss in after.page.all("bpf_misses_total", &[]).filter(|miss| miss.value > 0.0) {
        ledger.note(format!("runs of {} skipped: {}", miss.labels["probe"], miss.value));
    }
    against_tally(&mut ledger, before, after, tally);
    ledger
}

/// Notes what processes other than this test's opened and closed. Whoever else uses this machine is
/// in both books, unless its namespace goes away with its counters.
fn foreign(ledger: &mut Ledger, before: &Moment, after: &Moment) {
    let processes = ["connections_opened_total", "connections_closed_total"]
        .map(|name| after.page.all(name, &[]));
    let processes: BTreeSet<&str> =
        processes.into_iter().flatten().map(|sample| sample.labels["process"].as_str()).collect();
    for process in
        processes.into_iter().filter(|name| ![roles::TEST_NAME, roles::VICTIM].contains(name))
    {
        let labels = [("process", process)];
        let [opened, closed] = ["connections_opened_total", "connections_closed_total"]
            .map(|name| after.page.sum(name, &labels) - before.page.sum(name, &labels));
        if opened != 0 || closed != 0 {
            ledger.note(format!(
                "meanwhile {process} opened {opened} and closed {closed} connections; these tests want the machine for themselves"
            ));
        }
    }
}

/// Segments sent again; `TCPSynRetrans` counts SYNs and SYN-ACKs among them.
fn retransmits(ledger: &mut Ledger, before: &Moment, after: &Moment, kernel: &Counters) {
    let delta = |name: &str, labels: &[(&str, &str)]| {
        after.page.sum(name, labels) - before.page.sum(name, labels)
    };
    let synacks = delta("synack_retransmits_total", &[]);
    ledger.equal(
        "RetransSegs",
        terms!("RetransSegs" => kernel.get("RetransSegs")),
        terms!("retransmitted" => delta("retransmitted_segments_total", &[]), "syn-acks" => synacks, "TCPRetransFail" => kernel.get("TCPRetransFail")),
    );
    ledger.equal(
        "TCPSynRetrans",
        terms!("TCPSynRetrans" => kernel.get("TCPSynRetrans")),
        terms!("phase syn" => delta("retransmitted_segments_total", &[("phase", "syn")]), "syn-acks" => synacks,
            // The workload lets the kernel fail with SYNs only.
            "TCPRetransFail" => kernel.get("TCPRetransFail")),
    );
    if kernel::version() >= (6, 17) {
        // Segments that are still in the queue of the device are given up before they are counted.
        let uncounted = ["busy", "window"]
            .map(|error| delta("retransmit_failures_total", &[("error", error)]))
            .iter()
            .sum::<i64>();
        let failures = delta("retransmit_failures_total", &[]);
        ledger.equal(
            "TCPRetransFail",
            terms!("TCPRetransFail" => kernel.get("TCPRetransFail")),
            terms!("failures" => failures, "given up" => -uncounted),
        );
    }
}

/// What the agent says has to fit what it says elsewhere; nothing lost, nothing corrected.
fn own_books(ledger: &mut Ledger, before: &Moment, after: &Moment) {
    let delta = |name: &str, labels: &[(&str, &str)]| {
        after.page.sum(name, labels) - before.page.sum(name, labels)
    };
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
        terms!("opened" => delta("connections_opened_total", &[]), "closed" => -delta("connections_closed_total", &[])),
        closes
            .iter()
            .map(|state| ((*state).to_owned(), delta("connections", &[("state", state)])))
            .chain([("fin_wait2, orphaned".to_owned(), full_orphans(after) - full_orphans(before))])
            .collect(),
    );
    flow(ledger, before, after);
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

/// Sockets that are in FIN_WAIT2 by their transitions and in no gauge of connections.
fn full_orphans(moment: &Moment) -> i64 {
    moment.sockets.get("fin_wait2_full_orphan")
}

/// Whatever enters a state leaves it or is still there: a transition that nobody saw shows up here,
/// by name. (A child is born as a copy of its listener, so `listen>syn_recv` leaves no state.)
fn flow(ledger: &mut Ledger, before: &Moment, after: &Moment) {
    let moved = |end: &str, state: &str| {
        let all = |moment: &Moment| moment.page.sum("transitions_total", &[(end, state)]);
        all(after) - all(before)
    };
    let births = after.page.sum("transitions_total", &[("old", "listen"), ("new", "syn_recv")])
        - before.page.sum("transitions_total", &[("old", "listen"), ("new", "syn_recv")]);
    for state in [
        "syn_sent",
        "syn_recv",
        "established",
        "fin_wait1",
        "fin_wait2",
        "close_wait",
        "last_ack",
        "closing",
        "listen",
    ] {
        let children = if state == "listen" { births } else { 0 };
        let orphaned =
            if state == "fin_wait2" { full_orphans(after) - full_orphans(before) } else { 0 };
        ledger.equal(
            &format!("flow through {state}"),
            terms!("listed" => after.sockets.get(state) - before.sockets.get(state), "orphaned" => orphaned),
            terms!("entered" => moved("new", state), "left" => children - moved("old", state)),
        );
    }
}

/// What the page says about the processes of this test.
fn ours(moment: &Moment, name: &str, labels: &[(&str, &str)]) -> i64 {
    [roles::TEST_NAME, roles::VICTIM]
        .map(|process| moment.page.sum(name, &[labels, &[("process", process)]].concat()))
        .iter()
        .sum()
}

/// What the workload knows about itself.
fn against_tally(ledger: &mut Ledger, before: &Moment, after: &Moment, tally: &Tally) {
    // Only what this test made: its own sockets and those of the process that it killed.
    let delta = |name: &str, labels: &[(&str, &str)]| {
        ours(after, name, labels) - ours(before, name, labels)
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
        // Who aborts a half-closed connection had sent a FIN: whether the peer had acknowledged it by then decides
        // what the kernel tells of the reset.
        // An orphan that stayed a full socket is not closed yet: the kernel ends it after a minute (`tcp_keepalive_timer`).
        terms!("fin" => tally.get("fin"), "aborted" => tally.get("half_closed_abort"), "reset" => tally.get("rst_after_fin"),
            "orphaned" => full_orphans(before) - full_orphans(after)),
        ["fin_local", "fin_remote", "simultaneous", "rst_after_fin"].map(closed).to_vec(),
    );
    assert!(
        closed("rst_after_fin").1 >= tally.get("rst_after_fin"),
        "resets after a FIN: {}",
        closed("rst_after_fin").1
    );
}

/// Every state gauge against the kernel's lists: all sockets of the machine, and what has no row
/// namespace by namespace.
pub(super) fn gauges(moment: &Moment, spaces: &[&Space]) -> Ledger {
    let mut ledger = Ledger::default();
    for state in [
        "syn_sent",
        "syn_recv",
        "established",
        "fin_wait1",
        "fin_wait2",
        "close_wait",
        "last_ack",
        "closing",
        "listen",
    ] {
        ledger.equal(
            state,
            terms!("listed" => moment.sockets.get(state)),
            terms!("gauge" => moment.page.sum("connections", &[("state", state)])),
        );
    }
    for space in spaces {
        let listed = kernel::Sockets::of(space.pid());
        let inode = space.inode.to_string();
        for (metric, state, count) in [
            ("time_wait_sockets", "time_wait", listed.get("time_wait")),
            ("fin_wait2_orphan_sockets", "orphans", listed.orphans()),
            ("syn_recv_sockets", "new_syn_recv", listed.get("new_syn_recv")),
        ] {
            let claim = format!("{state} in namespace {inode}");
            ledger.equal(
                &claim,
                terms!("listed" => count),
                terms!("gauge" => moment.page.sum(metric, &[("netns", &inode)])),
            );
        }
    }
    ledger
}
