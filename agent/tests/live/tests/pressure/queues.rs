//! Accept queues and receive queues, and what is behind a CLOSE_WAIT or a FIN_WAIT2.

use std::io::{ErrorKind, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use testkit::{proc_net, traffic};

use super::lines::{Line, value, wait_for_values};
use crate::harness::agent::Agent;
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, wait_for};
use crate::roles::TEST_NAME;
use crate::workload::{LOOPBACKS, Site, begin, expect_end};

pub(super) fn stages() {
    let netns = Netns::new();
    let agent = Agent::start(&[]);
    for ip in LOOPBACKS {
        let (site, kept) = netns.enter(|| {
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

pub(super) fn orphans() {
    let netns = Netns::new();
    // Above 60 s the kernel keeps the orphan as a full socket (tcp_rcv_state_process,
    // TCP_TIMEWAIT_LEN).
    netns.sysctl("net/ipv4/tcp_fin_timeout", "300");
    let agent = Agent::start(&[]);
    let (site, half_closed, forgotten) = netns.enter(|| {
        let site = Site::open(LOOPBACKS[0]);
        let (half_closed, forgotten) = (site.pair(), site.pair());
        half_closed.0.shutdown(Shutdown::Write).expect("half-close");
        expect_end(&half_closed.1);
        drop(forgotten.0);
        expect_end(&forgotten.1);
        (site, half_closed, forgotten.1)
    });
    let inode = netns.inode.to_string();
    let held = [("process", TEST_NAME), ("role", "client"), ("state", "fin_wait2")];
    let place = [("netns", inode.as_str())];
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

/// A listener with a backlog of 4, and connections that fill its queue.
fn fill() -> (traffic::Site, Vec<TcpStream>) {
    let listener = traffic::listen(SocketAddr::new(LOOPBACKS[0], 0), 4).expect("listen");
    let address = listener.local_addr().expect("its address");
    let waiting = (0..5).map(|_| TcpStream::connect(address).expect("connect")).collect();
    (traffic::Site { listener, address }, waiting)
}

pub(super) fn full_listener() {
    let netns = Netns::new();
    let agent = Agent::start(&[]);
    let (site, waiting) = netns.enter(fill);
    let address = site.address;
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
    let refused = netns.enter(|| [begin(address), begin(address)]);
    let inode = netns.inode.to_string();
    let page = wait_for("the refusals to be counted", PATIENCE, || {
        let page = agent.scrape();
        let counted = |name, labels: &[(&str, &str)]| {
            value(&page, name, labels).is_some_and(|count| count >= 2.0)
        };
        let all = counted("listen_drops_total", &labels)
            && counted("listen_overflows_total", &[("netns", &inode)]);
        all.then(|| page.clone())
    });
    assert_eq!(value(&page, "listen_backlog", &labels), Some(5.0));
    drop((refused, waiting, site));
    wait_for("the listener to be gone from the gauges", PATIENCE, || {
        agent.scrape().all("listen_backlog", &labels).next().is_none().then_some(())
    });
    let after = value(&agent.scrape(), "listen_drops_total", &labels);
    assert!(
        after >= value(&page, "listen_drops_total", &labels),
        "what was counted stays: {after:?}"
    );
    #[expect(clippy::cast_precision_loss, reason = "a few dozen segments")]
    let sent = || proc_net::counter(netns.pid(), "OutSegs").ok().map(|count| count as f64);
    wait_for("every segment to be counted", PATIENCE, || {
        let counted = value(&agent.scrape(), "segments_sent_total", &[("netns", &inode)]);
        (counted > Some(10.0) && counted == sent()).then_some(())
    });
    drop(netns);
    let kept = || value(&agent.scrape(), "listen_overflows_total", &[("netns", &inode)]);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert!(
        kept().is_some_and(|count| count >= 2.0),
        "the count outlives its namespace: {:?}",
        kept()
    );
}

pub(super) fn slow_reader() {
    let netns = Netns::new();
    let agent = Agent::start(&[]);
    let (site, client, server, written) = netns.enter(|| {
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
