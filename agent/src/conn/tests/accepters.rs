//! Which of the processes that hold a listener accepts.

use agent_common::record::{Holder, Socket, flag};
use agent_common::tcp::{CLOSE, CLOSE_WAIT, ESTABLISHED, LISTEN, SYN_RECV, SYN_SENT};
use catalogue::labels::Stage;

use super::support::{
    EPHEMERAL, PORT, SECOND, apply, check, ends, entry, holder, owned, row, seeded, step, walked,
};
use crate::conn::Table;

/// The listener.
const LISTENER: u64 = 1;

/// A table with a listener of `server`, process 21, which opened it at the first millisecond.
fn served() -> Table {
    let mut table = seeded();
    let listener = ends(LISTENER, PORT, 0);
    apply(&mut table, &[owned(step(listener, CLOSE, LISTEN, 1), "server", 21)]);
    table
}

/// A pass at a second that sees the listener and accepted connections, and these holders: socket,
/// name, process, and when it was forked, milliseconds.
fn pass(table: &mut Table, second: u64, accepted: &[u64], holders: &[(u64, &str, u32, u64)]) {
    table.begin_pass(second * SECOND);
    table.pass_socket(&entry(ends(LISTENER, PORT, 0), LISTEN, second * 1000));
    for sk in accepted {
        let listed = entry(child(*sk), ESTABLISHED, second * 1000);
        table.pass_socket(&Socket { flags: flag::ATTACHED, ..listed });
    }
    for (sk, name, tgid, forked) in holders {
        let started = forked * 1_000_000;
        table.pass_holder(&Holder { started, ..holder(*sk, name, *tgid) });
    }
    table.end_pass(second * SECOND, &walked(second * SECOND));
    check(table, second * SECOND);
}

fn child(sk: u64) -> agent_common::record::Endpoints {
    ends(sk, PORT, EPHEMERAL + u16::try_from(sk).unwrap())
}

/// Lets a connection to the listener be established at a millisecond.
fn established(table: &mut Table, sk: u64, ms: u64) {
    let end = child(sk);
    apply(table, &[step(end, LISTEN, SYN_RECV, ms), step(end, SYN_RECV, ESTABLISHED, ms)]);
}

fn owner(table: &Table, sk: u64) -> (String, u32) {
    let row = row(table, sk).unwrap();
    (row.process.to_string(), row.tgid)
}

#[test]
fn a_listener_belongs_to_who_accepts_not_to_who_opened_it() {
    let mut table = seeded();
    let end = ends(1, PORT, 0);
    apply(&mut table, &[owned(step(end, CLOSE, LISTEN, 1), "manager", 21)]);
    for second in [2, 30] {
        table.begin_pass(second * SECOND);
        table.pass_socket(&entry(end, LISTEN, second * 1000));
        let accepted = entry(ends(2, PORT, EPHEMERAL), ESTABLISHED, second * 1000);
        table.pass_socket(&Socket { flags: flag::ATTACHED, ..accepted });
        table.pass_socket(&entry(ends(3, PORT, 41_000), CLOSE_WAIT, second * 1000));
        for (sk, name, tgid) in [(1, "manager", 21), (1, "worker", 22), (2, "worker", 22)] {
            table.pass_holder(&holder(sk, name, tgid));
        }
        table.end_pass(second * SECOND, &walked(second * SECOND));
        check(&mut table, second * SECOND);
        for sk in [1, 2, 3] {
            let row = row(&table, sk).unwrap();
            assert_eq!((&*row.process, row.tgid), ("worker", 22), "socket {sk}");
        }
    }
}

#[test]
fn children_that_are_forked_for_each_connection_do_not_accept() {
    let mut table = served();
    for (second, sk) in [(2, 2), (32, 3), (62, 4)] {
        established(&mut table, sk, second * 1000 - 500);
        let accepted: Vec<u64> = (2..=sk).collect();
        let mut holders = vec![(LISTENER, "server", 21, 1)];
        for (number, sk) in accepted.iter().enumerate() {
            // Each child has inherited the listener, and the parent has closed the connection.
            let (tgid, forked) = (30 + u32::try_from(number).unwrap(), sk * 30_000 - 58_400);
            holders.extend([(LISTENER, "child", tgid, forked), (*sk, "child", tgid, forked)]);
        }
        pass(&mut table, second, &accepted, &holders);
        // A single one may be a service that was started for it.
        let named = if sk == 2 { ("child", 30) } else { ("server", 21) };
        assert_eq!(owner(&table, LISTENER), (named.0.to_owned(), named.1), "second {second}");
        assert_eq!(owner(&table, 2), ("child".into(), 30));
    }
    // From then on a single child is one of many.
    let single = [(LISTENER, "server", 21, 1), (LISTENER, "child", 32, 61_600)];
    let holders = [single.as_slice(), &[(4, "child", 32, 61_600)]].concat();
    pass(&mut table, 92, &[4], &holders);
    assert_eq!(owner(&table, LISTENER), ("server".into(), 21));
}

