//! Each scenario shows in the kernel's own books what it says that it shows.

use std::fs;
use std::time::Duration;

use crate::kernel::{count, counter, sockets};
use crate::program::{Lab, wait_for};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("echo_keeps_its_connections_and_nothing_gets_stuck", echo),
    ("fd_leak_fills_descriptors_with_close_wait", fd_leak),
    ("time_wait_bomb_uses_up_the_ports", time_wait_bomb),
    ("half_close_leaves_both_halves", half_close),
    ("stuck_listener_fills_its_queue_and_drops_syns", stuck_listener),
    ("slow_reader_closes_the_window_and_fills_queues", slow_reader),
    ("black_hole_sends_syns_again_after_1_2_4_seconds", black_hole),
    ("refused_fails_each_connect_at_once", refused),
    ("rst_storm_ends_connections_by_reset", rst_storm),
    ("lossy_link_sends_data_again_both_ways_and_syns_too", lossy_link),
    ("no_pool_and_pool_ask_as_much_and_open_differently", pooling),
    ("retry_storm_is_refused_and_answered_in_turn", retry_storm),
];

/// Segments that a busy machine retransmits where nothing is lost: a peer that is not run for 10 ms
/// is probed.
const PROBES: i64 = 5;

/// States in which sockets stay only when something is wrong.
pub(crate) const STUCK: [&str; 4] = ["close_wait", "fin_wait2", "syn_sent", "last_ack"];

fn echo() {
    let mut lab = Lab::start("echo", 4);
    let (server, client) = (lab.pid("orders-api"), lab.pid("checkout"));
    wait_for("some requests", || (counter(client, "OutSegs") > 150).then_some(()));
    assert!((8..=20).contains(&count(server, "established")), "{:?}", sockets(server));
    // One may be on its way through.
    let passing = |state: &str| count(server, state) <= 1 && count(client, state) <= 1;
    wait_for("nothing to be stuck", || STUCK.iter().all(|state| passing(state)).then_some(()));
    assert!(counter(client, "RetransSegs") <= PROBES);
    assert_eq!((counter(client, "AttemptFails"), counter(client, "OutRsts")), (0, 0));
    assert!(lab.ended().success(), "{}", lab.said());
}

fn fd_leak() {
    let lab = Lab::start("fd-leak", 12);
    let server = lab.pid("catalog-api");
    let limits = fs::read_to_string(format!("/proc/{server}/limits")).unwrap();
    assert!(
        limits.lines().any(|line| line.split_whitespace().collect::<Vec<_>>()[..]
            .starts_with(&["Max", "open", "files", "512"])),
        "{limits}"
    );
    let first = wait_for("leaked sockets", || {
        Some(count(server, "close_wait")).filter(|count| *count > 20)
    });
    wait_for("more of them", || (count(server, "close_wait") > first + 40).then_some(()));
    // Read to the end, still held: nothing waits in the queue, and each has a descriptor. The
    // newest may not be read yet.
    let leaked = wait_for("the leaked sockets to be read", || {
        let leaked: Vec<_> =
            sockets(server).into_iter().filter(|socket| socket.state == "close_wait").collect();
        (leaked.iter().filter(|socket| socket.receive_queue > 0).count() <= leaked.len() / 20)
            .then_some(leaked)
    });
    let open = fs::read_dir(format!("/proc/{server}/fd")).unwrap().count();
    assert!((leaked.len()..512).contains(&open), "{open} descriptors for {} sockets", leaked.len());
}

fn time_wait_bomb() {
    let lab = Lab::start("time-wait-bomb", 8);
    let client = lab.pid("checkout");
    wait_for("the ports to run out", || {
        lab.said().contains("Cannot assign requested address").then_some(())
    });
    let taken = count(client, "time_wait");
    assert!((1990..=2000).contains(&taken), "{taken}");
    // It does not try as often as before.
    let before = counter(client, "ActiveOpens");
    std::thread::sleep(Duration::from_millis(500));
    assert!(counter(client, "ActiveOpens") - before < 20);
}

fn half_close() {
    let lab = Lab::start("half-close", 4);
    let (server, client) = (lab.pid("import-api"), lab.pid("importer"));
    let halves = || (count(server, "close_wait"), count(client, "fin_wait2"));
    let first = wait_for("both halves", || {
        Some(halves()).filter(|(wait, half)| *wait >= 12 && *half >= 12)
    });
    // An orphan has no descriptor, and the kernel ends it: these have one.
    let orphans = sockets(client)
        .into_iter()
        .filter(|socket| socket.state == "fin_wait2" && socket.inode == 0)
        .count();
    assert_eq!(orphans, 0);
    wait_for("more of both", || {
        Some(halves()).filter(|(wait, half)| *wait >= first.0 + 20 && *half >= first.1 + 20)
    });
}

fn stuck_listener() {
    let lab = Lab::start("stuck-listener", 12);
    let (server, client) = (lab.pid("search-api"), lab.pid("web-frontend"));
    wait_for("a full accept queue", || {
        sockets(server)
            .iter()
            .any(|one| one.state == "listen" && one.receive_queue == 17)
            .then_some(())
    });
    wait_for("clients that came and went", || {
        (sockets(server).iter().filter(|one| one.state == "close_wait" && one.inode == 0).count()
            >= 10)
            .then_some(())
    });
    wait_for("dropped SYNs", || (counter(server, "ListenOverflows") >= 5).then_some(()));
    wait_for("retransmitted SYNs", || {
        (count(client, "syn_sent") > 0 && counter(client, "TCPSynRetrans") >= 5).then_some(())
    });
}

