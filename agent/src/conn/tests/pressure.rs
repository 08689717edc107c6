//! What passes gather besides states: stages, queues, listeners, descriptors of owners.

use agent_common::record::{Socket, flag};
use agent_common::tcp::{CLOSE, CLOSE_WAIT, ESTABLISHED, FIN_WAIT2, LISTEN, SYN_SENT};
use catalogue::labels::{Role, SocketState, Stage};

use super::support::{
    Ask, EPHEMERAL, LIMITS, MS, NETNS, PORT, SECOND, apply, check, covered, ends, entry, holder,
    owned, reads, row, seeded, step,
};
use crate::conn::report::pressure::{Listener, Pressure};
use crate::conn::{Covered, Limits, Nanos, Table};
use crate::pressure::descriptors::Descriptors;
use crate::pressure::host::Host;
use crate::pressure::netns::Facts;
use crate::pressure::parse::port_range;

/// A pass over these entries.
pub(super) fn pass(table: &mut Table, at: u64, entries: &[Socket]) {
    table.begin_pass(at * SECOND);
    table.pass_facts(facts(NETNS, "40000 40099", [0, 0]));
    for entry in entries {
        table.pass_socket(&Socket { time: (at * SECOND + MS).get(), ..*entry });
    }
    table.end_pass(at * SECOND + 2 * MS, &covered());
    check(table, at * SECOND + 2 * MS);
}

pub(super) fn facts(netns: u32, range: &str, refused: [u64; 2]) -> Facts {
    Facts {
        netns,
        ports: port_range(range, ""),
        tw_reuse: Some(2),
        counters: Some([refused[0], refused[1], 10 * refused[1]]),
        retransmitted: None,
    }
}

pub(super) fn shown(table: &mut Table) -> Pressure {
    table.snapshot(1000 * SECOND).pressure
}

fn stages(table: &mut Table, process: &str) -> [u64; 3] {
    table
        .snapshot(1000 * SECOND)
        .group(process, Role::Server)
        .map_or([0; 3], |group| group.close_wait)
}

pub(super) fn listener(sk: u64, port: u16, backlog: u32, limit: u32, drops: u32) -> Socket {
    Socket {
        flags: flag::ATTACHED,
        receive_queue: backlog,
        send_queue: limit,
        syn_queue: 1,
        drops,
        ..entry(ends(sk, port, 0), LISTEN, 0)
    }
}

/// A socket in CLOSE_WAIT at the tests' server.
fn closed_by_peer(sk: u64, flags: u8, receive_queue: u32) -> Socket {
    Socket { flags, receive_queue, ..entry(ends(sk, PORT, EPHEMERAL), CLOSE_WAIT, 0) }
}

fn listening(table: &mut Table, process: &str, sk: u64, port: u16) {
    apply(table, &[owned(step(ends(sk, port, 0), CLOSE, LISTEN, 1), process, 7)]);
}

#[test]
fn a_close_wait_has_a_stage_from_its_first_moment_and_passes_move_it_on() {
    let mut table = seeded();
    listening(&mut table, "srv", 1, PORT);
    for (sk, flags) in [(2, flag::ATTACHED), (3, 0)] {
        let mut fin = step(ends(sk, PORT, EPHEMERAL), ESTABLISHED, CLOSE_WAIT, 5);
        fin.flags = flags;
        apply(
            &mut table,
            &[
                step(ends(sk, PORT, EPHEMERAL), LISTEN, 3, 4),
                step(ends(sk, PORT, EPHEMERAL), 3, ESTABLISHED, 4),
                fin,
            ],
        );
    }
    check(&mut table, SECOND);
    assert_eq!(stages(&mut table, "srv"), [1, 1, 0]);
    pass(
        &mut table,
        2,
        &[
            listener(1, PORT, 1, 9, 0),
            closed_by_peer(2, flag::ATTACHED, 0),
            closed_by_peer(3, 0, 1),
        ],
    );
    assert_eq!(stages(&mut table, "srv"), [1, 0, 1]);
    pass(
        &mut table,
        3,
        &[
            listener(1, PORT, 0, 9, 0),
            closed_by_peer(2, flag::ATTACHED, 0),
            closed_by_peer(3, flag::ATTACHED, 8),
        ],
    );
    assert_eq!(stages(&mut table, "srv"), [0, 1, 1]);
    assert_eq!(table.snapshot(4 * SECOND).gauge_of("srv", Role::Server, SocketState::CloseWait), 2);
    assert_eq!(row(&table, 3).and_then(|row| row.waiting.stage), Some(Stage::Unread));
}

