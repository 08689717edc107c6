//! The agent is stopped for a while, its probes are cut, another agent is beside it.

use std::fs;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use testkit::launch::Launch;

use super::{Before, OFTEN, beside, corrections, exact, lost};
use crate::harness::agent::Agent;
use crate::harness::cgroup::{Group, hierarchy};
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, wait_for};
use crate::tests::Test;
use crate::workload::hanging::Hanging;
use crate::workload::{LOOPBACKS, Site};

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    ("host::faults::a_pause_under_load_loses_nothing_that_is_not_counted", paused),
    ("host::faults::two_agents_agree_and_one_takes_over_from_the_other", two),
    #[cfg(target_arch = "x86_64")]
    ("host::faults::an_agent_whose_probe_is_cut_says_so_and_ends", cut),
];

/// How long a pause lasts.
const PAUSE: Duration = Duration::from_millis(1500);

/// What must be equal whatever the agent slept through.
pub(super) fn is_accounted(agent: &Agent, what: &str) {
    let sums = || {
        let page = agent.scrape();
        let sum = |name: &str, labels: &[(&str, &str)]| page.sum(name, labels);
        let carried = sum("events_total", &[("event", "transition")]);
        (sum("transitions_total", &[]), carried + sum("events_lost_total", &[("ring", "state")]))
    };
    let mut last = (0, 1);
    // The two are counted in different places, some 250 ms apart.
    let equal = testkit::wait::poll(Duration::from_secs(3), || {
        last = sums();
        (last.0 == last.1).then_some(())
    });
    assert!(equal.is_some(), "{what}: transitions, and those applied or lost: {last:?}");
}

/// A signal and the freezer stop the agent while connections are made and ended.
fn paused() {
    let netns = Netns::new();
    let mut agent = Agent::start(&OFTEN);
    // Room for what a load needs is there before the comparison.
    beside(&netns, 2000, || ());
    exact(&agent, "before");
    let before = Before::of(&agent);
    beside(&netns, 2000, || {
        agent.signal(Signal::SIGSTOP);
        std::thread::sleep(PAUSE);
        agent.signal(Signal::SIGCONT);
    });
    before.is_back(&agent, "SIGSTOP");
    is_accounted(&agent, "SIGSTOP");

    let name = format!("tcpwarden-frozen-{}", std::process::id());
    let group = Group::make(&hierarchy(), &name, "");
    fs::write(group.leaf.join("cgroup.procs"), agent.pid().to_string()).expect("move the agent");
    let freeze = |word: &str| fs::write(group.leaf.join("cgroup.freeze"), word);
    beside(&netns, 2000, || {
        freeze("1").expect("freeze the agent (cgroup v2, Linux 5.2)");
        std::thread::sleep(PAUSE);
        freeze("0").expect("thaw the agent");
    });
    before.is_back(&agent, "the freezer");
    is_accounted(&agent, "the freezer");
    let (status, _) = agent.stop(Signal::SIGTERM);
    assert!(status.success(), "the end of one that was stopped and frozen: {status}");
}

/// A second agent starts under load, agrees, and goes on when the first ends.
fn two() {
    let netns = Netns::new();
    let old = Agent::start(&OFTEN);
    let mut hanging = Hanging::default();
    netns.enter(|| {
        let site = Site::open(LOOPBACKS[0]);
        hanging.established(&site, 30);
        hanging.forgotten(&site, 20);
        hanging.keep(site);
    });
    let new = beside(&netns, 1000, || Agent::start(&OFTEN));
    exact(&old, "the older of two");
    exact(&new, "the younger of two");
    let held = |agent: &Agent| {
        let labels = [("process", crate::roles::TEST_NAME), ("state", "close_wait")];
        agent.scrape().sum("connections", &labels)
    };
    assert_eq!((held(&old), held(&new)), (20, 20), "close_wait by each of the two");
    let before = corrections(&new);
    let (status, _) = beside(&netns, 1000, || old.stop(Signal::SIGTERM));
    assert!(status.success(), "the older ends: {status}");
    exact(&new, "the one that is left");
    assert_eq!(lost(&new), 0, "records lost");
    assert_eq!(corrections(&new), before, "corrections when the older ended");
}

/// The program that cuts links.
const CUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/programs/cut_links.py");

/// EOPNOTSUPP: such a link cannot be detached.
const NOT_SUPPORTED: &str = "95";

/// The kernel detaches no link for others; a process that can trace the agent closes one inside it.
fn cut() {
    let mut agent = Agent::start(&OFTEN);
    let mut command = Command::new("python3");
    command.args([CUT, &agent.pid().to_string()]);
    let cutter = Launch::new("the cutter", command).spawn().expect("start the cutter");
    let mut refused = 0;
    let closed = loop {
        let line = cutter.line(PATIENCE).expect("its output").expect("a line of the cutter");
        match *line.split(' ').collect::<Vec<_>>() {
            ["detach", hook, error] => {
                assert_eq!(error, NOT_SUPPORTED, "the kernel detached {hook}");
                refused += 1;
            }
            ["closed", hook] => break hook.to_owned(),
            _ => panic!("the cutter said {line:?}"),
        }
    };
    assert!(refused > 1, "{refused} links were tried");
    let status = agent.ended();
    assert_eq!(status.code(), Some(1), "the end of an agent without a probe");
    let said = |words: &str| agent.log().contains(words).then_some(());
    for words in ["was detached by another process: the numbers would", &closed] {
        wait_for(&format!("the word about {words:?}"), PATIENCE, || said(words));
    }
}
