//! The equalities between the kernel's counts and the agent's: what docs/metrics.md says of each
//! metric, as a table that can be checked.

mod agent;
pub(super) mod gauges;
mod workload;

use std::collections::BTreeSet;

use agent_common::probe::{Hook, PROBES, STATE_PROBES};

use crate::harness::kernel::{self, Counters};
use crate::harness::ledger::{Ledger, Terms, terms};
use crate::harness::settle::Between;
use crate::harness::witness;
use crate::roles;
use crate::workload::Tally;

/// What has to be equal, by the definitions of the metrics; `unreported` are the resets that this
/// kernel reports to nobody.
pub(super) fn equalities(between: Between<'_>, tally: &Tally, unreported: Terms) -> Ledger {
    let mut ledger = Ledger::default();
    let kernel = &between.after.counters - &between.before.counters;
    let delta = |name: &str, labels: &[(&str, &str)]| between.delta(name, labels);
    connects(&mut ledger, between, &kernel);
    retransmits(&mut ledger, between, &kernel);
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
    agent::agrees_with_itself(&mut ledger, between);
    notes(&mut ledger, between);
    workload::agrees(&mut ledger, between, tally);
    ledger
}

/// Connections that were opened, that failed to open, and that were reset.
fn connects(ledger: &mut Ledger, between: Between<'_>, kernel: &Counters) {
    let delta = |name: &str, labels: &[(&str, &str)]| between.delta(name, labels);
    let moved = |old: &str, new: &str| between.moved(old, new);
    let failed = |reason: &str| delta("connect_failures_total", &[("reason", reason)]);
    let opened = |role: &str| delta("connections_opened_total", &[("role", role)]);
    let all_failed = delta("connect_failures_total", &[]);
    let told = all_failed - failed("canceled") - failed("no_local_port");

    ledger.equal(
        "ActiveOpens, by connection",
        terms!("ActiveOpens" => kernel.get("ActiveOpens")),
        terms!(
            "opened client" => opened("client"),
            "failures" => all_failed,
            "without a port" => -failed("no_local_port",
        ),
            "in syn_sent" => delta("connections", &[("state", "syn_sent")])),
    );
    ledger.equal(
        "ActiveOpens, by transition",
        terms!("ActiveOpens" => kernel.get("ActiveOpens")),
        terms!(
            "close>syn_sent" => moved("close", "syn_sent"),
            "without a port" => -failed("no_local_port"),
        ),
    );
    ledger.equal(
        "PassiveOpens, by transition",
        terms!("PassiveOpens" => kernel.get("PassiveOpens")),
        terms!("listen>syn_recv" => moved("listen", "syn_recv")),
    );
    ledger.equal(
        "PassiveOpens, by connection",
        terms!("PassiveOpens" => kernel.get("PassiveOpens")),
        terms!(
            "opened server" => opened("server"),
            "syn_recv>close" => moved("syn_recv", "close"),
            "in syn_recv" => delta("connections", &[("state", "syn_recv")]),
        ),
    );
    ledger.equal(
        "AttemptFails",
        terms!("AttemptFails" => kernel.get("AttemptFails")),
        terms!(
            "failures told by the kernel" => told,
            "syn_recv>close" => moved("syn_recv", "close"),
        ),
    );
    ledger.equal(
        "EstabResets",
        terms!("EstabResets" => kernel.get("EstabResets")),
        terms!(
            "established>close" => moved("established", "close"),
            "close_wait>close" => moved("close_wait", "close"),
        ),
    );
}

/// Notes what explains a difference: skipped runs, failed retransmits, and what processes other
/// than this test's opened and closed. Those are in both counts, unless their namespace goes away
/// with its counters.
fn notes(ledger: &mut Ledger, between: Between<'_>) {
    let after = between.after;
    let processes = ["connections_opened_total", "connections_closed_total"]
        .map(|name| after.page.all(name, &[]));
    let processes: BTreeSet<&str> =
        processes.into_iter().flatten().map(|sample| sample.labels["process"].as_str()).collect();
    for process in
        processes.into_iter().filter(|name| ![roles::TEST_NAME, roles::VICTIM].contains(name))
    {
        let labels = [("process", process)];
        let [opened, closed] = ["connections_opened_total", "connections_closed_total"]
            .map(|name| between.delta(name, &labels));
        if opened != 0 || closed != 0 {
            ledger.note(format!(
                "meanwhile {process} opened {opened} and closed {closed} connections; these tests \
                want the machine for themselves"
            ));
        }
    }
    for failure in after.page.all("retransmit_failures_total", &[]) {
        let error = failure.labels.get("error").map_or("?", String::as_str);
        ledger.note(format!(
            "retransmits that failed with {error}: {}",
            between.delta("retransmit_failures_total", &[("error", error)])
        ));
    }
    for miss in after.page.all("bpf_misses_total", &[]).filter(|miss| miss.value > 0.0) {
        ledger.note(format!("runs of {} skipped: {}", miss.labels["probe"], miss.value));
    }
}

/// Retransmitted segments; `TCPSynRetrans` counts SYNs and SYN-ACKs among them.
fn retransmits(ledger: &mut Ledger, between: Between<'_>, kernel: &Counters) {
    let delta = |name: &str, labels: &[(&str, &str)]| between.delta(name, labels);
    let synacks = delta("synack_retransmits_total", &[]);
    ledger.equal(
        "RetransSegs",
        terms!("RetransSegs" => kernel.get("RetransSegs")),
        terms!(
            "retransmitted" => delta("retransmitted_segments_total", &[]),
            "syn-acks" => synacks,
            "TCPRetransFail" => kernel.get("TCPRetransFail"),
        ),
    );
    ledger.equal(
        "TCPSynRetrans",
        terms!("TCPSynRetrans" => kernel.get("TCPSynRetrans")),
        terms!(
            "phase syn" => delta("retransmitted_segments_total", &[("phase", "syn")]),
            "syn-acks" => synacks,
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
