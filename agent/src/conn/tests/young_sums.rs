//! Whatever is born, ages and ends: what metrics show adds up to what happened, at each step.

use std::collections::HashMap;

use agent_common::record::Endpoints;
use agent_common::tcp::{CLOSE, ESTABLISHED, SYN_SENT};
use catalogue::labels::{OTHER, Role, YOUNG};
use proptest::prelude::{Strategy, prop_oneof, proptest};

use super::monotony::{DESTINATIONS, failures, name, peer};
use super::support::{
    Ask, EPHEMERAL, LIMITS, NETNS, PORT, SECOND, apply, check, ends, entry, failing, holder, owned,
    reads, resent, step, walked,
};
use crate::conn::limits::IDLE_TTL;
use crate::conn::report::snapshot::Snapshot;
use crate::conn::{Limits, Nanos, Table};

const AGE: Nanos = Nanos::from_secs(30);

#[derive(Clone, Debug)]
enum Act {
    /// A process opens a connection to a port.
    Open(u64, usize, u16),
    /// Its connect fails.
    Fail(u64, usize, u16),
    Close(u64),
    Resend(u64),
    /// Seconds pass.
    Wait(u64),
    Tidy,
    /// A pass, which finds another process at a socket.
    Pass(u64, usize),
}

const NAMES: [&str; 7] = ["one", "two", "three", "four", "five", "~young", "~other"];

fn act() -> impl Strategy<Value = Act> {
    let who = || (1..10_u64, 0..NAMES.len(), PORT..PORT + 3);
    prop_oneof![
        6 => who().prop_map(|(sk, name, port)| Act::Open(sk, name, port)),
        2 => who().prop_map(|(sk, name, port)| Act::Fail(sk, name, port)),
        4 => (1..10_u64).prop_map(Act::Close),
        1 => (1..10_u64).prop_map(Act::Resend),
        4 => (1..40_u64).prop_map(Act::Wait),
        1 => proptest::strategy::Just(Act::Tidy),
        1 => (1..10_u64, 0..NAMES.len()).prop_map(|(sk, name)| Act::Pass(sk, name)),
    ]
}

/// The ends of a client.
fn visitor(sk: u64, port: u16) -> Endpoints {
    peer(ends(sk, EPHEMERAL, port))
}

/// The destination of such a client, as [`name`] has it.
fn destination(sk: u64, port: u16) -> usize {
    match (sk % 4, port) {
        (0 | 1, PORT) => 0,
        (0..3, _) => 1,
        _ => DESTINATIONS,
    }
}

/// What has happened, counted beside the table.
#[derive(Debug, Default, PartialEq, Eq)]
struct Happened {
    opened: u64,
    closed: u64,
    failed: u64,
    /// The failures to each destination, and last to none.
    failed_to: [u64; DESTINATIONS + 1],
    resent: u64,
    open: u64,
}

impl Happened {
    fn shown(seen: &Snapshot) -> Self {
        let states = seen.groups.iter().flat_map(|group| group.states);
        Self {
            opened: seen.opened(),
            closed: seen.closed(),
            failed: seen.failed(),
            failed_to: sum_of(seen.services.iter().map(failures)),
            resent: seen.groups.iter().flat_map(|group| group.retransmitted).flatten().sum(),
            open: states.map(|state| state.count).sum(),
        }
    }
}

/// Adds up place by place.
fn sum_of<const N: usize>(all: impl Iterator<Item = [u64; N]>) -> [u64; N] {
    all.fold([0; N], |sum, one| std::array::from_fn(|place| sum[place] + one[place]))
}

/// A table with its time, the ports of open sockets, and what happened.
struct World {
    table: Table,
    now: Nanos,
    open: HashMap<u64, u16>,
    happened: Happened,
}

impl World {
    fn new(limits: Limits) -> Self {
        let mut table = Table::new(limits);
        name(&mut table);
        table.begin_pass(Nanos::ZERO);
        table.end_pass(Nanos::ZERO, &reads([NETNS]));
        Self { table, now: SECOND, open: HashMap::new(), happened: Happened::default() }
    }

