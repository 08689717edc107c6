//! What Alertmanager inhibits with the example, of one machine.

use std::collections::BTreeSet;
use std::time::Duration;

use dashboards::rules;
use dashboards::timing::PRODUCTION;
use serde_json::{Value, json};
use stack::{Alertmanager, Folder};

use crate::{alone, example};

/// The labels of an alert about a process.
fn alert(name: &str, process: &str) -> Value {
    let alert = rules::all().iter().find(|alert| alert.name == name).expect(name);
    let mut labels = json!({
        "alertname": name, "severity": alert.severity.as_str(), "job": "tcpwarden",
        "instance": "web-1:10793", "workload": "shop.service", "process": process,
    });
    if alert.expression(&PRODUCTION).contains("close_wait") {
        labels["role"] = "server".into();
    }
    labels
}

/// Holds what Alertmanager inhibits, with the example, of these alerts of one process and of these
/// of another; the rest it must tell.
fn inhibits(one: &[&str], other: &[&str], expected: &[&str]) {
    let _alone = alone();
    let folder = Folder::new().unwrap();
    let server = Alertmanager::start_with(&folder, 19093, &example()).unwrap();
    let ones = one.iter().map(|name| alert(name, "orders-api"));
    let others = other.iter().map(|name| alert(name, "checkout"));
    server.fire(&ones.chain(others).collect::<Vec<_>>()).unwrap();
    let all = one.iter().chain(other).filter(|name| !expected.contains(name)).copied();
    let wanted = [set(&all.collect::<Vec<_>>()), set(expected)];
    // An alert is an alert of the list before it inhibits others.
    let mut found = [BTreeSet::new(), BTreeSet::new()];
    let _ = testkit::wait::poll(Duration::from_secs(10), || {
        found = [server.told().unwrap(), server.inhibited().unwrap()];
        (found == wanted).then_some(())
    });
    assert_eq!(found, wanted, "what is told, and what is inhibited");
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_leak_that_reaches_the_descriptors_is_one_message() {
    let leak = [
        "TcpCloseWaitStuck",
        "TcpCloseWaitGrowing",
        "TcpEstablishedGrowing",
        "TcpFinWait2Stuck",
        "TcpDescriptorsHigh",
    ];
    inhibits(&[&leak[..], &["TcpDescriptorsNearLimit"]].concat(), &[], &leak);
}

#[test]
fn what_grows_is_not_told_as_stuck_as_well() {
    inhibits(&["TcpCloseWaitStuck", "TcpCloseWaitGrowing"], &[], &["TcpCloseWaitStuck"]);
}

#[test]
fn a_server_that_hangs_is_one_message() {
    let hangs = [
        "TcpAcceptQueueOverflowing",
        "TcpListenerNotAccepting",
        "TcpCloseWaitUnaccepted",
        "TcpListenBacklogNearLimit",
    ];
    inhibits(&[&hangs[..], &["TcpUnaccepted"]].concat(), &[], &hangs);
    let queue = ["TcpAcceptQueueOverflowing", "TcpListenBacklogNearLimit"];
    inhibits(&queue, &[], &queue[1..]);
}

#[test]
fn the_page_of_one_process_leaves_the_tickets_of_another() {
    inhibits(
        &["TcpDescriptorsNearLimit", "TcpCloseWaitGrowing"],
        &["TcpCloseWaitStuck", "TcpFinWait2Stuck", "TcpListenerNotAccepting"],
        &["TcpCloseWaitGrowing"],
    );
}

#[test]
fn a_table_that_is_full_is_not_told_as_nearly_full() {
    inhibits(
        &["TcpwardenTableFull", "TcpwardenTableNearFull", "TcpwardenEventsLost"],
        &[],
        &["TcpwardenTableNearFull"],
    );
}
