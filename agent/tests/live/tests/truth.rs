//! The truth test: after a workload of every kind the agent's numbers equal the kernel's own.
//!
//! The equalities are in `equalities`; all of them are checked at a moment at which nothing moves,
//! and all of them are printed if one does not hold.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Test;
use super::equalities::equalities;
use super::equalities::gauges::gauges;
use crate::harness::agent::Agent;
use crate::harness::kernel;
use crate::harness::ledger::{Ledger, terms};
use crate::harness::netns::Netns;
use crate::harness::settle::{Between, Moment};
use crate::harness::unreported::Unreported;
use crate::workload::hanging::Hanging;
use crate::workload::{LOOPBACKS, NOWHERE, Site, Tally, black_hole, loss, raw, short};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("portable::workload_is_what_it_says", workload),
    ("portable::truth_small", small),
    ("host::truth", large),
];

/// Without the agent: what the workload says it did is what the kernel counted.
fn workload() {
    let netns = Netns::new();
    let (mut tally, mut hanging) = (Tally::default(), Hanging::default());
    let before = kernel::Counters::of(netns.pid());
    netns.enter(|| {
        for ip in LOOPBACKS {
            tally.merge(&short::mixed(&Site::open(ip), 100));
        }
    });
    rare(&netns, &netns, &mut tally, &mut hanging);
    let counted = &kernel::Counters::of(netns.pid()) - &before;
    let listed = hanging.at_rest(&netns);
    let made = |what: &str| (what.to_owned(), tally.get(what));
    let mut ledger = Ledger::default();
    let tried = vec![
        made("opened_client"),
        made("refused"),
        made("timed_out"),
        made("canceled"),
        ("unanswered".to_owned(), 5),
    ];
    ledger.equal("ActiveOpens", tried, terms!("ActiveOpens" => counted.get("ActiveOpens")));
    ledger.equal(
        "PassiveOpens",
        vec![made("opened_server")],
        terms!("PassiveOpens" => counted.get("PassiveOpens")),
    );
    ledger.equal(
        "AttemptFails",
        vec![made("refused"), made("timed_out")],
        terms!("AttemptFails" => counted.get("AttemptFails")),
    );
    for state in [
        "syn_sent",
        "established",
        "close_wait",
        "new_syn_recv",
        "fin_wait2",
        "closing",
        "last_ack",
    ] {
        ledger.equal(
            state,
            terms!("made" => hanging.held.get(state)),
            terms!("listed" => listed.get(state)),
        );
    }
    ledger.equal(
        "orphans",
        terms!("made" => hanging.held.get("fin_wait2_orphan")),
        terms!("listed" => listed.orphans()),
    );
    ledger.check();
}

/// A few hundred connections on loopback.
fn small() {
    let netns = Netns::new();
    let agent = Agent::start(&[]);
    let before = Moment::at_rest(&agent);
    let unreported = Unreported::watch(&[&netns]);
    let mut tally = netns.enter(|| {
        let mut tally = Tally::default();
        for ip in LOOPBACKS {
            tally.merge(&short::mixed(&Site::open(ip), 100));
        }
        tally
    });
    let mut hanging = Hanging::default();
    rare(&netns, &netns, &mut tally, &mut hanging);
    let after = Moment::at_rest(&agent);
    equalities(Between { before: &before, after: &after }, &tally, unreported.terms()).check();
    gauges(&after, &[&netns]).check();
}

