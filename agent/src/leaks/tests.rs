//! Tests of grouping, growth, ranking and sentences.

use catalogue::labels::{Role, SocketState};
use hashbrown::HashMap;

use super::history::History;
use super::survey::{Key, Survey};
use super::*;
use crate::listing::tests::shared;
use crate::query::leaks::LeaksQuery;
use crate::query::parameter::read;

const MINUTE: u64 = 60 * SECOND;

fn asked(watch: &Watch, table: &SharedTable, text: &str, now: u64) -> Leaks {
    let query: LeaksQuery = read(form_urlencoded::parse(text.as_bytes())).unwrap();
    watch.leaks(table, &query.filter, query.limit, now)
}

/// Returns whether two numbers differ by less than 0.001.
fn near(one: f64, other: f64) -> bool {
    (one - other).abs() < 0.001
}

fn key(process: &str, port: u16) -> Key {
    let (process, workload) = (process.into(), "host".into());
    Key {
        process,
        workload,
        role: Role::Client,
        state: SocketState::CloseWait,
        service_port: Some(port),
    }
}

/// Returns a group of `count` connections, the oldest of which has just entered its state.
fn of(count: u64) -> survey::Group {
    survey::Group { count, ..survey::Group::default() }
}

/// Asks a table with 70 connections that entered CLOSE_WAIT in the first 210 milliseconds: of 7
/// processes, towards 5 ports.
fn leaks(text: &str, now: u64) -> Leaks {
    asked(&Watch::default(), &shared(210), text, now)
}

#[test]
fn nobody_is_suspected_within_the_first_ten_seconds() {
    let early = leaks("", 9 * SECOND);
    assert_eq!(
        (early.matched, early.returned, early.truncated, early.suspects),
        (0, 0, false, vec![])
    );
    assert_eq!(
        (early.looked_at.connections, early.looked_at.in_leak_states, early.looked_at.past_grace),
        (210, 70, 0)
    );
    assert_eq!(leaks("", 11 * SECOND).looked_at.past_grace, 70);
}

#[test]
fn a_suspect_comes_with_its_evidence() {
    let now = 2 * MINUTE;
    let found = leaks("process=app3&service_port=5433", now);
    assert_eq!((found.matched, found.looked_at.in_leak_states), (1, 2));
    let suspect = &found.suspects[0];
    assert_eq!(
        (suspect.process.as_str(), suspect.service_port, suspect.connections),
        ("app3", Some(5433), 2)
    );
    assert_eq!((suspect.older_than_60, suspect.older_than_300, suspect.score), (2, 0, 4 * (2 + 2)));
    assert!(near(suspect.oldest_age_seconds, 119.997));
    assert_eq!(
        (suspect.pids[0].pid, suspect.pids[0].connections, suspect.sample.len()),
        (103, 2, 2)
    );
    assert_eq!((suspect.growth_per_minute, suspect.kind.as_str()), (None, "never_read"));
    assert_eq!(
        suspect.sentence,
        "process app3 (pid 103) holds 2 close_wait connections towards port 5433, not read to the \
         end, the oldest 1 min 59 s"
    );
}

#[test]
fn filters_cap_and_age_apply_to_suspects() {
    let now = 2 * MINUTE;
    assert_eq!(leaks("", now).matched, 35);
    let capped = leaks("limit=4", now);
    assert_eq!((capped.matched, capped.returned, capped.truncated), (35, 4, true));
    assert_eq!(leaks("state=syn_sent", now).matched, 0);
    assert_eq!(leaks("state=established", now).matched, 0, "an open connection is no suspect");
    assert_eq!((leaks("min_age=1m", now).matched, leaks("min_age=3m", now).matched), (35, 0));
}

#[test]
fn the_worst_comes_first_and_the_order_is_always_the_same() {
    let first = leaks("limit=1000", 2 * MINUTE).suspects;
    assert!(first.windows(2).all(|pair| pair[0].score >= pair[1].score));
    for _ in 0..5 {
        let again = leaks("limit=1000", 2 * MINUTE).suspects;
        assert!(first.iter().map(|s| &s.sentence).eq(again.iter().map(|s| &s.sentence)));
    }
}

