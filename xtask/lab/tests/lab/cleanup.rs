//! However a scenario ends, nothing of it remains, and nothing of it was outside its network
//! namespaces.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::netns::Netns;
use testkit::shell;

use crate::kernel::sockets;
use crate::program::{Lab, binary, wait_for};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("nothing_remains_when_the_time_is_over", || ends("echo", 3, None)),
    ("nothing_remains_after_ctrl_c", || ends("black-hole", 60, Some(Signal::SIGINT))),
    ("nothing_remains_after_a_polite_end", || ends("time-wait-bomb", 60, Some(Signal::SIGTERM))),
    ("nothing_remains_when_the_terminal_goes", || ends("rst-storm", 60, Some(Signal::SIGHUP))),
    ("nothing_remains_after_a_kill_with_data_under_way", || {
        ends("slow-reader", 60, Some(Signal::SIGKILL));
    }),
    ("nothing_remains_after_a_kill_on_a_lossy_link", || {
        ends("lossy-link", 60, Some(Signal::SIGKILL));
    }),
    ("nothing_remains_after_a_kill_with_half_closed_connections", || {
        ends("half-close", 60, Some(Signal::SIGKILL));
    }),
    ("nothing_remains_after_a_kill_with_peers_that_vanished", || {
        ends("dead-peer", 60, Some(Signal::SIGKILL));
    }),
    ("a_role_that_dies_ends_the_scenario_by_name", role_dies),
    ("an_output_that_is_closed_ends_the_scenario", output_closes),
    ("the_machine_outside_is_not_touched", outside),
];

/// A detector for the end of network namespaces: a veth pair from each into one of our own. The
/// kernel takes an end away when the namespace of the other goes, and with that rules, settings and
/// sockets have gone too.
struct Cables {
    netns: Netns,
}

impl Cables {
    fn to(lab: &Lab) -> Self {
        let netns = Netns::new().unwrap();
        for (number, pid) in lab.actors.values().enumerate() {
            let add = format!(
                "ip link add probe{number} netns {} type veth peer name probe netns {pid}",
                netns.pid()
            );
            shell::run(&add).unwrap();
        }
        let cables = Self { netns };
        assert_eq!(cables.count(), lab.actors.len());
        cables
    }

    fn count(&self) -> usize {
        let devices = fs::read_to_string(format!("/proc/{}/net/dev", self.netns.pid())).unwrap();
        devices.lines().filter(|line| line.trim_start().starts_with("probe")).count()
    }
}

/// Process ids of everything that runs in network namespaces.
fn inhabitants(namespaces: &[u32]) -> Vec<u32> {
    let links: Vec<String> = namespaces.iter().map(|inode| format!("net:[{inode}]")).collect();
    let pids = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        fs::read_link(format!("/proc/{pid}/ns/net"))
            .is_ok_and(|link| links.iter().any(|known| Path::new(known) == link))
    })
    .collect()
}

fn gone(lab: &Lab, cables: &Cables) {
    wait_for("its processes to end", || inhabitants(&lab.namespaces).is_empty().then_some(()));
    wait_for("its network namespaces to go", || (cables.count() == 0).then_some(()));
}

fn ends(name: &str, seconds: u64, signal: Option<Signal>) {
    let mut lab = Lab::start(name, seconds);
    let cables = Cables::to(&lab);
    // Two roles, and a holder for each namespace.
    assert_eq!(inhabitants(&lab.namespaces).len(), 4, "{}", lab.said());
    if let Some(signal) = signal {
        std::thread::sleep(Duration::from_millis(1500));
        lab.signal(signal);
    }
    let status = lab.ended();
    assert_eq!(status.success(), signal != Some(Signal::SIGKILL), "{status}: {}", lab.said());
    gone(&lab, &cables);
}

fn role_dies() {
    let mut lab = Lab::start("echo", 60);
    let cables = Cables::to(&lab);
    kill(Pid::from_raw(lab.pid("checkout").try_into().unwrap()), Signal::SIGKILL).unwrap();
    assert!(!lab.ended().success());
    wait_for("the reason", || lab.said().contains("error: checkout ended early").then_some(()));
    gone(&lab, &cables);
}

fn output_closes() {
    let arguments = ["refused", "--seconds", "30", "--agent", "unix:/nonexistent/x"];
    let mut child = Command::new(binary())
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started =
        wait_for("its processes", || Some(children(child.id())).filter(|pids| pids.len() == 4));
    drop(child.stdout.take());
    let status = wait_for("the lab to end", || child.try_wait().unwrap());
    assert!(!status.success());
    let exists = |pid: &u32| Path::new(&format!("/proc/{pid}")).exists();
    wait_for("its processes to end", || (!started.iter().any(exists)).then_some(()));
}

/// The processes that a process has started.
fn children(parent: u32) -> Vec<u32> {
    let pids = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let line = format!("PPid:\t{parent}");
    pids.filter(|pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/status"))
            .is_ok_and(|text| text.lines().any(|one| one == line))
    })
    .collect()
}

/// What a scenario must leave alone.
fn machine() -> Vec<(String, String)> {
    let settings = [
        "ip_local_port_range",
        "tcp_syn_retries",
        "tcp_tw_reuse",
        "tcp_max_tw_buckets",
        "tcp_fin_timeout",
        "tcp_max_syn_backlog",
    ];
    let read = |name: &str| {
        (name.to_owned(), fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).unwrap())
    };
    let mut found: Vec<_> = settings.map(read).into();
    found.push((
        "somaxconn".to_owned(),
        fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap(),
    ));
    let ip = |words: &[&str]| {
        String::from_utf8(Command::new("ip").args(words).output().unwrap().stdout).unwrap()
    };
    found.push(("links".to_owned(), ip(&["-o", "link"])));
    found.push(("routes".to_owned(), ip(&["route"])));
    let rules = Command::new("nft").args(["list", "tables"]).output().unwrap();
    found.push(("tables".to_owned(), String::from_utf8(rules.stdout).unwrap()));
    found
}

fn outside() {
    let before = machine();
    for name in ["black-hole", "time-wait-bomb", "lossy-link"] {
        let lab = Lab::start(name, 20);
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(machine(), before, "{name}");
        let here = sockets(std::process::id());
        assert!(
            here.iter().all(|socket| !of_the_lab(socket.local) && !of_the_lab(socket.peer)),
            "{here:?}"
        );
        let inside = lab.actors.values().flat_map(|pid| sockets(*pid));
        assert!(
            inside.filter(|socket| socket.state != "listen").all(|socket| of_the_lab(socket.local)),
            "{name}"
        );
    }
    assert_eq!(machine(), before);
}

/// Whether an address is in 10.77.0.0/16, which the lab's namespaces use.
fn of_the_lab(address: SocketAddr) -> bool {
    matches!(address.ip(), IpAddr::V4(ip) if ip.octets().starts_with(&[10, 77]))
}
