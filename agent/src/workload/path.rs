//! From the path of a cgroup to the workload that it stands for.
//!
//! A pure function of the path, for the unified hierarchy and the older ones alike. Facts: systemd
//! names the cgroup of a unit after the unit (`man systemd.slice`); container runtimes end theirs
//! in an id of 64 hexadecimal digits, either as a directory of its own (the cgroupfs driver) or as
//! `runtime-id.scope` (the systemd driver); the kubelet puts both below `kubepods` and the pod's
//! uid, in which the systemd driver writes `_` for `-`.
//!
//! The deepest container wins: a unit of a systemd inside a container is a part of that container,
//! and a container inside another one is itself. Without a container the deepest unit wins, so that
//! the services of a user's manager are told apart; without a unit the deepest slice; else it is
//! the host's.

use super::{Kind, MOST_NAME, MOST_PATH, Workload, clean};

/// Digits of a container's id, and how many of them make its label (as in `docker ps`).
const ID: usize = 64;
const SHORT: usize = 12;
/// How many digits of a pod's uid make its label.
const SHORT_POD: usize = 8;
/// The most components that are looked at; the kernel allows more only where somebody raised
/// `cgroup.max.depth` on purpose.
const MOST_DEPTH: usize = 64;

/// Scopes and directories of container runtimes: what stands before the id, and who writes it.
const RUNTIMES: &[(&str, &str)] = &[
    ("docker-", "docker"),
    ("cri-containerd-", "containerd"),
    ("cri-containerd:", "containerd"),
    ("nerdctl-", "containerd"),
    ("crio-conmon-", "cri-o"),
    ("crio-", "cri-o"),
    ("libpod-payload-", "podman"),
    ("libpod-conmon-", "podman"),
    ("libpod-", "podman"),
];

/// The endings of units that hold processes; slices hold units.
const UNITS: &[&str] = &[".service", ".scope", ".socket", ".mount", ".swap"];

/// A container that a component names.
struct Container<'a> {
    id: &'a str,
    runtime: &'static str,
}

/// The workload of a cgroup, by its path from the root of its hierarchy.
#[must_use]
pub fn classify(path: &str) -> Workload {
    // `proc_cgroup_show` (6.18) says so of a cgroup that was removed under its processes.
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != "." && *part != "..")
        .take(MOST_DEPTH)
        .collect();
    let pod = (0..parts.len()).rev().find_map(|at| pod_uid(&parts, at).map(|uid| (at, uid)));
    let container =
        (0..parts.len()).rev().find_map(|at| container(&parts, at).map(|found| (at, found)));
    match (container, pod) {
        (Some((at, found)), pod) => {
            // A pod around the container, not one in which the container's host runs.
            let uid = pod.filter(|(pod, _)| *pod <= at).map(|(_, uid)| uid);
            of_container(&found, uid, &parts[..=at])
        }
        (None, Some((at, uid))) => of_pod(uid, &parts[..=at]),
        (None, None) => of_unit(&parts),
    }
}

fn of_container(found: &Container<'_>, pod: Option<String>, parts: &[&str]) -> Workload {
    let short = if is_id(found.id) { &found.id[..SHORT] } else { found.id };
    Workload {
        name: named(short),
        kind: if pod.is_some() { Kind::Pod } else { Kind::Container },
        runtime: found.runtime,
        container_id: clean(found.id, MOST_NAME).into(),
        pod_uid: pod.unwrap_or_default().into(),
        cgroup: joined(parts),
    }
}

/// What runs in a pod's cgroup but in no container of it.
fn of_pod(uid: String, parts: &[&str]) -> Workload {
    let short = uid.get(..SHORT_POD).unwrap_or(&uid);
    Workload {
        name: named(&format!("pod-{short}")),
        kind: Kind::Pod,
        pod_uid: uid.into(),
        cgroup: joined(parts),
        ..Workload::host()
    }
}

fn of_unit(parts: &[&str]) -> Workload {
    let deepest = |fits: &dyn Fn(&str) -> bool| parts.iter().rposition(|part| fits(part));
    let Some(mut at) = deepest(&is_unit).or_else(|| deepest(&|part| has_ending(part, ".slice")))
    else {
        return Workload::host();
    };
    // A user's manager keeps itself in a scope that has the name of the machine's own.
    if parts[at] == "init.scope" && at > 0 && parts[at - 1].starts_with("user@") {
        at -= 1;
    }
    Workload {
        name: named(&unescape(parts[at])),
        kind: Kind::Unit,
        cgroup: joined(&parts[..=at]),
        ..Workload::host()
    }
}

