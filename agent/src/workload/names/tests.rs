//! Tests of the look-up below a root, and of what is remembered of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::look::Look;
use super::{Cache, Naming};
use crate::workload::Workload;
use crate::workload::path::workload_at;

const ID: &str = "3f2a9c0d1e4b5a69788796a5b4c3d2e1f00123456789abcdef0123456789abcd";
const SECOND: Duration = Duration::from_secs(1);

/// A root with files in it, which is removed at the end.
struct Root(PathBuf);

impl Root {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("names-{name}-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        Self(root)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.0.join(path.replace("{id}", ID));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Returns the names that are found, one behind the other.
    fn names(&self, id: &str, runtime: &str) -> Option<String> {
        Look::new(&self.0).names(id, runtime).map(|names| names.texts().join(" ").trim().to_owned())
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const TASK: &str = "run/containerd/io.containerd.runtime.v2.task/k8s.io/{id}/config.json";
const K3S: &str = "run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/{id}/config.json";
const CRIO: &str = "var/lib/containers/storage/overlay-containers/{id}/userdata/config.json";
const DOCKER: &str = "var/lib/docker/containers/{id}/config.v2.json";
const PODMAN: &str = "var/lib/containers/storage/overlay-containers/containers.json";

fn pod(name: &str) -> String {
    format!(
        r#"{{"annotations":{{"io.kubernetes.cri.sandbox-namespace":"shop",
        "io.kubernetes.cri.sandbox-name":"{name}","io.kubernetes.cri.container-name":"app"}}}}"#
    )
}

