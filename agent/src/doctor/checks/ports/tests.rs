//! Tests of local ports, by made-up answers and settings.

use super::*;
use crate::doctor::checks::tests::{alone, found, only};
use crate::doctor::host::SOCKSTAT;
use crate::doctor::host::tests::with;
use crate::doctor::told::Told;
use crate::leaks::suspect::InSeconds;
use crate::query::ports::PortHolder;

fn told(one: PortUse) -> Told {
    let local_address = "10.0.0.1".parse().unwrap();
    let one = PortUse { netns: 7, local_address, range: 100, ..one };
    Told { ports: Ok(vec![one]), ..Told::nothing("no agent") }
}

fn used(used: u32, time_wait: u32, tw_reuse: u64) -> Vec<Finding> {
    let one = PortUse { used, time_wait, tw_reuse: Some(tw_reuse), ..PortUse::default() };
    found(destinations, &with(&[("ipv4.tcp_timestamps", "1")]), &told(one))
}

#[test]
fn a_destination_is_named_at_its_limits() {
    let of = |number| only(&used(number, 0, 0));
    assert_eq!([of(0), of(79)], [Severity::Ok; 2]);
    assert_eq!([of(80), of(94)], [Severity::Warning; 2]);
    assert_eq!([of(95), of(100), of(u32::MAX)], [Severity::Critical; 3]);
}

#[test]
fn a_port_that_the_kernel_takes_again_is_free() {
    assert_eq!(only(&used(100, 21, 1)), Severity::Note);
    assert_eq!(only(&used(100, 20, 1)), Severity::Warning);
    assert_eq!(only(&used(100, 100, 2)), Severity::Critical, "over loopback only");
    let one = PortUse { used: 100, time_wait: 100, tw_reuse: Some(1), ..PortUse::default() };
    let found = found(destinations, &with(&[("ipv4.tcp_timestamps", "0")]), &told(one));
    assert_eq!(only(&found), Severity::Critical, "without timestamps it takes none");
}

#[test]
fn the_advice_is_for_what_holds_the_ports() {
    let change = |found: Vec<Finding>| found[0].change.clone();
    assert!(change(used(100, 50, 0)).starts_with("sysctl -w net.ipv4.tcp_tw_reuse=1"));
    assert!(change(used(100, 49, 0)).contains("more ports in net.ipv4.ip_local_port_range"));
    let bound = PortUse { used: 100, bind_before_connect: true, ..PortUse::default() };
    let found = found(destinations, &with(&[]), &told(bound));
    assert!(found[0].change.contains("IP_BIND_ADDRESS_NO_PORT"), "{found:?}");
}

#[test]
fn a_range_is_advised_only_if_it_has_all_of_the_present_one_and_more() {
    let change = |range| {
        let one = PortUse { used: 100, ..PortUse::default() };
        let host = with(&[("ipv4.ip_local_port_range", range)]);
        found(destinations, &host, &told(one))[0].change.clone()
    };
    assert!(change("32768 60999").contains("port_range=\"16384 65535\", with"));
    assert!(change("2000 30000").contains("port_range=\"2000 65535\", with"));
    for whole in ["16384 65535", "1024 65535"] {
        let reserved = change(whole);
        assert!(reserved.contains("take out of net.ipv4.ip_local_reserved"), "{reserved}");
        assert!(!reserved.contains("sysctl"), "{reserved}");
    }
}

#[test]
fn another_namespace_is_never_changed_through_the_own_one() {
    let change = |time_wait, pid| {
        let processes = vec![PortHolder { pid, ..PortHolder::default() }];
        let one = PortUse { used: 100, time_wait, processes, ..PortUse::default() };
        let host = Host { netns: 8, ..with(&[("ipv4.ip_local_port_range", "32768 60999")]) };
        found(destinations, &host, &told(one))[0].change.clone()
    };
    assert!(change(100, Some(9)).starts_with("nsenter --net=/proc/9/ns/net sysctl -w"));
    assert!(change(100, None).starts_with("in network namespace 7, of which no process"));
    for change in [change(100, None), change(0, None), change(0, Some(9))] {
        assert!(change.contains("in network namespace 7"), "{change}");
        assert!(!change.contains("sysctl"), "{change}");
    }
}

#[test]
fn what_grows_to_its_end_within_an_hour_is_a_warning() {
    let at = |about| {
        let exhausted = Some(InSeconds { about, ..InSeconds::default() });
        let one = PortUse { used: 10, exhausted, ..PortUse::default() };
        only(&found(destinations, &with(&[]), &told(one)))
    };
    assert_eq!((at(SOON), at(SOON + 1.0)), (Severity::Warning, Severity::Ok));
}

#[test]
fn a_small_range_is_named() {
    let of = |range, reserved| {
        alone(
            super::range,
            &with(&[
                ("ipv4.ip_local_port_range", range),
                ("ipv4.ip_local_reserved_ports", reserved),
            ]),
        )
    };
    assert_eq!(only(&of("1000 1998", "")), Severity::Warning);
    assert_eq!(only(&of("1000 1999", "")), Severity::Note);
    assert!(of("1000 1999", "")[0].change.contains("=\"1000 60999\""));
    assert!(of("61000 65535", "")[0].change.contains("=\"32768 65535\""));
    assert_eq!(only(&of("1000 10999", "")), Severity::Ok);
    let reserved = of("1000 10999", "1000");
    assert_eq!(only(&reserved), Severity::Note);
    assert!(reserved[0].change.contains("take out"), "{reserved:?}");
    assert_eq!(only(&of("9 1", "")), Severity::Unknown);
}

#[test]
fn time_wait_is_held_against_its_limit() {
    let of = |waiting, most, refused| {
        let sockstat = format!("TCP: inuse 1 orphan 0 tw {waiting} alloc 1 mem 1\n");
        let netstat = format!("TcpExt: TCPTimeWaitOverflow\nTcpExt: {refused}\n");
        let texts =
            [(SOCKSTAT, &*sockstat), (NETSTAT, &netstat), ("ipv4.tcp_max_tw_buckets", most)];
        only(&alone(time_wait, &with(&texts)))
    };
    assert_eq!((of("79", "100", 0), of("80", "100", 0)), (Severity::Ok, Severity::Warning));
    assert_eq!(of("79", "100", 1), Severity::Note);
    assert_eq!(of("0", "0", 0), Severity::Warning);
    assert_eq!([of("x", "9", 0), of("1", "", 0)], [Severity::Unknown; 2]);
}