fn slow_reader() {
    let lab = Lab::start("slow-reader", 5);
    let (server, client) = (lab.pid("payments-db"), lab.pid("reporting"));
    wait_for("closed windows", || {
        (sockets(server).iter().filter(|one| one.timer == 4 && one.send_queue > 0).count() == 12)
            .then_some(())
    });
    let unread: u64 = sockets(client).iter().map(|socket| socket.receive_queue).sum();
    assert!(unread > 2 * 262_144, "{unread}");
    std::thread::sleep(Duration::from_millis(500));
    let later: u64 = sockets(client).iter().map(|socket| socket.receive_queue).sum();
    assert!(later >= unread, "somebody reads: {unread}, then {later}");
}

fn black_hole() {
    let lab = Lab::start("black-hole", 12);
    let (server, client) = (lab.pid("payments-db"), lab.pid("checkout"));
    let said = wait_for("a connect to time out", || {
        Some(lab.said()).filter(|said| said.contains("Connection timed out"))
    });
    let after = said
        .lines()
        .filter(|line| line.contains("timed out"))
        .find_map(|line| line.split_once("after "))
        .unwrap()
        .1;
    let seconds: f64 = after.trim_end_matches(" s").parse().unwrap();
    // 1 + 2 + 4, and what the kernel's timers are late.
    assert!((6.9..9.0).contains(&seconds), "{said}");
    let waiting = sockets(client);
    assert!(
        waiting.iter().all(|socket| socket.state == "syn_sent" && socket.retransmits <= 2),
        "{waiting:?}"
    );
    assert!(counter(client, "TCPSynRetrans") > 10 && counter(server, "PassiveOpens") == 0);
}

fn refused() {
    let lab = Lab::start("refused", 4);
    let (server, client) = (lab.pid("orders-api"), lab.pid("checkout"));
    wait_for("refusals", || (counter(client, "AttemptFails") >= 8).then_some(()));
    assert_eq!((counter(client, "RetransSegs"), counter(server, "PassiveOpens")), (0, 0));
    assert!(counter(client, "ActiveOpens") <= 25, "five a second");
}

fn rst_storm() {
    let lab = Lab::start("rst-storm", 5);
    let (server, client) = (lab.pid("orders-api"), lab.pid("checkout"));
    wait_for("resets", || (counter(client, "EstabResets") >= 20).then_some(()));
    assert!(counter(server, "OutRsts") >= 20);
    assert_eq!((count(server, "time_wait"), count(client, "time_wait")), (0, 0));
}

fn lossy_link() {
    let lab = Lab::start("lossy-link", 6);
    let (server, client) = (lab.pid("archive"), lab.pid("backup"));
    wait_for("segments retransmitted at once", || {
        (counter(client, "TCPFastRetrans") >= 50).then_some(())
    });
    wait_for("segments retransmitted after a timeout", || {
        (counter(client, "TCPTimeouts") >= 3).then_some(())
    });
    let [again, there, back] =
        [counter(client, "RetransSegs"), counter(client, "OutSegs"), counter(server, "OutSegs")];
    // Over the limit of the alert, with a margin, and far from an outage.
    assert!((6..25).contains(&(again * 100 / (there + back))), "{again} of {there} + {back}");
    wait_for("retransmitted SYNs", || (counter(client, "TCPSynRetrans") >= 2).then_some(()));
    // The SYNs get through in the end, and connections are made at a pace that is no churn.
    assert!(
        counter(client, "AttemptFails") == 0 && counter(client, "ActiveOpens") <= 10 + 5 * 8,
        "{}",
        counter(client, "ActiveOpens")
    );
}

fn pooling() {
    let pools = [("no-pool", "orders-api", "checkout"), ("pool", "stock-api", "warehouse")];
    let opened = pools.map(|(name, server, client)| {
        let lab = Lab::start(name, 4);
        let (server, client) = (lab.pid(server), lab.pid(client));
        wait_for("three seconds of requests", || {
            (counter(server, "OutSegs") > if name == "pool" { 110 } else { 500 }).then_some(())
        });
        assert_eq!(count(client, "time_wait"), 0, "{name}");
        assert!(counter(client, "RetransSegs") <= PROBES, "{name}");
        counter(client, "ActiveOpens")
    });
    assert!(opened[0] >= 90 && opened[1] == 5, "{opened:?}");
}

fn retry_storm() {
    let lab = Lab::start("retry-storm", 5);
    let (server, client) = (lab.pid("orders-api"), lab.pid("checkout"));
    wait_for("refusals and answers", || {
        (counter(client, "AttemptFails") >= 50 && counter(server, "PassiveOpens") >= 50)
            .then_some(())
    });
    assert!(counter(client, "EstabResets") <= 10, "that would be a storm of resets");
    assert!(counter(client, "ActiveOpens") <= 60 * 6, "the client is bounded");
}
