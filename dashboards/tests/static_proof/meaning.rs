//! Do the queries mean something: every metric, label and value exists, counters stand in rates,
//! legends and columns name labels that are left.

use std::collections::BTreeSet;

use dashboards::rules;
use dashboards::timing::PRODUCTION;
use promql_parser::label::{MatchOp, Matcher};
use serde_json::Value;

use crate::house::alerts_of;
use crate::lint::label_values;
use crate::promql::{Labels, Selector, labels, of_anybody, parse, selectors, summed_away};
use crate::{Check, known, list, overridden, panels, queries, targets, text, variables};

/// Checks of what queries mean.
pub(crate) const CHECKS: &[Check] = &[
    ("every-series-exists", every_series_exists),
    ("nothing-of-other-programs", nothing_of_others),
    ("coloured-sums-are-those-of-the-alerts", coloured_sums),
    ("legends-name-labels-that-are-left", legends),
    ("columns-exist", columns),
    ("links-lead-somewhere", links),
    ("variables-ask-for-labels-that-exist", asked_labels),
];

/// Every expression: of queries and of annotations.
fn expressions(dashboard: &Value) -> Vec<(String, String)> {
    let annotations = list(&dashboard["annotations"]["list"])
        .iter()
        .map(|one| (text(&one["name"]), text(&one["expr"])));
    let asked =
        queries(dashboard).into_iter().map(|(title, target)| (title, text(&target["expr"])));
    asked.chain(annotations).map(|(title, expr)| (title.to_owned(), expr.to_owned())).collect()
}

fn every_series_exists(dashboard: &Value) -> Vec<String> {
    let wrong = |(title, expr): (String, String)| {
        let found = parse(&expr).map_or_else(
            |why| vec![why],
            |expression| selectors(&expression).iter().flat_map(wrong_in).collect(),
        );
        found.into_iter().map(move |what| format!("{title}: {what}")).collect::<Vec<_>>()
    };
    expressions(dashboard).into_iter().flat_map(wrong).collect()
}

/// With all jobs chosen, which is how a board opens, what every program has would be that of all
/// programs.
fn nothing_of_others(dashboard: &Value) -> Vec<String> {
    let found = |(title, expr): (String, String)| {
        let names = parse(&expr).map_or_else(|why| vec![why], |expression| of_anybody(&expression));
        names
            .into_iter()
            .map(move |name| format!("{title}: {name} of programs that are no agents"))
            .collect::<Vec<_>>()
    };
    expressions(dashboard).into_iter().flat_map(found).collect()
}

/// What a limit is drawn beside is no coarser than what the alert holds against it: the sum of a
/// fleet passes the limit of a process where nothing is wrong. A limit of one is for what should
/// not be there at all.
fn coloured_sums(dashboard: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for panel in panels(dashboard) {
        let alerts = rules::all().iter().filter(|alert| alerts_of(panel).contains(&alert.name));
        let kept: Vec<Labels> = alerts
            .filter_map(|alert| parse(&alert.expression(&PRODUCTION)).ok())
            .map(|expr| labels(&expr))
            .collect();
        for target in
            targets(panel).iter().filter(|target| is_coloured(panel, text(&target["refId"])))
        {
            let away =
                parse(text(&target["expr"])).map_or_else(|_| Vec::new(), |expr| summed_away(&expr));
            let coarse = |away: &Labels| {
                kept.iter()
                    .any(|kept| kept.iter().any(|label| label != "job" && away.contains(label)))
            };
            wrong.extend(
                away.iter()
                    .filter(|away| coarse(away))
                    .map(|away| format!("{}: takes {away:?} together", panel["title"])),
            );
        }
    }
    wrong
}

/// Whether limits colour the values of a query: those of the panel, or of the query's column.
fn is_coloured(panel: &Value, query: &str) -> bool {
    let limits = |thresholds: &Value| {
        list(&thresholds["steps"])
            .iter()
            .any(|step| step["value"].as_f64().is_some_and(|one| (one - 1.0).abs() > 1e-9))
    };
    let config = &panel["fieldConfig"];
    let column = |one: &&Value| {
        one["matcher"]["options"] == "Value"
            || one["matcher"]["options"] == format!("Value #{query}")
    };
    let properties =
        list(&config["overrides"]).iter().filter(column).flat_map(|one| list(&one["properties"]));
    limits(&config["defaults"]["thresholds"])
        || properties.into_iter().any(|one| one["id"] == "thresholds" && limits(&one["value"]))
}

/// What is wrong with a selector of a board or a rule.
pub(crate) fn wrong_in(selector: &Selector) -> Vec<String> {
    let name = &selector.name;
    if !known::exists(name) {
        return vec![format!("there is no {name}")];
    }
    let mut wrong: Vec<String> =
        selector.matchers.iter().filter_map(|one| wrong_matcher(name, one)).collect();
    if known::counts(name) && !selector.rated && !selector.past {
        wrong.push(format!("{name} counts and stands outside a rate"));
    }
    if !known::counts(name) && selector.rated {
        wrong.push(format!("{name} does not count and stands in a rate"));
    }
    wrong
}

fn wrong_matcher(series: &str, matcher: &Matcher) -> Option<String> {
    let (label, value) = (&matcher.name, &matcher.value);
    if !known::labels(series).contains(label) {
        return Some(format!("{series} has no label {label}"));
    }
    if value.starts_with('$') {
        return None;
    }
    let possible = known::values(series, label)?;
    let values: Vec<&str> = if matches!(matcher.op, MatchOp::Re(_) | MatchOp::NotRe(_)) {
        value.split('|').collect()
    } else {
        vec![value]
    };
    let never = values.into_iter().find(|value| !possible.iter().any(|one| one == value))?;
    Some(format!("{label} of {series} is never {never:?}"))
}

