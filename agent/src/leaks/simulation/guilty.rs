//! Processes that leak or hang: each is accused of the right kind, in time, with the true growth.

use super::*;
use Certainty::{Likely, Possible};

/// Returns a client that opens connections evenly and never uses them again.
fn leak(name: &str, per_minute: f64, from: u64) -> (Group, Act) {
    process(name, Role::Client, move |group, second| open_evenly(group, per_minute, from, second))
}

fn open_evenly(group: &mut Group, per_minute: f64, from: u64, second: u64) {
    group.own += if second >= from { per_minute / 60.0 } else { 0.0 };
    while group.own >= 0.999_999 {
        group.own -= 1.0;
        group.open(second);
    }
}

/// Returns the worst relative error of the growth among the looks from second `from` until `until`,
/// and how many looks had none.
fn error(record: &Record, truth: f64, from: u64, until: u64) -> (f64, usize) {
    let looks = record.accused.iter().filter(|(second, _)| (from..until).contains(second));
    let growths: Vec<_> = looks.map(|(_, verdict)| verdict.growth).collect();
    let errors = growths.iter().flatten().map(|growth| (growth.per_minute / truth - 1.0).abs());
    (errors.fold(0.0, f64::max), growths.iter().filter(|growth| growth.is_none()).count())
}

#[test]
fn a_steady_leak_is_possible_after_one_minute_and_likely_after_five() {
    for agent in [0, 100, 1_800, 7_200] {
        let from = if agent == 0 { 3_607 } else { 0 };
        let mut processes = [60.0, 10.0, 1.0].map(|rate| leak(&format!("leak {rate}"), rate, from));
        let records = run(&mut processes, agent, from.max(agent) + 3 * 3_600);
        let start = from.max(agent);
        for ((rate, possible, good), record) in
            [(60.0, 75, 120), (10.0, 90, 150), (1.0, 270, 300)].into_iter().zip(&records)
        {
            let kind = Kind::EstablishedGrowing;
            let after = |time: Option<u64>| time.map_or(u64::MAX, |time| time - start);
            let first = [Possible, Likely].map(|one| after(record.first(kind, one)));
            let trend = after(record.first_trend());
            let young = error(record, rate, start + good, start + 600);
            let old = error(record, rate, start + 600, u64::MAX);
            let missed = record.accused.iter().filter(|(second, _)| *second >= start + 600).count();
            println!(
                "agent {agent}, {rate} a minute: possible, likely {first:?} s, trend {trend} s, \
                 error young {young:.3?} old {old:.3?}, looks after ten minutes {missed}"
            );
            assert!(first[0] <= possible + 15, "{rate}: {first:?}");
            assert!((285..=360).contains(&first[1]), "{rate}: {first:?}");
            assert!(young.0 <= 0.1 && old.0 <= 0.1, "{rate}: {young:?} {old:?}");
            assert_eq!(old.1, 0, "{rate}: growth is told once there are ten minutes");
            assert!(young.1 <= 2, "{rate}: {} looks of a young leak without growth", young.1);
            assert!(missed >= 675, "{rate}: seen all the time");
        }
    }
}

/// Returns processes that leak beside what they use.
fn mixed() -> [(Group, Act); 6] {
    let beside_pool = process("leak beside a pool", Role::Client, |group, second| {
        if second == 0 {
            (0..50).for_each(|_| group.open(second));
        }
        (0..50).for_each(|place| group.touch(place, second));
        open_evenly(group, 6.0, 1_800, second);
    });
    let beside_churn = process("leak of one in a hundred", Role::Client, |group, second| {
        (0..10).for_each(|_| group.open(second));
        let old = |one: &Connection| {
            (second * SECOND).saturating_sub(one.entered) > 2 * SECOND
                && !one.entered.is_multiple_of(100)
        };
        while let Some(place) = group.connections.iter().position(old) {
            group.close(place);
        }
    });
    let used_first = process("used for two minutes", Role::Client, |group, second| {
        open_evenly(group, 6.0, 0, second);
        for place in 0..group.connections.len() {
            if (second * SECOND).saturating_sub(group.connections[place].entered) < 120 * SECOND {
                group.touch(place, second);
            }
        }
    });
    let at_random = process("at random", Role::Client, |group, second| {
        if group.chance(4.0) {
            group.open(second);
        }
    });
    let in_steps = process("20 every ten minutes", Role::Client, |group, second| {
        if second % 600 == 120 {
            (0..20).for_each(|_| group.open(second));
        }
    });
    let restarted = process("restarted every hour", Role::Client, |group, second| {
        if second.is_multiple_of(3_600) {
            group.connections.clear();
            group.started = second * SECOND;
        }
        open_evenly(group, 10.0, 0, second);
    });
    [beside_pool, beside_churn, used_first, at_random, restarted, in_steps]
}

