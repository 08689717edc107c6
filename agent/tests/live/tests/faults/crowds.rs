//! Many of something for a short time, and ids that come again.

use std::collections::VecDeque;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;

use super::{Before, OFTEN, exact, lost};
use crate::handover::RECEIVER;
use crate::harness::agent::Agent;
use crate::harness::netns::Netns;
use crate::harness::{PATIENCE, listing, wait_for};
use crate::roles::{self, TEST_NAME, VICTIM};
use crate::tests::Test;
use crate::workload::{LOOPBACKS, Site};

/// The tests of this file.
pub(crate) const TESTS: &[Test] = &[
    ("host::faults::a_thousand_network_namespaces_leave_nothing", namespaces),
    ("host::faults::a_namespace_that_ends_while_records_are_lost_leaves_no_leak", ended),
    ("host::faults::an_owner_is_never_another_process_with_its_id", reused),
];

/// How long it may take until rows of a namespace that is gone are gone: passes come five
/// times a second, and a reading of all descriptors has to be affordable twice.
const SOON: Duration = Duration::from_secs(20);

/// A network namespace with a name, as `ip netns` gives one, and a listener in it.
struct Named {
    path: PathBuf,
    _listener: TcpListener,
}

impl Named {
    /// Makes one and leaves the calling thread in it.
    fn new(number: usize) -> Self {
        unshare(CloneFlags::CLONE_NEWNET).expect("make a network namespace");
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("listen");
        let path =
            PathBuf::from(format!("/run/netns/tcpwarden-live-{}-{number}", std::process::id()));
        fs::write(&path, "").expect("make a file for the name");
        let (own, none) = (Path::new("/proc/thread-self/ns/net"), None::<&Path>);
        mount(Some(own), &path, none, MsFlags::MS_BIND, none).expect("give it a name");
        Self { path, _listener: listener }
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = umount2(&self.path, MntFlags::MNT_DETACH);
        let _ = fs::remove_file(&self.path);
    }
}

/// Makes network namespaces of which so many last at the same time.
fn make(count: usize, at_once: usize) {
    fs::create_dir_all("/run/netns").expect("a place for names");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut named = VecDeque::new();
            for number in 0..count {
                named.push_back(Named::new(number));
                if named.len() > at_once {
                    named.pop_front();
                }
            }
        });
    });
}

fn namespaces() {
    let agent = Agent::start(&OFTEN);
    make(100, 20);
    gone(&agent);
    let before = Before::of(&agent);
    make(1000, 20);
    gone(&agent);
    before.is_back(&agent, "a thousand namespaces");
}

/// Waits until no row and no series is left of them.
fn gone(agent: &Agent) {
    exact(agent, "after the namespaces");
    wait_for("no listener to be left", PATIENCE, || {
        let labels = [("process", TEST_NAME), ("state", "listen")];
        (agent.scrape().sum("connections", &labels) == 0).then_some(())
    });
}

/// The processes of a namespace are killed while the agent is stopped, so that its small ring loses
/// how their sockets end, and the namespace goes with them: no pass can look at it.
fn ended() {
    const COUNT: i64 = 200;
    let (netns, mut agent) =
        (Netns::new(), Agent::start(&[&["--ring-bytes", "4096"], &OFTEN[..]].concat()));
    let mut server = roles::start(&netns, &format!("listen 127.0.0.1:0 {COUNT}"), VICTIM);
    let address = roles::line(&server);
    let mut client = roles::start(&netns, &format!("connect {address} {COUNT}"), VICTIM);
    roles::ready(&client, 1);
    let held = || agent.scrape().sum("connections", &[("process", VICTIM)]);
    wait_for("the connections", PATIENCE, || (held() == 2 * COUNT + 1).then_some(()));
    let before = lost(&agent);
    agent.signal(Signal::SIGSTOP);
    client.kill();
    server.kill();
    drop((client, server, netns));
    agent.signal(Signal::SIGCONT);
    let start = Instant::now();
    let left = || {
        let page = agent.scrape();
        ["established", "close_wait", "listen"]
            .map(|state| page.sum("connections", &[("process", VICTIM), ("state", state)]))
    };
    wait_for("a loss", PATIENCE, || (lost(&agent) > before).then_some(()));
    wait_for("nothing to be left of them", PATIENCE, || (left() == [0; 3]).then_some(()));
    assert!(start.elapsed() < SOON, "it took {:?}", start.elapsed());
}

/// A process that gets this id and does nothing; `None` if others were faster.
fn with_id(pid: u32) -> Option<Child> {
    for _ in 0..200 {
        fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string())
            .expect("choose the next process id (CONFIG_CHECKPOINT_RESTORE)");
        let mut child =
            Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().expect("start a process");
        if child.id() == pid {
            return Some(child);
        }
        let _ = child.kill();
        let _ = child.wait();
    }
    None
}

/// A process ends, its child keeps its connection, and another process gets its id.
fn reused() {
    let (netns, agent) = (Netns::new(), Agent::start(&OFTEN));
    let site = netns.enter(|| Site::open(LOOPBACKS[0]));
    let role = format!("connect-and leaves {}", site.address);
    let mut first = roles::start(&netns, &role, VICTIM);
    let _accepted = site.accept();
    roles::ready(&first, 1);
    let pid = first.id();
    first.wait(PATIENCE).expect("the end of the first owner");
    let mut other = with_id(pid).expect("a process with the id of the one that has ended");
    let shown = wait_for("the one that holds the connection", PATIENCE, || {
        let query = format!("netns={}&state=established&role=client", netns.inode);
        let rows = listing::rows(&agent, &query);
        assert_eq!(rows.len(), 1, "the connection: {rows:?}");
        let process = rows[0]["process"].as_str().expect("a name").to_owned();
        assert!([VICTIM, RECEIVER].contains(&process.as_str()), "its owner is {process}");
        assert!(rows[0]["pid"] != pid || process == VICTIM, "{pid} is another: {}", rows[0]);
        (process == RECEIVER).then_some(rows[0].clone())
    });
    assert_ne!(shown["pid"], pid, "the id of a process that holds nothing");
    // Some passes later as well.
    std::thread::sleep(Duration::from_secs(1));
    let page = agent.scrape();
    assert_eq!(page.sum("connections", &[("process", "sleep")]), 0, "{}", page.text);
    let _ = other.kill();
    let _ = other.wait();
}
