//! Processes that leak nothing: none is accused at any look in two hours, whenever the agent
//! starts.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes of simulated pools are small"
)]

use super::*;

/// Returns the healthy processes.
fn healthy() -> Vec<(Group, Act)> {
    let mut all = pools();
    all.extend(evening_pools());
    all.extend(ramps());
    all.extend(servers());
    all
}

fn pools() -> Vec<(Group, Act)> {
    let elastic = |group: &mut Group, second: u64| {
        let wanted = 25.0 + 20.0 * (f64::from(u32::try_from(second).unwrap()) / 300.0).sin();
        let wanted = wanted + 3.0 * group.random.normal();
        if (group.connections.len() as f64) < wanted - 3.0 {
            group.open(second);
        } else if group.connections.len() as f64 > wanted + 3.0 {
            group.close(0);
        }
        group.use_all(7, second);
    };
    let lifo = |group: &mut Group, second: u64| {
        let wanted = (3.0 + group.random.wait(2.0)).min(40.0) as usize;
        while group.connections.len() < wanted {
            group.open(second);
        }
        (0..wanted).for_each(|place| group.touch(place, second));
    };
    let lifetime = |group: &mut Group, second: u64| {
        let old = |one: &Connection| (second * SECOND).saturating_sub(one.entered) > 1_800 * SECOND;
        if let Some(place) = group.connections.iter().position(old) {
            group.close(place);
        }
        if group.connections.len() < 30 && group.chance(120.0) {
            group.open(second);
        }
    };
    let requests = |group: &mut Group, second: u64| {
        (0..5).for_each(|_| group.open(second));
        while group.connections.len() > 40 {
            group.close(0);
        }
    };
    vec![
        process("used pool", Role::Client, |group, second| step(group, second, 20, 1)),
        process("idle pool", Role::Client, |group, second| step(group, second, 20, 1_000_000)),
        process("rarely used pool", Role::Client, |group, second| step(group, second, 200, 600)),
        process("elastic pool", Role::Client, elastic),
        process("last-in first-out pool", Role::Client, lifo),
        process("idle pool with a lifetime", Role::Client, lifetime),
        process("short requests", Role::Client, requests),
        recycled("recycled pool 750", 750, 5),
        recycled("recycled pool 900", 900, 20),
        process("tracker's clients", Role::Client, |group, second| {
            while group.connections.len() < 1_000 && group.connections.len() as u64 / 30 < second {
                group.open(second);
            }
        }),
    ]
}

fn evening_pools() -> Vec<(Group, Act)> {
    let evening = |group: &mut Group, second: u64| {
        while second == 0 && group.connections.len() < 200 {
            group.open(second);
        }
        let used = 200_u64.saturating_sub(second / 30).max(20);
        (0..used as usize).for_each(|place| group.touch(place, second));
    };
    let renewed = |group: &mut Group, second: u64| {
        while second == 0 && group.connections.len() < 200 {
            group.open(second);
        }
        if second.is_multiple_of(10) && second < 5_400 {
            group.close(199);
            group.open(second);
        }
        let used = 200_u64.saturating_sub(second / 30).max(20);
        (200 - used as usize..200).for_each(|place| group.touch(place, second));
    };
    vec![
        process("pool in the evening", Role::Client, evening),
        process("pool in the evening, renewed", Role::Client, renewed),
    ]
}

/// Opens `count` connections at second 40 and uses each every `every` seconds.
fn step(group: &mut Group, second: u64, count: usize, every: u64) {
    while second == 40 && group.connections.len() < count {
        group.open(second);
    }
    group.use_all(every, second);
}

/// Returns a pool that opens a connection every 15 s, and closes all of them every `period` s.
fn recycled(name: &str, period: u64, every: u64) -> (Group, Act) {
    process(name, Role::Client, move |group, second| {
        if second.is_multiple_of(15) {
            group.open(second);
        }
        while second.is_multiple_of(period) && !group.connections.is_empty() {
            group.close(0);
        }
        group.use_all(every, second);
    })
}

fn ramps() -> Vec<(Group, Act)> {
    let ramp = |name: &str, role, per_minute: f64, every| {
        process(name, role, move |group, second| {
            if second < 3_000 && group.chance(per_minute) {
                group.open(second);
            }
            group.use_all(every, second);
        })
    };
    let quickening = process("quickening ramp", Role::Client, |group, second| {
        group.own += 1.0 / 60.0;
        if second < 2_400 && group.chance(group.own) {
            group.open(second);
        }
        group.use_all(20, second);
    });
    vec![
        ramp("morning ramp", Role::Client, 10.0, 5),
        ramp("steep ramp", Role::Client, 50.0, 19),
        ramp("ramp of heartbeats", Role::Client, 10.0, 45),
        ramp("ramp of slow heartbeats", Role::Client, 20.0, 60),
        ramp("ramp at the server", Role::Server, 30.0, 300),
        quickening,
    ]
}

