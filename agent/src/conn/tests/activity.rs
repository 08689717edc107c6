//! What the kernel's list tells besides states: ages from before the agent, the last use, and whose
//! child a connection is.

use agent_common::record::{Activity, Child, Endpoints, Socket, flag, known};
use agent_common::tcp::{CLOSE_WAIT, ESTABLISHED, LISTEN, SYN_RECV};
use catalogue::labels::{Role, Stage};

use super::support::{
    EPHEMERAL, MS, PORT, SECOND, apply, check, covered, ends, entry, holder, row, seeded, step,
    walked,
};
use crate::conn::nanos::Nanos;
use crate::conn::{Attribution, Table};

/// How far a time may be off that the column keeps, nanoseconds.
const JITTER: u64 = 200_000_000;

/// Jiffies of a second on the machine that runs the test.
fn jiffies(seconds: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers")]
    let nanoseconds = (seconds * 1e9) as u64;
    u32::try_from(nanoseconds / crate::clock::tick()).unwrap()
}

/// An entry that was sent, received and acknowledged these seconds before it was read.
fn used(end: Endpoints, state: u8, ms: u64, ago: [f64; 3]) -> Socket {
    let [sent_ago, received_ago, acked_ago] = ago.map(jiffies);
    let activity =
        Activity { sent_ago, received_ago, acked_ago, known: known::TIMES, ..Activity::default() };
    Socket { activity, flags: flag::ATTACHED, ..entry(end, state, ms) }
}

fn age(table: &Table, sk: u64, now: Nanos) -> f64 {
    let row = row(table, sk).unwrap();
    assert!(row.entered_before && row.entered >= row.born);
    std::time::Duration::from_nanos(now.get() - row.entered).as_secs_f64()
}

#[test]
fn a_connection_that_is_older_than_the_agent_has_the_age_that_the_kernel_knows() {
    let mut table = Table::new(super::support::LIMITS);
    let now = 10_000 * SECOND;
    table.begin_pass(now);
    // In no order of time, so that each has to be moved to its place.
    for (sk, seconds) in [(1, 60.0), (2, 3600.0), (3, 5.0), (4, 600.0), (5, 3600.0), (6, 0.0)] {
        let port = EPHEMERAL + u16::try_from(sk).unwrap();
        let list = [seconds, seconds, seconds + 1.0];
        table.pass_socket(&used(ends(sk, port, PORT), ESTABLISHED, 10_000_000, list));
        let list = [9000.0, 9000.0, seconds];
        table.pass_socket(&used(ends(10 + sk, port, 81), CLOSE_WAIT, 10_000_000, list));
    }
    table.end_pass(now, &covered());
    check(&mut table, now);
    for (sk, seconds) in [(1, 60.0), (2, 3600.0), (3, 5.0), (4, 600.0), (5, 3600.0), (6, 0.0)] {
        assert!((age(&table, sk, now) - seconds - 1.0).abs() < 0.02, "established {sk}");
        assert!((age(&table, 10 + sk, now) - seconds).abs() < 0.02, "close_wait {sk}");
    }
}

#[test]
fn a_state_whose_beginning_was_observed_keeps_its_age() {
    let mut table = seeded();
    let end = ends(1, EPHEMERAL, PORT);
    apply(&mut table, &[step(end, SYN_RECV, ESTABLISHED, 5000)]);
    table.begin_pass(9 * SECOND);
    table.pass_socket(&used(end, ESTABLISHED, 9000, [8.0, 8.0, 8.0]));
    table.end_pass(9 * SECOND, &covered());
    let row = row(&table, 1).unwrap();
    assert_eq!((row.entered, row.entered_before), ((5 * SECOND).get(), false));
    assert!(row.activity.used().is_some_and(|used| used.abs_diff(SECOND.get()) <= JITTER));
}

