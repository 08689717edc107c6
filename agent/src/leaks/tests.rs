//! Tests of grouping, growth, ranking and sentences.

mod expected;
mod looks;
mod rank;

pub(super) use rank::{growing, verdict_on};

use catalogue::labels::{Role, SocketState};
use catalogue::limits::STUCK_AGES;
use hashbrown::HashMap;

use super::exhaustion::Resource;
use super::judge::Verdict;
use super::kind::Kind;
use super::survey::Group;
use super::*;
use crate::conn::{Nanos, RowView};
use crate::listing::tests::shared;
use crate::query::leaks::LeaksQuery;
use crate::query::parameter::read;

const MINUTE: u64 = 60 * SECOND;

fn asked(watch: &Watch, table: &SharedTable, text: &str, now: u64) -> Leaks {
    let query: LeaksQuery = read(form_urlencoded::parse(text.as_bytes())).unwrap();
    watch.leaks(table, &query.filter, query.limit, query.fail_on, now)
}

/// Returns whether two numbers differ by less than 0.001.
fn near(one: f64, other: f64) -> bool {
    (one - other).abs() < 0.001
}

fn survey(table: &SharedTable, now: u64) -> Survey {
    Survey::of(table, &Filter::ALL, now, &Times::default())
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
         end, the oldest 1m59s"
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
fn a_group_keeps_its_three_oldest_and_tells_a_bounded_number_of_pids_apart() {
    let table = shared(60_000);
    let survey = survey(&table, 100 * SECOND);
    let transient = || survey.groups().filter(|(key, _)| key.state.can_leak());
    for (_, group) in transient() {
        assert_eq!(group.sample.len(), 3);
        assert!(group.sample.windows(2).all(|pair| pair[0].entered <= pair[1].entered));
    }
    let total: u64 = transient().map(|(_, group)| group.tally.count).sum();
    assert_eq!((total, survey.past_grace, survey.ungrouped), (20_000, 20_000, 0));
}

/// Returns a group of `count` connections that are `pid`'s, the oldest `since` the boot.
fn group(pids: &[(u32, u64)], since: u64, sample: RowView) -> Group {
    let count = pids.iter().map(|(_, count)| count).sum();
    Group {
        tally: tally::Tally { count, ..tally::Tally::default() },
        older_than: [0; STUCK_AGES.len()],
        since,
        pids: pids.to_vec(),
        sample: vec![sample],
        ..Group::default()
    }
}

/// Returns the sentence about a verdict on a group of `orders.service` after 192 minutes.
fn said(
    (process, port, role, state): (&str, Option<u16>, Role, SocketState),
    kind: Kind,
    per_minute: f64,
    pids: &[(u32, u64)],
    change: impl FnOnce(&mut Group),
) -> String {
    let table = shared(3);
    let row = table.lock().unwrap().view().rows().next().unwrap();
    let mut group = group(pids, 0, row);
    change(&mut group);
    let (process, workload) = (process.into(), "orders.service".into());
    let key = Key { process, workload, role, state, service_port: port, has_data_fin: false };
    let growth = Some(growth::Growth { per_minute, over: 10 * MINUTE });
    let verdict = Verdict {
        kind,
        certainty: Certainty::Likely,
        accuses: true,
        connections: group.tally.count,
        growth,
        trend: true,
        closed: (kind == Kind::EstablishedGrowing).then_some(0),
    };
    Suspect::of(&Candidate::new(&key, &group, verdict, None), None, 192 * MINUTE).sentence
}

#[test]
fn sentences_say_who_what_where_and_how_fast() {
    let orders = ("orders-api", Some(5432), Role::Client, SocketState::CloseWait);
    assert_eq!(
        said(orders, Kind::NeverClosed, 2.04, &[(4711, 412)], |group| {
            group.tally.stages = [2, 10, 400];
        }),
        "process orders-api (pid 4711) in orders.service holds 412 close_wait connections towards \
         port 5432, 400 of them read but never closed, the oldest 3h12m, growing by 2 a minute"
    );
    let nginx = ("nginx", Some(80), Role::Server, SocketState::CloseWait);
    assert_eq!(
        said(nginx, Kind::NeverAccepted, -0.5, &[(7, 12), (9, 400)], |group| {
            group.since_at_least = true;
            group.tally.stages = [412, 0, 0];
        }),
        "process nginx (several pids, most in 9) in orders.service holds 412 close_wait \
         connections on its port 80, never accepted, the oldest at least 3h12m, shrinking by \
         0.5 a minute"
    );
    let nobody = ("unknown", None, Role::Unknown, SocketState::CloseWait);
    assert_eq!(
        said(nobody, Kind::NeverClosed, 0.0, &[], |group| group.tally.count = 1),
        "a process that is not known in orders.service holds 1 close_wait connection of several \
         ports, for 3h12m, steady"
    );
    let leaker = ("conn-leaker", Some(59_111), Role::Client, SocketState::Established);
    assert_eq!(
        said(leaker, Kind::EstablishedGrowing, 30.0, &[(1854, 222)], |group| {
            (group.tally.aged, group.tally.used_once) = (222, 222);
            group.tally.longest_idle = 7 * MINUTE;
        }),
        "process conn-leaker (pid 1854) in orders.service holds 222 established connections \
         towards port 59111: each was used once and never again, none was closed, the oldest \
         idle for 7m, growing by 30 a minute: connections are opened and not given back"
    );
    assert_eq!(
        said(leaker, Kind::EstablishedGrowing, 120.0, &[(1854, 169)], |group| {
            // Some are past a minute since the pass that looked.
            (group.tally.aged, group.tally.used_once, group.older_than[0]) = (49, 49, 60);
            group.tally.longest_idle = 85 * SECOND;
        }),
        "process conn-leaker (pid 1854) in orders.service holds 169 established connections \
         towards port 59111: each that is older than a minute was used once and never again, none \
         was closed, the oldest idle for 1m25s, growing by 120 a minute: connections are \
         opened and not given back"
    );
    let seeded = said(leaker, Kind::EstablishedGrowing, 1.0, &[(1854, 9)], |group| {
        (group.tally.aged, group.tally.used_once, group.tally.births_unseen) = (8, 8, 1);
    });
    assert!(!seeded.contains("used once"), "of one it is not known: {seeded}");
    let pusher = ("pusher", Some(80), Role::Server, SocketState::FinWait1);
    assert_eq!(
        said(pusher, Kind::Unacknowledged, 0.0, &[(9, 20)], |group| group.orphans = 20),
        "process pusher (pid 9) in orders.service left 20 fin_wait1 connections on its port 80 \
         that nobody holds any more, the oldest 3h12m, steady"
    );
}

#[test]
fn a_sentence_about_mptcp_does_not_name_the_state_of_tcp() {
    let server = ("go-server", Some(8080), Role::Server, SocketState::Established);
    assert_eq!(
        said(server, Kind::MptcpCloseWait, 2.0, &[(7, 12)], |group| group.since_at_least = true),
        "process go-server (pid 7) in orders.service holds 12 MPTCP connections on its port 8080 \
         whose peer has closed, never closed, the oldest at least 3h12m, growing by 2 a minute"
    );
}

#[test]
fn the_time_to_the_limit_is_a_range_at_the_end_of_the_sentence() {
    let mut suspect = Suspect { sentence: "process x holds".into(), ..Suspect::default() };
    let level = exhaustion::Level { used: 400, limit: 1024 };
    let when = trend::Exhaustion { low: 1490.0, mid: 2380.0, high: Some(4180.0) };
    suspect.take_level(&Resource::Descriptors(103), level, Some(when));
    assert_eq!(
        suspect.sentence,
        "process x holds; at the descriptor limit (1024) in about 40m (25m to 1h10m)"
    );
    assert_eq!((suspect.descriptors, suspect.descriptor_limit), (Some(400), Some(1024)));
}

#[test]
fn the_watch_samples_every_fifteen_seconds_and_tells_growth_in_its_answer() {
    let (watch, empty, table) = (Watch::default(), shared(0), shared(210));
    for second in 0..30 {
        assert_eq!(watch.sample(&empty, second * SECOND), second % 15 == 0);
    }
    for second in 30..200 {
        watch.sample(&table, second * SECOND);
    }
    let found = asked(&watch, &table, "process=app3&service_port=5433", 200 * SECOND);
    let suspect = &found.suspects[0];
    assert_eq!(suspect.growth_per_minute, Some(0.0), "{}", suspect.sentence);
    assert!(suspect.sentence.ends_with(", steady") && near(found.looked_at.history_seconds, 200.0));
    assert_eq!((suspect.kind.as_str(), suspect.certainty.as_str()), ("never_read", "likely"));
}

#[test]
fn the_start_of_a_group_is_that_of_its_oldest_process_if_it_is_known_of_all() {
    let known = HashMap::from([(1, Nanos::new(50)), (2, Nanos::new(40))]);
    let started = |pids: &[u32], beyond_pids| {
        let pids = pids.iter().map(|pid| (*pid, 1)).collect();
        Group { pids, beyond_pids, ..Group::default() }.started(&known)
    };
    assert_eq!([started(&[1], 0), started(&[1, 2], 0)], [50, 40]);
    assert_eq!([started(&[1, 3], 0), started(&[1], 1), started(&[], 0)], [0; 3]);
}

#[test]
fn every_kind_says_what_to_do_next_and_has_a_page() {
    let runbooks = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/runbooks");
    for kind in Kind::ALL {
        for accuses in [true, false] {
            let (meaning, next) = (kind.meaning(accuses), kind.next_step(accuses));
            assert!(meaning.len() > 20 && next.len() > 20 && !next.ends_with('.'));
        }
        for state in [SocketState::Established, SocketState::CloseWait] {
            let page = runbooks.join(format!("{}.md", kind.runbook(state)));
            assert!(page.exists(), "{} of {}", page.display(), kind.as_str());
        }
    }
}
