//! Tests of `workload_at`: paths of systemd, the container runtimes and the kubelet, and hostile
//! paths.

use proptest::prelude::{any, proptest};

use super::*;

const ID: &str = "3f2a9c0d1e4b5a69788796a5b4c3d2e1f00123456789abcdef0123456789abcd";
const OTHER_ID: &str = "aaaaaaaaaaaabbbbbbbbbbbbccccccccccccddddddddddddeeeeeeeeeeeeffff";
const SHORT_ID: &str = "3f2a9c0d1e4b";
const UID: &str = "1b4e28ba-2fa1-11d2-883f-0016d3cca427";

#[test]
fn units_are_named_as_systemd_names_them() {
    for (path, name) in [
        ("/system.slice/nginx.service", "nginx.service"),
        ("/system.slice/nginx.service/worker", "nginx.service"),
        ("/system.slice/nginx.service/a/b/c", "nginx.service"),
        ("/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service"),
        ("/system.slice/ssh.service (deleted)", "ssh.service"),
        ("/system.slice/cups.socket", "cups.socket"),
        ("/system.slice/var-lib-x.mount", "var-lib-x.mount"),
        (r"/system.slice/system-foo\x2dbar.slice/foo\x2dbar@1.service", "foo-bar@1.service"),
        (r"/system.slice/dev-disk\x2dx.swap", "dev-disk-x.swap"),
        ("/system.slice/_cpu.service", "cpu.service"),
        ("/init.scope", "init.scope"),
        ("/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service", "foo.service"),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-term-4242.scope",
            "app-gnome-term-4242.scope",
        ),
        ("/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service"),
        ("/user.slice/user-1000.slice/user@1000.service", "user@1000.service"),
        ("/user.slice/user-1000.slice", "user-1000.slice"),
        ("/machine.slice", "machine.slice"),
        ("/batch.slice/job-7", "batch.slice"),
        (
            r"/machine.slice/machine-qemu\x2d1\x2dweb.scope/libvirt/emulator",
            "machine-qemu-1-web.scope",
        ),
        ("/../../system.slice/nginx.service", "nginx.service"),
    ] {
        let found = workload_at(path);
        assert_eq!(
            (&*found.name, found.kind, &*found.container_id),
            (name, Kind::Unit, ""),
            "{path}"
        );
    }
}

#[test]
fn a_unit_is_shown_with_its_own_path_not_with_that_of_what_lies_below() {
    assert_eq!(
        &*workload_at("/system.slice/nginx.service/worker").cgroup,
        "/system.slice/nginx.service"
    );
}

#[test]
fn containers_of_every_runtime_are_known_by_their_id() {
    for (path, runtime) in [
        ("/docker/{id}", "docker"),
        ("/docker/{id}/system.slice/nginx.service", "docker"),
        ("/docker/{other}/docker/{id}", "docker"),
        ("/system.slice/docker-{id}.scope", "docker"),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/docker-{id}.scope", "docker"),
        ("/system.slice/docker-{id}.scope/init.scope", "docker"),
        ("/default/{id}", ""),
        ("/system.slice/nerdctl-{id}.scope", "containerd"),
        ("/system.slice/cri-containerd-{id}.scope", "containerd"),
        ("/machine.slice/libpod-{id}.scope", "podman"),
        ("/machine.slice/libpod-{id}.scope/container", "podman"),
        ("/machine.slice/libpod-conmon-{id}.scope", "podman"),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{id}.scope/container",
            "podman",
        ),
        ("/system.slice/web.service/libpod-payload-{id}", "podman"),
        ("/libpod_parent/libpod-{id}", "podman"),
        ("/libpod_parent/{other}/libpod-{id}/inner", "podman"),
        ("/system.slice/crio-{id}.scope", "cri-o"),
        ("/ecs/0123456789abcdef/{id}", ""),
        ("/system.slice/newthing-{id}.scope", ""),
    ] {
        let path = path.replace("{id}", ID).replace("{other}", OTHER_ID);
        let found = workload_at(&path);
        assert_eq!(
            (&*found.name, found.kind, found.runtime),
            (SHORT_ID, Kind::Container, runtime),
            "{path}"
        );
        assert_eq!((&*found.container_id, &*found.pod_uid), (ID, ""), "{path}");
        assert!(
            found.cgroup.contains(ID) && path.starts_with(&*found.cgroup),
            "{path}: {}",
            found.cgroup
        );
    }
}

#[test]
fn containers_that_go_by_a_name_are_known_by_it() {
    for (path, name, runtime) in [
        ("/lxc/web", "web", "lxc"),
        ("/lxc/web/system.slice/nginx.service", "web", "lxc"),
        ("/lxc.payload/web", "web", "lxc"),
        ("/lxc.payload.web/init.scope", "web", "lxc"),
        (
            "/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service",
            "web",
            "systemd-nspawn",
        ),
        ("/machine.slice/machine-web.scope/payload", "web", "systemd-nspawn"),
    ] {
        let found = workload_at(path);
        assert_eq!(
            (&*found.name, found.kind, found.runtime, &*found.container_id),
            (name, Kind::Container, runtime, name),
            "{path}"
        );
    }
    assert_eq!(
        &*workload_at("/machine.slice/systemd-nspawn@web.service/supervisor").name,
        "systemd-nspawn@web.service"
    );
}

