//! Layer 1 of the proof: what can be said of the dashboards and rules without running them.
//!
//! Every check is a function from a dashboard to what is wrong with it, so that [`faults`] can
//! plant a fault and see that the check finds it. What no check here can tell (whether a query has
//! data) the live proof does.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

mod chart;
mod committed;
mod cookbook;
mod faults;
mod fleet;
mod house;
mod known;
mod lint;
mod meaning;
mod promql;
mod rules;
mod schema;
mod site;

use std::sync::LazyLock;

use dashboards::boards::Board;
use serde_json::Value;

/// A check: its name, and what it finds wrong in a dashboard.
type Check = (&'static str, fn(&Value) -> Vec<String>);

/// Every check of a dashboard.
const CHECKS: &[&[Check]] = &[lint::CHECKS, house::CHECKS, meaning::CHECKS, schema::CHECKS];

/// Every panel, those in closed rows included, rows left out.
fn panels(dashboard: &Value) -> Vec<&Value> {
    let top = list(&dashboard["panels"]);
    let inside = top.iter().flat_map(|panel| list(&panel["panels"]));
    top.iter().chain(inside).filter(|panel| panel["type"] != "row").collect()
}

/// The members of a list; none where it is not one.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// What the overrides of a panel's `fieldConfig` set a property to.
fn overridden<'a>(config: &'a Value, property: &str) -> impl Iterator<Item = &'a Value> {
    list(&config["overrides"])
        .iter()
        .flat_map(|one| list(&one["properties"]))
        .filter(move |one| one["id"] == property)
        .map(|one| &one["value"])
}

/// A text; empty where it is not one.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The queries of a panel.
fn targets(panel: &Value) -> &[Value] {
    list(&panel["targets"])
}

/// Every query of a dashboard with the title of its panel.
fn queries(dashboard: &Value) -> Vec<(&str, &Value)> {
    panels(dashboard)
        .into_iter()
        .flat_map(|panel| targets(panel).iter().map(|target| (text(&panel["title"]), target)))
        .collect()
}

/// The variables of a dashboard.
fn variables(dashboard: &Value) -> &[Value] {
    list(&dashboard["templating"]["list"])
}

/// Every board, made once.
fn boards() -> &'static [Board] {
    static BOARDS: LazyLock<Vec<Board>> = LazyLock::new(dashboards::boards::all);
    &BOARDS
}

/// What a check finds in all boards.
fn found(check: fn(&Value) -> Vec<String>) -> Vec<String> {
    let boards = boards();
    assert!(boards.len() >= 7, "boards are missing");
    let of = |board: &Board| {
        check(&board.json)
            .into_iter()
            .map(|what| format!("{}: {what}", board.uid))
            .collect::<Vec<_>>()
    };
    boards.iter().flat_map(of).collect()
}

#[test]
fn every_check_holds_for_every_board() {
    let wrong: Vec<String> = CHECKS
        .iter()
        .copied()
        .flatten()
        .flat_map(|(name, check)| {
            found(*check).into_iter().map(move |what| format!("{name}: {what}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