/// More than 50,000 connections, four threads, two namespaces with a cable between them, loss.
fn large() {
    let (here, there) = Netns::joined();
    for netns in [&here, &there] {
        netns.sysctl("net/ipv4/ip_local_port_range", "10000 64000");
        loss::rules(netns);
    }
    let agent = Agent::start(&[]);
    let before = Moment::at_rest(&agent);
    let unreported = Unreported::watch(&[&here, &there]);
    let mut tally = Tally::default();
    let across = [
        IpAddr::from([10, 77, 0, 2]),
        "fd77::2".parse().expect("an address"),
        Ipv4Addr::new(10, 77, 0, 2).to_ipv6_mapped().into(),
    ];
    std::thread::scope(|scope| {
        let storm = |netns: &'static str, ip: IpAddr, count: usize| {
            let (here, there) = (&here, &there);
            let from = if netns == "here" { here } else { there };
            scope.spawn(move || {
                let site = there.enter(|| Site::open(ip));
                from.enter(|| short::mixed(&site, count))
            })
        };
        let mut threads: Vec<_> = across.iter().map(|ip| storm("here", *ip, 13_500)).collect();
        threads.extend(LOOPBACKS.iter().map(|ip| storm("there", *ip, 4_500)));
        for thread in threads {
            tally.merge(&thread.join().expect("a storm"));
        }
    });
    for (ip, port) in across.into_iter().zip(7100..) {
        tally.merge(&loss::transfers(&here, &there, ip, port, 20, 300_000));
    }
    here.sysctl("net/ipv4/tcp_syn_retries", "1");
    here.enter(|| short::timed_out(SocketAddr::new(across[0], loss::DEAF), 50, &mut tally));
    here.enter(|| short::timed_out(SocketAddr::new(across[1], loss::DEAF), 50, &mut tally));
    here.enter(|| short::timed_out(SocketAddr::new(across[0], loss::FORBIDDEN), 10, &mut tally));
    for netns in [&here, &there] {
        loss::heal(netns);
    }
    let mut hanging = Hanging::default();
    rare(&here, &there, &mut tally, &mut hanging);
    let after = Moment::at_rest(&agent);
    assert!(tally.get("opened_client") >= 50_000, "the workload is too small: {tally:?}");
    assert!(
        (&after.counters - &before.counters).get("RetransSegs") > 100,
        "the lossy path lost too little: {:?}",
        after.counters
    );
    equalities(Between { before: &before, after: &after }, &tally, unreported.terms()).check();
    gauges(&after, &[&here, &there]).check();
}

/// The kinds that are made a few times only, and the sockets that hang around afterwards.
fn rare(client: &Netns, server: &Netns, tally: &mut Tally, hanging: &mut Hanging) {
    let ip: IpAddr = if client.inode == server.inode {
        Ipv4Addr::LOCALHOST.into()
    } else {
        [10, 77, 0, 2].into()
    };
    client.enter(black_hole);
    client.sysctl("net/ipv4/tcp_syn_retries", "1");
    client.enter(|| short::timed_out(SocketAddr::new(NOWHERE.into(), 7), 10, tally));
    client
        .enter(|| short::timed_out(SocketAddr::new(NOWHERE.to_ipv6_mapped().into(), 7), 10, tally));
    client.enter(|| short::canceled(SocketAddr::new(NOWHERE.into(), 7), 10, tally));
    client.sysctl("net/ipv4/tcp_syn_retries", "6");
    short::no_local_port(client, 10, tally);
    for ip in LOOPBACKS {
        client.enter(|| short::self_connect(ip, tally));
    }
    let site = server.enter(|| Site::open(ip));
    client.enter(|| short::unaccepted(site, 20, tally));
    super::whole::killed(client, server, ip, 20, tally);

    let site = server.enter(|| Site::open(ip));
    client.enter(|| {
        hanging.established(&site, 10);
        hanging.half_closed(&site, 10);
        hanging.forgotten(&site, 10);
        hanging.unanswered(5);
    });
    hanging.keep(site);
    let site = client.enter(|| Site::open(Ipv4Addr::LOCALHOST.into()));
    client.enter(|| {
        for _ in 0..4 {
            raw::stray(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1));
        }
        for _ in 0..2 {
            raw::stray(site.address);
        }
        hanging.half_open(site, 5);
    });
    client.enter(|| hanging.silent());
    tally.add("opened_client", 10 + 10 + 10 + 4);
    // Of those that are forgotten the client has closed its end.
    tally.add("fin", 10);
    tally.add("opened_server", 10 + 10 + 10);
}