#[test]
fn a_pods_container_is_known_by_both_ids_with_either_driver() {
    for (path, runtime) in [
        ("{burstable}/kubepods-burstable-pod{u_d}.slice/cri-containerd-{id}.scope", "containerd"),
        ("{besteffort}/kubepods-besteffort-pod{u_d}.slice/crio-{id}.scope", "cri-o"),
        ("{besteffort}/kubepods-besteffort-pod{u_d}.slice/crio-conmon-{id}.scope", "cri-o"),
        ("{pods}/kubepods-pod{u_d}.slice/docker-{id}.scope", "docker"),
        (
            "{pods}/kubepods-pod{u_d}.slice/cri-containerd-{id}.scope/system.slice/nginx.service",
            "containerd",
        ),
        ("/kubepods/burstable/pod{uid}/{id}", ""),
        ("/kubepods/besteffort/pod{uid}/{id}/sub", ""),
        ("/kubepods/pod{uid}/crio-{id}", "cri-o"),
        ("{containerd}/kubepods-burstable-pod{u_d}.slice:cri-containerd:{id}", "containerd"),
        (
            "{nested}/kubelet-kubepods-burstable-pod{u_d}.slice/cri-containerd-{id}.scope",
            "containerd",
        ),
        ("/docker/{other}/kubelet/kubepods/burstable/pod{uid}/{id}", ""),
    ] {
        let path = path
            .replace("{burstable}", "{pods}/kubepods-burstable.slice")
            .replace("{besteffort}", "{pods}/kubepods-besteffort.slice")
            .replace("{nested}", "{kubelet}/kubelet-kubepods-burstable.slice")
            .replace("{kubelet}", "/docker/{other}/kubelet.slice/kubelet-kubepods.slice")
            .replace("{pods}", "/kubepods.slice")
            .replace("{containerd}", "/system.slice/containerd.service")
            .replace("{id}", ID)
            .replace("{other}", OTHER_ID)
            .replace("{uid}", UID)
            .replace("{u_d}", &UID.replace('-', "_"));
        let found = workload_at(&path);
        assert_eq!(
            (&*found.name, found.kind, &*found.pod_uid),
            (SHORT_ID, Kind::Pod, UID),
            "{path}"
        );
        assert_eq!((&*found.container_id, found.runtime), (ID, runtime), "{path}");
    }
}

#[test]
fn a_pod_without_a_container_is_known_by_its_uid() {
    let hash = "0123456789abcdef0123456789abcdef";
    for (path, name, uid) in [
        (format!("/kubepods/pod{UID}"), "pod-1b4e28ba", UID),
        (
            format!("/kubepods.slice/kubepods-pod{}.slice", UID.replace('-', "_")),
            "pod-1b4e28ba",
            UID,
        ),
        (
            format!("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{hash}.slice"),
            "pod-01234567",
            hash,
        ),
    ] {
        let found = workload_at(&path);
        assert_eq!((&*found.name, found.kind, &*found.pod_uid), (name, Kind::Pod, uid), "{path}");
    }
}

#[test]
fn what_nobody_made_for_a_workload_is_the_hosts() {
    let long = "f".repeat(65);
    for path in [
        "",
        "/",
        "//",
        "/..",
        "/some/dir",
        "/docker",
        "/docker/buildkit",
        "/kubepods/podx",
        "/.service",
        "/lxc",
        "\0",
        &format!("/{long}"),
    ] {
        assert_eq!(workload_at(path), Workload::host(), "{path:?}");
    }
}

#[test]
fn a_hostile_name_is_cleaned_and_cut() {
    assert_eq!(&*workload_at("/a\nb\x1b[31m.service").name, "ab[31m.service");
    assert_eq!(&*workload_at("/~other.service").name, "\u{fffd}other.service");
    assert_eq!(&*workload_at(r"/\x7eother.service").name, "\u{fffd}other.service");
    assert_eq!(&*workload_at("/\x01~x.service").name, "\u{fffd}x.service");
    assert_eq!(&*workload_at("/lxc/~other").name, "\u{fffd}other");
    assert_eq!(&*workload_at("/lxc/\x07").name, "host");
    assert_eq!(workload_at(&format!("/{}.service", "é".repeat(100))).name.len(), 128);
    assert!(workload_at(&format!("{}/x.service", "/d".repeat(60))).cgroup.len() <= MAX_PATH);
}

proptest! {
    #[test]
    fn no_path_panics_or_makes_a_name_that_is_not_fit_to_be_a_label(
        path in any::<String>(),
        inner in "[-a-z0-9./:_~\\\\x\u{7}é]{0,200}",
    ) {
        for text in [path, inner] {
            let found = workload_at(&text);
            for name in [&*found.name, &*found.container_id, &*found.pod_uid, &*found.cgroup] {
                assert!(!name.starts_with('~') && !name.chars().any(char::is_control), "{name:?}");
            }
            assert!(!found.name.is_empty() && found.name.len() <= MAX_NAME);
            assert!(found.cgroup.len() <= MAX_PATH);
        }
    }
}