/// The container that a component names, if it does.
fn container<'a>(parts: &[&'a str], at: usize) -> Option<Container<'a>> {
    let part = parts[at];
    let parent = at.checked_sub(1).map_or("", |above| parts[above]);
    // `slice:cri-containerd:id`: a runtime that was told the systemd driver's names but not to use
    // it.
    let last = part.rsplit_once(".slice:").map_or(part, |(_, last)| last);
    let bare = last.strip_suffix(".scope").unwrap_or(last);
    for (prefix, runtime) in RUNTIMES {
        if let Some(id) = bare.strip_prefix(prefix).filter(|id| is_id(id)) {
            return Some(Container { id, runtime });
        }
    }
    if is_id(part) {
        let runtime = if parent == "docker" { "docker" } else { "" };
        return Some(Container { id: part, runtime });
    }
    // Another runtime's scope: its id is the last word.
    if let Some((_, id)) = bare.rsplit_once('-').filter(|(_, id)| bare != last && is_id(id)) {
        return Some(Container { id, runtime: "" });
    }
    named_container(parent, part)
}

/// Containers that go by a name: LXC's, and those of systemd-nspawn.
fn named_container<'a>(parent: &'a str, part: &'a str) -> Option<Container<'a>> {
    let lxc = if parent == "lxc" || parent == "lxc.payload" {
        Some(part)
    } else {
        part.strip_prefix("lxc.payload.")
    };
    if let Some(id) = lxc.filter(|id| !id.is_empty()) {
        return Some(Container { id, runtime: "lxc" });
    }
    let machine =
        parent.strip_prefix("systemd-nspawn@").and_then(|rest| rest.strip_suffix(".service"));
    let machine = machine
        .or_else(|| parent.strip_prefix("machine-").and_then(|rest| rest.strip_suffix(".scope")));
    machine
        .filter(|id| part == "payload" && !id.is_empty())
        .map(|id| Container { id, runtime: "systemd-nspawn" })
}

/// The uid of the pod that a component names, if it does.
fn pod_uid(parts: &[&str], at: usize) -> Option<String> {
    let part = parts[at];
    let slice = part
        .split_once(".slice")
        .filter(|(name, _)| name.contains("kubepods"))
        .and_then(|(name, _)| name.rsplit_once("-pod"));
    let below = || {
        parts[..at]
            .iter()
            .any(|above| above.starts_with("kubepods") || above.ends_with("kubepods.slice"))
    };
    let uid = match slice {
        Some((_, uid)) => uid,
        None => part.strip_prefix("pod").filter(|_| below())?,
    };
    // 36 letters, or 32 for a pod from a file on the node, whose uid is a hash.
    let fits = matches!(uid.len(), 32 | 36)
        && uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-' || byte == b'_');
    fits.then(|| uid.replace('_', "-"))
}

fn is_id(text: &str) -> bool {
    text.len() == ID && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_unit(part: &str) -> bool {
    UNITS.iter().any(|ending| has_ending(part, ending))
}

fn has_ending(part: &str, ending: &str) -> bool {
    part.len() > ending.len() && part.ends_with(ending)
}

/// A unit's name as a person writes it: systemd puts `_` before names that the kernel could take
/// for its own files (`cg_escape`), and writes letters that a name cannot have as `\x2d`
/// (`unit_name_escape`).
fn unescape(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.strip_prefix('_').unwrap_or(part).as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..3).filter(|code| *first == b'\\' && code[0] == b'x');
        let code = code
            .and_then(|code| std::str::from_utf8(&code[1..]).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A label; what is left of nothing is the host's.
fn named(text: &str) -> std::sync::Arc<str> {
    let name = clean(text, MOST_NAME);
    if name.is_empty() { super::HOST.into() } else { name.into() }
}

fn joined(parts: &[&str]) -> Box<str> {
    clean(&format!("/{}", parts.join("/")), MOST_PATH).into()
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
