//! Runs a scenario over each address family and compares the lives of its sockets with the legal
//! paths.

use std::net::IpAddr;

use crate::harness::events::{Events, Life};
use crate::harness::netns::Netns;
use crate::roles;
use crate::workload::{LOOPBACKS, Site, Tally, black_hole};

pub(super) const LISTENER: &[&str] = &["close>listen>close"];
pub(super) const FIRST_CLIENT: &[&str] = &["close>syn_sent>established>fin_wait1>fin_wait2>close"];
pub(super) const SECOND_CLIENT: &[&str] = &["close>syn_sent>established>close_wait>last_ack>close"];
pub(super) const FIRST_SERVER: &[&str] = &["listen>syn_recv>established>fin_wait1>fin_wait2>close"];
pub(super) const SECOND_SERVER: &[&str] =
    &["listen>syn_recv>established>close_wait>last_ack>close"];

/// Runs a scenario once for each address and compares the lives of its sockets, in the order of
/// their births, with the legal paths of each; then their owners.
pub(super) fn scenario(
    addresses: &[IpAddr],
    legal: &[&[&str]],
    play: impl Fn(&Netns, IpAddr) + Sync,
) -> Vec<Vec<Life>> {
    let netns = Netns::new();
    netns.enter(black_hole);
    let events = Events::start();
    let mut rounds = Vec::new();
    let mut seen = 0;
    for ip in addresses {
        play(&netns, *ip);
        let fits = |lives: &[Life]| {
            lives.len() == legal.len()
                && lives
                    .iter()
                    .zip(legal)
                    .all(|(life, paths)| paths.contains(&life.path().as_str()))
        };
        let mut lives = Vec::new();
        let start = std::time::Instant::now();
        while !fits(&lives) {
            assert!(
                start.elapsed() < crate::harness::PATIENCE,
                "over {ip} the sockets went {:#?}, expected {legal:#?}",
                paths(&lives)
            );
            std::thread::sleep(std::time::Duration::from_millis(20));
            lives = events.lives(netns.inode).split_off(seen);
        }
        seen += lives.len();
        for life in &lives {
            check_ends(life, *ip);
            check_owner(life);
        }
        rounds.push(lives);
    }
    let summary = events.stop();
    assert_eq!(summary["lost"], 0, "records lost: {summary}");
    rounds
}

pub(super) fn paths(lives: &[Life]) -> Vec<String> {
    lives.iter().map(Life::path).collect()
}

/// Addresses and family are right at every transition; IPv4 is written as IPv4, whatever the
/// socket.
fn check_ends(life: &Life, ip: IpAddr) {
    let family = if ip.is_ipv4() { "ipv4" } else { "ipv6" };
    for event in &life.events {
        assert_eq!(event["family"], family, "the family in {event}");
        let local: IpAddr = event["local_address"]
            .as_str()
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| panic!("no address in {event}"));
        assert!(
            local == ip.to_canonical() || life.events[0]["new"] == "syn_sent",
            "the local address in {event}, listening on {ip}"
        );
    }
}

/// An owner is named where a task held the socket, and then it is this process; where a packet
/// moved the socket on, no other process is named.
fn check_owner(life: &Life) {
    for event in &life.events {
        let named = !event["pid"].is_null();
        let (old, new) =
            (event["old"].as_str().unwrap_or("?"), event["new"].as_str().unwrap_or("?"));
        let always = matches!(
            (old, new),
            ("close", _) | ("listen", "close") | ("established", "fin_wait1") | (_, "last_ack")
        );
        // A child is born and opened by packets; no task has it yet.
        let never = new == "syn_recv" && old == "listen"
            || old == "syn_recv" && life.events[0]["old"] == "listen";
        assert!(named || !always, "the owner is known at this transition: {event}");
        assert!(!named || !never, "no task has the socket at this transition: {event}");
        if named {
            assert_eq!(event["pid"], std::process::id(), "the owner in {event}");
            assert_eq!(event["process"], roles::TEST_NAME, "the owner in {event}");
        }
    }
}

/// Scenarios in which a site and one function do everything.
pub(super) fn with_site(
    legal: [&'static [&'static str]; 2],
    play: fn(&Site, &mut Tally),
) -> Vec<Vec<Life>> {
    scenario(&LOOPBACKS, &[LISTENER, legal[0], legal[1]], |netns, ip| {
        netns.enter(|| play(&Site::open(ip), &mut Tally::default()));
    })
}
