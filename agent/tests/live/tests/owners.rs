//! Owners that are true now: sockets that changed hands without an event stand under the process
//! that holds their descriptor.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;
use std::time::{Duration, Instant};

use testkit::page::Page;
use testkit::process::Process;

use super::Test;
use crate::handover::RECEIVER;
use crate::harness::agent::Agent;
use crate::harness::descriptors;
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, wait_for};
use crate::roles::{self, TEST_NAME};
use crate::workload::Site;

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("portable::owners::a_leaker_is_named", || leaked("stays", GIVER, 1, 0)),
    ("portable::owners::of_two_holders_the_one_that_connected_is_named", || {
        leaked("forks", GIVER, 2, 1);
    }),
    ("portable::owners::the_child_of_a_parent_that_left_is_named", || {
        leaked("leaves", RECEIVER, 1, 0);
    }),
    ("portable::owners::a_program_that_another_became_is_named", || {
        leaked("execs", RECEIVER, 1, 0);
    }),
    ("portable::owners::the_receiver_of_a_descriptor_is_named", || {
        leaked("passes", RECEIVER, 2, 0);
    }),
    ("portable::owners::a_process_in_a_pid_namespace_is_named", || leaked("nests", RECEIVER, 1, 0)),
    ("portable::owners::a_descriptor_that_only_a_thread_holds_is_found", threaded),
    ("portable::owners::a_descriptor_in_flight_stays_with_its_sender_and_is_counted", || {
        elsewhere("sends");
    }),
    ("host::owners::a_socket_that_only_an_io_uring_has_stays_and_is_counted", || {
        elsewhere("registers");
    }),
    ("portable::owners::workers_of_a_prefork_server_are_named", prefork),
    ("portable::owners::a_mixed_crowd_is_named_as_the_descriptor_tables_say", crowd),
    ("portable::owners::a_leak_is_verified_before_the_next_pass_is_due", early),
    ("portable::owners::the_end_of_an_owner_is_noticed_before_the_next_pass_is_due", ended),
    ("host::owners::python_that_forks_and_renames_itself_is_named", python),
];

/// The name of the process that connects.
const GIVER: &str = "live-giver";

fn held(page: &Page, process: &str, state: &str) -> i64 {
    page.sum("connections", &[("process", process), ("state", state)])
}

/// Waits until the connections of a state stand under one of the two names, and none under the
/// other.
fn settles(agent: &Agent, name: &str, state: &str, count: i64) -> Page {
    settles_within(PATIENCE, agent, name, state, count)
}

