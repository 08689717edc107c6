//! Tests of the judge on evidence made by hand; `simulation` has whole processes.

use super::*;
use crate::leaks::simulation::SECOND;
use crate::leaks::simulation::random::Random;
use crate::leaks::tally::Connection;
use crate::leaks::trend::Sample;
use catalogue::labels::Stage;

const STATES: [SocketState; 8] = [
    SocketState::Established,
    SocketState::SynSent,
    SocketState::FinWait1,
    SocketState::FinWait2,
    SocketState::CloseWait,
    SocketState::LastAck,
    SocketState::Closing,
    SocketState::Listen,
];

fn evidence(role: Role, state: SocketState, tally: Tally) -> Evidence<'static> {
    let none = Series::default();
    Evidence {
        role,
        state,
        tally,
        count: none,
        unused: none,
        idle: none,
        opens: none,
        closes: none,
        started: 0,
    }
}

fn kinds(evidence: &Evidence<'_>) -> Vec<(Kind, Certainty, bool)> {
    let all = verdicts(evidence, &Times::default());
    all.map(|verdict| (verdict.kind, verdict.certainty, verdict.accuses)).collect()
}

#[test]
fn transient_states_have_the_kinds_they_had() {
    use Certainty::{Likely, Possible};
    let of = |state, stages, oldest| {
        let tally = Tally { count: 9, stages, oldest, ..Tally::default() };
        kinds(&evidence(Role::Server, state, tally))
    };
    let minute = 60 * SECOND;
    for (state, stages, oldest, kind, certainty) in [
        (SocketState::CloseWait, [0, 4, 5], 0, Kind::NeverClosed, Possible),
        (SocketState::CloseWait, [0, 4, 5], minute, Kind::NeverClosed, Likely),
        (SocketState::CloseWait, [0, 5, 4], minute, Kind::NeverRead, Likely),
        (SocketState::CloseWait, [6, 1, 2], minute, Kind::NeverAccepted, Likely),
        (SocketState::SynSent, [0; 3], 0, Kind::NoAnswer, Likely),
        (SocketState::FinWait2, [0; 3], minute, Kind::HalfClosed, Possible),
        (SocketState::FinWait2, [0; 3], 5 * minute, Kind::HalfClosed, Likely),
        (SocketState::FinWait1, [0; 3], 0, Kind::Unacknowledged, Likely),
        (SocketState::LastAck, [0; 3], 0, Kind::Unacknowledged, Likely),
        (SocketState::Closing, [0; 3], 0, Kind::Unacknowledged, Likely),
    ] {
        assert_eq!(of(state, stages, oldest), [(kind, certainty, true)], "{state:?} {stages:?}");
    }
    assert_eq!(of(SocketState::Listen, [0; 3], minute), []);
    for (oldest, certainty) in [(0, Possible), (minute, Likely)] {
        let tally = Tally { count: 9, data_fin: 9, idle: 9, oldest, ..Tally::default() };
        let found = kinds(&evidence(Role::Server, SocketState::Established, tally));
        assert_eq!(found, [(Kind::MptcpCloseWait, certainty, true)], "and nothing besides");
    }
    for (role, state) in STATES.map(|state| (Role::Client, state)) {
        assert_eq!(kinds(&evidence(role, state, Tally::default())), [], "nothing is nothing");
    }
}

#[test]
fn one_connection_that_hangs_is_told_beside_many_that_do_not() {
    let mut tally = Tally::default();
    let (times, now) = (Times::default(), 10_000 * SECOND);
    let healthy = Connection {
        born: Some(now - 900 * SECOND),
        last_used: now - SECOND,
        last_received: now - SECOND,
        ..Connection::default()
    };
    let queued =
        Connection { entered: now - 70 * SECOND, stage: Some(Stage::Unaccepted), ..healthy };
    let retransmits = Connection { retransmits: 3, ..healthy };
    let waits = Connection { unacknowledged_since: Some(now - 15 * SECOND), ..healthy };
    let few = Connection { retransmits: 2, unacknowledged_since: Some(now - SECOND), ..healthy };
    let group = (Role::Server, SocketState::Established);
    for connection in [healthy, healthy, queued, retransmits, waits, few] {
        tally.add(&connection, group, now, &times);
    }
    let found = evidence(group.0, group.1, tally);
    assert_eq!(
        kinds(&found),
        [
            (Kind::NeverAccepted, Certainty::Likely, true),
            (Kind::Unacknowledged, Certainty::Likely, true)
        ]
    );
    let gravest = judge(&found, &times).unwrap();
    assert_eq!((gravest.kind, gravest.connections), (Kind::Unacknowledged, 2));
}

#[test]
fn bytes_are_unread_only_if_neither_bytes_came_nor_were_read_for_a_minute() {
    let (times, now) = (Times::default(), 10_000 * SECOND);
    let unread = |received: u64, read: u64, bytes| {
        let mut tally = Tally::default();
        let connection = Connection {
            unread_bytes: bytes,
            last_used: now - received * SECOND,
            last_received: now - received * SECOND,
            last_read: now - read * SECOND,
            ..Connection::default()
        };
        tally.add(&connection, (Role::Client, SocketState::Established), now, &times);
        tally.unread
    };
    assert_eq!(
        [unread(60, 60, 1), unread(59, 90, 1), unread(90, 59, 1), unread(90, 90, 0)],
        [1, 0, 0, 0]
    );
}