#[test]
fn a_time_that_jiffies_have_wrapped_since_stays_what_it_was() {
    let second = SECOND.get();
    let wrap = (u64::from(u32::MAX) + 1) * crate::clock::tick();
    let start = 1000 * second;
    let mut table = seeded();
    let end = ends(1, EPHEMERAL, PORT);
    let mut pass = |at: u64, ago: u64| {
        let ago = u32::try_from(ago / crate::clock::tick() % (1 << 32)).unwrap();
        let activity = Activity {
            sent_ago: ago,
            received_ago: ago,
            acked_ago: ago,
            known: known::TIMES,
            ..Activity::default()
        };
        table.begin_pass(Nanos::new(at));
        table.pass_socket(&Socket { activity, ..entry(end, ESTABLISHED, at / MS.get()) });
        table.end_pass(Nanos::new(at), &covered());
        at - row(&table, 1).unwrap().activity.used().unwrap()
    };
    assert!(pass(start + 60 * second, 60 * second).abs_diff(60 * second) <= JITTER);
    let late = wrap + 5 * second;
    assert!(pass(start + late, late).abs_diff(late) <= JITTER, "it still idles");
    let again = late + 60 * second;
    assert!(pass(start + again, 20 * second).abs_diff(20 * second) <= JITTER, "it was used");
}

#[test]
fn what_is_unacknowledged_counts_from_when_its_progress_ended() {
    let mut table = seeded();
    let end = ends(1, EPHEMERAL, PORT);
    let mut pass = |second: u64, acknowledged: u32, unacknowledged: u32, timeouts: u8| {
        let activity = Activity {
            acknowledged,
            unacknowledged,
            timeouts,
            known: known::UNACKNOWLEDGED,
            ..Activity::default()
        };
        table.begin_pass(second * SECOND);
        table.pass_socket(&Socket { activity, ..entry(end, ESTABLISHED, second * 1000) });
        table.end_pass(second * SECOND, &covered());
        let row = row(&table, 1).unwrap();
        assert_eq!(row.looked, Some((second * SECOND).get()));
        // However late that is asked: what has happened since the pass is not known.
        row.is_unacknowledged()
    };
    assert!(!pass(1, 100, 1, 0), "it may only just have been sent");
    assert!(pass(16, 100, 1, 0), "nothing for 15 s");
    assert!(!pass(30, 101, 1, 0), "there was progress");
    assert!(pass(31, 101, 1, 3), "three time-outs");
    assert!(!pass(60, 102, 0, 0), "everything is acknowledged");
}

#[test]
fn a_process_that_reads_a_little_between_two_looks_reads() {
    let mut table = seeded();
    let end = ends(1, EPHEMERAL, PORT);
    let mut pass = |second: u64, bytes_received: u64, receive_queue: u32| {
        let activity = Activity { bytes_received, known: known::BYTES, ..Activity::default() };
        let listed = entry(end, ESTABLISHED, second * 1000);
        table.begin_pass(second * SECOND);
        table.pass_socket(&Socket { activity, receive_queue, ..listed });
        table.end_pass(second * SECOND, &covered());
        row(&table, 1).unwrap().activity.reads
    };
    pass(1, 20_000, 20_000);
    assert!(!pass(30, 20_000, 20_000), "nothing came and nothing was read");
    assert!(!pass(60, 21_000, 21_000), "more came, and nothing was read");
    assert!(pass(90, 21_000, 19_500), "some was read");
    assert!(pass(120, 22_500, 20_000), "some was read and more came");
    assert!(!pass(150, 22_500, 20_000));
}

