//! The ordered lists against a model that sorts and counts afresh each time.

use agent_common::record::Endpoints;
use catalogue::labels::{Role, SocketState};
use catalogue::limits::STUCK_AGES;
use proptest::prelude::{Strategy, prop_oneof, proptest};

use super::support::SECOND;
use crate::conn::Nanos;
use crate::conn::ids::RowId;
use crate::conn::limits::Budget;
use crate::conn::report::snapshot::StateGauge;
use crate::conn::socket::row::Row;
use crate::conn::store::age_list::{AgeList, AgeThresholds};
use crate::conn::store::slab::Slab;

impl AgeThresholds {
    /// Panics where a gauge is not what a count of the times gives.
    pub(super) fn check(
        &self,
        gauge: &StateGauge,
        times: &(impl Iterator<Item = Nanos> + Clone),
        aged: bool,
    ) {
        assert_eq!(gauge.oldest_since, times.clone().min().map(Nanos::get));
        let older = self.ages().map(|cut| {
            if aged { times.clone().filter(|time| *time < cut).count() as u64 } else { 0 }
        });
        assert_eq!(gauge.older_than, older);
    }
}

#[derive(Clone, Debug)]
enum Act {
    Insert(usize, u64),
    Remove(usize, usize),
    Move(usize, usize),
    Pass(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let time = prop_oneof![0..5000_u64, 0..20_u64];
    let act = prop_oneof![
        4 => (0..2_usize, time.clone()).prop_map(|(list, time)| Act::Insert(list, time)),
        2 => (0..2_usize, 0..64_usize).prop_map(|(list, at)| Act::Remove(list, at)),
        1 => (0..2_usize, 0..64_usize).prop_map(|(list, at)| Act::Move(list, at)),
        1 => (0..5000_u64).prop_map(Act::Pass),
    ];
    proptest::collection::vec(act, 0..200)
}

proptest! {
    #[test]
    fn order_and_ages_hold_under_any_insertion_removal_and_move(acts in acts()) {
        let mut rows = Slab::new(1000);
        let mut lists = [AgeList::new(true), AgeList::new(true)];
        let mut thresholds = AgeThresholds::default();
        let mut model: [Vec<(Nanos, RowId)>; 2] = [Vec::new(), Vec::new()];
        for act in acts {
            match act {
                Act::Insert(list, time) => {
                    let row = Row::new(
                        &Endpoints::default(),
                        SocketState::CloseWait,
                        Role::Client,
                        time * SECOND,
                    );
                    let index = rows.insert(row).expect("room");
                    let tail = lists[list].tail();
                    lists[list].insert(&mut rows, index, tail);
                    model[list].push((time * SECOND, index));
                }
                Act::Remove(list, at) if at < model[list].len() => {
                    let (_, index) = model[list].remove(at);
                    lists[list].remove(&mut rows, index);
                    rows.remove(index);
                }
                Act::Move(list, at) if at < model[list].len() => {
                    let moved = model[list].remove(at);
                    lists[list].remove(&mut rows, moved.1);
                    let tail = lists[1 - list].tail();
                    lists[1 - list].insert(&mut rows, moved.1, tail);
                    model[1 - list].push(moved);
                }
                Act::Pass(now) => {
                    thresholds.advance(now * SECOND);
                    for list in &mut lists {
                        list.advance(&rows, &thresholds, &mut Budget::UNLIMITED.clone());
                    }
                }
                Act::Remove(..) | Act::Move(..) => {}
            }
            for (list, model) in lists.iter().zip(&mut model) {
                // A stable sort keeps rows of the same time in the order in which they came.
                model.sort_by_key(|(time, _)| *time);
                assert_eq!(
                    list.indices(&rows).collect::<Vec<_>>(),
                    model.iter().map(|(_, index)| *index).collect::<Vec<_>>()
                );
                thresholds.check(&list.gauge(&rows), &model.iter().map(|(time, _)| *time), true);
            }
        }
    }
}

#[test]
fn a_row_counts_as_older_from_the_very_nanosecond_of_its_age() {
    let mut rows = Slab::new(10);
    let mut list = AgeList::new(true);
    let mut thresholds = AgeThresholds::default();
    let index = rows
        .insert(Row::new(&Endpoints::default(), SocketState::LastAck, Role::Server, Nanos::new(7)))
        .expect("room");
    list.insert(&mut rows, index, None);
    for (age, seconds) in STUCK_AGES.iter().enumerate() {
        thresholds.advance(*seconds * SECOND + Nanos::new(6));
        list.advance(&rows, &thresholds, &mut Budget::UNLIMITED.clone());
        assert_eq!(list.gauge(&rows).older_than[age], 0);
        thresholds.advance(*seconds * SECOND + Nanos::new(7));
        list.advance(&rows, &thresholds, &mut Budget::UNLIMITED.clone());
        assert_eq!(list.gauge(&rows).older_than[age], 1);
    }
}

#[test]
fn a_row_is_no_larger_than_its_budget() {
    assert!(size_of::<Row>() <= 112, "a row takes {} bytes", size_of::<Row>());
}

#[test]
fn freed_rows_are_used_again_before_new_ones() {
    let mut rows = Slab::new(3);
    let row = Row::new(&Endpoints::default(), SocketState::Listen, Role::Server, Nanos::ZERO);
    let indices: Vec<_> = (0..3).map(|_| rows.insert(row).expect("room")).collect();
    assert_eq!((rows.insert(row), rows.len()), (None, 3));
    rows.remove(indices[1]);
    // Slot 0 is never used.
    assert_eq!((rows.insert(row), rows.top()), (Some(indices[1]), 1 + 3));
}
