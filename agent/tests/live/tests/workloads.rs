//! Where a socket runs: cgroups that the test makes, with processes in them, and the label that
//! they get.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::process::Process;

use super::Test;
use crate::harness::agent::Agent;
use crate::harness::cgroup::{Group, hierarchy};
use crate::harness::netns::{Netns, run};
use crate::harness::{PATIENCE, wait_for};
use crate::roles;
use crate::workload::{LOOPBACKS, Site};

/// The tests of this file.
pub(super) const TESTS: &[Test] = &[
    ("host::workload_of_a_unit_and_of_a_container", unified),
    ("host::workload_by_process_where_the_hierarchy_is_old", old),
    ("host::a_container_has_the_names_that_its_runtime_noted", named),
];

/// Starts a process that joins these cgroups, connects, and holds its connections until its input
/// ends.
fn victim(netns: &Netns, site: &Site, count: usize, cgroups: &[&Path]) -> Process {
    let role = roles::command(&format!("connect {} {count}", site.address), roles::VICTIM);
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg("for c; do echo $$ > \"$c/cgroup.procs\" || exit; done; exec \"$0\"")
        .arg(role.get_program())
        .args(cgroups);
    command.envs(role.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let victim = roles::start_command(netns, command);
    roles::ready(&victim, 1);
    victim
}

/// The client connections of the process under a workload.
fn open(agent: &Agent, workload: &str) -> i64 {
    let labels = [
        ("process", roles::VICTIM),
        ("workload", workload),
        ("role", "client"),
        ("state", "established"),
    ];
    agent.scrape().sum("connections", &labels)
}

fn unified() {
    let netns = Netns::new();
    let agent = Agent::start(&[]);
    let site = netns.enter(|| Site::open(LOOPBACKS[0]));
    let id = format!("{:064x}", std::process::id());
    let unit = format!("tcpwarden-live-{}.service", std::process::id());
    let slice = format!("tcpwarden-live-{}.slice", std::process::id());
    // Both are younger than the agent, so it has to find them.
    let groups = [
        Group::make(&hierarchy(), &unit, "worker"),
        Group::make(&hierarchy(), &slice, &format!("docker-{id}.scope/init.scope")),
    ];
    let both = [(unit.as_str(), 3), (&id[..12], 4)];
    let victims: Vec<Process> = groups
        .iter()
        .zip(both)
        .map(|(group, (_, count))| victim(&netns, &site, count, &[&group.leaf]))
        .collect();
    for (workload, count) in both {
        wait_for("the connections under their workload", PATIENCE, || {
            (open(&agent, workload) == i64::try_from(count).ok()?).then_some(())
        });
        let page = agent.scrape();
        let labels = [("process", roles::VICTIM), ("workload", workload)];
        assert_eq!(
            page.sum("connections_opened_total", &labels),
            i64::try_from(count).unwrap(),
            "all were counted under {workload}"
        );
        assert_eq!(
            page.sum("workload_info", &[("workload", workload)]),
            1,
            "one line of long names for {workload}"
        );
    }
    check_long_names(&agent, &unit, &id);
    drop((victims, groups));
    wait_for("the connections to be closed", PATIENCE, || (open(&agent, &unit) == 0).then_some(()));
    let labels = [("workload", unit.as_str())];
    assert_eq!(
        agent.scrape().sum("connections_closed_total", &labels),
        3,
        "a cgroup that is gone keeps its name"
    );
}

/// The page has the whole names of the unit and of the container.
fn check_long_names(agent: &Agent, unit: &str, id: &str) {
    let page = agent.scrape();
    let unit_path = format!("/{unit}");
    assert_eq!(
        page.sum("workload_info", &[("workload", unit), ("kind", "unit"), ("cgroup", &unit_path)]),
        1,
        "{}",
        page.text
    );
    assert_eq!(
        page.sum(
            "workload_info",
            &[("container_id", id), ("kind", "container"), ("runtime", "docker")]
        ),
        1,
        "{}",
        page.text
    );
}

/// A hierarchy of the old kind, of the test's own, with nothing but names in it.
struct Mounted(PathBuf);

impl Mounted {
    fn new() -> Self {
        let place = PathBuf::from(format!("/tmp/tcpwarden-live-{}-cgroup", std::process::id()));
        fs::create_dir_all(&place).expect("a place to mount at");
        let mounted = Self(place);
        run(&format!("mount -t cgroup -o none,name=tcpwarden-live none {}", mounted.0.display()));
        mounted
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
        let _ = fs::remove_dir(&self.0);
    }
}

fn old() {
    let netns = Netns::new();
    let mounted = Mounted::new();
    let unit = format!("tcpwarden-old-{}.service", std::process::id());
    let group = Group::make(&mounted.0, &unit, "worker");
    let agent = Agent::start(&[]);
    let site = netns.enter(|| Site::open(LOOPBACKS[0]));
    // In the root of the unified hierarchy, as all processes are where that is not used.
    let holder = victim(&netns, &site, 3, &[&group.leaf, &hierarchy()]);
    wait_for("the connections under their workload", PATIENCE, || {
        (open(&agent, &unit) == 3).then_some(())
    });
    drop((holder, agent, group));
}

/// The bundle of a container, as the CRI plugin of containerd makes it; what it made is removed.
struct Bundle {
    place: PathBuf,
    /// The uppermost folder that was not there before.
    made: PathBuf,
}

impl Bundle {
    fn make(id: &str, annotations: &str) -> Self {
        let place = format!("/run/containerd/io.containerd.runtime.v2.task/k8s.io/{id}");
        let place = PathBuf::from(place);
        let missing = place.ancestors().take_while(|folder| !folder.exists());
        let made = missing.last().expect("a bundle that is not there").to_owned();
        fs::create_dir_all(&place).expect("the folder of a bundle");
        let bundle = Self { place, made };
        let text = format!("{{\"ociVersion\":\"1.1.0\",\"annotations\":{{{annotations}}}}}");
        fs::write(bundle.place.join("config.json"), text).expect("the file of a bundle");
        bundle
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.place.join("config.json"));
        for folder in self.place.ancestors().take_while(|folder| folder.starts_with(&self.made)) {
            let _ = fs::remove_dir(folder);
        }
    }
}

