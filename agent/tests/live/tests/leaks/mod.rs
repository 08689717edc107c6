//! Whose leak: one program for every way to leak connections, and for each the right process,
//! workload, state, stage, count and age, in `/metrics` and in the listing; then all at once,
//! beside ten thousand healthy connections, with every owner compared with the descriptor tables.

mod blame;
mod cases;
mod claim;
mod crowd;
mod growth;
mod ways;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use claim::Leak;
use ways::{WAYS, busy};

use super::Test;
use crate::harness::agent::Agent;
use crate::harness::descriptors::{self, Ends, Held};
use crate::harness::listing;
use crate::harness::netns::Netns;
use crate::workload::black_hole;
use crate::workload::programs::Built;

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("host::every_way_to_leak_is_named", one_by_one),
    ("host::every_leak_is_named_among_ten_thousand_connections", at_once),
];

/// Those that take minutes.
pub(super) const LONG: &[Test] = &[
    ("long::crowd::every_case_is_named_by_an_agent_that_was_there_before", crowd::early),
    ("long::crowd::every_case_is_named_by_an_agent_that_came_later", crowd::late),
    ("long::growth::leaks_grow_as_fast_as_they_do_towards_their_limit", growth::growth),
];

/// A pass every half second, a verification of owners after ten, and time for both.
const SOON: Duration = Duration::from_mins(1);

fn one_by_one() {
    let (agent, built, netns) = (Agent::start(&[]), Built::new(), Netns::new());
    netns.enter(black_hole);
    for (name, way) in WAYS {
        eprintln!("a program that leaks: {name}");
        let leak = netns.enter(|| way(&built));
        agree(&agent, name, &leak, &netns);
    }
}

fn at_once() {
    let (agent, built, netns) = (Agent::start(&[]), Built::new(), Netns::new());
    netns.enter(black_hole);
    let healthy = netns.enter(|| (0..20).flat_map(|_| busy(500)).collect::<Vec<_>>());
    let leaks: Vec<_> =
        WAYS.iter().map(|(name, way)| (*name, netns.enter(|| way(&built)))).collect();
    for (name, leak) in &leaks {
        agree(&agent, name, leak, &netns);
    }
    let (right, all) = owners(&agent, &netns);
    eprintln!("owners: {right} of {all} live sockets under a process that holds them");
    assert!(
        all >= 20_000,
        "the healthy connections are not all there: {all} sockets with {} processes",
        healthy.len()
    );
    assert_eq!(right, all, "not every live socket is under a process that holds it");
}

/// Waits until the agent says of a leak what is true.
fn agree(agent: &Agent, name: &str, leak: &Leak, netns: &Netns) {
    let start = Instant::now();
    loop {
        let wrong: Vec<String> =
            leak.claims.iter().filter_map(|claim| claim.differs(agent, leak, netns)).collect();
        if wrong.is_empty() {
            return;
        }
        assert!(
            start.elapsed() < SOON,
            "{name}: after {SOON:?} the agent still says otherwise:\n{}",
            wrong.join("\n")
        );
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// How many sockets of a namespace stand under a process that holds them, by the descriptor tables,
/// and how many there are.
fn owners(agent: &Agent, netns: &Netns) -> (usize, usize) {
    let truth = descriptors::of(netns.pid());
    let pids: BTreeSet<u32> = truth.iter().flat_map(|held| held.holders.keys().copied()).collect();
    let named: BTreeSet<(Ends, u32)> = pids
        .into_iter()
        .flat_map(|pid| {
            listing::rows(agent, &format!("pid={pid}&netns={}", netns.inode))
                .into_iter()
                .map(move |row| (listing::ends(&row), pid))
        })
        .collect();
    let (right, wrong): (Vec<&Held>, Vec<&Held>) = truth
        .iter()
        .partition(|held| held.holders.keys().any(|holder| named.contains(&(held.ends, *holder))));
    for Held { ends, state, holders } in wrong.into_iter().take(20) {
        let said = listing::rows(agent, &format!("local={}&peer={}", ends.0, ends.1));
        eprintln!(
            "{} - {} in {state} is held by {holders:?}; the agent says {said:?}",
            ends.0, ends.1
        );
    }
    (right.len(), truth.len())
}