fn servers() -> Vec<(Group, Act)> {
    let long_poll = |group: &mut Group, second: u64| {
        if group.connections.len() < 300 || group.chance(10.0) {
            group.open(second);
        }
        if group.chance(10.0) && !group.connections.is_empty() {
            group.close(0);
        }
        group.use_all(50, second);
    };
    let websocket = |every: u64, keepalive: bool, leave: f64| {
        move |group: &mut Group, second: u64| {
            if group.chance(5.0) {
                group.open(second);
            }
            if group.chance(leave) && group.connections.len() > 3 {
                let place = group.random.next() as usize % group.connections.len();
                group.close(place);
            }
            group.connections.iter_mut().for_each(|one| one.has_keepalive = keepalive);
            group.use_all(every, second);
        }
    };
    vec![
        process("long poll", Role::Server, long_poll),
        process("websocket with pings", Role::Server, websocket(30, false, 0.0)),
        process("websocket with rare pushes", Role::Server, websocket(1_500, false, 0.0)),
        process("websocket, hourly push", Role::Server, websocket(4_000, false, 0.3)),
        process("silent websocket, keepalive", Role::Server, websocket(1 << 40, true, 0.0)),
        process("silent websocket, some leave", Role::Server, websocket(1 << 40, false, 1.0)),
        process("tracker", Role::Server, |group, second| {
            while group.connections.len() < 1_000 && group.connections.len() as u64 / 2 < second {
                group.open(second);
            }
        }),
    ]
}

#[test]
fn healthy_processes_are_never_accused_whenever_the_agent_starts() {
    let seeds = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(1_u64);
    for (seed, agent) in (0..seeds).flat_map(|seed| [0, 333, 3_000].map(|agent| (seed, agent))) {
        let mut processes = healthy();
        for (group, _) in &mut processes {
            group.random.0 ^= seed << 40;
        }
        let records = run(&mut processes, agent + seed, agent + 3 * 3_600);
        for ((group, _), record) in processes.iter().zip(&records) {
            let (name, looks) = (&group.name, record.accused.len());
            assert_eq!(looks, 0, "{seed} {agent} {name}: {:?}", record.accused.first());
        }
    }
}

#[test]
fn what_looks_like_a_leak_at_first_is_cleared_as_soon_as_it_can_be() {
    let fill = |name: &str, every: u64| {
        process(name, Role::Client, move |group, second| {
            if second < 20 * every && second.is_multiple_of(every) {
                group.open(second);
            }
        })
    };
    let slow = |name: &str, every: u64| {
        process(name, Role::Client, move |group, second| {
            if second < 3_000 && group.chance(10.0) {
                group.open(second);
            }
            group.use_all(every, second);
        })
    };
    // With the second after which none may be accused. The slowest ramp is left out of that.
    let cases = [
        (fill("20 idle, one every 2 s", 2), 0),
        (fill("20 idle, one every 5 s", 5), 135),
        (fill("20 idle, one every 30 s", 30), 765),
        (slow("ramp, each used every 90 s", 90), 150),
        (slow("ramp, each used every 200 s", 200), 270),
        (slow("ramp, each used every 600 s", 600), 3_000),
        (recycled("recycled, unused, 750", 750, 1_000_000), 750),
        (recycled("recycled, unused, 900", 900, 1_000_000), 900),
    ];
    let (mut processes, latest): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    let records = run(&mut processes, 0, 3 * 3_600);
    for (((group, _), record), latest) in processes.iter().zip(&records).zip(latest) {
        let [first, last] =
            [record.accused.first(), record.accused.last()].map(|look| look.map(|look| look.0));
        let of = |certainty| record.first(Kind::EstablishedGrowing, certainty);
        let (name, looks) = (&group.name, record.accused.len());
        println!(
            "{name}: accused {looks} times, {first:?} to {last:?}, likely from {:?}, trend {:?}",
            of(Certainty::Likely),
            record.first_trend()
        );
        assert!(last.is_none_or(|last| last <= latest), "{name}: {last:?}");
        assert!(looks <= 60, "{name}: {looks}");
        let alarmed = record.first_trend().is_some_and(|trend| trend < 1_200);
        assert!(!alarmed && (latest > 1_000 || record.first_trend().is_none()), "{name}");
    }
}