#[test]
fn leaks_that_are_mixed_with_healthy_connections_are_found() {
    let mut processes = mixed();
    let records = run(&mut processes, 0, 2 * 3_600);
    let kind = Kind::EstablishedGrowing;
    for ((group, _), record) in processes.iter().zip(&records) {
        let first = [Possible, Likely].map(|one| record.first(kind, one));
        let last = record
            .accused
            .last()
            .map(|(second, verdict)| (second, verdict.growth, verdict.connections));
        println!(
            "{}: possible, likely {first:?}, trend {:?}, looks {}, last {last:?}",
            group.name,
            record.first_trend(),
            record.accused.len()
        );
        assert!(first[1].is_some(), "{}", group.name);
        assert!(record.accused.iter().all(|(_, verdict)| verdict.kind == kind), "{}", group.name);
    }
    let after_restart = records[4].accused.iter().find(|(second, _)| *second > 3_600).unwrap();
    assert!(after_restart.0 <= 3_690, "a restart begins a new history: {after_restart:?}");
    let (second, verdict) = records[0].accused.first().unwrap();
    assert!(*second <= 1_950 && *second > 1_800, "{second} {verdict:?}");
}

#[test]
fn a_leak_that_ends_is_no_longer_accused() {
    let ended = process("ended", Role::Client, |group, second| {
        if second < 1_200 {
            open_evenly(group, 10.0, 0, second);
        }
    });
    let records = run(&mut [ended], 0, 7_200);
    let (last, verdict) = records[0].accused.last().unwrap();
    println!("the leak ended at 1200, the last accusation is of {last}: {verdict:?}");
    assert!(*last <= 1_320, "{last}");
}

#[test]
fn what_hangs_is_told_at_once() {
    let reader = process("stuck reader", Role::Client, |group, second| {
        if second == 600 {
            group.open(second);
            group.connections[0].unread_bytes = 64_512;
            group.connections[0].last_read = second * SECOND;
        }
    });
    let dead = process("dead peer", Role::Client, |group, second| {
        if second == 0 {
            (0..20).for_each(|_| group.open(second));
        }
        if second <= 600 {
            group.use_all(5, second);
        } else {
            for one in &mut group.connections {
                one.unacknowledged_since = Some(600 * SECOND);
            }
        }
    });
    let mut unaccepted = process("stuck worker", Role::Server, |group, second| {
        if second == 600 {
            (0..40).for_each(|_| group.open(second));
            group
                .connections
                .iter_mut()
                .for_each(|one| one.stage = Some(catalogue::labels::Stage::Unaccepted));
        }
    });
    unaccepted.0.own = 0.0;
    let far = process("writes rarely over 200 ms", Role::Client, |group, second| {
        if second == 0 {
            (0..500).for_each(|_| group.open(second));
        }
        group.use_all(900, second);
        for one in &mut group.connections {
            let waits = one.last_used == second * SECOND;
            one.unacknowledged_since = waits.then_some(one.last_used);
        }
    });
    let mut processes = [reader, dead, unaccepted, far];
    let records = run(&mut processes, 0, 3_600);
    for (place, kind, possible, likely) in [
        (0, Kind::NeverRead, 660, 900),
        (1, Kind::Unacknowledged, 615, 615),
        (2, Kind::NeverAccepted, 610, 660),
    ] {
        let first = [Possible, Likely].map(|one| records[place].first(kind, one).unwrap());
        println!("{}: possible, likely {first:?}", processes[place].0.name);
        assert!((possible..=possible + 15).contains(&first[0]), "{first:?}");
        assert!((likely..=likely + 15).contains(&first[1]), "{first:?}");
        assert!(records[place].accused.iter().all(|(_, verdict)| verdict.kind == kind));
    }
    assert!(records[3].accused.is_empty(), "{:?}", records[3].accused.first());
}

