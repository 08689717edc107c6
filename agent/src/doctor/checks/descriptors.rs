//! Descriptors of processes and of the machine, and tasks of cgroups.

use std::path::{Component, Path};

use super::{AT_ONCE, Finding, NEAR, Readings};
use crate::doctor::cgroups::Tasks;
use crate::doctor::finding::{Severity, percent, reaches, word};
use crate::doctor::host::{FILES, NR_OPEN, Process};
use crate::doctor::page::{Page, Series};

/// The names of the checks.
const PROCESSES: &str = "descriptors";
const MACHINE: &str = "open_files";
const TASKS: &str = "cgroup_tasks";
/// The limit is reached within so many seconds: a warning.
const SOON: u64 = 3600;
/// The hard limit that systemd gives a unit which asks for none, since 240.
const HARD: u64 = 524_288;
/// What the agent calls processes beyond its budget, those that are young, and those that it does
/// not know.
const UNNAMED: [&str; 3] = ["~other", "~young", "unknown"];
/// The most processes, and cgroups, that are told one by one.
const MOST: usize = 20;

/// A process and its descriptors.
struct Use {
    process: String,
    workload: String,
    pid: Option<u32>,
    open: u64,
    limit: u64,
    /// The hard limit, if it is known.
    hard: Option<u64>,
    /// Seconds until the limit is reached, if the number grows.
    exhausted: Option<u64>,
}

/// Processes near their limit of descriptors: those with sockets, as the agent told; without it
/// those that this user may inspect.
pub(super) fn of_processes(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    const SUBJECT: &str = "processes";
    let (mut all, whose) = match &readings.told.page {
        Ok(page) => {
            let needs = ["process_open_fds", "process_max_fds"];
            if let Some(family) = needs.into_iter().find(|family| page.sum(family).is_none()) {
                let why = format!("its page has no {family}");
                return found.push(Finding::unknown(PROCESSES, SUBJECT, &why));
            }
            (of_page(page), "with sockets")
        }
        Err(why) if readings.host.processes.is_empty() => {
            return found.push(Finding::unknown(PROCESSES, SUBJECT, why));
        }
        Err(_) => (of_proc(readings), "that this user may inspect"),
    };
    all.retain(|one| one.limit > 0);
    all.sort_by_key(|one| std::cmp::Reverse(percent(one.open, one.limit)));
    let near = |one: &&Use| {
        let is_soon = one.exhausted.is_some_and(|seconds| seconds <= SOON);
        reaches(one.open, one.limit, NEAR) || is_soon
    };
    let before = found.len();
    found.extend(all.iter().filter(near).take(MOST).map(|one| process(one, readings)));
    if found.len() == before {
        let says = format!("none of {} processes {whose} is near its limit", all.len());
        found.push(Finding::ok(PROCESSES, SUBJECT, &says));
    }
}

fn of_page(page: &Page) -> Vec<Use> {
    let key = |name| move |series: &Series| series.label(name).to_owned();
    let other = |family, process: &str, workload: &str| {
        let mut same = page.all(family).filter(|series| {
            series.label("process") == process && series.label("workload") == workload
        });
        same.next().map(Series::number)
    };
    page.all("process_open_fds")
        .filter_map(|series| {
            let (process, workload) = (key("process")(series), key("workload")(series));
            let limit = other("process_max_fds", &process, &workload)?;
            let exhausted = other("process_fds_exhausted_seconds", &process, &workload);
            let open = series.number();
            Some(Use { process, workload, pid: None, open, limit, hard: None, exhausted })
        })
        .collect()
}

fn of_proc(readings: &Readings<'_>) -> Vec<Use> {
    let one = |process: &Process| Use {
        process: process.name.clone(),
        workload: String::new(),
        pid: Some(process.descriptors.tgid),
        open: process.descriptors.open,
        limit: process.descriptors.limit,
        hard: process.hard,
        exhausted: None,
    };
    // Sandboxes lower their limit below what they have open, on purpose.
    let is_sandbox = |one: &Use| one.limit.saturating_mul(2) < one.open;
    readings.host.processes.iter().map(one).filter(|one| !is_sandbox(one)).collect()
}

fn process(one: &Use, readings: &Readings<'_>) -> Finding {
    let Use { process, workload, open, limit, .. } = one;
    let severity = if reaches(*open, *limit, 100) { Severity::Critical } else { Severity::Warning };
    let whose = match (one.pid, workload.as_str()) {
        (Some(pid), _) => format!("{process} (pid {pid})"),
        (None, workload) => format!("{process} ({workload})"),
    };
    let soon = one.exhausted.map_or_else(String::new, |seconds| {
        format!("; they grow, and reach it in about {} minutes", seconds / 60)
    });
    let says =
        format!("{open} of {limit} descriptors are open ({} %){soon}", percent(*open, *limit));
    let more = limit.saturating_mul(4).max(65_536);
    let most = readings.host.numbers_of(NR_OPEN).map_or(1 << 20, |[most]| most);
    Finding::new(PROCESSES, severity, &whose, &says)
        .value(*open, Some(*limit), "descriptors")
        .costs(
            "at the limit accept(), socket() and open() fail with EMFILE. `tcpwarden leaks` says \
             whether connections leak: a higher limit then only gives it time",
            &raised(one, more, most),
        )
}