#[test]
fn growth_is_told_from_the_samples_of_ten_minutes() {
    let mut history = History::default();
    let leak = key("leak", 1);
    for minute in 0..30_u64 {
        history.add(
            minute * MINUTE,
            HashMap::from([(leak.clone(), 100 + 2 * minute), (key("steady", 2), 5)]),
        );
        history.add(
            minute * MINUTE + SAMPLE_INTERVAL,
            HashMap::from([(leak.clone(), 101 + 2 * minute), (key("steady", 2), 5)]),
        );
    }
    let now = 30 * MINUTE;
    let growth = history.growth(&leak, &of(160), now).unwrap();
    assert!(near(growth.per_minute, 2.0), "{growth:?}");
    assert_eq!((growth.over, history.reach(now)), (630 * SECOND, 630 * SECOND));
    assert!(near(history.growth(&key("steady", 2), &of(5), now).unwrap().per_minute, 0.0));
    let new = history.growth(&key("new", 3), &of(21), now).unwrap();
    assert!(near(new.per_minute, 2.0), "a group that was never seen had none: {new:?}");
}

#[test]
fn growth_is_not_told_before_there_is_a_minute_of_it() {
    let mut history = History::default();
    assert_eq!(history.growth(&key("x", 1), &of(5), SECOND), None);
    history.add(SECOND, HashMap::new());
    assert_eq!(history.growth(&key("x", 1), &of(5), 30 * SECOND), None);
    assert!(history.growth(&key("x", 1), &of(5), 61 * SECOND).is_some());
}

#[test]
fn samples_are_due_every_thirty_seconds_after_a_first_grace() {
    let mut history = History::default();
    let due: Vec<u64> = (0..100)
        .filter(|second| {
            history.is_due(second * SECOND) && {
                history.add(second * SECOND, HashMap::new());
                true
            }
        })
        .collect();
    assert_eq!(due, [11, 41, 71]);
}

#[test]
fn what_is_older_than_the_agent_does_not_look_as_if_it_had_grown() {
    let (watch, table) = (Watch::default(), shared(210));
    for second in 1..=120 {
        watch.sample(&table, second * SECOND);
    }
    let found = asked(&watch, &table, "", 120 * SECOND);
    assert_eq!((found.matched, found.returned), (35, 20));
    for suspect in found.suspects {
        assert_eq!(suspect.growth_per_minute, Some(0.0), "{}", suspect.sentence);
    }
}

#[test]
fn a_million_groups_leave_a_bounded_history_of_the_largest_and_no_false_growth() {
    let mut history = History::default();
    let crowd = |size: u64, from: u32| {
        (from..from + 50_000).map(|n| (key(&format!("p{n}"), 1), size)).collect::<HashMap<_, _>>()
    };
    for round in 0..20_u32 {
        let mut counts = crowd(2, round * 50_000);
        counts.insert(key("leak", 5432), 400);
        history.add(u64::from(round) * SAMPLE_INTERVAL, counts);
        assert!(history.len() <= history::MAX_GROUPS);
    }
    let now = 20 * SAMPLE_INTERVAL;
    assert_eq!(
        history.growth(&key("leak", 5432), &of(400), now).map(|growth| growth.per_minute),
        Some(0.0)
    );
    assert_eq!(
        history.growth(&key("p1", 1), &of(2), now),
        None,
        "what was left out has no history"
    );
    for round in 20..50 {
        history.add(round * SAMPLE_INTERVAL, HashMap::new());
    }
    assert_eq!(history.len(), 0, "groups that are gone are forgotten");
}