/// The labels in `{{ }}`.
fn named(legend: &str) -> Vec<&str> {
    legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()).map(str::trim).collect()
}

fn legends(dashboard: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for panel in panels(dashboard) {
        let several = targets(panel).len() > 1;
        for target in targets(panel).iter().filter(|target| target["format"] != "table") {
            let Ok(expression) = parse(text(&target["expr"])) else { continue };
            let (left, legend) = (labels(&expression), text(&target["legendFormat"]));
            let title = text(&panel["title"]);
            wrong.extend(
                named(legend)
                    .iter()
                    .filter(|label| !left.contains(**label))
                    .map(|label| format!("{title}: no {label} is left")),
            );
            // Series that no label of the legend tells apart would all have one name.
            let apart = left.iter().all(|label| {
                named(legend).contains(&label.as_str())
                    || ["job", "kind", "instance", "workload", "role"].contains(&label.as_str())
            });
            wrong.extend(
                (!apart || (several && legend.is_empty()))
                    .then(|| format!("{title}: the legend {legend:?} does not tell series apart")),
            );
        }
    }
    wrong
}

fn columns(dashboard: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for panel in panels(dashboard).into_iter().filter(|panel| panel["type"] == "table") {
        let asked = targets(panel);
        let mut there: BTreeSet<String> = ["Time".to_owned()].into();
        for target in asked {
            let Ok(expression) = parse(text(&target["expr"])) else { continue };
            there.extend(labels(&expression));
            let several = asked.len() > 1;
            there.insert(if several {
                format!("Value #{}", text(&target["refId"]))
            } else {
                "Value".to_owned()
            });
        }
        let organize = list(&panel["transformations"])
            .iter()
            .find(|one| one["id"] == "organize")
            .map_or(&Value::Null, |one| &one["options"]);
        let keys = |name: &str| {
            organize[name]
                .as_object()
                .into_iter()
                .flat_map(|members| members.keys().cloned())
                .collect::<BTreeSet<_>>()
        };
        let (order, hidden) = (keys("indexByName"), keys("excludeByName"));
        let overrides = list(&panel["fieldConfig"]["overrides"])
            .iter()
            .map(|one| text(&one["matcher"]["options"]).to_owned());
        let title = text(&panel["title"]);
        let missing = order.iter().cloned().chain(overrides).filter(|name| !there.contains(name));
        wrong.extend(missing.map(|name| format!("{title}: there is no column {name}")));
        let loose = there.iter().filter(|name| !order.contains(*name) && !hidden.contains(*name));
        wrong.extend(loose.map(|name| format!("{title}: the column {name} has no place")));
        let titles: Vec<&str> = organize["renameByName"]
            .as_object()
            .into_iter()
            .flat_map(|names| names.values().map(text))
            .collect();
        let sorted = list(&panel["options"]["sortBy"]).iter().map(|one| text(&one["displayName"]));
        wrong.extend(
            sorted
                .filter(|name| !titles.contains(name))
                .map(|name| format!("{title}: sorted by {name}, which is not there")),
        );
    }
    wrong
}

/// Links of values: the board exists and has the variables, the columns or labels that fill them
/// are there.
fn links(dashboard: &Value) -> Vec<String> {
    let boards = crate::boards();
    let mut wrong = Vec::new();
    for panel in panels(dashboard) {
        let config = &panel["fieldConfig"];
        let overridden = overridden(config, "links");
        let urls = list(&config["defaults"]["links"]).iter().chain(overridden.flat_map(list));
        let there: BTreeSet<String> = targets(panel)
            .iter()
            .filter_map(|one| parse(text(&one["expr"])).ok())
            .flat_map(|one| labels(&one))
            .collect();
        for url in urls.map(|link| text(&link["url"])) {
            let uid =
                url.strip_prefix("/d/").and_then(|rest| rest.split('?').next()).unwrap_or_default();
            let Some(board) = boards.iter().find(|board| board.uid == uid) else {
                wrong.push(format!("{}: {url} leads nowhere", panel["title"]));
                continue;
            };
            for (variable, filled) in
                url.split("&var-").skip(1).filter_map(|part| part.split_once('='))
            {
                let field = filled
                    .trim_start_matches("${__data.fields[\"")
                    .trim_start_matches("${__field.labels.");
                let field = field.split(['"', ':']).next().unwrap_or_default();
                if !board.variables.iter().any(|(name, _)| *name == variable)
                    || !there.contains(field)
                {
                    wrong.push(format!("{}: {variable} of {uid} from {field}", panel["title"]));
                }
            }
        }
    }
    wrong
}

fn asked_labels(dashboard: &Value) -> Vec<String> {
    let asked = variables(dashboard).iter().filter_map(label_values);
    let right = |(selector, label): &(String, String)| {
        parse(selector).is_ok_and(|one| {
            selectors(&one)
                .iter()
                .all(|one| wrong_in(one).iter().all(|what| what.contains("outside a rate")))
                && labels(&one).contains(label)
        })
    };
    asked
        .filter(|one| !right(one))
        .map(|(selector, label)| format!("label_values({selector}, {label})"))
        .collect()
}
