//! Descriptors of processes and of the machine, and tasks of cgroups.

use std::path::Path;

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
/// What the agent calls processes beyond its budget, and those that it does not know.
const UNNAMED: [&str; 2] = ["~other", "unknown"];
/// The most processes, and cgroups, that are told one by one.
const MOST: usize = 20;

/// A process and its descriptors.
struct Use {
    process: String,
    workload: String,
    pid: Option<u32>,
    open: u64,
    limit: u64,
    /// Seconds until the limit is reached, if the number grows.
    exhausted: Option<u64>,
}

/// Processes near their limit of descriptors: those with sockets, as the agent told; without it
/// those that this user may inspect.
pub(super) fn of_processes(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    const SUBJECT: &str = "processes";
    let (mut all, whose) = match &readings.told.page {
        Ok(page) => (of_page(page), "with sockets"),
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
            Some(Use { process, workload, pid: None, open, limit, exhausted })
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
    let raise =
        if more > most { format!("sysctl -w fs.nr_open={more}; then ") } else { String::new() };
    let set = raised(one, more);
    Finding::new(PROCESSES, severity, &whose, &says)
        .value(*open, Some(*limit), "descriptors")
        .costs(
            "at the limit accept(), socket() and open() fail with EMFILE. `tcpwarden leaks` says \
             whether connections leak: a higher limit then only gives it time",
            &format!("{raise}{set}"),
        )
}

/// Returns how the limit of a process is raised: in its unit, or while it runs.
fn raised(one: &Use, more: u64) -> String {
    if is_service(&one.workload) {
        let unit = word(&one.workload, "UNIT");
        let folder = format!("/etc/systemd/system/{unit}.d");
        return format!(
            "mkdir -p {folder} && printf '[Service]\\nLimitNOFILE={more}\\n' \
             > {folder}/nofile.conf && systemctl daemon-reload && systemctl restart {unit}"
        );
    }
    if UNNAMED.contains(&one.process.as_str()) {
        return "the agent has no name for it: `tcpwarden connections --group-by process` may"
            .to_owned();
    }
    let later = "for its next start `ulimit -n` where it is started";
    match one.pid {
        Some(pid) => format!("prlimit --pid {pid} --nofile={more}; {later}"),
        None => format!(
            "for pid in $(pgrep -x {}); do prlimit --pid $pid --nofile={more}; done; {later}",
            word(&one.process, "NAME")
        ),
    }
}

fn is_service(workload: &str) -> bool {
    Path::new(workload).extension().is_some_and(|end| end == "service")
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
    let change = if is_service(unit) {
        format!("systemctl set-property {} TasksMax={more}", word(unit, "UNIT"))
    } else {
        format!("echo {more} > {}/pids.max", word(cgroup, "CGROUP"))
    };
    Finding::new(TASKS, severity, cgroup, &says).value(*current, Some(*max), "tasks").costs(
        "at the limit fork() and pthread_create() fail with EAGAIN: a server with a thread for \
         each connection takes no more",
        &change,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::checks::tests::{alone, found, only};
    use crate::doctor::host::Host;
    use crate::doctor::host::tests::with;
    use crate::doctor::told::Told;
    use crate::pressure::descriptors::Descriptors;

    fn told(open: u64, limit: &str, more: &str) -> Told {
        let labels = "{process=\"web\",workload=\"web.service\"}";
        let page = format!(
            "tcpwarden_process_open_fds{labels} {open}\ntcpwarden_process_max_fds{labels} {limit}\n\
             {more}"
        );
        Told { page: Ok(Page::parse(&page)), ..Told::nothing("no agent") }
    }

    #[test]
    fn a_process_is_named_at_its_limits() {
        let host = Host::default();
        let of = |open, limit| only(&found(of_processes, &host, &told(open, limit, "")));
        assert_eq!((of(79, "100"), of(80, "100")), (Severity::Ok, Severity::Warning));
        assert_eq!((of(99, "100"), of(100, "100")), (Severity::Warning, Severity::Critical));
        assert_eq!([of(1 << 30, "1.8e19"), of(5, "garbage"), of(5, "0")], [Severity::Ok; 3]);
        let grows = "tcpwarden_process_fds_exhausted_seconds\
                     {process=\"web\",workload=\"web.service\"} 600\n";
        let found = found(of_processes, &host, &told(10, "100", grows));
        assert_eq!(only(&found), Severity::Warning);
        assert!(found[0].says.contains("about 10 minutes"), "{found:?}");
        assert!(found[0].change.ends_with("systemctl restart web.service"), "{found:?}");
    }

    #[test]
    fn without_an_agent_the_own_readings_stand_in() {
        let process = |open, limit| Process {
            name: "a b\u{1b}".to_owned(),
            descriptors: Descriptors { tgid: 9, open, limit },
        };
        let of = |open, limit| {
            let processes = vec![process(open, limit)];
            alone(of_processes, &Host { processes, ..Host::default() })
        };
        assert_eq!(only(&of(79, 100)), Severity::Ok);
        assert_eq!(only(&of(201, 100)), Severity::Ok, "a sandbox");
        let found = of(100, 100);
        assert_eq!(only(&found), Severity::Critical);
        assert!(found[0].change.starts_with("prlimit --pid 9 "), "{found:?}");
        assert_eq!(only(&alone(of_processes, &Host::default())), Severity::Unknown);
    }

    #[test]
    fn a_limit_above_nr_open_needs_that_first() {
        let host = with(&[(NR_OPEN, "65535")]);
        let found = found(of_processes, &host, &told(100, "100", ""));
        assert!(found[0].change.starts_with("sysctl -w fs.nr_open=65536; then "), "{found:?}");
    }

    #[test]
    fn a_process_without_a_name_is_not_looked_for_by_it() {
        let labels = "{process=\"~other\",workload=\"host\"}";
        let page =
            format!("tcpwarden_process_open_fds{labels} 9\ntcpwarden_process_max_fds{labels} 9\n");
        let told = Told { page: Ok(Page::parse(&page)), ..Told::nothing("no agent") };
        let found = found(of_processes, &Host::default(), &told);
        assert!(!found[0].change.contains("pgrep"), "{found:?}");
    }

    #[test]
    fn files_of_the_machine_are_held_against_file_max() {
        let of = |text| only(&alone(of_machine, &with(&[(FILES, text)])));
        assert_eq!((of("79\t0\t100"), of("80\t0\t100")), (Severity::Ok, Severity::Warning));
        assert_eq!((of("94 0 100"), of("95 0 100")), (Severity::Warning, Severity::Critical));
        assert_eq!([of("1 2"), of("a b c"), of("")], [Severity::Unknown; 3]);
    }

    #[test]
    fn a_cgroup_is_named_near_its_limit_of_tasks() {
        let of = |current, cgroup: &str| {
            let tasks = Some(vec![Tasks { cgroup: cgroup.to_owned(), current, max: 100 }]);
            alone(super::tasks, &Host { tasks, ..Host::default() })
        };
        assert_eq!(only(&of(79, "/x")), Severity::Ok);
        assert_eq!(only(&of(80, "/x")), Severity::Warning);
        let evil = of(95, "/x/$(reboot) '.service");
        assert_eq!(only(&evil), Severity::Critical);
        let quoted = r"systemctl set-property '$(reboot) '\''.service' TasksMax=200";
        assert_eq!(evil[0].change, quoted);
        assert!(of(95, "/x/y")[0].change.starts_with("echo 200 > /x/y/pids.max"));
    }
}