#[test]
fn stages_and_queues_go_with_a_row_that_another_process_turns_out_to_hold() {
    let mut table = Table::new(LIMITS);
    table.begin_pass(Nanos::ZERO);
    table.pass_socket(&entry(ends(1, PORT, 0), LISTEN, 1));
    table.pass_socket(&closed_by_peer(2, flag::ATTACHED, 31));
    table.pass_socket(&Socket {
        flags: flag::ATTACHED | flag::WINDOW_CLOSED,
        send_queue: 50,
        ..entry(ends(3, PORT, EPHEMERAL), ESTABLISHED, 1)
    });
    for sk in [2, 3] {
        table.pass_holder(&holder(sk, "worker", 9));
    }
    table.end_pass(2 * MS, &Covered { holders: Some(2 * MS), ..covered() });
    check(&mut table, SECOND);
    assert_eq!(stages(&mut table, "worker"), [0, 1, 0]);
    let queued = table.snapshot(SECOND).group("worker", Role::Server).map(|group| group.queued);
    let queued = queued.map(|queued| (queued.receive_bytes, queued.send_bytes, queued.zero_window));
    assert_eq!(queued, Some((30, 50, 1)), "the FIN is no byte");
    pass(&mut table, 5, &[closed_by_peer(2, flag::ATTACHED, 1)]);
    let queued = table.snapshot(SECOND).group("worker", Role::Server).map(|group| group.queued);
    assert_eq!(
        queued,
        Some(crate::conn::report::snapshot::Queued::default()),
        "what a pass does not see does not wait"
    );
}

#[test]
fn listeners_of_a_process_on_a_port_are_summed_and_the_fullest_shows() {
    let mut table = seeded();
    listening(&mut table, "web", 1, PORT);
    listening(&mut table, "web", 2, PORT);
    pass(&mut table, 2, &[listener(1, PORT, 0, 127, 3), listener(2, PORT, 5, 4, 2)]);
    let [sum] = &shown(&mut table).listeners[..] else { panic!("one process and port") };
    assert_eq!(
        (&*sum.process, sum.port, sum.sockets, sum.backlog, sum.limit, sum.syn_queue),
        ("web", Some(PORT), 2, 5, 131, 2)
    );
    assert_eq!(
        (sum.fullest.to_bits(), sum.drops),
        (1.0_f64.to_bits(), 5),
        "drops of new listeners count from their birth"
    );
    pass(&mut table, 3, &[listener(1, PORT, 0, 127, 4), listener(2, PORT, 0, 4, 2)]);
    assert_eq!(shown(&mut table).listeners[0].drops, 6);
    apply(
        &mut table,
        &[step(ends(1, PORT, 0), LISTEN, CLOSE, 3500), step(ends(2, PORT, 0), LISTEN, CLOSE, 3500)],
    );
    pass(&mut table, 4, &[]);
    let gone: Vec<(u64, u64, u64)> = shown(&mut table)
        .listeners
        .iter()
        .map(|gone| (gone.sockets, gone.backlog, gone.drops))
        .collect();
    assert_eq!(gone, [(0, 0, 6)], "what was counted stays");
}

#[test]
fn what_a_listener_dropped_before_the_agent_does_not_count() {
    let mut table = Table::new(LIMITS);
    pass(&mut table, 0, &[listener(1, PORT, 0, 9, 1000)]);
    assert_eq!(shown(&mut table).listeners[0].drops, 0);
    pass(&mut table, 2, &[listener(1, PORT, 0, 9, 1004)]);
    assert_eq!(shown(&mut table).listeners[0].drops, 4);
    // A pass that does not see it forgets nothing; the count wraps around.
    table.begin_pass(3 * SECOND);
    table.end_pass(3 * SECOND, &reads([5]));
    pass(&mut table, 4, &[listener(1, PORT, 0, 9, 1005)]);
    pass(&mut table, 5, &[listener(1, PORT, 0, 9, u32::MAX / 2)]);
    pass(&mut table, 6, &[listener(1, PORT, 0, 9, u32::MAX - 1)]);
    pass(&mut table, 7, &[listener(1, PORT, 0, 9, 1)]);
    assert_eq!(shown(&mut table).listeners[0].drops, 5 + u64::from(u32::MAX - 1005) + 2);
}

