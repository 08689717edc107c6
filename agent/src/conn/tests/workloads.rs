//! Where sockets run: names that come later than their sockets.
//!
//! `workload_limits` tests how many names the table waits for and keeps, and for how long.

use std::collections::BTreeMap;
use std::sync::Arc;

use agent_common::record::Endpoints;
use agent_common::tcp::{CLOSE, CLOSE_WAIT, ESTABLISHED, LISTEN, SYN_RECV, SYN_SENT};
use catalogue::labels::{Role, SocketState};

use super::support::{
    Ask, EPHEMERAL, LIMITS, PORT, SECOND, apply, check, covered, ends, entry, holder, owned,
    resent, row, seeded, step, walked,
};
use crate::conn::limits::IDLE_TTL;
use crate::conn::{Limits, Nanos, Table};
use crate::workload::path::workload_at;
use crate::workload::{Key, Sight, Workload};

/// A table that has workloads resolved.
pub(super) fn seeing(limits: Limits) -> Table {
    let mut table = Table::new(limits);
    table.begin_pass(Nanos::ZERO);
    table.end_pass(Nanos::ZERO, &covered());
    table.see_workloads(Sight::Unified);
    table
}

/// A systemd service.
pub(super) fn unit(name: &str) -> Arc<Workload> {
    Arc::new(workload_at(&format!("/system.slice/{name}.service")))
}

/// Tells the name of a cgroup's unit.
pub(super) fn tell(table: &mut Table, cgroup: u64, name: &str) {
    table.tell_workloads([(Key::Cgroup(cgroup), Some(unit(name)))], Nanos::ZERO);
}

/// The ends of a client in a cgroup.
pub(super) fn client(sk: u64, cgroup: u64) -> Endpoints {
    Endpoints { cgroup, ..ends(sk, EPHEMERAL, PORT) }
}

/// A connection that a process opens.
pub(super) fn connect(table: &mut Table, sk: u64, cgroup: u64, name: &str) {
    let (end, tgid) = (client(sk, cgroup), 7);
    apply(
        table,
        &[
            owned(step(end, CLOSE, SYN_SENT, 1), name, tgid),
            owned(step(end, SYN_SENT, ESTABLISHED, 2), name, tgid),
        ],
    );
}

/// Its end.
pub(super) fn close(table: &mut Table, sk: u64, cgroup: u64) {
    apply(table, &[step(client(sk, cgroup), ESTABLISHED, CLOSE, 3)]);
}

/// Open sockets of a process by workload, and connections it opened by workload.
pub(super) fn shown(
    table: &mut Table,
    process: &str,
) -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
    let seen = table.snapshot(SECOND);
    let groups = seen.groups.iter().filter(|group| &*group.process == process);
    let services = seen.services.iter().filter(|service| &*service.process == process);
    let mut gauges = BTreeMap::new();
    groups.for_each(|group| {
        *gauges.entry(group.workload.to_string()).or_default() +=
            group.states.iter().map(|state| state.count).sum::<u64>();
    });
    let mut opened = BTreeMap::new();
    services.for_each(|service| {
        *opened.entry(service.workload.to_string()).or_default() += service.opened;
    });
    (gauges, opened)
}

