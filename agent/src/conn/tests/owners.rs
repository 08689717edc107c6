//! Whose socket it is, at every moment that tells.

use agent_common::record::flag;
use agent_common::tcp::{CLOSE, CLOSE_WAIT, ESTABLISHED, LAST_ACK, LISTEN, SYN_RECV, SYN_SENT};
use catalogue::labels::{Role, SocketState};

use super::support::{
    Ask, EPHEMERAL, NETNS, PORT, SECOND, apply, check, ends, owned, row, seeded, step, v4,
};
use crate::conn::{Attribution, Table};

pub(super) fn listener(table: &mut Table, sk: u64, local: [u64; 2], name: &str) {
    let mut end = ends(sk, PORT, 0);
    end.local = local;
    apply(table, &[owned(step(end, CLOSE, LISTEN, 1), name, 10)]);
}

pub(super) fn child_of(table: &mut Table, sk: u64, local: [u64; 2]) -> String {
    let mut end = ends(sk, PORT, EPHEMERAL);
    end.local = local;
    apply(table, &[step(end, LISTEN, SYN_RECV, 2), step(end, SYN_RECV, ESTABLISHED, 3)]);
    row(table, sk).expect("the child's row").process.to_string()
}

#[test]
fn a_child_inherits_from_the_listener_with_its_address_before_a_wildcard() {
    let mut table = seeded();
    listener(&mut table, 1, [0, 0], "dual");
    assert_eq!(child_of(&mut table, 100, v4([10, 0, 0, 1])), "dual");
    listener(&mut table, 2, v4([0, 0, 0, 0]), "any4");
    assert_eq!(child_of(&mut table, 101, v4([10, 0, 0, 1])), "any4");
    listener(&mut table, 3, v4([10, 0, 0, 1]), "exact");
    assert_eq!(child_of(&mut table, 102, v4([10, 0, 0, 1])), "exact");
    assert_eq!(
        child_of(&mut table, 103, [1, 1]),
        "dual",
        "an IPv6 child does not come from an IPv4 wildcard"
    );
    apply(&mut table, &[step(ends(3, PORT, 0), LISTEN, CLOSE, 5)]);
    assert_eq!(
        child_of(&mut table, 104, v4([10, 0, 0, 1])),
        "any4",
        "a closed listener has no more children"
    );
    check(&mut table, SECOND);
}

#[test]
fn a_child_of_another_namespace_or_port_inherits_nothing() {
    let mut table = seeded();
    listener(&mut table, 1, [0, 0], "server");
    let mut elsewhere = ends(100, PORT, EPHEMERAL);
    elsewhere.netns = NETNS + 1;
    apply(&mut table, &[step(elsewhere, LISTEN, SYN_RECV, 2)]);
    apply(&mut table, &[step(ends(101, PORT + 1, EPHEMERAL), LISTEN, SYN_RECV, 2)]);
    for sk in [100, 101] {
        assert_eq!(
            row(&table, sk).map(|row| (row.attribution, row.role)),
            Some((Attribution::None, Role::Server))
        );
    }
    assert_eq!(table.snapshot(SECOND).unattributed, 2);
}

#[test]
fn an_owned_record_moves_a_child_from_the_listener_to_its_worker() {
    let mut table = seeded();
    listener(&mut table, 1, [0, 0], "master");
    child_of(&mut table, 100, v4([10, 0, 0, 1]));
    assert_eq!(row(&table, 100).map(|row| row.attribution), Some(Attribution::Inherited));
    let end = ends(100, PORT, EPHEMERAL);
    apply(
        &mut table,
        &[
            step(end, ESTABLISHED, CLOSE_WAIT, 4),
            owned(step(end, CLOSE_WAIT, LAST_ACK, 5), "worker", 11),
        ],
    );
    let seen = table.snapshot(SECOND);
    assert_eq!(seen.gauge_of("worker", Role::Server, SocketState::LastAck), 1);
    assert_eq!(
        seen.group("master", Role::Server).map(|group| group
            .states
            .iter()
            .map(|state| state.count)
            .sum::<u64>()),
        Some(1)
    );
    assert_eq!(
        row(&table, 100).map(|row| (row.attribution, row.tgid)),
        Some((Attribution::FromSyscall, 11))
    );
    check(&mut table, SECOND);
}

#[test]
fn a_kernel_thread_owns_nothing() {
    let mut table = seeded();
    let mut record = owned(step(ends(100, EPHEMERAL, PORT), CLOSE, SYN_SENT, 1), "kworker/0:1", 7);
    record.flags |= flag::KTHREAD;
    apply(&mut table, &[record]);
    assert_eq!(
        row(&table, 100).map(|row| (row.attribution, row.process.to_string())),
        Some((Attribution::None, "unknown".to_owned()))
    );
}

#[test]
fn a_process_that_execs_takes_its_socket_along_under_its_new_name() {
    let mut table = seeded();
    let end = ends(100, EPHEMERAL, PORT);
    apply(
        &mut table,
        &[
            owned(step(end, CLOSE, SYN_SENT, 1), "sh", 7),
            owned(step(end, SYN_SENT, ESTABLISHED, 2), "curl", 7),
        ],
    );
    let seen = table.snapshot(SECOND);
    assert_eq!(seen.gauge_of("sh", Role::Client, SocketState::Established), 0);
    assert_eq!(seen.gauge_of("curl", Role::Client, SocketState::Established), 1);
}
