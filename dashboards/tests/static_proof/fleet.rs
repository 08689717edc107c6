//! What a board costs where there are a thousand machines: the board Fleet asks recording rules
//! only, and its answers do not grow with the machines; the overview adds up no processes.

use std::collections::BTreeSet;

use promql_parser::parser::Expr;
use promql_parser::parser::token::{T_LAND, T_LOR, T_SUM, T_TOPK};
use serde_json::Value;

use crate::promql::{labels, parse, selectors};
use crate::{known, panels, targets, text};

/// The most series that a panel gets.
const MOST: usize = 200;

fn board(uid: &str) -> &'static Value {
    &crate::boards().iter().find(|board| board.uid == uid).unwrap().json
}

/// The most series of an answer, whatever there is to ask; `None` for no bound.
fn bound(expression: &Expr) -> Option<usize> {
    match expression {
        Expr::Aggregate(one) if one.op.id() == T_TOPK => match one.param.as_deref() {
            Some(Expr::NumberLiteral(most)) => format!("{}", most.val).parse().ok(),
            _ => None,
        },
        Expr::Aggregate(_) => {
            let series = selectors(expression);
            let left = labels(expression);
            left.iter().try_fold(1, |all: usize, label| {
                let known = series.iter().filter_map(|one| known::values(&of(&one.name), label));
                Some(all * known.max_by_key(Vec::len)?.len())
            })
        }
        Expr::Paren(inner) => bound(&inner.expr),
        // What is asked for the labels of an answer has as many series, if these are all it has.
        Expr::Binary(both) if both.op.id() == T_LAND => {
            let (left, right) = (bound(&both.lhs), bound(&both.rhs));
            let is_one = labels(&both.lhs) == labels(&both.rhs);
            left.or(if is_one { right } else { None })
        }
        Expr::Binary(both) if both.op.id() == T_LOR => Some(bound(&both.lhs)? + 1),
        Expr::Binary(both) => bound(&both.lhs),
        _ => None,
    }
}

/// The metric behind a recording rule about connects that fail, whose reasons are a closed set.
fn of(series: &str) -> String {
    if series.ends_with(":connect_failures:rate") {
        "tcpwarden_connect_failures_total".to_owned()
    } else {
        series.to_owned()
    }
}

/// What is wrong with the queries of a panel that is to stay small in a fleet.
fn wrong(panel: &Value) -> Vec<String> {
    let title = text(&panel["title"]);
    let mut found = Vec::new();
    let mut all = Some(0);
    for target in targets(panel) {
        let expression = parse(text(&target["expr"])).unwrap();
        let raw =
            selectors(&expression).into_iter().filter(|one| !one.name.starts_with("tcpwarden:"));
        found.extend(raw.map(|one| format!("{title}: {} is not recorded", one.name)));
        let own = bound(&expression);
        // The largest of each moment are not the same ones: over a time there are more of them.
        let is_drawn = target["instant"] == false && text(&target["expr"]).contains("topk");
        all = all.zip(own.filter(|_| !is_drawn)).map(|(all, own)| all + own);
    }
    if all.is_none_or(|all| all > MOST) {
        found.push(format!("{title}: {all:?} series"));
    }
    found
}

#[test]
fn the_fleet_board_asks_recording_rules_and_gets_few_series() {
    let fleet = board("tcpwarden-fleet");
    assert!(panels(fleet).len() >= 10);
    let found: Vec<String> = panels(fleet).into_iter().flat_map(wrong).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_query_that_grows_with_the_machines_is_noticed() {
    let raw = r#"sum(tcpwarden_connections{job=~"$job"})"#;
    let each = r#"max by (instance) (tcpwarden:instance:events_lost:rate{job=~"$job"})"#;
    let many = r#"topk(201, tcpwarden:instance:events_lost:rate{job=~"$job"})"#;
    let few = r#"topk(50, tcpwarden:instance:events_lost:rate{job=~"$job"})"#;
    for (expr, instant, is_wrong) in [
        (raw, true, true),
        (each, true, true),
        (many, true, true),
        (few, true, false),
        (few, false, true),
    ] {
        let target = serde_json::json!({ "expr": expr, "instant": instant });
        let panel = serde_json::json!({ "title": "x", "targets": [target] });
        assert_eq!(!wrong(&panel).is_empty(), is_wrong, "{expr}");
    }
}

/// The metrics with many series a machine that a sum without `instance` takes together.
fn summed(expression: &Expr) -> BTreeSet<String> {
    match expression {
        Expr::Aggregate(one) => {
            let is_sum = one.op.id() == T_SUM || one.op.to_string() == "max";
            let own = selectors(&one.expr).into_iter().filter(|_| is_sum).filter(|selector| {
                known::metric(&selector.name)
                    .is_some_and(|metric| metric.labels.contains(&"process"))
            });
            let is_fleet = !labels(expression).contains("instance");
            let own = own.filter(|_| is_fleet).map(|selector| selector.name);
            own.chain(summed(&one.expr)).collect()
        }
        Expr::Binary(both) => &summed(&both.lhs) | &summed(&both.rhs),
        Expr::Paren(inner) => summed(&inner.expr),
        Expr::Call(call) => call.args.args.iter().flat_map(|one| summed(one)).collect(),
        _ => BTreeSet::new(),
    }
}

#[test]
fn the_overview_adds_up_machines_from_recording_rules() {
    for panel in panels(board("tcpwarden-overview")) {
        for target in targets(panel) {
            let found = summed(&parse(text(&target["expr"])).unwrap());
            assert!(found.is_empty(), "{}: {found:?}", panel["title"]);
        }
    }
    let planted = parse(r#"max(tcpwarden_process_open_fds{job=~"$job"})"#).unwrap();
    assert_eq!(summed(&planted).len(), 1);
}
