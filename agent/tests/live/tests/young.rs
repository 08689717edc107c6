//! Names that are young: what ends at once counts under `~young`, and what stays gets its name.

use super::Test;
use crate::harness::agent::Agent;
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, wait_for};
use crate::roles;
use crate::workload::{LOOPBACKS, Site};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("portable::programs_that_end_at_once_count_under_young", jobs),
    ("portable::a_program_that_stays_gets_its_name_and_no_sum_moves", grown),
];

/// What young names are called.
const YOUNG: &str = "~young";
/// Programs that end at once, each with a name of its own.
const JOBS: i64 = 8;
/// Connections of each program.
const OPEN: i64 = 5;
/// The program that stays.
const STAYS: &str = "live-stays";

/// What clients of a port have, as metrics show it: of one process, or of all.
fn of(agent: &Agent, metric: &str, port: u16, process: Option<&str>) -> i64 {
    let port = port.to_string();
    let labels = [("role", "client"), ("port", &port)];
    let process = process.map(|name| ("process", name));
    agent.scrape().sum(metric, &labels.into_iter().chain(process).collect::<Vec<_>>())
}

fn jobs() {
    let netns = Netns::new();
    let site = netns.enter(|| Site::open(LOOPBACKS[0]));
    let port = site.address.port();
    // Longer than this test, in a slow guest too.
    let agent = Agent::start(&["--young-age", "5m"]);
    for number in 0..JOBS {
        let role = format!("connect {} {OPEN}", site.address);
        let job = roles::start(&netns, &role, &format!("live-job-{number}"));
        let servers: Vec<_> = (0..OPEN).map(|_| site.accept()).collect();
        roles::ready(&job, 1);
        drop((job, servers));
    }
    for metric in ["connections_opened_total", "connections_closed_total"] {
        wait_for(metric, PATIENCE, || {
            let [young, all] = [Some(YOUNG), None].map(|process| of(&agent, metric, port, process));
            ((young, all) == (JOBS * OPEN, JOBS * OPEN)).then_some(())
        });
    }
    let page = agent.scrape();
    assert!(!page.text.contains("live-job-"), "a job has series:\n{}", page.text);
}

fn grown() {
    const HELD: &str = "connections_established";
    const OPENED: &str = "connections_opened_total";
    let netns = Netns::new();
    let site = netns.enter(|| Site::open(LOOPBACKS[0]));
    let port = site.address.port();
    let agent = Agent::start(&["--young-age", "3"]);
    let role = format!("connect {} {OPEN}", site.address);
    let program = roles::start(&netns, &role, STAYS);
    let servers: Vec<_> = (0..OPEN).map(|_| site.accept()).collect();
    roles::ready(&program, 1);
    wait_for("all that is open", PATIENCE, || (of(&agent, HELD, port, None) == OPEN).then_some(()));
    wait_for("all that is open under its name", PATIENCE, || {
        assert_eq!(of(&agent, HELD, port, None), OPEN, "the sum moved");
        (of(&agent, HELD, port, Some(STAYS)) == OPEN).then_some(())
    });
    let opened = [Some(YOUNG), Some(STAYS), None].map(|who| of(&agent, OPENED, port, who));
    assert_eq!(opened, [OPEN, 0, OPEN], "opened by ~young, under its name, by all");
    drop((program, servers));
    wait_for("its ends under its name", PATIENCE, || {
        let closed = of(&agent, "connections_closed_total", port, Some(STAYS));
        (closed == OPEN).then_some(())
    });
}
