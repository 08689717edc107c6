//! Processes as a whole: what happens to the sockets of one that is killed, and whose they were.

use std::net::{IpAddr, TcpStream};

use testkit::process::Process;

use super::Test;
use crate::harness::agent::Agent;
use crate::harness::events::Events;
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, wait_for};
use crate::roles;
use crate::workload::{LOOPBACKS, Site, Tally, expect_end};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("portable::killed_process_closes_its_sockets_under_its_own_name", sequence),
    ("portable::gauges_name_the_process_that_holds_the_sockets", owners),
];

/// Starts a process that holds `count` connections to the site, and accepts them.
fn victim(client: &Netns, site: &Site, count: usize) -> (Process, Vec<TcpStream>) {
    let role = format!("connect {} {count}", site.address);
    let process = roles::start(client, &role, roles::VICTIM);
    let accepted = (0..count).map(|_| site.accept()).collect();
    roles::ready(&process, 1);
    (process, accepted)
}

/// Kills a process that holds `count` connections and closes the other ends.
pub(super) fn killed(client: &Netns, server: &Netns, ip: IpAddr, count: usize, tally: &mut Tally) {
    let site = server.enter(|| Site::open(ip));
    let (mut child, accepted) = victim(client, &site, count);
    child.kill();
    for server in accepted {
        expect_end(&server);
        tally.closed("fin", "fin");
    }
}

fn sequence() {
    let netns = Netns::new();
    let events = Events::start();
    for ip in LOOPBACKS {
        let site = netns.enter(|| Site::open(ip));
        let (mut child, accepted) = victim(&netns, &site, 1);
        let pid = child.id();
        child.kill();
        expect_end(&accepted[0]);
        drop(accepted);
        let life = events.wait("the life of the killed process's socket", || {
            let mine = |life: &crate::harness::events::Life| {
                life.events[0]["pid"] == pid
                    && life.events.iter().any(|event| event["new"] == "close")
            };
            events.lives(netns.inode).into_iter().find(mine)
        });
        assert_eq!(
            life.path(),
            "close>syn_sent>established>fin_wait1>fin_wait2>close",
            "the path of a socket whose process was killed"
        );
        let fin = life.entry("fin_wait1");
        assert_eq!(
            (&fin["pid"], &fin["process"]),
            (&pid.into(), &roles::VICTIM.into()),
            "the owner at the FIN that the kernel sends for a dead process: {fin}"
        );
    }
    events.stop();
}

fn owners() {
    let netns = Netns::new();
    let agent = Agent::start(&[]);
    let site = netns.enter(|| Site::open(LOOPBACKS[0]));
    let (mut child, accepted) = victim(&netns, &site, 7);
    let held = |process: &str, role: &str, state: &str| {
        agent.scrape().sum("connections", &[("process", process), ("role", role), ("state", state)])
    };
    wait_for("7 client connections of the other process", PATIENCE, || {
        (held(roles::VICTIM, "client", "established") == 7).then_some(())
    });
    wait_for("7 server connections of this process", PATIENCE, || {
        (held(roles::TEST_NAME, "server", "established") == 7).then_some(())
    });
    wait_for("the listener of this process", PATIENCE, || {
        (held(roles::TEST_NAME, "server", "listen") == 1).then_some(())
    });
    child.kill();
    wait_for("7 connections in close_wait of this process", PATIENCE, || {
        (held(roles::TEST_NAME, "server", "close_wait") == 7).then_some(())
    });
    assert_eq!(
        held(roles::VICTIM, "client", "established"),
        0,
        "what the killed process still has"
    );
    drop(accepted);
    wait_for("no connection in close_wait", PATIENCE, || {
        (held(roles::TEST_NAME, "server", "close_wait") == 0).then_some(())
    });
}
