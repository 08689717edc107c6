//! What fills up: accept queues, receive queues, ports, descriptors; and what is behind a
//! CLOSE_WAIT.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

use serde_json::Value;
use testkit::page::Page;

use super::Test;
use crate::harness::agent::Agent;
use crate::harness::kernel;
use crate::harness::space::Space;
use crate::harness::{PATIENCE, wait_for};
use crate::roles::TEST_NAME;
use crate::workload::{LOOPBACKS, Site, begin, expect_end};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("portable::pressure::close_wait_is_told_by_stage", stages),
    (
        "portable::pressure::an_orphan_in_fin_wait2_is_not_taken_for_a_half_closed_connection",
        orphans,
    ),
    (
        "portable::pressure::an_accept_queue_that_is_full_shows_and_its_refusals_count",
        full_listener,
    ),
    ("portable::pressure::a_reader_that_does_not_read_shows_at_both_ends", slow_reader),
    ("portable::pressure::ports_run_out_for_one_destination", few_ports),
    ("portable::pressure::descriptors_and_settings_are_those_of_proc", descriptors),
];

/// A line that the page should have: name, labels, value.
type Line<'a> = (&'a str, &'a [(&'a str, &'a str)], f64);

/// The value of the one line with these labels.
fn value(page: &Page, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let mut lines = page.all(name, labels);
    let value = lines.next()?.value;
    assert!(lines.next().is_none(), "one line {name} with {labels:?}");
    Some(value)
}