/// Returns how the limit of a process is raised: while it runs, or in its unit. The hard limit is
/// never lowered. A command is returned only for a process whose id is known: a name is no proof of
/// which process or which manager of units is meant. `nr_open` is the most of any hard limit.
fn raised(one: &Use, more: u64, nr_open: u64) -> String {
    let hard = more.max(HARD).max(one.hard.unwrap_or(0));
    let first =
        if hard > nr_open { format!(", after sysctl -w fs.nr_open={hard}") } else { String::new() };
    let setting = format!("LimitNOFILE={more}:{hard}{first}");
    if let Some(pid) = one.pid {
        return running(one, pid, more, &setting);
    }
    if is_service(&one.workload) {
        return format!("in the unit {}: {setting}; then restart it", word(&one.workload, "UNIT"));
    }
    if UNNAMED.contains(&one.process.as_str()) {
        return "the agent has no name for it: `tcpwarden connections --group-by process` may"
            .to_owned();
    }
    format!(
        "raise the soft limit of {}'s processes: prlimit --pid PID --nofile={more}: for each PID, \
         up to its hard limit; for the next start {setting} in the unit",
        word(&one.process, "NAME")
    )
}

/// Returns how the soft limit of a running process is raised; a hard limit in the way is named.
fn running(one: &Use, pid: u32, more: u64, setting: &str) -> String {
    match one.hard {
        Some(hard) if hard <= one.limit => format!(
            "its hard limit is {hard}, and has to be raised first: {setting} in its unit, and a \
             restart"
        ),
        Some(hard) => format!(
            "prlimit --pid {pid} --nofile={}: # for its next start: {setting} in its unit",
            more.min(hard)
        ),
        None => format!(
            "prlimit --pid {pid} --nofile={more}: # a lower hard limit has to be raised in its \
             unit: {setting}"
        ),
    }
}

/// Returns whether a name is that of a service: the name of a unit has no `/`.
fn is_service(name: &str) -> bool {
    !name.contains('/') && Path::new(name).extension().is_some_and(|end| end == "service")
}

/// Returns the unit of the system's manager whose cgroup this directory is. What a user's manager
/// or a container has made below a unit of its own is none, whatever its name.
fn unit_of_system(cgroup: &str) -> Option<&str> {
    let below = cgroup.strip_prefix("/sys/fs/cgroup/")?;
    let below = below.strip_prefix("pids/").unwrap_or(below).strip_prefix("system.slice/")?;
    let (slices, unit) = below.rsplit_once('/').unwrap_or(("", below));
    let is_slice = |part: Component<'_>| {
        Path::new(part.as_os_str()).extension().is_some_and(|end| end == "slice")
    };
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._@:-\\".contains(letter);
    let is_unit = is_service(unit)
        && unit.starts_with(|first: char| first.is_ascii_alphanumeric())
        && unit.chars().all(is_plain)
        && !below.contains("user@");
    (is_unit && Path::new(slices).components().all(is_slice)).then_some(unit)
}

/// Open files of the whole machine.
pub(super) fn of_machine(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    const NAME: &str = "fs.file-max";
    let [open, _, most] = match readings.host.numbers_of::<3>(FILES) {
        Ok(numbers) => numbers,
        Err(why) => return found.push(Finding::unknown(MACHINE, NAME, &why)),
    };
    let says = format!("{open} of {most} files are open ({} %)", percent(open, most));
    let severity = match () {
        () if reaches(open, most, AT_ONCE) => Severity::Critical,
        () if reaches(open, most, NEAR) => Severity::Warning,
        () => return found.push(Finding::ok(MACHINE, NAME, &says)),
    };
    let more = most.saturating_mul(2).max(1 << 16);
    found.push(
        Finding::new(MACHINE, severity, NAME, &says).value(open, Some(most), "files").costs(
            "at the limit accept() and open() of every process without CAP_SYS_ADMIN fail with \
             ENFILE",
            &format!("sysctl -w {NAME}={more}"),
        ),
    );
}

/// Cgroups near their limit of processes and threads.
pub(super) fn tasks(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    let Some(tasks) = &readings.host.tasks else {
        let why = "no cgroup below /sys/fs/cgroup can be listed";
        return found.push(Finding::unknown(TASKS, "cgroups", why));
    };
    let near: Vec<_> =
        tasks.iter().filter(|one| reaches(one.current, one.max, NEAR)).take(MOST).collect();
    if near.is_empty() {
        let says = format!("none of {} cgroups with a limit of tasks is near it", tasks.len());
        return found.push(Finding::ok(TASKS, "cgroups", &says));
    }
    found.extend(near.into_iter().map(cgroup));
}

fn cgroup(one: &Tasks) -> Finding {
    let Tasks { cgroup, current, max } = one;
    let severity =
        if reaches(*current, *max, AT_ONCE) { Severity::Critical } else { Severity::Warning };
    let says = format!("{current} of {max} processes and threads ({} %)", percent(*current, *max));
    let more = max.saturating_mul(2).max(64);
    let unit = cgroup.rsplit('/').next().unwrap_or_default();
    let change = match unit_of_system(cgroup) {
        Some(unit) => format!("systemctl set-property {} TasksMax={more}", word(unit, "UNIT")),
        None if is_service(unit) => format!("in the unit {}: TasksMax={more}", word(unit, "UNIT")),
        None => format!("echo {more} > {}/pids.max", word(cgroup, "CGROUP")),
    };
    Finding::new(TASKS, severity, cgroup, &says).value(*current, Some(*max), "tasks").costs(
        "at the limit fork() and pthread_create() fail with EAGAIN: a server with a thread for \
         each connection takes no more",
        &change,
    )
}

#[cfg(test)]
mod tests;
