//! The alerts and recording rules, held to the same as the boards: they parse, and what they name
//! exists.

use std::collections::BTreeSet;

use catalogue::buckets::{BYTES_COARSE, SECONDS_COARSE};
use dashboards::boards::{self, Board};
use dashboards::rules::{all, records};
use dashboards::timing::{LIVE, PRODUCTION};

use crate::meaning::wrong_in;
use crate::promql::{labels, parse, selectors};

/// Every expression with its name, with the times of production and with those of the live proof.
pub(crate) fn expressions() -> Vec<(&'static str, String)> {
    let timings = [PRODUCTION, LIVE];
    let alerts = timings
        .iter()
        .flat_map(|timing| all().iter().map(|alert| (alert.name, alert.expression(timing))));
    let recorded = timings.iter().flat_map(|timing| {
        records::all().iter().map(|record| (record.name, record.expression(timing)))
    });
    alerts.chain(recorded).collect()
}

#[test]
fn every_rule_parses_and_names_what_exists() {
    let mut wrong = Vec::new();
    for (name, expr) in expressions() {
        let expression = parse(&expr).unwrap_or_else(|why| panic!("{name}: {why}\n{expr}"));
        let found = selectors(&expression)
            .iter()
            .flat_map(wrong_in)
            .map(|what| format!("{name}: {what}"))
            .collect::<Vec<_>>();
        wrong.extend(found);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_recording_leaves_the_labels_that_it_says() {
    for record in records::all() {
        let left = labels(&parse(&record.expression(&PRODUCTION)).unwrap());
        let said: BTreeSet<String> =
            record.labels.iter().map(|label| (*label).to_owned()).collect();
        assert_eq!(left, said, "{}", record.name);
    }
}

#[test]
fn descriptions_of_alerts_name_labels_that_are_left() {
    for alert in all() {
        let left = labels(&parse(&alert.expression(&PRODUCTION)).unwrap());
        let text = alert.describe(&PRODUCTION);
        for label in text.split("$labels.").skip(1) {
            let label: String = label
                .chars()
                .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
                .collect();
            assert!(
                left.contains(&label),
                "{} describes {label}, what is left is {left:?}",
                alert.name
            );
        }
    }
}

#[test]
fn rules_and_boards_ask_for_bounds_that_coarse_histograms_have() {
    let coarse: BTreeSet<String> =
        SECONDS_COARSE.iter().chain(BYTES_COARSE).map(ToString::to_string).collect();
    let of_board = |board: Board| board.queries.into_iter().map(move |one| (board.uid, one.expr));
    let boards = boards::all().into_iter().flat_map(of_board);
    let mut asked = 0;
    for (name, expr) in expressions().into_iter().chain(boards) {
        for selector in selectors(&parse(&expr).unwrap()) {
            let bounds = selector.matchers.iter().filter(|matcher| matcher.name == "le");
            for bound in bounds {
                asked += 1;
                assert!(coarse.contains(&bound.value), "{name}: {}", bound.value);
            }
        }
    }
    assert!(asked > 0);
}
