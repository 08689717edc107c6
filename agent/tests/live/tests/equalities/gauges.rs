//! The agent's gauges against the kernel's socket lists.

use crate::harness::kernel;
use crate::harness::ledger::{Ledger, terms};
use crate::harness::netns::Netns;
use crate::harness::settle::Moment;

/// Every state gauge against the kernel's lists: all sockets of the machine, and what has no row
/// namespace by namespace.
pub(crate) fn gauges(moment: &Moment, namespaces: &[&Netns]) -> Ledger {
    let mut ledger = Ledger::default();
    for state in kernel::FULL_STATES {
        ledger.equal(
            state,
            terms!("listed" => moment.sockets.get(state)),
            terms!("gauge" => moment.page.sum("connections", &[("state", state)])),
        );
    }
    ledger.equal(
        "established by service port",
        terms!("listed" => moment.sockets.get("established")),
        terms!("gauge" => moment.page.sum("connections_established", &[])),
    );
    for netns in namespaces {
        let listed = kernel::Sockets::of(netns.pid());
        let inode = netns.inode.to_string();
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
