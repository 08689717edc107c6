//! What a site sets, in every expression: its matchers are in each selector, its labels are kept,
//! and its limits are those that are compared.

use std::collections::BTreeSet;

use dashboards::alert::Unit;
use dashboards::boards;
use dashboards::options::{Options, limits};
use dashboards::rules::{all, records};
use dashboards::timing::{PRODUCTION, Timing};
use promql_parser::label::Matcher;
use promql_parser::parser::{Expr, LabelModifier};

use crate::promql::{parse, selectors};

/// The labels that [`everything`] keeps.
const KEPT: [&str; 3] = ["cluster", "env", "zone"];

/// Every key of a site; each limit beside its default.
fn everything() -> Options {
    let mut options = Options::default();
    options.set_selector(r#"{env="prod", zone=~"a|b\\.c"}"#).unwrap();
    options.set_cluster_label("cluster").unwrap();
    options.set_runbook_base_url("https://runbooks.example/tcp/").unwrap();
    for alert in all() {
        let own = options.alert(alert.name).unwrap();
        for (key, limit) in limits(alert.name) {
            own.set_limit(alert.name, key, raised(limit.default, limit.unit)).unwrap();
        }
        let one = || vec!["a.b".to_owned(), "c\"d\\".to_owned()];
        let knows_both = own.set_ignored_processes(alert.name, one()).is_ok()
            && own.set_ignored_workloads(alert.name, one()).is_ok();
        let is_whole = alert.name == "TcpRetransmitRatioHigh";
        let is_none = alert.expression(&PRODUCTION).matches("process").count() < 3;
        assert!(knows_both || is_whole || is_none, "{}", alert.name);
    }
    options
}

fn raised(default: f64, unit: Unit) -> f64 {
    match unit {
        Unit::Share | Unit::Part => (default * 900_000.0).round() / 1_000_000.0,
        Unit::Rate => (default * 1100.0).round() / 1000.0,
        Unit::Bytes => default + 1024.0,
        Unit::Count | Unit::Seconds => default + 7.0,
    }
}

/// Every expression of rules, the queries inside of descriptions among them.
fn expressions(timing: &Timing) -> Vec<(String, String)> {
    let asked = |text: String| -> Vec<String> {
        let inside = text.split('`').skip(1).step_by(2);
        inside.filter(|one| one.contains("topk")).map(|one| one.replace("%q", "\"x\"")).collect()
    };
    let mut found = Vec::new();
    for alert in all() {
        found.push((alert.name.to_owned(), alert.expression(timing)));
        let name = format!("the description of {}", alert.name);
        found.extend(asked(alert.describe(timing)).into_iter().map(|expr| (name.clone(), expr)));
    }
    found.extend(records::all().iter().map(|one| (one.name.to_owned(), one.expression(timing))));
    found
}

fn has(matchers: &[Matcher], label: &str, value: &str) -> bool {
    matchers.iter().any(|one| one.name == label && one.value == value)
}

#[test]
fn every_selector_of_rules_and_boards_has_the_matchers_of_the_site() {
    let options = everything();
    let boards = boards::all_with(&options);
    let asked = boards.iter().flat_map(|board| {
        let queries = board.queries.iter().map(|query| query.expr.clone());
        let marks = board.json["annotations"]["list"].as_array().unwrap();
        let marks = marks.iter().map(|one| one["expr"].as_str().unwrap().to_owned());
        let filled = board.variables.iter().filter_map(|(_, query)| {
            let inner = query.strip_prefix("label_values(")?;
            Some(inner.rsplit_once(", ")?.0.to_owned())
        });
        let all: Vec<String> = queries.chain(marks).chain(filled).collect();
        all.into_iter().map(|expr| (board.uid.to_owned(), expr))
    });
    let timing = PRODUCTION.with(options.clone());
    let ruled = expressions(&timing);
    assert!(ruled.iter().filter(|(name, _)| name.starts_with("the description")).count() > 8);
    let mut seen = 0;
    for (name, expr) in ruled.into_iter().chain(asked) {
        let parsed = parse(&expr).unwrap_or_else(|why| panic!("{name}: {why}\n{expr}"));
        for selector in selectors(&parsed) {
            let is_there = has(&selector.matchers, "env", "prod")
                && selector
                    .matchers
                    .iter()
                    .any(|one| one.name == "zone" && one.op.to_string() == "=~");
            assert!(is_there, "{name}: {} has no matcher of the site\n{expr}", selector.name);
            seen += 1;
        }
    }
    assert!(seen > 400, "only {seen} selectors were looked at");
}

/// The lists of labels that lose one of `kept`. Where `is_board`, one number and one distribution
/// of all that is chosen lose none.
fn losing(expression: &Expr, kept: &[&str], is_board: bool) -> Vec<String> {
    let inner = |one: &Expr| losing(one, kept, is_board);
    let loses = |modifier: Option<&LabelModifier>, whole: bool| match modifier {
        Some(LabelModifier::Include(by)) if is_board && by.labels == ["le"] => false,
        Some(LabelModifier::Include(by)) => {
            kept.iter().any(|label| !by.labels.iter().any(|one| one == label))
        }
        Some(LabelModifier::Exclude(without)) => {
            kept.iter().any(|label| without.labels.iter().any(|one| one == label))
        }
        None => whole,
    };
    match expression {
        Expr::Aggregate(aggregate) => {
            let is_top = aggregate.op.to_string().contains("topk");
            let lost = loses(aggregate.modifier.as_ref(), !is_top && !is_board);
            let own = lost.then(|| aggregate.to_string());
            own.into_iter().chain(inner(&aggregate.expr)).collect()
        }
        Expr::Binary(binary) => {
            let matching = binary.modifier.as_ref().and_then(|one| one.matching.as_ref());
            let own = loses(matching, false).then(|| binary.to_string());
            let sides = [inner(&binary.lhs), inner(&binary.rhs)].concat();
            own.into_iter().chain(sides).collect()
        }
        Expr::Unary(unary) => inner(&unary.expr),
        Expr::Paren(paren) => inner(&paren.expr),
        Expr::Subquery(subquery) => inner(&subquery.expr),
        Expr::Call(call) => {
            call.args.args.iter().flat_map(|one| losing(one, kept, is_board)).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn every_aggregation_and_join_keeps_the_labels_of_the_site() {
    let timing = PRODUCTION.with(everything());
    let mut wrong = Vec::new();
    for (name, expr) in expressions(&timing) {
        // What a description asks is for one label of one alert.
        if !name.starts_with("the description") {
            let lost = losing(&parse(&expr).unwrap(), &KEPT, false);
            wrong.extend(lost.into_iter().map(|what| format!("{name}: {what}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let plain = parse("sum by (job) (up)").unwrap();
    assert_eq!(losing(&plain, &["cluster"], false).len(), 1, "a lost label is noticed");
    let joined = parse("up and on (job) up").unwrap();
    assert_eq!(losing(&joined, &["cluster"], false).len(), 1, "a join that loses it is noticed");
}

#[test]
fn what_a_description_asks_is_of_the_cluster_of_its_alert() {
    let timing = PRODUCTION.with(everything());
    let mut seen = 0;
    for alert in all() {
        let text = alert.describe(&timing);
        let asked = |what: &str| text.matches(what).count();
        let times = asked("job=%q");
        assert_eq!(times, asked("cluster=%q,env=%q,zone=%q"), "{text}");
        assert_eq!(times, asked("$labels.cluster $labels.env $labels.zone"), "{text}");
        for query in text.split("printf `topk").skip(1) {
            let (query, rest) = query.split_once('`').unwrap();
            let (arguments, _) = rest.split_once("| query").unwrap();
            let [holes, fillings] =
                [query.matches("%q").count(), arguments.matches("$labels.").count()];
            assert_eq!(holes, fillings, "{text}");
        }
        seen += times;
    }
    assert!(seen > 8, "only {seen} queries were looked at");
}

#[test]
fn every_list_of_labels_on_boards_keeps_the_labels_of_the_site() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for board in boards::all_with(&everything()) {
        for query in &board.queries {
            let lost = losing(&parse(&query.expr).unwrap(), &KEPT, true);
            wrong.extend(lost.into_iter().map(|what| format!("{}: {what}", query.panel)));
            seen += usize::from(query.expr.contains("cluster, env, zone)"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 50, "only {seen} queries have a list of labels");
    let plain = parse("sum by (job) (up)").unwrap();
    assert_eq!(losing(&plain, &["cluster"], true).len(), 1, "a lost label is noticed");
}

#[test]
fn every_limit_that_is_set_is_in_the_expression_and_its_text() {
    let timing = PRODUCTION.with(everything());
    let mut seen = 0;
    for alert in all() {
        let (before, after) = (alert.expression(&PRODUCTION), alert.expression(&timing));
        for (key, limit) in limits(alert.name) {
            let value = raised(limit.default, limit.unit);
            assert!((value - limit.default).abs() > 0.0);
            let compared = [format!(">= {value}"), format!("<= {value}")];
            let is_there = |expr: &str| compared.iter().any(|text| expr.contains(text.as_str()));
            assert!(is_there(&after), "{}: {key} = {value} is not in\n{after}", alert.name);
            assert!(!is_there(&before), "{}: {key} = {value} was there before", alert.name);
            let [old, new] = [&PRODUCTION, &timing].map(|timing| {
                let terms = alert.filled_terms(timing);
                terms.into_iter().find(|term| term.key == key).unwrap().value
            });
            assert_ne!(old, new, "{}: {key}", alert.name);
            seen += 1;
        }
    }
    assert!(seen > 45, "only {seen} limits were looked at");
}

#[test]
fn who_is_ignored_is_in_no_series_that_could_name_them() {
    let mut options = Options::default();
    let own = options.alert("TcpCloseWaitStuck").unwrap();
    own.set_ignored_processes("TcpCloseWaitStuck", vec!["abc".into(), "c".into()]).unwrap();
    own.set_ignored_workloads("TcpCloseWaitStuck", vec!["w".into()]).unwrap();
    let timing = PRODUCTION.with(options);
    for alert in all() {
        let expr = alert.expression(&timing);
        let found = selectors(&parse(&expr).unwrap());
        let leaves = found.iter().filter(|one| {
            has(&one.matchers, "process", "abc|c") && has(&one.matchers, "workload", "w")
        });
        let expected = if alert.name == "TcpCloseWaitStuck" { found.len() } else { 0 };
        assert_eq!(leaves.count(), expected, "{}: {expr}", alert.name);
    }
}

#[test]
fn the_page_names_every_limit_with_its_default() {
    let page = std::fs::read_to_string("../docs/rules.md").unwrap();
    let mut rows =
        String::from("| alert | limit | default | what is measured |\n|---|---|---|---|\n");
    for alert in all() {
        for term in alert.filled_terms(&PRODUCTION) {
            if let Some(limit) = term.limit {
                let row = (alert.name, term.key, limit.default, term.meaning);
                rows +=
                    &["| ", row.0, " | `", row.1, "` | ", &row.2.to_string(), " | ", row.3, " |\n"]
                        .concat();
            }
        }
    }
    assert!(page.contains(&rows), "docs/rules.md does not have\n{rows}");
}

#[test]
fn no_two_limits_of_an_alert_have_one_name() {
    for alert in all() {
        let all = limits(alert.name);
        let names: BTreeSet<&str> = all.iter().map(|(key, _)| *key).collect();
        assert_eq!(names.len(), all.len(), "{}", alert.name);
    }
}