/// What [`shown`] should give.
pub(super) fn counts<const N: usize>(of: [(&str, u64); N]) -> BTreeMap<String, u64> {
    of.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

#[test]
fn without_anybody_to_ask_every_workload_is_the_host() {
    let mut table = seeded();
    connect(&mut table, 1, 25, "curl");
    assert_eq!(shown(&mut table, "curl"), (counts([("host", 1)]), counts([("host", 1)])));
    assert_eq!(
        table.snapshot(SECOND).workloads.iter().map(|workload| &*workload.name).collect::<Vec<_>>(),
        ["host"]
    );
}

#[test]
fn a_name_that_comes_later_is_right_when_it_comes_and_until_then_the_rows_are_unknowns() {
    let mut table = seeing(LIMITS);
    connect(&mut table, 1, 25, "curl");
    assert_eq!(table.view().wanted_workloads().keys, [Key::Cgroup(25)]);
    assert_eq!(
        shown(&mut table, "curl"),
        (counts([("unknown", 1)]), counts([])),
        "a counter waits for its name"
    );
    tell(&mut table, 25, "web");
    assert_eq!(
        shown(&mut table, "curl"),
        (counts([("web.service", 1)]), counts([("web.service", 1)]))
    );
    assert_eq!(row(&table, 1).map(|row| row.workload.to_string()).as_deref(), Some("web.service"));
    assert!(table.view().wanted_workloads().keys.is_empty() && !table.view().wants_workloads());
    connect(&mut table, 2, 25, "curl");
    assert_eq!(
        shown(&mut table, "curl"),
        (counts([("web.service", 2)]), counts([("web.service", 2)]))
    );
    check(&mut table, SECOND);
}

#[test]
fn cgroups_of_one_name_are_one_workload_with_the_rows_and_counts_of_all() {
    let mut table = seeing(LIMITS);
    for (sk, cgroup) in [(1, 25), (2, 26), (3, 27), (4, 26)] {
        connect(&mut table, sk, cgroup, "curl");
    }
    table.retransmit(&resent(client(2, 26), ESTABLISHED, 5));
    apply(&mut table, &[step(client(2, 26), ESTABLISHED, CLOSE_WAIT, 900)]);
    for cgroup in [26, 25, 27] {
        tell(&mut table, cgroup, "web");
        check(&mut table, SECOND);
    }
    assert_eq!(
        shown(&mut table, "curl"),
        (counts([("web.service", 4)]), counts([("web.service", 4)]))
    );
    let seen = table.snapshot(100 * SECOND);
    let group = seen.group("curl", Role::Client).expect("its group");
    assert_eq!(
        (
            group.retransmitted.iter().flatten().sum::<u64>(),
            group.states[SocketState::CloseWait.index()].older_than[0]
        ),
        (5, 1)
    );
    for (sk, cgroup) in [(1, 25), (3, 27), (4, 26)] {
        close(&mut table, sk, cgroup);
    }
    assert_eq!(table.snapshot(SECOND).closed(), 3);
    check(&mut table, SECOND);
}

#[test]
fn the_same_process_in_two_workloads_is_told_apart() {
    let mut table = seeing(LIMITS);
    tell(&mut table, 25, "a");
    tell(&mut table, 26, "b");
    connect(&mut table, 1, 25, "curl");
    connect(&mut table, 2, 26, "curl");
    assert_eq!(
        shown(&mut table, "curl"),
        (
            counts([("a.service", 1), ("b.service", 1)]),
            counts([("a.service", 1), ("b.service", 1)])
        )
    );
}

#[test]
fn a_child_is_in_the_workload_of_its_own_cgroup_under_its_listeners_process() {
    let mut table = seeing(LIMITS);
    tell(&mut table, 25, "a");
    tell(&mut table, 26, "b");
    let listener = Endpoints { cgroup: 25, ..ends(1, PORT, 0) };
    apply(&mut table, &[owned(step(listener, CLOSE, LISTEN, 1), "server", 5)]);
    let child = Endpoints { cgroup: 26, ..ends(2, PORT, EPHEMERAL) };
    apply(&mut table, &[step(child, LISTEN, SYN_RECV, 2), step(child, SYN_RECV, ESTABLISHED, 3)]);
    assert_eq!(shown(&mut table, "server").0, counts([("a.service", 1), ("b.service", 1)]));
    let unowned = Endpoints { cgroup: 26, ..ends(3, PORT + 1, EPHEMERAL) };
    apply(&mut table, &[step(unowned, LISTEN, SYN_RECV, 2)]);
    assert_eq!(
        shown(&mut table, "unknown").0,
        counts([("b.service", 1)]),
        "the workload is known where the process is not"
    );
    check(&mut table, SECOND);
}

#[test]
fn a_first_pass_makes_no_groups_for_sockets_whose_owner_it_finds() {
    let mut table = Table::new(Limits { groups: 4, ..LIMITS });
    table.see_workloads(Sight::Unified);
    (1..=4).for_each(|cgroup| tell(&mut table, cgroup, &format!("u{cgroup}")));
    table.begin_pass(Nanos::ZERO);
    for sk in 1..=4 {
        table.pass_socket(&entry(client(sk, sk), ESTABLISHED, 5));
    }
    (1..=3).for_each(|sk| table.pass_holder(&holder(sk, "app", 9)));
    table.end_pass(SECOND, &walked(SECOND));
    assert_eq!(
        shown(&mut table, "app").0,
        counts([("u1.service", 1), ("u2.service", 1), ("u3.service", 1)])
    );
    assert_eq!(shown(&mut table, "unknown").0.get("u4.service"), Some(&1));
    check(&mut table, SECOND);
}

#[test]
fn where_cgroups_are_mixed_a_socket_in_the_root_is_placed_by_its_process() {
    let mut table = seeing(LIMITS);
    table.see_workloads(Sight::Mixed);
    connect(&mut table, 1, 1, "curl");
    assert_eq!(table.view().wanted_workloads().keys, [Key::Process(7)]);
    table.tell_workloads([(Key::Process(7), Some(unit("web")))], Nanos::ZERO);
    assert_eq!(shown(&mut table, "curl").0, counts([("web.service", 1)]));
    assert_eq!(table.view().wanted_workloads().processes, [7]);
    let unowned = Endpoints { cgroup: 1, ..ends(2, PORT, EPHEMERAL) };
    apply(&mut table, &[step(unowned, LISTEN, SYN_RECV, 2)]);
    assert_eq!(shown(&mut table, "unknown").0, counts([("unknown", 1)]));
}

#[test]
fn a_socket_without_a_cgroup_is_placed_by_its_process_where_that_can_be_asked() {
    for (sight, key) in [
        (Sight::Unified, Some(Key::Process(7))),
        (Sight::Cgroups, None),
        (Sight::Processes, Some(Key::Process(7))),
    ] {
        assert_eq!(sight.key(0, 7), key, "{sight:?}");
    }
    assert_eq!(
        (Sight::Processes.key(25, 7), Sight::Cgroups.key(25, 7)),
        (Some(Key::Process(7)), Some(Key::Cgroup(25)))
    );
    assert_eq!(
        (Sight::Mixed.key(1, 7), Sight::Mixed.key(25, 7)),
        (Some(Key::Process(7)), Some(Key::Cgroup(25)))
    );
}

#[test]
fn of_containers_that_share_a_label_the_names_of_the_last_are_shown() {
    let mut table = seeing(LIMITS);
    let container = |digit: &str| {
        let workload = workload_at(&format!("/crio-{}.scope", digit.repeat(64)));
        Some(Arc::new(Workload { name: "shop/web/app".into(), ..workload }))
    };
    let ids = |table: &mut Table| {
        let shown = table.snapshot(SECOND).workloads;
        shown.iter().map(|workload| workload.container_id[..1].to_owned()).collect::<Vec<_>>()
    };
    table.tell_workloads([(Key::Cgroup(25), container("a"))], Nanos::ZERO);
    connect(&mut table, 1, 25, "curl");
    assert_eq!(ids(&mut table), ["a"]);
    table.tell_workloads([(Key::Cgroup(26), container("b"))], 2 * SECOND);
    connect(&mut table, 2, 26, "curl");
    assert_eq!(ids(&mut table), ["b"]);
    assert_eq!(shown(&mut table, "curl").0, counts([("shop/web/app", 2)]));
    table.tell_workloads([(Key::Cgroup(25), container("a"))], IDLE_TTL);
    table.expire_idle(IDLE_TTL + 3 * SECOND);
    assert_eq!(ids(&mut table), ["a"], "the last has been gone for long");
}
