//! Tests of descriptors and tasks, by made-up pages, processes and cgroups.

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
    assert_eq!([of(1 << 30, "1.8e19"), of(5, "0")], [Severity::Ok; 2]);
    assert_eq!(of(5, "garbage"), Severity::Unknown);
    let grows = "tcpwarden_process_fds_exhausted_seconds\
                 {process=\"web\",workload=\"web.service\"} 600\n";
    let found = found(of_processes, &host, &told(10, "100", grows));
    assert_eq!(only(&found), Severity::Warning);
    assert!(found[0].says.contains("about 10 minutes"), "{found:?}");
    assert_eq!(
        found[0].change,
        "in the unit web.service: LimitNOFILE=65536:524288; then restart it"
    );
}

fn process(open: u64, limit: u64, hard: Option<u64>) -> Process {
    let descriptors = Descriptors { tgid: 9, open, limit };
    Process { name: "a b\u{1b}".to_owned(), descriptors, hard }
}

#[test]
fn a_soft_limit_is_raised_up_to_the_hard_one_which_stays() {
    let of = |hard| {
        let processes = vec![process(100, 100, Some(hard))];
        alone(of_processes, &Host { processes, ..Host::default() })[0].change.clone()
    };
    assert!(of(4096).starts_with("prlimit --pid 9 --nofile=4096: #"), "{}", of(4096));
    assert!(of(1 << 19).starts_with("prlimit --pid 9 --nofile=65536: #"));
    let higher = of(1 << 20);
    assert!(higher.contains("LimitNOFILE=65536:1048576"), "{higher}");
    assert!(of(100).starts_with("its hard limit is 100") && !of(100).contains("prlimit"));
}

#[test]
fn without_an_agent_the_own_readings_stand_in() {
    let of = |open, limit| {
        let processes = vec![process(open, limit, None)];
        alone(of_processes, &Host { processes, ..Host::default() })
    };
    assert_eq!(only(&of(79, 100)), Severity::Ok);
    assert_eq!(only(&of(201, 100)), Severity::Ok, "a sandbox");
    let found = of(100, 100);
    assert_eq!(only(&found), Severity::Critical);
    assert!(found[0].change.starts_with("prlimit --pid 9 --nofile=65536: #"), "{found:?}");
    assert_eq!(only(&alone(of_processes, &Host::default())), Severity::Unknown);
}

#[test]
fn a_limit_above_nr_open_needs_that_first() {
    let of = |most| {
        let found = found(of_processes, &with(&[(NR_OPEN, most)]), &told(100, "100", ""));
        found[0].change.clone()
    };
    assert!(of("524287").contains(":524288, after sysctl -w fs.nr_open=524288"));
    assert!(!of("524288").contains("nr_open"));
}

#[test]
fn a_process_is_never_looked_for_by_its_name() {
    let change = |process: &str, workload: &str| {
        let labels = format!("{{process=\"{process}\",workload=\"{workload}\"}}");
        let page =
            format!("tcpwarden_process_open_fds{labels} 9\ntcpwarden_process_max_fds{labels} 9\n");
        let told = Told { page: Ok(Page::parse(&page)), ..Told::nothing("no agent") };
        found(of_processes, &Host::default(), &told)[0].change.clone()
    };
    let by_name = change(".*", "host");
    assert!(by_name.starts_with("raise the soft limit of '.*'"), "{by_name}");
    assert!(by_name.contains("prlimit --pid PID --nofile=65536: for each"), "{by_name}");
    assert!(change("~other", "host").starts_with("the agent has no name"));
    assert!(change("x", "../x.service").starts_with("raise the soft limit of x's"));
}

#[test]
fn a_page_without_the_limits_or_the_numbers_is_no_proof() {
    let page = |text| Told { page: Ok(Page::parse(text)), ..Told::nothing("no agent") };
    for text in ["", "tcpwarden_process_open_fds 9\n", "tcpwarden_process_max_fds 9\n"] {
        let found = found(of_processes, &Host::default(), &page(text));
        assert_eq!(only(&found), Severity::Unknown);
        assert!(found[0].says.starts_with("its page has no process_"), "{found:?}");
    }
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
    assert_eq!(evil[0].change, r"in the unit '$(reboot) '\''.service': TasksMax=200");
    assert!(of(95, "/x/y")[0].change.starts_with("echo 200 > /x/y/pids.max"));
    let own = of(95, "/sys/fs/cgroup/system.slice/web.service");
    assert_eq!(own[0].change, "systemctl set-property web.service TasksMax=200");
}

#[test]
fn only_a_unit_of_the_system_is_changed_through_its_manager() {
    let of = unit_of_system;
    assert_eq!(of("/sys/fs/cgroup/system.slice/a.service"), Some("a.service"));
    assert_eq!(of("/sys/fs/cgroup/pids/system.slice/a.service"), Some("a.service"));
    assert_eq!(of("/sys/fs/cgroup/system.slice/b.slice/b@1.service"), Some("b@1.service"));
    for other in [
        "/system.slice/a.service",
        "/sys/fs/cgroup/a.service",
        "/sys/fs/cgroup/user.slice/user-1.slice/user@1.service/app.slice/a.service",
        "/sys/fs/cgroup/system.slice/user@1.service",
        "/sys/fs/cgroup/system.slice/docker-1.scope/system.slice/a.service",
        "/sys/fs/cgroup/system.slice/a.service/b.service",
        "/sys/fs/cgroup/system.slice/_cpu.service",
        "/sys/fs/cgroup/system.slice/-a.service",
        "/sys/fs/cgroup/system.slice/*.service",
    ] {
        assert_eq!(of(other), None, "{other}");
    }
}