#[test]
fn of_children_that_are_older_than_the_agent_none_accepts() {
    let mut table = served();
    let mut holders = vec![(LISTENER, "server", 21, 1)];
    for (sk, tgid) in [(2, 30), (3, 31), (4, 32)] {
        holders.extend([(LISTENER, "child", tgid, 2), (sk, "child", tgid, 2)]);
    }
    pass(&mut table, 2, &[2, 3, 4], &holders);
    assert_eq!(owner(&table, LISTENER), ("server".into(), 21));
}

#[test]
fn a_service_that_is_started_for_its_first_connections_accepts() {
    let mut table = served();
    established(&mut table, 2, 1_000);
    established(&mut table, 3, 1_100);
    let service = [2, 3, LISTENER].map(|sk| (sk, "service", 22, 1_500));
    pass(&mut table, 2, &[2, 3], &[&[(LISTENER, "server", 21, 1)], service.as_slice()].concat());
    assert_eq!(owner(&table, LISTENER), ("service".into(), 22));
}

#[test]
fn a_worker_that_was_there_before_its_connections_accepts() {
    let mut table = served();
    for second in [2, 32] {
        established(&mut table, second, second * 1000 - 500);
        let holders = [
            (LISTENER, "server", 21, 0),
            (LISTENER, "worker", 22, 500),
            (second, "worker", 22, 500),
        ];
        pass(&mut table, second, &[second], &holders);
        assert_eq!(owner(&table, LISTENER), ("worker".into(), 22));
    }
}

#[test]
fn what_was_observed_outweighs_what_is_older_than_the_agent() {
    let mut table = served();
    // A helper has inherited connections whose handshakes nobody observed.
    let old = [(LISTENER, "server", 21, 1), (LISTENER, "helper", 22, 2)];
    let inherited = [(2, "helper", 22, 2), (3, "helper", 22, 2)];
    pass(&mut table, 2, &[2, 3], &[old.as_slice(), &inherited].concat());
    assert_eq!(owner(&table, LISTENER), ("helper".into(), 22), "nothing tells better");
    established(&mut table, 4, 31_000);
    let own = [(4, "server", 21, 1)];
    pass(&mut table, 32, &[2, 3, 4], &[old.as_slice(), &inherited, &own].concat());
    assert_eq!(owner(&table, LISTENER), ("server".into(), 21));
}

#[test]
fn what_was_accepted_or_opened_here_waits_in_no_queue() {
    let stage = |opened_here: bool, held: bool| {
        let mut table = served();
        let end = if opened_here { ends(2, EPHEMERAL, PORT) } else { child(2) };
        if opened_here {
            apply(
                &mut table,
                &[step(end, CLOSE, SYN_SENT, 1), step(end, SYN_SENT, ESTABLISHED, 2)],
            );
        } else {
            established(&mut table, 2, 2);
        }
        if held {
            pass(&mut table, 20, &[2], &[(LISTENER, "server", 21, 1), (2, "server", 21, 1)]);
        }
        // Closed by its process, a subflow of MPTCP lives on without a `struct socket`.
        table.begin_pass(60 * SECOND);
        table.pass_socket(&entry(ends(LISTENER, PORT, 0), LISTEN, 60_000));
        table.pass_socket(&entry(end, ESTABLISHED, 60_000));
        table.end_pass(60 * SECOND, &walked(60 * SECOND));
        row(&table, 2).unwrap().waiting.stage
    };
    assert_eq!(stage(false, false), Some(Stage::Unaccepted));
    assert_eq!([stage(false, true), stage(true, false)], [None; 2]);
}
