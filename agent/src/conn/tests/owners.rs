//! Whose socket it is, at every moment that tells.

use agent_common::record::flag;
use agent_common::tcp::{CLOSE, CLOSE_WAIT, ESTABLISHED, FIN_WAIT1, LAST_ACK, LISTEN, SYN_RECV, SYN_SENT};

use super::support::{Ask, EPHEMERAL, MS, NETNS, PORT, SECOND, apply, check, covered, ends, entry, holder, owned, row, seeded, step, v4};
use crate::conn::labels::{Role, SocketState};
use crate::conn::{Owner, Table};

fn listener(table: &mut Table, sk: u64, local: [u64; 2], name: &str) {
    let mut end = ends(sk, PORT, 0);
    end.local = local;
    apply(table, &[owned(step(end, CLOSE, LISTEN, 1), name, 10)]);
}

fn child_of(table: &mut Table, sk: u64, local: [u64; 2]) -> String {
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
    assert_eq!(child_of(&mut table, 103, [1, 1]), "dual", "an IPv6 child does not come from an IPv4 wildcard");
    apply(&mut table, &[step(ends(3, PORT, 0), LISTEN, CLOSE, 5)]);
    assert_eq!(child_of(&mut table, 104, v4([10, 0, 0, 1])), "any4", "a closed listener has no more children");
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
        assert_eq!(row(&table, sk).map(|row| (row.owner, row.role)), Some((Owner::None, Role::Server)));
    }
    assert_eq!(table.snapshot(SECOND).unattributed, 2);
}

#[test]
fn an_owned_record_moves_a_child_from_the_listener_to_its_worker() {
    let mut table = seeded();
    listener(&mut table, 1, [0, 0], "master");
    child_of(&mut table, 100, v4([10, 0, 0, 1]));
    assert_eq!(row(&table, 100).map(|row| row.owner), Some(Owner::Listener));
    let end = ends(100, PORT, EPHEMERAL);
    apply(&mut table, &[step(end, ESTABLISHED, CLOSE_WAIT, 4), owned(step(end, CLOSE_WAIT, LAST_ACK, 5), "worker", 11)]);
    let seen = table.snapshot(SECOND);
    assert_eq!(seen.gauge_of("worker", Role::Server, SocketState::LastAck), 1);
    assert_eq!(seen.group("master", Role::Server).map(|group| group.states.iter().map(|state| state.count).sum::<u64>()), Some(1));
    assert_eq!(row(&table, 100).map(|row| (row.owner, row.tgid)), Some((Owner::Exact, 11)));
    check(&mut table, SECOND);
}

#[test]
fn a_kernel_thread_owns_nothing() {
    let mut table = seeded();
    let mut record = owned(step(ends(100, EPHEMERAL, PORT), CLOSE, SYN_SENT, 1), "kworker/0:1", 7);
    record.flags |= flag::KTHREAD;
    apply(&mut table, &[record]);
    assert_eq!(row(&table, 100).map(|row| (row.owner, row.process.to_string())), Some((Owner::None, "unknown".to_owned())));
}

#[test]
fn a_process_that_execs_takes_its_socket_along_under_its_new_name() {
    let mut table = seeded();
    let end = ends(100, EPHEMERAL, PORT);
    apply(&mut table, &[owned(step(end, CLOSE, SYN_SENT, 1), "sh", 7), owned(step(end, SYN_SENT, ESTABLISHED, 2), "curl", 7)]);
    let seen = table.snapshot(SECOND);
    assert_eq!(seen.gauge_of("sh", Role::Client, SocketState::Established), 0);
    assert_eq!(seen.gauge_of("curl", Role::Client, SocketState::Established), 1);
}

#[test]
fn the_lowest_process_id_among_the_holders_owns_and_an_exact_owner_stays() {
    let mut table = seeded();
    listener(&mut table, 1, [0, 0], "systemd");
    child_of(&mut table, 100, v4([10, 0, 0, 1]));
    apply(&mut table, &[owned(step(ends(101, EPHEMERAL, PORT), CLOSE, SYN_SENT, 1), "client", 30)]);
    apply(&mut table, &[step(ends(102, 0, 0), CLOSE, ESTABLISHED, 1)]);
    table.begin_pass(SECOND);
    for sk in [100, 101, 102] {
        table.pass_holder(&holder(sk, "high", 22));
        table.pass_holder(&holder(sk, "low", 21));
        table.pass_holder(&holder(sk, "higher", 23));
    }
    check(&mut table, SECOND);
    table.end_pass(SECOND, &covered());
    let owner = |sk| row(&table, sk).map(|row| (row.owner, row.process.to_string(), row.tgid));
    assert_eq!(owner(100), Some((Owner::Holder, "low".to_owned(), 21)));
    assert_eq!(owner(101), Some((Owner::Exact, "client".to_owned(), 30)));
    assert_eq!(owner(102), Some((Owner::Holder, "low".to_owned(), 21)));
    check(&mut table, SECOND);
}

#[test]
fn a_socket_that_moved_to_another_process_is_found_with_it_in_the_next_pass() {
    let mut table = seeded();
    apply(&mut table, &[step(ends(100, PORT, EPHEMERAL), SYN_RECV, ESTABLISHED, 1)]);
    for (process, tgid) in [("parent", 5), ("child", 9)] {
        table.begin_pass(SECOND);
        table.pass_socket(&entry(ends(100, PORT, EPHEMERAL), ESTABLISHED, 900));
        table.pass_holder(&holder(100, process, tgid));
        table.end_pass(SECOND, &covered());
        assert_eq!(table.snapshot(SECOND).gauge_of(process, Role::Unknown, SocketState::Established), 1);
    }
    check(&mut table, SECOND);
}

#[test]
fn a_row_used_again_during_a_pass_is_not_moved_for_the_socket_before_it() {
    let mut table = seeded();
    apply(&mut table, &[step(ends(100, PORT, EPHEMERAL), SYN_RECV, ESTABLISHED, 1)]);
    table.begin_pass(SECOND);
    table.pass_holder(&holder(100, "server", 5));
    apply(&mut table, &[step(ends(100, PORT, EPHEMERAL), ESTABLISHED, CLOSE, 1001), step(ends(200, 1, 2), CLOSE, SYN_SENT, 1002)]);
    table.end_pass(SECOND, &covered());
    assert_eq!(row(&table, 200).map(|row| row.process.to_string()), Some("unknown".to_owned()));
    check(&mut table, SECOND);
}

#[test]
fn many_seeded_rows_go_to_their_holder_in_order_of_time() {
    let mut table = Table::new(super::support::LIMITS);
    table.begin_pass(0);
    for sk in 1..=1000 {
        table.pass_socket(&entry(ends(sk, PORT, EPHEMERAL), CLOSE_WAIT, sk));
    }
    for sk in (1..=1000).map(|step| step * 7 % 1009).filter(|sk| *sk <= 1000) {
        table.pass_holder(&holder(sk, if sk % 3 == 0 { "fizz" } else { "buzz" }, 4));
    }
    table.end_pass(SECOND, &covered());
    check(&mut table, 70 * SECOND);
    apply(&mut table, &[owned(step(ends(3, PORT, EPHEMERAL), CLOSE_WAIT, LAST_ACK, 2000), "fizz", 4)]);
    apply(&mut table, &[owned(step(ends(5, PORT, EPHEMERAL), FIN_WAIT1, CLOSE, 2000), "buzz", 4)]);
    check(&mut table, 70 * SECOND + MS);
}