    fn act(&mut self, act: &Act) {
        let Self { table, now, open, happened } = self;
        let ms = now.get() / 1_000_000;
        match *act {
            Act::Open(sk, name, port) if !open.contains_key(&sk) => {
                let end = visitor(sk, port);
                apply(
                    table,
                    &[
                        owned(step(end, CLOSE, SYN_SENT, ms), NAMES[name], 7),
                        owned(step(end, SYN_SENT, ESTABLISHED, ms), NAMES[name], 7),
                    ],
                );
                open.insert(sk, port);
                happened.opened += 1;
            }
            Act::Fail(sk, name, port) if !open.contains_key(&sk) => {
                let end = visitor(sk, port);
                apply(
                    table,
                    &[
                        owned(step(end, CLOSE, SYN_SENT, ms), NAMES[name], 7),
                        failing(step(end, SYN_SENT, CLOSE, ms), 111),
                    ],
                );
                happened.failed += 1;
                happened.failed_to[destination(sk, port)] += 1;
            }
            Act::Close(sk) => {
                let Some(port) = open.remove(&sk) else { return };
                apply(table, &[step(visitor(sk, port), ESTABLISHED, CLOSE, ms)]);
                happened.closed += 1;
            }
            Act::Resend(sk) => {
                let Some(port) = open.get(&sk) else { return };
                table.retransmit(&resent(visitor(sk, *port), ESTABLISHED, 2));
                happened.resent += 2;
            }
            Act::Wait(seconds) => {
                for _ in 0..seconds {
                    *now = now.saturating_add(SECOND);
                    table.age(*now, 1000);
                }
            }
            Act::Tidy => {
                *now = now.saturating_add(IDLE_TTL);
                table.expire_idle(*now);
            }
            Act::Pass(sk, name) => {
                table.begin_pass(*now);
                for (sk, port) in &*open {
                    table.pass_socket(&entry(visitor(*sk, *port), ESTABLISHED, ms));
                }
                table.pass_holder(&holder(sk, NAMES[name], 9));
                table.end_pass(*now, &walked(*now));
            }
            Act::Open(..) | Act::Fail(..) => {}
        }
        happened.open = open.len() as u64;
    }
}

/// Every counter by its labels.
fn counters(seen: &Snapshot) -> HashMap<String, u64> {
    let services = seen.services.iter().flat_map(|service| {
        let labels = (&service.process, &service.workload, service.role, service.port);
        let closed: u64 = service.closed.iter().sum();
        let failed: u64 = service.failures.iter().sum();
        let counts = [("opened", service.opened), ("closed", closed), ("failed", failed)];
        let counts = counts.map(|(family, count)| (format!("{family} {labels:?}"), count));
        let to = failures(service).into_iter().enumerate();
        let to: Vec<_> =
            to.map(|(to, count)| (format!("failed to {to} {labels:?}"), count)).collect();
        counts.into_iter().chain(to)
    });
    let groups = seen.groups.iter().map(|group| {
        let labels = (&group.process, &group.workload, group.role);
        (format!("resent {labels:?}"), group.retransmitted.iter().flatten().sum())
    });
    let mut all = HashMap::new();
    for (labels, count) in services.chain(groups) {
        assert!(all.insert(labels.clone(), count).is_none(), "{labels} stands there twice");
    }
    all
}

proptest! {
    #![proptest_config(super::support::config(256))]

    #[test]
    fn what_is_shown_adds_up_to_what_happened_however_names_age(
        acts in proptest::collection::vec(act(), 0..100),
        (groups, unlabelled, services) in (0..4_usize, 0..5_usize, 1..5_usize),
    ) {
        let limits = Limits { groups, unlabelled, services, young: AGE, ..LIMITS };
        adds_up(&acts, limits, |shown, happened| {
            // What finds no pair has no destination, and no failure is lost or is there twice.
            let folded = (0..DESTINATIONS).map(|to| {
                let folded = happened.failed_to[to].checked_sub(shown.failed_to[to]);
                let folded = folded.expect("no destination has what another does");
                shown.failed_to[to] += folded;
                folded
            });
            let folded: u64 = folded.sum();
            shown.failed_to[DESTINATIONS] -= folded;
        });
    }

    #[test]
    fn so_does_what_goes_to_each_destination_where_there_is_room(
        acts in proptest::collection::vec(act(), 0..100),
        (groups, unlabelled) in (0..4_usize, 0..5_usize),
    ) {
        adds_up(&acts, Limits { groups, unlabelled, young: AGE, ..LIMITS }, |_, _| ());
    }
}

/// Panics if what is shown is not what happened, up to what `forgive` evens out, or if a counter
/// goes down.
fn adds_up(acts: &[Act], limits: Limits, forgive: fn(&mut Happened, &Happened)) {
    let mut world = World::new(limits);
    let mut before = HashMap::new();
    for act in acts {
        world.act(act);
        let seen = world.table.snapshot(world.now);
        let mut shown = Happened::shown(&seen);
        forgive(&mut shown, &world.happened);
        assert_eq!(shown, world.happened, "after {act:?}");
        let all = counters(&seen);
        for (labels, count) in &all {
            assert!(
                before.get(labels).is_none_or(|old| old <= count),
                "{labels} went down to {count}"
            );
        }
        before = all;
        let named = seen
            .groups
            .iter()
            .filter(|group| ![OTHER, YOUNG, "unknown"].contains(&&*group.process));
        assert!(named.count() <= limits.groups + catalogue::limits::LEAK_PLACES);
        let clients = |row: &crate::conn::RowView| row.role == Role::Client;
        assert!(world.table.view().rows().filter(clients).all(|row| &*row.process != YOUNG));
        check(&mut world.table, world.now);
    }
}
