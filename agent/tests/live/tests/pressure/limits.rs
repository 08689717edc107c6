//! Limits that are near: local ports, descriptors, settings of the kernel.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::lines::{value, wait_for_values};
use crate::harness::agent::Agent;
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, wait_for};
use crate::roles::TEST_NAME;
use crate::workload::{LOOPBACKS, Site, expect_end};

pub(super) fn few_ports() {
    let netns = Netns::new();
    netns.sysctl("net/ipv4/ip_local_port_range", "40000 40019");
    netns.sysctl("net/ipv4/ip_local_reserved_ports", "40007,40010-40012");
    netns.sysctl("net/ipv4/tcp_tw_reuse", "0");
    let agent = Agent::start(&[]);
    let inode = netns.inode.to_string();
    let (used, range) = (
        [("netns", inode.as_str()), ("kind", "used")],
        [("netns", inode.as_str()), ("kind", "range")],
    );
    let ratio = [("netns", inode.as_str())];
    let (sites, mut kept) = netns.enter(|| {
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
    let refused = netns.enter(|| {
        kept.extend((0..4).map(|_| sites[0].pair()));
        TcpStream::connect(sites[0].address).map(drop)
    });
    assert_eq!(
        refused.map_err(|error| error.kind()),
        Err(ErrorKind::AddrNotAvailable),
        "there is no port left"
    );
    wait_for_values(&agent, "no port to be left", &[("ephemeral_ports_used_ratio", &ratio, 1.0)]);
    check_listed(&agent, &netns);
    // Another destination still has its ports.
    drop(netns.enter(|| sites[1].pair()));
}

/// The API names the destination that has no port left.
fn check_listed(agent: &Agent, netns: &Netns) {
    let (status, body) = agent.get("/api/v1/ports");
    let answer: Value = serde_json::from_str(&body)
        .unwrap_or_else(|error| panic!("ports, {status}, not JSON ({error}): {body}"));
    let found = answer["destinations"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["netns"] == netns.inode)
        .cloned();
    let found = found.unwrap_or_else(|| panic!("no destination of the namespace in {body}"));
    let is = |field: &str, value: Value| assert_eq!(found[field], value, "{field} in {found}");
    is("peer_address", "127.0.0.1".into());
    is("peer_port", 7100.into());
    is("used", 16.into());
    is("used_ratio", 1.0.into());
    is("time_wait", 5.into());
    is("tw_reuse", 0.into());
}

pub(super) fn descriptors() {
    let netns = Netns::new();
    let files: Vec<_> =
        (0..300).map(|_| File::open("/dev/null").expect("open /dev/null")).collect();
    let site = netns.enter(|| Site::open(LOOPBACKS[0]));
    let pair = netns.enter(|| site.pair());
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