#[test]
fn listeners_beyond_the_budget_share_one_line_and_nothing_counted_is_lost() {
    let mut table = Table::new(Limits { services: 2, ..LIMITS });
    pass(&mut table, 0, &[]);
    for sk in 1..=4_u16 {
        listening(&mut table, "srv", sk.into(), sk);
    }
    let all: Vec<_> = (1..=4_u16).map(|sk| listener(sk.into(), sk, 1, 9, 10)).collect();
    pass(&mut table, 2, &all);
    let sum = |table: &mut Table| -> u64 {
        shown(table).listeners.iter().map(|listener| listener.drops).sum()
    };
    let beyond = |table: &mut Table| {
        shown(table)
            .listeners
            .iter()
            .find(|one| one.port.is_none())
            .map(|one| (one.sockets, one.backlog))
    };
    assert_eq!((sum(&mut table), beyond(&mut table)), (40, Some((2, 2))));
    assert!(table.snapshot(SECOND).label_overflow.contains(&("listeners", 2)));
    let closes: Vec<_> =
        (1..=4_u16).map(|sk| step(ends(sk.into(), sk, 0), LISTEN, CLOSE, 2500)).collect();
    apply(&mut table, &closes);
    pass(&mut table, 3, &[]);
    listening(&mut table, "srv", 9, 9);
    pass(&mut table, 4, &[listener(9, 9, 0, 9, 1)]);
    assert_eq!(sum(&mut table), 41, "what is evicted is folded");
    let own: Vec<Listener> =
        shown(&mut table).listeners.into_iter().filter(|one| one.port == Some(9)).collect();
    assert_eq!(own.len(), 1, "the place of one that is gone is used again");
}

/// A client's end towards a peer.
#[test]
fn owners_are_those_with_the_most_sockets_and_get_their_descriptors() {
    let mut table = seeded();
    for (sk, tgid) in [(1, 5), (2, 6), (3, 6)] {
        let end = ends(sk, EPHEMERAL + u16::try_from(sk).unwrap(), PORT);
        apply(&mut table, &[owned(step(end, CLOSE, SYN_SENT, 1), "app", tgid)]);
    }
    let me = 4242;
    let all: Vec<_> = (1..=3_u16)
        .map(|sk| Socket {
            reader: me,
            ..entry(ends(sk.into(), EPHEMERAL + sk, PORT), SYN_SENT, 0)
        })
        .collect();
    pass(&mut table, 2, &all);
    assert_eq!(
        (table.view().owners(me), table.view().owners(me + 1)),
        (vec![6, 5], vec![]),
        "other numbers are another process namespace's"
    );
    let read = Descriptors { tgid: 5, open: 9, limit: 10 };
    table.take_readings(Host::default(), [read].into_iter());
    let processes: Vec<_> = shown(&mut table)
        .processes
        .iter()
        .map(|one| (one.tgid, one.sockets, one.descriptors))
        .collect();
    assert_eq!(processes, [(6, 2, None), (5, 1, Some(read))]);
}

#[test]
fn an_orphan_in_fin_wait2_is_no_leak() {
    let mut table = seeded();
    let end = ends(1, EPHEMERAL, PORT);
    apply(
        &mut table,
        &[
            step(end, CLOSE, SYN_SENT, 1),
            step(end, SYN_SENT, ESTABLISHED, 1),
            step(end, ESTABLISHED, 4, 2),
            step(end, 4, FIN_WAIT2, 3),
        ],
    );
    let listed = entry(end, FIN_WAIT2, 0);
    pass(&mut table, 100, &[Socket { flags: flag::ATTACHED, ..listed }]);
    let seen = table.snapshot(200 * SECOND);
    assert_eq!((seen.gauge(SocketState::FinWait2), seen.namespaces[0].fin_wait2_orphan), (1, 0));
    pass(&mut table, 210, &[Socket { flags: flag::ORPHAN, ..listed }]);
    let seen = table.snapshot(300 * SECOND);
    assert_eq!(
        (seen.gauge(SocketState::FinWait2), seen.namespaces[0].fin_wait2_orphan, seen.drift()),
        (0, 1, 0)
    );
    assert!(
        seen.groups
            .iter()
            .all(|group| group.states[SocketState::FinWait2.index()].older_than == [0; 3])
    );
    apply(&mut table, &[step(end, FIN_WAIT2, CLOSE, 310_000)]);
    check(&mut table, 320 * SECOND);
    assert_eq!(table.snapshot(320 * SECOND).tracked, 0);
}