fn settles_within(patience: Duration, agent: &Agent, name: &str, state: &str, count: i64) -> Page {
    let other = if name == GIVER { RECEIVER } else { GIVER };
    let mut last = (0, 0);
    let start = Instant::now();
    while start.elapsed() < patience {
        let page = agent.scrape();
        last = (held(&page, name, state), held(&page, other, state));
        if last == (count, 0) {
            return page;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!(
        "{state} of {name} and {other} are {last:?}; ({count}, 0) was expected, log:\n{}",
        agent.log()
    );
}

/// Waits until a number of the whole machine, without labels, has a value.
fn becomes(agent: &Agent, name: &str, value: i64) {
    wait_for(&format!("{name} to be {value}"), PATIENCE, || {
        (agent.scrape().sum(name, &[]) == value).then_some(())
    });
}

/// A helper that connects, does something, and is left in CLOSE_WAIT by this process.
fn leak(netns: &Netns, ip: IpAddr, deed: &str, members: usize) -> Process {
    let site = netns.enter(|| Site::open(ip));
    let family = roles::start(netns, &format!("connect-and {deed} {}", site.address), GIVER);
    let server = site.accept();
    roles::ready(&family, members);
    drop(server);
    family
}

fn leaked(deed: &str, name: &str, members: usize, shared: i64) {
    let agent = Agent::start(&[]);
    // A machine may have sockets of its own that no process shows.
    let known = |page: &Page| {
        (page.sum("connections_unattributed", &[]), page.sum("reconcile_corrections_total", &[]))
    };
    let before = known(&agent.scrape());
    let machine = agent.scrape().sum("connections_shared", &[]);
    for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let netns = Netns::new();
        let family = leak(&netns, ip, deed, members);
        settles(&agent, name, "close_wait", 1);
        becomes(&agent, "connections_shared", machine + shared);
        drop(family);
        wait_for("the leak to end", PATIENCE, || {
            (held(&agent.scrape(), name, "close_wait") == 0).then_some(())
        });
    }
    assert_eq!(known(&agent.scrape()), before, "connections without an owner, and corrections");
}

fn threaded() {
    let agent = Agent::start(&[]);
    let before = agent.scrape().sum("connections_unheld", &[]);
    let netns = Netns::new();
    let _family = leak(&netns, Ipv4Addr::LOCALHOST.into(), "threads", 1);
    let shown = descriptors::of(netns.pid()).len();
    assert_eq!(shown, 0, "a descriptor that only a thread has is not in /proc/PID/fd");
    settles(&agent, GIVER, "close_wait", 1);
    let passes = || agent.scrape().sum("reconcile_duration_seconds_count", &[]);
    let first = passes();
    wait_for("three passes", PATIENCE, || (passes() >= first + 3).then_some(()));
    let page = agent.scrape();
    assert_eq!(
        (held(&page, GIVER, "close_wait"), page.sum("connections_unheld", &[])),
        (1, before),
        "connections in CLOSE_WAIT, and without a holder"
    );
}

/// A socket without a descriptor, which something else than a descriptor table refers to.
fn elsewhere(deed: &str) {
    let agent = Agent::start(&[]);
    let before = agent.scrape().sum("connections_unheld", &[]);
    let netns = Netns::new();
    let _family = leak(&netns, Ipv4Addr::LOCALHOST.into(), deed, 1);
    settles(&agent, GIVER, "close_wait", 1);
    becomes(&agent, "connections_unheld", before + 1);
    assert_eq!(held(&agent.scrape(), GIVER, "close_wait"), 1);
    let (status, body) =
        agent.get(&format!("/api/v1/connections?state=close_wait&process={GIVER}"));
    let answer: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &answer["connections"][0]["owner"]), (200, &"elsewhere".into()));
}

/// Connections that a worker has accepted, open and leaked, and the listener, which belongs to who
/// accepts, not to the master that opened it and still holds it.
fn prefork() {
    let agent = Agent::start(&[]);
    let netns = Netns::new();
    let mut family = roles::start(&netns, "prefork [::1]:0 3", GIVER);
    let address = roles::line(&family);
    roles::ready(&family, 4);
    let mut clients = netns.enter(|| {
        (0..40)
            .map(|_| std::net::TcpStream::connect(&address).expect("connect"))
            .collect::<Vec<_>>()
    });
    settles(&agent, RECEIVER, "established", 40);
    clients.truncate(15);
    let page = settles(&agent, RECEIVER, "close_wait", 25);
    let listening = [GIVER, RECEIVER].map(|name| held(&page, name, "listen"));
    assert_eq!((listening, held(&page, RECEIVER, "established")), ([0, 1], 15));
    // Without the master nothing changes hands.
    family.kill();
    settles(&agent, RECEIVER, "listen", 1);
    drop(clients);
    settles(&agent, RECEIVER, "close_wait", 40);
}