/// Waits until the page shows these values of this test's process.
fn wait_for_values(agent: &Agent, what: &str, expected: &[Line<'_>]) {
    let mut last = Vec::new();
    let start = std::time::Instant::now();
    while start.elapsed() < PATIENCE {
        let page = agent.scrape();
        last = expected.iter().map(|(name, labels, _)| value(&page, name, labels)).collect();
        if expected.iter().zip(&last).all(|((_, _, expected), value)| {
            value.is_some_and(|value| (value - expected).abs() < 1e-9)
        }) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("waited in vain for {what}: expected {expected:?}, last seen {last:?}");
}

fn stages() {
    let space = Space::new();
    let agent = Agent::start(&[]);
    for ip in LOOPBACKS {
        let (site, kept) = space.enter(|| {
            let site = Site::open(ip);
            let mut kept = Vec::new();
            for _ in 0..3 {
                let (client, server) = site.pair();
                (&client).write_all(b"nobody reads this").expect("send");
                kept.push(server);
                drop(client);
            }
            let (client, read) = site.pair();
            drop(client);
            expect_end(&read);
            kept.push(read);
            for _ in 0..2 {
                drop(TcpStream::connect(site.address).expect("connect"));
            }
            (site, kept)
        });
        let of =
            |stage: &'static str| [("process", TEST_NAME), ("role", "server"), ("stage", stage)];
        let all = [("process", TEST_NAME), ("role", "server"), ("state", "close_wait")];
        let (unaccepted, unread, read) = (of("unaccepted"), of("unread"), of("read"));
        wait_for_values(
            &agent,
            "the stages",
            &[
                ("close_wait_connections", &unaccepted, 2.0),
                ("close_wait_connections", &unread, 3.0),
                ("close_wait_connections", &read, 1.0),
                ("connections", &all, 6.0),
            ],
        );
        // One of those that nobody read is read, and one of those that wait is accepted.
        expect_end(&kept[0]);
        let accepted = site.accept();
        wait_for_values(
            &agent,
            "the stages to move on",
            &[
                ("close_wait_connections", &unaccepted, 1.0),
                ("close_wait_connections", &unread, 3.0),
                ("close_wait_connections", &read, 2.0),
            ],
        );
        drop((site, kept, accepted));
        wait_for_values(
            &agent,
            "the sockets to be gone",
            &[("connections", &all, 0.0), ("close_wait_connections", &unread, 0.0)],
        );
    }
}

fn orphans() {
    let space = Space::new();
    // Above 60 s the kernel keeps the orphan as a full socket (tcp_rcv_state_process,
    // TCP_TIMEWAIT_LEN).
    space.sysctl("net/ipv4/tcp_fin_timeout", "300");
    let agent = Agent::start(&[]);
    let (site, half_closed, forgotten) = space.enter(|| {
        let site = Site::open(LOOPBACKS[0]);
        let (half_closed, forgotten) = (site.pair(), site.pair());
        half_closed.0.shutdown(Shutdown::Write).expect("half-close");
        expect_end(&half_closed.1);
        drop(forgotten.0);
        expect_end(&forgotten.1);
        (site, half_closed, forgotten.1)
    });
    let netns = space.inode.to_string();
    let held = [("process", TEST_NAME), ("role", "client"), ("state", "fin_wait2")];
    let place = [("netns", netns.as_str())];
    let apart: [Line<'_>; 2] =
        [("connections", &held, 1.0), ("fin_wait2_orphan_sockets", &place, 1.0)];
    wait_for_values(&agent, "the orphan apart from the half-closed one", &apart);
    // Closing the descriptor makes it an orphan too, without a transition.
    drop(half_closed.0);
    let both: [Line<'_>; 2] =
        [("connections", &held, 0.0), ("fin_wait2_orphan_sockets", &place, 2.0)];
    wait_for_values(&agent, "two orphans", &both);
    drop((site, half_closed.1, forgotten));
}

fn full_listener() {
    let space = Space::new();
    let agent = Agent::start(&[]);
    let (listener, address, waiting) = space.enter(|| {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("make a socket");
        listener.bind(&SocketAddr::new(LOOPBACKS[0], 0).into()).expect("bind");
        listener.listen(4).expect("listen with a backlog of 4");
        let address =
            listener.local_addr().expect("its address").as_socket().expect("an IP address");
        let waiting: Vec<_> =
            (0..5).map(|_| TcpStream::connect(address).expect("connect")).collect();
        (listener, address, waiting)
    });
    let port = address.port().to_string();
    let labels = [("process", TEST_NAME), ("port", port.as_str())];
    let full: [Line<'_>; 4] = [
        ("listen_backlog", &labels, 5.0),
        ("listen_backlog_limit", &labels, 4.0),
        ("listen_backlog_used_ratio", &labels, 1.0),
        ("listen_sockets", &labels, 1.0),
    ];
    wait_for_values(&agent, "a full accept queue", &full);
    assert_eq!(
        value(&agent.scrape(), "listen_drops_total", &labels),
        Some(0.0),
        "nothing was dropped yet"
    );
    let refused = space.enter(|| [begin(address), begin(address)]);
    let netns = space.inode.to_string();
    let page = wait_for("the refusals to be counted", PATIENCE, || {
        let page = agent.scrape();
        let counted = |name, labels: &[(&str, &str)]| {
            value(&page, name, labels).is_some_and(|count| count >= 2.0)
        };
        let all = counted("listen_drops_total", &labels)
            && counted("listen_overflows_total", &[("netns", &netns)]);
        all.then(|| page.clone())
    });
    assert_eq!(value(&page, "listen_backlog", &labels), Some(5.0));
    drop((refused, waiting, listener));
    wait_for("the listener to be gone from the gauges", PATIENCE, || {
        agent.scrape().all("listen_backlog", &labels).next().is_none().then_some(())
    });
    let after = value(&agent.scrape(), "listen_drops_total", &labels);
    assert!(
        after >= value(&page, "listen_drops_total", &labels),
        "what was counted stays: {after:?}"
    );
    #[expect(clippy::cast_precision_loss, reason = "a few dozen segments")]
    let sent = || kernel::segments_sent(space.pid()).map(|count| count as f64);
    wait_for("every segment to be counted", PATIENCE, || {
        let counted = value(&agent.scrape(), "segments_sent_total", &[("netns", &netns)]);
        (counted > Some(10.0) && counted == sent()).then_some(())
    });
    drop(space);
    let kept = || value(&agent.scrape(), "listen_overflows_total", &[("netns", &netns)]);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert!(
        kept().is_some_and(|count| count >= 2.0),
        "the count outlives its namespace: {:?}",
        kept()
    );
}

fn slow_reader() {
    let space = Space::new();
    let agent = Agent::start(&[]);
    let (site, client, server, written) = space.enter(|| {
        let site = Site::open(LOOPBACKS[0]);
        let (client, server) = site.pair();
        client.set_nonblocking(true).expect("make it non-blocking");
        let mut written = 0;
        let mut refused = 0;
        let part = vec![7; 65536];
        // Full again and again with time between: what was under way has then arrived.
        while refused < 5 {
            match (&client).write(&part) {
                Ok(length) => written += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    refused += 1;
                    std::thread::sleep(std::time::Duration::from_millis(100));
                }
                Err(error) => panic!("send to a reader that does not read: {error}"),
            }
        }
        (site, client, server, written)
    });
    let (ours, theirs) = (
        [("process", TEST_NAME), ("role", "client")],
        [("process", TEST_NAME), ("role", "server")],
    );
    let written = f64::from(u32::try_from(written).expect("less than 4 GiB"));
    let page = wait_for("both queues to hold what was written", PATIENCE, || {
        let page = agent.scrape();
        let bytes = |name, labels: &[(&str, &str)]| value(&page, name, labels).unwrap_or(0.0);
        let (sent, received) =
            (bytes("send_queue_bytes", &ours), bytes("receive_queue_bytes", &theirs));
        (sent > 0.0 && received > 0.0 && (sent + received - written).abs() < 0.5)
            .then(|| page.clone())
    });
    assert_eq!(
        value(&page, "zero_window_connections", &ours),
        Some(1.0),
        "the writer is held back"
    );
    assert_eq!(value(&page, "zero_window_connections", &theirs), Some(0.0), "the reader is not");
    assert_eq!(value(&page, "receive_queue_bytes", &ours), Some(0.0));
    drop((site, client, server));
    let gone: [Line<'_>; 3] = [
        ("send_queue_bytes", &ours, 0.0),
        ("receive_queue_bytes", &theirs, 0.0),
        ("zero_window_connections", &ours, 0.0),
    ];
    wait_for_values(&agent, "nothing to wait any more", &gone);
}

fn few_ports() {
    let space = Space::new();
    space.sysctl("net/ipv4/ip_local_port_range", "40000 40019");
    space.sysctl("net/ipv4/ip_local_reserved_ports", "40007,40010-40012");
    space.sysctl("net/ipv4/tcp_tw_reuse", "0");
    let agent = Agent::start(&[]);
    let netns = space.inode.to_string();
    let (used, range) = (
        [("netns", netns.as_str()), ("kind", "used")],
        [("netns", netns.as_str()), ("kind", "range")],
    );
    let ratio = [("netns", netns.as_str())];
    let (sites, mut kept) = space.enter(|| {
        let sites = [7100, 7101].map(|port| Site::open_at(SocketAddr::new(LOOPBACKS[0], port)));
        let mut kept: Vec<_> = (0..7).map(|_| sites[0].pair()).collect();
        kept.extend((0..3).map(|_| sites[1].pair()));
        for _ in 0..5 {
            let (client, server) = sites[0].pair();
            drop(client);
            expect_end(&server);
        }
        (sites, kept)
    });
    wait_for_values(
        &agent,
        "the worst destination, TIME_WAIT included",
        &[
            ("ephemeral_ports", &used, 12.0),
            ("ephemeral_ports", &range, 16.0),
            ("ephemeral_ports_used_ratio", &ratio, 0.75),
        ],
    );
    let refused = space.enter(|| {
        kept.extend((0..4).map(|_| sites[0].pair()));
        TcpStream::connect(sites[0].address).map(drop)
    });
    assert_eq!(
        refused.map_err(|error| error.kind()),
        Err(ErrorKind::AddrNotAvailable),
        "there is no port left"
    );
    wait_for_values(&agent, "no port to be left", &[("ephemeral_ports_used_ratio", &ratio, 1.0)]);
    let (status, body) = agent.get("/api/v1/ports");
    let answer: Value = serde_json::from_str(&body)
        .unwrap_or_else(|error| panic!("ports, {status}, not JSON ({error}): {body}"));
    let found = answer["destinations"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["netns"] == space.inode)
        .cloned();
    let found = found.unwrap_or_else(|| panic!("no destination of the namespace in {body}"));
    let is = |field: &str, value: Value| assert_eq!(found[field], value, "{field} in {found}");
    is("peer_address", "127.0.0.1".into());
    is("peer_port", 7100.into());
    is("used", 16.into());
    is("used_ratio", 1.0.into());
    is("time_wait", 5.into());
    is("tw_reuse", 0.into());
    // Another destination still has its ports.
    drop(space.enter(|| sites[1].pair()));
}

fn descriptors() {
    let space = Space::new();
    let files: Vec<_> =
        (0..300).map(|_| File::open("/dev/null").expect("open /dev/null")).collect();
    let site = space.enter(|| Site::open(LOOPBACKS[0]));
    let pair = space.enter(|| site.pair());
    let agent = Agent::start(&[]);
    let ours = [("process", TEST_NAME)];
    let open = std::fs::read_dir("/proc/self/fd").expect("list the own descriptors").count();
    let open = f64::from(u32::try_from(open).expect("a small number"));
    let page = wait_for("the descriptors of this process", PATIENCE, || {
        let page = agent.scrape();
        value(&page, "process_max_fds", &ours).map(|_| page.clone())
    });
    let seen = value(&page, "process_open_fds", &ours).expect("open descriptors");
    // A few come and go: the pipes and sockets to the agent, the listing itself.
    assert!(seen >= 300.0 && (seen - open).abs() < 20.0, "{seen} descriptors told, {open} open");
    assert_eq!(value(&page, "process_sockets", &ours), Some(3.0), "the listener and both ends");
    let limit = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)
        .expect("the own limit")
        .0;
    assert_eq!(
        value(&page, "process_max_fds", &ours).map(|told| told.to_string()),
        Some(limit.to_string())
    );
    for (path, name) in
        [("core/somaxconn", "somaxconn"), ("ipv4/tcp_fin_timeout", "tcp_fin_timeout")]
    {
        let kernel =
            std::fs::read_to_string(format!("/proc/sys/net/{path}")).expect("read a setting");
        let told = value(&page, "sysctl", &[("name", name)]).map(|told| told.to_string());
        assert_eq!(told.as_deref(), Some(kernel.trim()), "{name}");
    }
    assert!(
        page.all("tcp_memory_bytes", &[("kind", "used")]).next().is_some(),
        "the memory of TCP"
    );
    drop((files, pair));
}
