//! Sockets that are older than the agent: there at the first scrape, with state, owner and age.

use std::net::Ipv4Addr;

use super::Test;
use super::equalities::gauges::gauges;
use crate::harness::agent::{Agent, scratch};
use crate::harness::kernel;
use crate::harness::ledger::{Ledger, terms};
use crate::harness::netns::{Netns, run};
use crate::harness::settle::Moment;
use crate::roles::TEST_NAME;
use crate::workload::hanging::Hanging;
use crate::workload::{LOOPBACKS, Site, Tally, black_hole, short};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("portable::sockets_older_than_the_agent_are_seen_at_the_first_scrape", seeding),
    ("host::sockets_of_a_namespace_without_a_process_are_seen", nameless),
];

/// Sockets in every state that can be made to stay.
fn open_everything(netns: &Netns) -> Hanging {
    let mut hanging = Hanging::default();
    netns.enter(|| {
        black_hole();
        for ip in LOOPBACKS {
            let site = Site::open(ip);
            hanging.established(&site, 5);
            hanging.half_closed(&site, 4);
            hanging.forgotten(&site, 3);
            short::mixed(&site, 10);
            hanging.keep(site);
        }
        hanging.unanswered(3);
        hanging.half_open(Site::open(LOOPBACKS[0]), 3);
        hanging.silent();
    });
    hanging
}

fn seeding() {
    let netns = Netns::new();
    let hanging = open_everything(&netns);
    let listed = hanging.at_rest(&netns);
    let agent = Agent::start(&["--reconcile-interval", "30"]);
    let first = agent.scrape();
    let still = kernel::Sockets::of(netns.pid());
    assert_eq!(listed, still, "the sockets changed under the test");

    let mut ledger = Ledger::default();
    for state in
        ["syn_sent", "established", "fin_wait2", "close_wait", "last_ack", "closing", "listen"]
    {
        ledger.equal(
            &format!("{state}, made and listed"),
            terms!("made" => hanging.held.get(state)),
            terms!("listed" => listed.get(state)),
        );
        let labels = [("process", TEST_NAME), ("state", state)];
        ledger.equal(
            &format!("{state} of {TEST_NAME} at the first scrape"),
            terms!("made" => hanging.held.get(state)),
            terms!("gauge" => first.sum("connections", &labels)),
        );
    }
    ledger.equal(
        "half-open",
        terms!("made" => hanging.held.get("new_syn_recv")),
        terms!("listed" => listed.get("new_syn_recv")),
    );
    ledger.check();
    let orphans = first.sum("connections", &[("state", "fin_wait1")]);
    assert!(
        orphans >= listed.get("fin_wait1") && orphans > 0,
        "{orphans} orphans in fin_wait1 at the first scrape"
    );
    for state in ["syn_sent", "fin_wait2", "close_wait", "last_ack", "closing"] {
        let labels = [("process", TEST_NAME), ("state", state)];
        let oldest = first
            .all("connections_oldest_state_age_seconds", &labels)
            .map(|sample| sample.value)
            .fold(-1.0, f64::max);
        assert!(
            (0.0..300.0).contains(&oldest),
            "the age of the oldest socket in {state} is {oldest}; a lower bound from the agent's \
            start was expected"
        );
    }
    drop(agent);
    let agent = Agent::start(&[]);
    gauges(&Moment::at_rest(&agent), &[&netns]).check();
}

/// A namespace that only a file holds (as `ip netns add` makes them), its socket held from outside.
fn nameless() {
    struct Named(String);
    impl Drop for Named {
        fn drop(&mut self) {
            run(&format!("ip netns del {}", self.0));
        }
    }
    let name = scratch("ns").file_name().expect("a name").to_string_lossy().replace('.', "-");
    run(&format!("ip netns add {name}"));
    let named = Named(name);
    run(&format!("ip -n {} link set lo up", named.0));
    let path = format!("/run/netns/{}", named.0);
    let (site, pair) = std::thread::spawn(move || {
        let file = std::fs::File::open(path).expect("open the namespace");
        nix::sched::setns(file, nix::sched::CloneFlags::CLONE_NEWNET).expect("enter it");
        let site = Site::open(Ipv4Addr::LOCALHOST.into());
        short::client_first(&site, &mut Tally::default());
        let pair = site.pair();
        (site, pair)
    })
    .join()
    .expect("make sockets there");
    let port = site.address.port().to_string();
    let agent = Agent::start(&[]);
    let seen = agent.scrape();
    let held = |state: &str| seen.sum("connections", &[("process", TEST_NAME), ("state", state)]);
    assert_eq!(
        (held("listen"), held("established")),
        (1, 2),
        "listeners and connections of {TEST_NAME}, port {port}, in a namespace without a process"
    );
    drop(pair);
}