/// Returns a client's leak of `rate` a minute, ten minutes old.
fn ten_minutes(rate: f64) -> Vec<Sample> {
    let minutes = (0..=40_u32).map(|quarter| (u64::from(quarter) * 15, f64::from(quarter) / 4.0));
    minutes.map(|(second, minute)| (second * SECOND, (minute * rate).floor())).collect()
}

#[test]
fn a_leak_is_likely_only_if_opens_are_known_and_hardly_any_is_closed() {
    let (rises, tenth, more) = (ten_minutes(30.0), ten_minutes(2.9), ten_minutes(3.1));
    let tally = Tally {
        count: 300,
        settled: 285,
        unused: 280,
        aged: 270,
        used_once: 265,
        ..Tally::default()
    };
    let series = |fine| Series { fine, long: &[] };
    let leak = Evidence {
        count: series(&rises),
        opens: series(&rises),
        closes: series(&tenth),
        ..evidence(Role::Client, SocketState::Established, tally)
    };
    let of = |leak: &Evidence<'_>| judge(leak, &Times::default());
    let found = of(&leak).unwrap();
    assert_eq!((found.kind, found.certainty), (Kind::EstablishedGrowing, Certainty::Likely));
    assert!(!found.trend, "ten minutes are no alert");
    assert!((found.growth.unwrap().per_minute - 30.0).abs() < 1.0);
    let certainty = |leak: Evidence<'_>| of(&leak).map(|verdict| verdict.certainty);
    assert_eq!(certainty(Evidence { closes: series(&more), ..leak }), Some(Certainty::Possible));
    assert_eq!(certainty(Evidence { opens: series(&[]), ..leak }), Some(Certainty::Possible));
    assert_eq!(certainty(Evidence { opens: series(&more), ..leak }), None, "renamed, not opened");
    let third = ten_minutes(10.0);
    assert_eq!(certainty(Evidence { opens: series(&third), ..leak }), None, "most were renamed");
    assert_eq!(certainty(Evidence { role: Role::Server, ..leak }), None);
    assert_eq!(certainty(Evidence { role: Role::Unknown, ..leak }), None);
    let used = Tally { unused: 250, ..tally };
    assert_eq!(certainty(Evidence { tally: used, ..leak }), None, "in use");
    let often = Tally { used_once: 200, ..tally };
    assert_eq!(certainty(Evidence { tally: often, ..leak }), Some(Certainty::Possible));
    assert_eq!(certainty(Evidence { started: 570 * SECOND, ..leak }), None, "just started");
}

#[test]
fn no_evidence_panics_and_no_note_accuses() {
    let mut random = Random(11);
    for _ in 0..20_000 {
        let mut own = Random(random.next());
        let mut number = || [0, 1, 9, 1_000, u64::MAX, own.next()][random_place(&mut own, 6)];
        let mut tally = Tally::default();
        for field in [&mut tally.count, &mut tally.settled, &mut tally.unused, &mut tally.aged] {
            *field = number();
        }
        (tally.idle, tally.idle_with_keepalive, tally.longest_idle) =
            (number(), number(), number());
        (tally.idle_born, tally.idle_used_once, tally.used_once) = (number(), number(), number());
        (tally.stages, tally.stale) = ([number(), number(), number()], number());
        tally.data_fin = number();
        (tally.unread, tally.unaccepted, tally.unacknowledged) = (number(), number(), number());
        let series: Vec<Vec<Sample>> = (0..5)
            .map(|_| {
                let step = number() % 1_000 * SECOND;
                (0..number() % 70).map(|one| (one * step, value(number()))).collect()
            })
            .collect();
        let all = |place: usize| Series { fine: &series[place], long: &series[(place + 1) % 5] };
        let role = [Role::Client, Role::Server, Role::Unknown][random_place(&mut random, 3)];
        let state = STATES[random_place(&mut random, 8)];
        let evidence = Evidence {
            role,
            state,
            tally,
            count: all(0),
            unused: all(1),
            idle: all(2),
            opens: all(3),
            closes: all(4),
            started: random.next() % (1_000 * SECOND),
        };
        let short = Times::default().divided_by(random.next() % 100);
        for verdict in verdicts(&evidence, &short) {
            let note = matches!(verdict.kind, Kind::IdleWithoutKeepalive);
            assert!(!note || !verdict.accuses);
            assert!(verdict.connections > 0);
            assert!(verdict.growth.is_none_or(|growth| growth.per_minute.is_finite()));
        }
    }
}

/// Returns a large number, or one that is none.
fn value(bits: u64) -> f64 {
    if bits < 2_000 { f64::from_bits(bits).max(3.0) } else { f64::from_bits(bits) }
}

fn random_place(random: &mut Random, most: u64) -> usize {
    usize::try_from(random.next() % most).unwrap()
}
