//! From the path of a cgroup to its workload.
//!
//! A pure function of the path, for the unified hierarchy and the older ones. Facts: systemd names
//! the cgroup of a unit after the unit (`man systemd.slice`); the cgroups of container runtimes end
//! in an id of 64 hexadecimal digits, either as a directory of its own (the cgroupfs driver) or as
//! `runtime-id.scope` (the systemd driver); the kubelet puts both below `kubepods` and the pod's
//! uid, in which the systemd driver writes `_` for `-`.
//!
//! The deepest container wins: a unit of a systemd inside a container is a part of that container,
//! and a container inside another one is a workload of its own. Without a container the deepest
//! unit wins, so that the services of a user's manager are distinguished; without a unit the
//! deepest slice wins; without a slice the workload is `host`.

use super::{Kind, Late, MAX_NAME, MAX_PATH, Workload, clean};

/// The digits of a container's id.
const ID: usize = 64;
/// How many digits of a container's id its label has (as in `docker ps`).
const SHORT: usize = 12;
/// How many digits of a pod's uid its label has.
const SHORT_POD: usize = 8;
/// The most components of a path that are examined. No known manager nests cgroups so deeply.
const MAX_DEPTH: usize = 64;

/// Scopes and directories of container runtimes: the prefix of the id, and the runtime.
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

/// The suffixes of units that contain processes; slices contain units.
const UNITS: &[&str] = &[".service", ".scope", ".socket", ".mount", ".swap"];

/// A container that is named by a component of the path.
struct Container<'a> {
    id: &'a str,
    runtime: &'static str,
}

/// Returns the workload of a cgroup, by its path from the root of its hierarchy.
#[must_use]
pub fn workload_at(path: &str) -> Workload {
    // `proc_cgroup_show` (6.18) appends it if the cgroup was removed while it had processes.
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != "." && *part != "..")
        .take(MAX_DEPTH)
        .collect();
    let pod = (0..parts.len()).rev().find_map(|at| pod_uid(&parts, at).map(|uid| (at, uid)));
    let container =
        (0..parts.len()).rev().find_map(|at| container(&parts, at).map(|found| (at, found)));
    match (container, pod) {
        (Some((at, found)), pod) => {
            // Only a pod that is a parent of the container.
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
        container_id: clean(found.id, MAX_NAME).into(),
        pod_uid: pod.unwrap_or_default().into(),
        cgroup: joined(parts),
        names: Late::default(),
    }
}

/// Returns the workload of processes in a pod's cgroup but in none of its containers.
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
    // A user's manager runs in a scope with the name of the machine's own.
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

/// Returns the container that is named by component `at`.
fn container<'a>(parts: &[&'a str], at: usize) -> Option<Container<'a>> {
    let part = parts[at];
    let parent = at.checked_sub(1).map_or("", |above| parts[above]);
    // `slice:cri-containerd:id`: a runtime with the names of the systemd driver that does not use
    // the driver.
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

/// Returns the container of a runtime that uses names: LXC or systemd-nspawn.
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

/// Returns the uid of the pod that a component names, if it does.
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

/// Returns a unit's name as people write it. systemd puts `_` before names that could be files of
/// the kernel (`cg_escape`), and writes letters that a name cannot have as `\x2d`
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

/// Returns a label; `host` if nothing is left after cleaning.
fn named(text: &str) -> std::sync::Arc<str> {
    let name = clean(text, MAX_NAME);
    if name.is_empty() { super::HOST.into() } else { name.into() }
}

fn joined(parts: &[&str]) -> Box<str> {
    clean(&format!("/{}", parts.join("/")), MAX_PATH).into()
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
