//! The scenarios in which every socket is ESTABLISHED, or whose failure lies between two of them,
//! as the kernel's own books show them.

use std::time::Duration;

use testkit::proc_net::Socket;

use crate::kernel::{count, counter, sockets};
use crate::pictures::STUCK;
use crate::program::{Lab, wait_for};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("pool_leak_grows_and_idle_pool_does_not_and_both_are_established", pool_leak),
    ("dead_peer_leaves_data_that_nobody_acknowledges", dead_peer),
    ("stuck_worker_has_a_queue_and_the_others_have_none", stuck_worker),
    ("bind_first_has_no_port_left_for_any_destination", bind_first),
    ("proxy_chain_leaves_the_side_of_the_proxy_that_it_forgets", proxy_chain),
];

/// How many sockets of these processes are in a state in which none should stay.
fn stuck(pids: [u32; 2]) -> usize {
    let of = |pid: u32| STUCK.iter().map(|state| count(pid, state)).sum::<usize>();
    pids.into_iter().map(of).sum()
}

fn pool_leak() {
    let lab = Lab::start("pool-leak", 30);
    let (server, client) = (lab.pid("billing-db"), lab.pid("billing"));
    let first = wait_for("some connections", || {
        Some(count(client, "established")).filter(|count| *count >= 5)
    });
    wait_for("more of them", || (count(client, "established") >= first + 10).then_some(()));
    assert_eq!(stuck([server, client]), 0);
    drop(lab);
    let lab = Lab::start("idle-pool", 30);
    let (twin, keeper) = (lab.pid("accounts-db"), lab.pid("accounts"));
    let before = counter(keeper, "OutSegs");
    wait_for("requests", || (counter(keeper, "OutSegs") >= before + 20).then_some(()));
    assert_eq!((count(keeper, "established"), counter(keeper, "ActiveOpens")), (20, 20));
    assert_eq!(stuck([twin, keeper]), 0);
}

fn dead_peer() {
    let lab = Lab::start("dead-peer", 40);
    let (server, client) = (lab.pid("notifier"), lab.pid("subscribers"));
    let silent = || {
        let waits = |one: &&Socket| one.send_queue > 0 && one.retransmits >= 3;
        let found: Vec<_> = sockets(server).into_iter().filter(|one| waits(&one)).collect();
        Some(found).filter(|found| found.len() == 12)
    };
    let found = wait_for("twelve peers that do not acknowledge", silent);
    assert!(
        found.iter().all(|one| one.state == "established" && one.local.port() == 9000),
        "{found:?}"
    );
    assert_eq!(count(client, "established"), 17, "the client's ends know nothing of it");
    let before = counter(client, "OutSegs");
    wait_for("others to be answered", || (counter(client, "OutSegs") > before + 60).then_some(()));
    let others = sockets(server).into_iter().filter(|one| one.local.port() == 8080);
    assert!(others.into_iter().all(|one| one.retransmits < 3), "{:?}", sockets(server));
}

fn stuck_worker() {
    let lab = Lab::start("stuck-worker", 40);
    let (server, client) = (lab.pid("web-worker-3"), lab.pid("load-balancer"));
    let queues = || {
        let listeners = sockets(server).into_iter().filter(|one| one.state == "listen");
        let mut lengths: Vec<u64> = listeners.map(|one| one.receive_queue).collect();
        lengths.sort_unstable();
        lengths
    };
    let waiting = || {
        let waits = |one: &Socket| one.state == "established" && one.inode == 0;
        sockets(server).into_iter().filter(waits).count()
    };
    wait_for("one queue of four that grows", || {
        let lengths = queues();
        (lengths.len() == 4 && lengths[2] == 0 && lengths[3] >= 5 && waiting() >= 5).then_some(())
    });
    // Three quarters are served and go.
    wait_for("clients that are done", || (counter(client, "ActiveOpens") >= 20).then_some(()));
    assert!(
        count(client, "established") < usize::try_from(counter(client, "ActiveOpens")).unwrap()
    );
    assert_eq!((count(server, "close_wait"), counter(server, "ListenOverflows")), (0, 0));
}

fn bind_first() {
    let lab = Lab::start("bind-first", 40);
    let client = lab.pid("egress-proxy");
    wait_for("bind to fail", || lab.said().contains("Address already in use").then_some(()));
    let held: Vec<_> =
        sockets(client).into_iter().filter(|one| one.state == "established").collect();
    let most = (8080..8090).map(|port| held.iter().filter(|one| one.peer.port() == port).count());
    assert_eq!((held.len(), most.max()), (200, Some(20)), "of 200 ports to each destination");
    let opened = counter(client, "ActiveOpens");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!((counter(client, "ActiveOpens"), counter(client, "AttemptFails")), (opened, 0));
}

fn proxy_chain() {
    let lab = Lab::start("proxy-chain", 20);
    let (server, client) = (lab.pid("orders-db"), lab.pid("mobile-app"));
    let sides = || {
        let of = |state: &str, port: u16| {
            let ours = sockets(server).into_iter().filter(|one| one.state == state);
            ours.filter(|one| one.local.port() == port || one.peer.port() == port).count()
        };
        (of("close_wait", 5432), of("fin_wait2", 5432), of("close_wait", 8080))
    };
    let first = wait_for("both ends of what the proxy forgot", || {
        Some(sides()).filter(|(wait, half, _)| *wait >= 12 && *half >= 12)
    });
    wait_for("more of both", || {
        let (wait, half, front) = sides();
        (wait >= first.0 + 20 && half >= first.1 + 20 && front <= 1).then_some(())
    });
    assert!(count(client, "fin_wait2") <= 1 && count(client, "close_wait") <= 1);
}