#[test]
fn sentences_say_who_what_where_and_how_fast() {
    let base = |process: &str, port, role| {
        let table = shared(210);
        let survey = Survey::of(&table, &Filter::ALL, MINUTE);
        let (_, group) = survey.groups().next().unwrap();
        (
            Key { process: process.into(), workload: "orders.service".into(), role, ..key("", 0) },
            group.clone(),
            port,
        )
    };
    let said = |process: &str, port, role, per_minute: f64, change: fn(&mut survey::Group)| {
        let (mut key, mut group, port) = base(process, port, role);
        key.service_port = port;
        group.count = 412;
        group.oldest.truncate(1);
        group.oldest[0].entered = 0;
        group.pids = vec![(4711, 412)];
        group.stages = [2, 10, 400];
        change(&mut group);
        let growth = Some(history::Growth { per_minute, over: 10 * MINUTE });
        Suspect::of(&Candidate::new(&key, &group, growth), 192 * MINUTE).sentence
    };
    assert_eq!(
        said("orders-api", Some(5432), Role::Client, 2.04, |_| ()),
        "process orders-api (pid 4711) in orders.service holds 412 close_wait connections towards \
         port 5432, 400 of them read but never closed, the oldest 3 h 12 min, growing by 2 a minute"
    );
    assert_eq!(
        said("nginx", Some(80), Role::Server, -0.5, |group| {
            group.pids = vec![(7, 12), (9, 400)];
            group.oldest[0].entered_before = true;
            group.stages = [412, 0, 0];
        }),
        "process nginx (several pids, most in 9) in orders.service holds 412 close_wait \
         connections on its port 80, never accepted, the oldest at least 3 h 12 min, shrinking by \
         0.5 a minute"
    );
    assert_eq!(
        said("unknown", None, Role::Unknown, 0.0, |group| {
            group.pids.clear();
            group.count = 1;
            group.stages = [0; 3];
        }),
        "a process that is not known in orders.service holds 1 close_wait connection of several \
         ports, for 3 h 12 min, steady"
    );
}

#[test]
fn a_group_keeps_its_three_oldest_and_tells_a_bounded_number_of_pids_apart() {
    let table = shared(60_000);
    let survey = Survey::of(&table, &Filter::ALL, 100 * SECOND);
    for (_, group) in survey.groups() {
        assert_eq!(group.oldest.len(), 3);
        assert!(group.oldest.windows(2).all(|pair| pair[0].entered <= pair[1].entered));
    }
    let total: u64 = survey.groups().map(|(_, group)| group.count).sum();
    assert_eq!((total, survey.past_grace, survey.ungrouped), (20_000, 20_000, 0));
}

#[test]
fn the_watch_samples_every_thirty_seconds_and_tells_growth_in_its_answer() {
    let (watch, table) = (Watch::default(), shared(210));
    watch.sample(&shared(0), 0);
    watch.sample(&shared(0), 20 * SECOND);
    watch.sample(&table, 49 * SECOND);
    let found = asked(&watch, &table, "process=app3&service_port=5433", 80 * SECOND);
    assert_eq!(found.suspects[0].growth_per_minute, Some(2.0), "none at 20 s, two at 80 s");
    assert!(near(found.looked_at.history_seconds, 60.0));
    assert!(
        found.suspects[0].sentence.ends_with("growing by 2 a minute"),
        "{}",
        found.suspects[0].sentence
    );
    assert_eq!(found.suspects[0].score, 2 * 4 * (2 + 2));
}

#[test]
fn connections_that_came_under_another_name_are_no_growth() {
    let mut history = history::History::default();
    (10..=15).for_each(|round| {
        history.add(round * SAMPLE_INTERVAL, HashMap::from([(key("before", 1), 50)]));
    });
    let now = 15 * SAMPLE_INTERVAL + SECOND;
    let table = shared(210);
    let (_, group) = Survey::of(&table, &Filter::ALL, now)
        .groups()
        .next()
        .map(|(key, group)| (key.clone(), group.clone()))
        .unwrap();
    let mut moved = survey::Group { count: 50, ..group };
    assert_eq!(history.growth(&key("after", 1), &moved, 100 * SAMPLE_INTERVAL), None);
    moved.oldest[0].entered = 99 * SAMPLE_INTERVAL;
    assert!(history.growth(&key("after", 1), &moved, 100 * SAMPLE_INTERVAL).is_some());
}
