//! A ring far too small for the storm: losses are counted, and one reconcile pass heals the gauges.

use super::Test;
use super::equalities::gauges::gauges;
use crate::harness::agent::Agent;
use crate::harness::ledger::{Ledger, terms};
use crate::harness::netns::Netns;
use crate::harness::settle::Moment;
use crate::workload::hanging::Hanging;
use crate::workload::{LOOPBACKS, Site, Tally, short};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[("host::overload", overload)];

/// Connections of all kinds over each address family at once.
fn storms(netns: &Netns) -> Tally {
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let storms = LOOPBACKS
            .map(|ip| scope.spawn(move || netns.enter(|| short::mixed(&Site::open(ip), 5_000))));
        for storm in storms {
            tally.merge(&storm.join().expect("a storm"));
        }
    });
    tally
}

fn overload() {
    let netns = Netns::new();
    netns.sysctl("net/ipv4/ip_local_port_range", "10000 64000");
    // The pass must not heal the table while the storm still runs, or nothing is left to see.
    let agent = Agent::start(&["--ring-bytes", "4096", "--reconcile-interval", "1"]);
    let before = Moment::at_rest(&agent);
    let (tally, mut hanging) = (storms(&netns), Hanging::default());
    netns.enter(|| {
        let site = Site::open(LOOPBACKS[0]);
        hanging.established(&site, 200);
        hanging.forgotten(&site, 200);
        hanging.keep(site);
    });
    let after = Moment::at_rest(&agent);
    let delta = |name: &str, labels: &[(&str, &str)]| {
        after.page.sum(name, labels) - before.page.sum(name, labels)
    };
    let lost = delta("events_lost_total", &[("ring", "state")]);
    assert!(lost > 0, "a ring of 4096 bytes lost nothing under {tally:?}");
    assert!(
        delta("reconcile_corrections_total", &[]) > 0,
        "{lost} records lost and nothing corrected"
    );

    let kernel = &after.counters - &before.counters;
    let moved = |old: &str, new: &str| {
        (format!("{old}>{new}"), delta("transitions_total", &[("old", old), ("new", new)]))
    };
    let mut ledger = Ledger::default();
    // The matrix is counted in the kernel, beside the ring.
    ledger.equal(
        "ActiveOpens",
        terms!("ActiveOpens" => kernel.get("ActiveOpens")),
        vec![moved("close", "syn_sent")],
    );
    ledger.equal(
        "PassiveOpens",
        terms!("PassiveOpens" => kernel.get("PassiveOpens")),
        vec![moved("listen", "syn_recv")],
    );
    let resets = vec![moved("established", "close"), moved("close_wait", "close")];
    ledger.equal("EstabResets", terms!("EstabResets" => kernel.get("EstabResets")), resets);
    ledger.equal(
        "AttemptFails",
        terms!("AttemptFails" => kernel.get("AttemptFails")),
        vec![moved("syn_sent", "close"), moved("syn_recv", "close")],
    );
    ledger.equal(
        "every transition was carried or counted as lost",
        terms!("transitions" => delta("transitions_total", &[])),
        terms!("applied" => delta("events_total", &[("event", "transition")]), "lost" => lost),
    );
    ledger.check();
    gauges(&after, &[&netns]).check();
}