#[test]
fn connect_the_listeners_of_the_host_and_the_syn_tell_the_role() {
    let mut table = Table::new(super::support::LIMITS);
    table.begin_pass(Nanos::ZERO);
    table.pass_socket(&entry(ends(1, 50_000, 0), LISTEN, 1));
    let by =
        |sk, flags, local, peer| Socket { flags, ..entry(ends(sk, local, peer), ESTABLISHED, 1) };
    table.pass_socket(&by(2, flag::PORT_BY_CONNECT, 33_000, 60_000));
    table.pass_socket(&by(3, flag::PORT_BY_BIND, 33_001, 50_000));
    table.pass_socket(&by(4, flag::PORT_BY_BIND, 33_002, 60_000));
    for (sk, side) in [(5, known::CONNECTED), (6, known::ACCEPTED)] {
        let listed = by(sk, flag::PORT_BY_BIND, 34_000, 60_000);
        let activity = Activity { known: side, ..listed.activity };
        table.pass_socket(&Socket { activity, ..listed });
    }
    for (sk, side, local, peer) in
        [(7, known::CONNECTED, 50_000, 60_000), (8, known::ACCEPTED, 34_000, 50_000)]
    {
        let listed = by(sk, flag::PORT_BY_BIND, local, peer);
        let activity = Activity { known: side, ..listed.activity };
        table.pass_socket(&Socket { activity, ..listed });
    }
    table.end_pass(MS, &covered());
    let seen = |sk| row(&table, sk).map(|row| (row.role, row.service_port));
    for sk in 5..=8 {
        let activity = row(&table, sk).unwrap().activity;
        assert_eq!((activity.not_accepted, activity.keepalive), (false, None), "{sk}");
    }
    assert_eq!(seen(2), Some((Role::Client, 60_000)));
    assert_eq!(seen(3), Some((Role::Client, 50_000)));
    assert_eq!(seen(4), Some((Role::Unknown, 0)), "nothing decides, so there is no port");
    assert_eq!(seen(5), Some((Role::Client, 60_000)), "a SYN of its own was acknowledged");
    assert_eq!(seen(6), Some((Role::Server, 34_000)), "none was");
    assert_eq!(seen(7), Some((Role::Client, 60_000)), "although a listener has its port");
    assert_eq!(seen(8), Some((Role::Server, 34_000)), "although a listener has the peer's port");
}

/// Two listeners of different processes on one port, and what the pass at `second` reads of
/// children 11 and 12, which wait in the queues of 1 and 2.
fn pass_over_shared_port(table: &mut Table, second: u64, children: bool) {
    table.begin_pass(second * SECOND);
    for sk in [1, 2] {
        table.pass_socket(&entry(ends(sk, PORT, 0), LISTEN, second * 1000));
        if children {
            table.pass_child(&Child { kind: 7, listener: sk, sk: 10 + sk, ..Child::default() });
        }
    }
    for sk in [11, 12] {
        let end = ends(sk, PORT, EPHEMERAL + u16::try_from(sk).unwrap());
        table.pass_socket(&entry(end, ESTABLISHED, second * 1000));
    }
    table.pass_holder(&holder(1, "new", 21));
    table.pass_holder(&holder(2, "old", 22));
    table.end_pass(second * SECOND, &walked(second * SECOND));
    check(table, second * SECOND);
}

#[test]
fn of_listeners_that_share_a_port_the_accept_queue_tells_whose_child_it_is() {
    let mut table = Table::new(super::support::LIMITS);
    pass_over_shared_port(&mut table, 1, false);
    let owner = |table: &Table, sk| {
        let row = row(table, sk).unwrap();
        (row.process.to_string(), row.attribution, row.role)
    };
    pass_over_shared_port(&mut table, 20, true);
    for _ in 0..2 {
        assert_eq!(owner(&table, 11), ("new".into(), Attribution::Inherited, Role::Server));
        assert_eq!(owner(&table, 12), ("old".into(), Attribution::Inherited, Role::Server));
        // A pass that does not see the queues leaves it at that.
        pass_over_shared_port(&mut table, 40, false);
    }
    assert_eq!(row(&table, 12).unwrap().waiting.stage, Some(Stage::Unaccepted));
    let end = ends(13, PORT, EPHEMERAL);
    apply(&mut table, &[step(end, LISTEN, SYN_RECV, 41_000)]);
    assert_eq!(row(&table, 13).unwrap().attribution, Attribution::None, "it may be either's");
}

#[test]
fn who_holds_an_mptcp_connection_holds_its_subflows() {
    let mut table = seeded();
    table.begin_pass(SECOND);
    for sk in [1, 2] {
        let end = ends(sk, EPHEMERAL, PORT);
        let flags = flag::ATTACHED;
        table.pass_socket(&Socket { outer: 900, flags, ..entry(end, ESTABLISHED, 1000) });
    }
    table.pass_holder(&holder(900, "multi", 21));
    table.end_pass(SECOND, &walked(SECOND));
    for sk in [1, 2] {
        let row = row(&table, sk).unwrap();
        assert_eq!((&*row.process, row.attribution), ("multi", Attribution::FromDescriptors));
    }
    check(&mut table, SECOND);
}