#[test]
fn the_files_of_every_runtime_are_found() {
    let crio = r#"{"annotations":{"io.kubernetes.pod.name":"db-0"}}"#;
    let docker = r#"{"Name":"/web"}"#;
    let podman = format!(r#"[{{"id":"{ID}","names":["orders"]}}]"#);
    for (runtime, path, text, wanted) in [
        ("containerd", TASK, pod("web-0"), "shop web-0 app"),
        ("containerd", K3S, pod("web-1"), "shop web-1 app"),
        ("cri-o", CRIO, crio.to_owned(), "db-0"),
        ("docker", DOCKER, docker.to_owned(), "web"),
        ("podman", PODMAN, podman, "orders"),
        ("cri-o", "var/log/containers/a_b_c-{id}.log", String::new(), "b a c"),
    ] {
        let root = Root::new("runtimes");
        root.write(path, text);
        for runtime in [runtime, ""] {
            assert_eq!(root.names(ID, runtime).as_deref(), Some(wanted), "{runtime} {path}");
        }
        assert_eq!(root.names(&ID.replace('3', "4"), ""), None, "another id");
        assert_eq!(root.names(ID, "lxc"), None);
    }
}

#[test]
fn an_id_that_is_none_opens_no_file() {
    let root = Root::new("ids");
    root.write("var/lib/docker/containers/web/config.v2.json", r#"{"Name":"/web"}"#);
    root.write("var/lib/docker/config.v2.json", r#"{"Name":"/web"}"#);
    for id in ["web", "..", "", "../containers/web", &ID[..12]] {
        assert_eq!(root.names(id, "docker"), None, "{id}");
    }
}

#[test]
fn the_hosts_root_is_asked_for_what_the_own_one_lacks() {
    let root = Root::new("host");
    root.write(&format!("proc/1/root/{TASK}"), pod("web-0"));
    assert_eq!(root.names(ID, "containerd").as_deref(), Some("shop web-0 app"));
    root.write(TASK, pod("web-1"));
    assert_eq!(root.names(ID, "containerd").as_deref(), Some("shop web-1 app"));
}

#[test]
fn links_stay_below_their_root() {
    let root = Root::new("links");
    root.write("data/containers/{id}/config.v2.json", r#"{"Name":"/web"}"#);
    fs::create_dir_all(root.0.join("var/lib")).unwrap();
    symlink("/data", root.0.join("var/lib/docker")).unwrap();
    assert_eq!(root.names(ID, "docker").as_deref(), Some("web"));
    fs::remove_file(root.0.join("var/lib/docker")).unwrap();
    let outside = Root::new("outside");
    outside.write("containers/{id}/config.v2.json", r#"{"Name":"/web"}"#);
    symlink(&outside.0, root.0.join("var/lib/docker")).unwrap();
    assert_eq!(root.names(ID, "docker"), None);
}

#[test]
fn a_file_that_is_too_long_or_no_file_is_not_read() {
    let root = Root::new("long");
    let text = format!("{{\"Name\":\"/web\"}}{}", " ".repeat(1 << 20));
    root.write(DOCKER, &text[..1 << 20]);
    assert_eq!(root.names(ID, "docker").as_deref(), Some("web"));
    root.write(DOCKER, &text[..=1 << 20]);
    assert_eq!(root.names(ID, "docker"), None);
    let path = root.0.join(DOCKER.replace("{id}", ID));
    fs::remove_file(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(root.names(ID, "docker"), None, "nobody waits for a pipe");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(root.names(ID, "docker"), None);
}

fn container(id: &str) -> Arc<Workload> {
    Arc::new(workload_at(&format!("/system.slice/cri-containerd-{id}.scope")))
}

fn cache(root: &Path, naming: Naming) -> (Cache, Instant) {
    (Cache::new(root, naming), Instant::now())
}

#[test]
fn names_that_come_late_are_those_of_every_copy_and_are_looked_for_every_ten_seconds() {
    let root = Root::new("late");
    let (mut cache, start) = cache(&root.0, Naming::Id);
    let early = cache.round(start).named(&container(ID));
    assert_eq!((&*early.name, early.names.get()), (&ID[..12], None));
    root.write(TASK, pod("web-0"));
    let again = cache.round(start + 9 * SECOND).named(&container(ID));
    assert_eq!((&again, early.names.get()), (&early, None), "not yet");
    cache.round(start + 10 * SECOND).named(&container(ID));
    let found = early.names.get().map(|names| names.pod.to_string());
    assert_eq!((found.as_deref(), &again), (Some("web-0"), &early));
    root.write(TASK, pod("web-1"));
    let later = cache.round(start + 99 * SECOND).named(&container(ID));
    assert_eq!(later, early, "what is found stays");
}

#[test]
fn a_container_without_names_is_looked_for_less_often_with_time() {
    let root = Root::new("seldom");
    let (mut cache, start) = cache(&root.0, Naming::Id);
    let names = cache.round(start).named(&container(ID)).names.clone();
    // Looks come at 0, 10, 30, 70 and 150 s.
    for seconds in [10, 30, 70, 149] {
        cache.round(start + seconds * SECOND).named(&container(ID));
    }
    root.write(TASK, pod("web-0"));
    cache.round(start + 149 * SECOND).named(&container(ID));
    assert_eq!(names.get(), None);
    cache.round(start + 150 * SECOND).named(&container(ID));
    assert!(names.get().is_some());
}

#[test]
fn with_names_as_labels_a_rollout_has_one_label_and_a_late_name_changes_none() {
    let root = Root::new("labels");
    let (mut cache, start) = cache(&root.0, Naming::Name);
    let label = |cache: &mut Cache, id: &str| {
        cache.round(start + 30 * SECOND).named(&container(id)).name.to_string()
    };
    let others = ["a", "b", "c"].map(|digit| digit.repeat(64));
    for (id, pod_name) in others.iter().zip(["web-64df67bd8b-xmzhv", "web-84b5b8c5d9-vk4pz"]) {
        root.write(&TASK.replace("{id}", id), pod(pod_name));
        assert_eq!(label(&mut cache, id), "shop/web/app");
    }
    assert_eq!(label(&mut cache, &others[2]), others[2][..12]);
    root.write(&TASK.replace("{id}", &others[2]), pod("db-0"));
    let late = cache.round(start + 60 * SECOND).named(&container(&others[2]));
    assert_eq!((&*late.name, late.names.get().is_some()), (&others[2][..12], true));
}

#[test]
fn what_is_no_container_with_an_id_stays_as_it_is_and_copies_stay_one() {
    let root = Root::new("shared");
    let (mut cache, start) = cache(&root.0, Naming::Name);
    let mut round = cache.round(start);
    for path in ["/system.slice/nginx.service", "/lxc/web", "/"] {
        let workload = Arc::new(workload_at(path));
        assert!(Arc::ptr_eq(&round.named(&workload), &workload), "{path}");
    }
    let shared = container(ID);
    let named = round.named(&shared);
    assert!(Arc::ptr_eq(&round.named(&shared), &named));
}

#[test]
fn a_container_that_is_not_met_is_forgotten_and_the_budget_holds() {
    let root = Root::new("budget");
    let (mut cache, start) = cache(&root.0, Naming::Id);
    let id = |number: usize| format!("{number:064x}");
    for number in 0..5000 {
        cache.round(start).named(&container(&id(number)));
    }
    let late = cache.round(start).named(&container(&id(4999)));
    assert_eq!(late.names, super::Late::default(), "beyond the budget");
    cache.round(start + 200 * SECOND).named(&container(&id(1)));
    cache.expire(start + 301 * SECOND);
    let (first, second) = {
        let mut round = cache.round(start + 301 * SECOND);
        (round.named(&container(&id(4999))), round.named(&container(&id(1))))
    };
    assert!(first.names != super::Late::default() && second.names != super::Late::default());
}