/// Returns a client's connections in CLOSE_WAIT.
fn close_wait(
    name: &str,
    stage: catalogue::labels::Stage,
    act: fn(&mut Group, u64),
) -> (Group, Act) {
    let mut made = process(name, Role::Client, move |group, second| {
        act(group, second);
        group.connections.iter_mut().for_each(|one| one.stage = Some(stage));
    });
    made.0.state = SocketState::CloseWait;
    made
}

#[test]
fn a_stale_pool_is_a_note_unless_it_grows() {
    use catalogue::labels::Stage::{Read, Unread};
    let flat = close_wait("reaped pool", Unread, |group, second| {
        if second == 300 {
            (0..20).for_each(|_| group.open(second));
        }
    });
    let slowly = close_wait("pool reaped slowly", Unread, |group, second| {
        if second > 300 && second <= 540 && second.is_multiple_of(6) {
            group.open(second);
            group.opens -= 1;
        }
    });
    let grows = close_wait("stale pool that grows", Unread, |group, second| {
        open_evenly(group, 6.0, 300, second);
    });
    let closed = close_wait("never closed", Read, |group, second| {
        open_evenly(group, 60.0, 300, second);
    });
    let mut processes = [flat, slowly, grows, closed];
    let records = run(&mut processes, 0, 7_200);
    for place in [0, 1] {
        assert!(records[place].accused.is_empty(), "{:?}", records[place].accused.first());
        assert!(records[place].notes[&Kind::PoolStale] > 400);
    }
    let first = [Possible, Likely].map(|one| records[2].first(Kind::PoolStale, one));
    println!("a stale pool grows from 300 on: possible, likely {first:?}");
    assert!(first[0].is_some_and(|first| first < 450) && first[1].is_some_and(|first| first < 660));
    assert_eq!(records[3].first(Kind::NeverClosed, Possible), Some(300));
    assert!(records[3].first(Kind::NeverClosed, Likely).is_some_and(|first| first <= 375));
    let wrong = error(&records[3], 60.0, 420, u64::MAX);
    assert!(wrong.0 < 0.1, "{wrong:?}");
}

#[test]
fn a_server_is_accused_once_silent_connections_add_up_for_an_hour() {
    let mut half_open = process("peers that vanish", Role::Server, |group, second| {
        open_evenly(group, 2.0, 0, second);
    });
    half_open.0.own = 0.5;
    let records = run(&mut [half_open], 0, 5 * 3_600);
    let first = [Possible, Likely].map(|one| records[0].first(Kind::EstablishedGrowing, one));
    println!("a server's silent connections from 0 on: possible, likely {first:?}");
    assert!(first[0].is_some_and(|first| (7_200..8_000).contains(&first)), "{first:?}");
    assert!(first[1].is_some_and(|first| (10_800..12_000).contains(&first)), "{first:?}");
}

#[test]
fn short_times_judge_a_short_life_alike() {
    let idle = process("idle pool", Role::Client, |group, second| {
        if second == 7 {
            (0..20).for_each(|_| group.open(second));
        }
    });
    let used = process("used pool", Role::Client, |group, second| {
        if second < 60 && second.is_multiple_of(2) {
            group.open(second);
        }
        group.use_all(1, second);
    });
    let mut processes = [leak("leak", 120.0, 3), idle, used];
    let records = run_with(&mut processes, 0, 300, 5);
    let first = [Possible, Likely].map(|one| records[0].first(Kind::EstablishedGrowing, one));
    println!("with a fifth of the times: possible, likely {first:?}");
    assert!(first[0].is_some_and(|first| first <= 21) && first[1].is_some_and(|first| first <= 69));
    assert!(error(&records[0], 120.0, 30, 300).0 < 0.1);
    assert!(records[1].accused.is_empty() && records[2].accused.is_empty());
    assert!(records[1].notes[&Kind::IdleWithoutKeepalive] > 70);
}
