//! Counters under any order of naming, merging and eviction: none that stays ever goes down, and no
//! sum does.

use std::collections::HashMap;

use agent_common::record::State;
use agent_common::tcp::{CLOSE, CLOSE_WAIT, ESTABLISHED, SYN_SENT};
use catalogue::limits::{SPARE, YOUNG_PORTS};
use proptest::prelude::{Just, Strategy, prop_oneof, proptest};

use super::support::{TIGHT, apply, check, covered, entry, holder, resent, step};
use super::workloads::{client, connect, seeing, unit};
use crate::conn::limits::IDLE_TTL;
use crate::conn::report::snapshot::Snapshot;
use crate::conn::report::totals::Totals;
use crate::conn::{Limits, Nanos};
use crate::workload::Key;

#[derive(Clone, Debug)]
enum Act {
    Connect(u64, u64, usize),
    Step(State),
    Resend(u64, u64),
    Tell(u64, Option<usize>),
    Tidy(u64),
    Pass(u64, u64),
}

const NAMES: [&str; 5] = ["one", "two", "three", "~other", "unknown"];

fn act() -> impl Strategy<Value = Act> {
    let key = || (1..8_u64, 1..6_u64);
    let after = prop_oneof![
        Just((SYN_SENT, ESTABLISHED)),
        Just((ESTABLISHED, CLOSE_WAIT)),
        Just((ESTABLISHED, CLOSE)),
        Just((CLOSE_WAIT, CLOSE))
    ];
    prop_oneof![
        6 => (key(), 0..NAMES.len())
            .prop_map(|((sk, cgroup), name)| Act::Connect(sk, cgroup, name)),
        6 => (key(), after).prop_map(|((sk, cgroup), (old, new))|
            Act::Step(step(client(sk, cgroup), old, new, 9))),
        1 => key().prop_map(|(sk, cgroup)| Act::Resend(sk, cgroup)),
        3 => (1..6_u64, proptest::option::of(0..3_usize))
            .prop_map(|(cgroup, name)| Act::Tell(cgroup, name)),
        3 => (0..2 * IDLE_TTL.get()).prop_map(Act::Tidy),
        1 => key().prop_map(|(sk, cgroup)| Act::Pass(sk, cgroup)),
    ]
}

/// Every counter that a scrape would show, by its labels, and the sum over each family.
fn counters(seen: &Snapshot) -> (HashMap<String, u64>, [u64; 4]) {
    let mut all = HashMap::new();
    let mut sums = [0; 4];
    let mut put = |family: usize, labels: String, count: u64| {
        assert!(
            all.insert(format!("{family} {labels}"), count).is_none(),
            "{labels} stands there twice"
        );
        sums[family] += count;
    };
    for service in &seen.services {
        let labels = format!(
            "{} {} {:?} {:?}",
            service.process, service.workload, service.role, service.port
        );
        put(0, labels.clone(), service.opened);
        put(1, labels.clone(), service.closed.iter().sum());
        put(2, labels, service.sent_bytes.count() + service.connect_duration.count());
    }
    for group in &seen.groups {
        put(
            3,
            format!("{} {} {:?}", group.process, group.workload, group.role),
            group.retransmitted.iter().flatten().sum(),
        );
    }
    (all, sums)
}

proptest! {
    #[test]
    fn no_counter_and_no_sum_ever_goes_down_whatever_is_named_evicted_or_merged(
        acts in proptest::collection::vec(act(), 0..120),
    ) {
        never_goes_down(acts, Limits { connections: 6, ..TIGHT });
    }

    #[test]
    fn nor_does_one_while_names_are_young(acts in proptest::collection::vec(act(), 0..120)) {
        never_goes_down(acts, Limits { connections: 6, young: Nanos::from_secs(30), ..TIGHT });
    }
}

/// Panics if a counter or a sum goes down.
fn never_goes_down(acts: Vec<Act>, limits: Limits) {
    let mut table = seeing(limits);
    let (mut before, mut sums, mut now) = (HashMap::new(), [0; 4], Nanos::ZERO);
    for act in acts {
        match act {
            Act::Connect(sk, cgroup, name) => connect(&mut table, sk, cgroup, NAMES[name]),
            Act::Step(record) => apply(&mut table, &[record]),
            Act::Resend(sk, cgroup) => {
                table.retransmit(&resent(client(sk, cgroup), ESTABLISHED, 2));
            }
            Act::Tell(cgroup, Some(name)) => {
                table.tell_workloads([(Key::Cgroup(cgroup), Some(unit(NAMES[name])))], now);
            }
            Act::Tell(cgroup, None) => table.tell_workloads([(Key::Cgroup(cgroup), None)], now),
            Act::Tidy(passed) => {
                now = now.saturating_add(Nanos::new(passed));
                table.age(now, 1000);
                table.expire_idle(now);
            }
            Act::Pass(sk, cgroup) => {
                table.begin_pass(now);
                table.pass_socket(&entry(client(sk, cgroup), ESTABLISHED, 5000));
                table.pass_holder(&holder(sk, "holder", 3));
                table.end_pass(now, &covered());
            }
        }
        check(&mut table, now);
        let seen = table.snapshot(now);
        let ports = if limits.young > Nanos::ZERO { 3 + YOUNG_PORTS } else { 0 };
        assert!(seen.groups.len() <= 3 + SPARE + 9);
        assert!(seen.services.len() <= 3 + SPARE + 3 + ports);
        assert_eq!(table.view().totals(), Totals::of(&seen), "cheap sums are those of a page");
        let (all, after) = counters(&seen);
        for (labels, count) in &all {
            assert!(
                before.get(labels).is_none_or(|old| old <= count),
                "{labels} went down to {count}"
            );
        }
        assert!(
            sums.iter().zip(&after).all(|(old, new)| old <= new),
            "{sums:?} went down to {after:?}"
        );
        (before, sums) = (all, after);
    }
}
