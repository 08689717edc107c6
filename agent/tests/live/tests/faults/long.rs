//! Faults that last: a pause of more than a minute, a ring that is full for a minute.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::{Before, OFTEN, exact, lost};
use crate::harness::agent::Agent;
use crate::harness::netns::Netns;
use crate::harness::wait_for;
use crate::tests::Test;
use crate::workload::{LOOPBACKS, Site, short};

/// The tests of this file.
pub(crate) const LONG: &[Test] = &[
    ("long::faults::a_pause_of_more_than_a_minute_ends_nothing", paused),
    ("long::faults::a_minute_of_a_full_ring_leaves_nothing", overflowing),
];

/// Longer than the agent waits for a thread that does not answer.
const PAUSE: Duration = Duration::from_secs(65);
const MINUTE: Duration = Duration::from_mins(1);
/// Connections at a time, and how long nothing comes after them.
const BURST: usize = 500;
const REST: Duration = Duration::from_millis(100);

/// A namespace and a listener in it: with another port each time the page would grow.
fn stage() -> (Netns, Site) {
    let netns = Netns::new();
    netns.sysctl("net/ipv4/ip_local_port_range", "10000 64000");
    let site = netns.enter(|| Site::open(LOOPBACKS[0]));
    (netns, site)
}

/// Connections of all kinds for so long.
fn load((netns, site): &(Netns, Site), length: Duration) {
    let start = Instant::now();
    netns.enter(|| {
        while start.elapsed() < length {
            short::mixed(site, BURST);
            std::thread::sleep(REST);
        }
    });
}

fn paused() {
    let stage = stage();
    let mut agent = Agent::start(&OFTEN);
    load(&stage, Duration::from_secs(2));
    exact(&agent, "before");
    let before = Before::of(&agent);
    agent.signal(Signal::SIGSTOP);
    load(&stage, PAUSE);
    agent.signal(Signal::SIGCONT);
    // Until its first drain it answers 503: the numbers are from before the pause.
    wait_for("numbers after the pause", Duration::from_secs(10), || {
        (agent.get("/metrics").0 == 200).then_some(())
    });
    before.is_back(&agent, "a long pause");
    super::stops::is_accounted(&agent, "a long pause");
    let (status, _) = agent.stop(Signal::SIGTERM);
    assert!(status.success(), "the end of one that was stopped: {status}");
}

fn overflowing() {
    let stage = stage();
    let agent = Agent::start(&[&["--ring-bytes", "4096"], &OFTEN[..]].concat());
    load(&stage, Duration::from_secs(2));
    exact(&agent, "before");
    let before = Before::of(&agent);
    load(&stage, MINUTE);
    let gone = lost(&agent) - before.lost;
    assert!(gone > 10_000, "a ring of 4096 bytes lost {gone} records in a minute");
    before.is_back(&agent, "a minute of a full ring");
    super::stops::is_accounted(&agent, "a minute of a full ring");
}