fn named() {
    let netns = Netns::new();
    let agent = Agent::start(&["--workload-label", "name"]);
    let site = netns.enter(|| Site::open(LOOPBACKS[0]));
    let id = format!("{:064x}", (1 << 40) + u64::from(std::process::id()));
    let bundle = Bundle::make(
        &id,
        r#""io.kubernetes.cri.sandbox-namespace":"shop","io.kubernetes.cri.container-name":"api",
        "io.kubernetes.cri.sandbox-name":"orders-64df67bd8b-xmzhv",
        "io.kubernetes.cri.image-name":"registry.example/orders:1""#,
    );
    let uid = format!("1b4e28ba-2fa1-11d2-883f-{:012x}", std::process::id());
    let slice = format!("kubepods-pod{}.slice", uid.replace('-', "_"));
    let group = Group::make(&hierarchy(), &slice, &format!("cri-containerd-{id}.scope"));
    let holder = victim(&netns, &site, 3, &[&group.leaf]);
    wait_for("the connections under the name of their container", PATIENCE, || {
        (open(&agent, "shop/orders/api") == 3).then_some(())
    });
    let page = agent.scrape();
    let labels = [
        ("container_id", id.as_str()),
        ("pod_uid", &uid),
        ("namespace", "shop"),
        ("pod", "orders-64df67bd8b-xmzhv"),
        ("container", "api"),
        ("image", "registry.example/orders:1"),
    ];
    assert_eq!(page.sum("workload_info", &labels), 1, "{}", page.text);
    drop((holder, agent, group, bundle));
}