/// Every way to change hands at once, leaked and open, and what the descriptor tables say of it:
/// each socket under a process that holds it, none under another.
fn crowd() {
    let agent = Agent::start(&[]);
    let netns = Netns::new();
    let site = netns.enter(|| Site::open(Ipv6Addr::LOCALHOST.into()));
    let (mut families, mut servers) = (Vec::new(), Vec::new());
    for (deed, members) in
        [("stays", 1), ("forks", 2), ("leaves", 1), ("execs", 1), ("passes", 2)].repeat(6)
    {
        let family = roles::start(&netns, &format!("connect-and {deed} {}", site.address), GIVER);
        servers.push(site.accept());
        roles::ready(&family, members);
        families.push(family);
    }
    servers.truncate(10);
    let wrong = wait_for("the owners that the descriptor tables name", PATIENCE, || {
        let (held, page) = (descriptors::of(netns.pid()), agent.scrape());
        let wrong: i64 = ["listen", "established", "close_wait"]
            .into_iter()
            .flat_map(|state| [GIVER, RECEIVER, TEST_NAME].map(|name| (state, name)))
            .map(|(state, name)| {
                let in_state = || {
                    held.iter()
                        .filter(|held| held.state == state)
                        .map(|held| held.holders.values().collect::<BTreeSet<_>>())
                };
                let count = |sockets: usize| i64::try_from(sockets).expect("a count");
                let may =
                    count(in_state().filter(|names| names.iter().any(|its| *its == name)).count());
                let must = count(
                    in_state()
                        .filter(|names| names.len() == 1 && names.iter().any(|its| *its == name))
                        .count(),
                );
                let shown = self::held(&page, name, state);
                (shown - may).max(0) + (must - shown).max(0)
            })
            .sum();
        (wrong == 0 && held.len() == 41).then_some(wrong)
    });
    assert_eq!(wrong, 0);
    let page = agent.scrape();
    let all = |state| [GIVER, RECEIVER, TEST_NAME].map(|name| held(&page, name, state));
    assert_eq!(
        (all("close_wait"), all("established"), all("listen")),
        ([8, 12, 0], [4, 6, 10], [0, 0, 1])
    );
}

/// Where the next pass is a quarter of an hour away.
const RARELY: [&str; 4] = ["--reconcile-interval", "900", "--verify-after", "1"];
/// Less than that. A reading of all descriptors comes at the earliest a hundred times the length of
/// the one before after that: four minutes, where a busy guest makes one last 2.4 s.
const EARLY: Duration = Duration::from_mins(10);

fn early() {
    let agent = Agent::start(&RARELY);
    let netns = Netns::new();
    let start = Instant::now();
    let _family = leak(&netns, Ipv4Addr::LOCALHOST.into(), "leaves", 1);
    settles_within(EARLY, &agent, RECEIVER, "close_wait", 1);
    assert!(
        start.elapsed() >= Duration::from_secs(1),
        "nothing but the age of the leak could have told"
    );
}

/// The owner forked, was verified in the leak state, and ended only then.
fn ended() {
    let agent = Agent::start(&RARELY);
    let before = agent.scrape().sum("connections_shared", &[]);
    let netns = Netns::new();
    let mut family = leak(&netns, Ipv4Addr::LOCALHOST.into(), "forks", 2);
    settles_within(EARLY, &agent, GIVER, "close_wait", 1);
    // Whose two holders are known once it is verified.
    wait_for("the leak to be verified", EARLY, || {
        (agent.scrape().sum("connections_shared", &[]) == before + 1).then_some(())
    });
    family.kill();
    settles_within(EARLY, &agent, RECEIVER, "close_wait", 1);
}

/// A fork without exec, whose parent closes; then the child takes another name.
fn python() {
    const PROGRAM: &str = "
import os, socket, sys
name = lambda text: open('/proc/self/comm', 'w').write(text)
name('live-giver')
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
if os.fork() == 0:
    connection.recv(1)
    name('live-receiver')
    os.write(1, b'ready\\n')
    sys.stdin.read()
    os._exit(0)
connection.close()
os.write(1, b'ready\\n')
sys.stdin.read()
os.wait()
";
    let agent = Agent::start(&[]);
    let netns = Netns::new();
    let site = netns.enter(|| Site::open(Ipv4Addr::LOCALHOST.into()));
    let (ip, port) = (site.address.ip().to_string(), site.address.port().to_string());
    let found = Command::new("python3").arg("--version").output();
    assert!(found.is_ok(), "this test needs python3 (`cargo xtask setup` installs it): {found:?}");
    let mut command = Command::new("python3");
    command.args(["-c", PROGRAM, &ip, &port]);
    let family = roles::start_command(&netns, command);
    drop(site.accept());
    roles::ready(&family, 2);
    settles(&agent, RECEIVER, "close_wait", 1);
}
