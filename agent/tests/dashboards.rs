//! The dashboards against the catalogue: every expression parses, every metric and label in it
//! exists, and the rules hold that keep a dashboard usable.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use promql_parser::label::MatchOp;
use promql_parser::parser::{Expr, VectorSelector, parse};
use serde_json::Value;
use tcpwarden::conn::labels::{Phase, Role, SocketState};
use tcpwarden::metrics::catalogue::{Kind, Metric, all};

/// Labels that Prometheus adds to every series.
const TARGET_LABELS: [&str; 2] = ["job", "instance"];

fn dashboards() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let json = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let read = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.display().to_string(), serde_json::from_str(&text).unwrap())
    };
    let dashboards: Vec<_> = json.map(read).collect();
    assert!(!dashboards.is_empty());
    dashboards
}

/// Every panel, those in closed rows included.
fn panels(dashboard: &Value) -> Vec<&Value> {
    let top = dashboard["panels"].as_array().unwrap();
    top.iter().chain(top.iter().filter_map(|panel| panel["panels"].as_array()).flatten()).collect()
}

fn is_row(panel: &Value) -> bool {
    panel["type"] == "row"
}

/// Every expression with the legend that names its series.
fn expressions(dashboard: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let targets = panels(dashboard).into_iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let annotations = dashboard["annotations"]["list"].as_array().unwrap().iter();
    targets
        .map(|target| (text(&target["expr"]), text(&target["legendFormat"])))
        .chain(annotations.map(|annotation| (text(&annotation["expr"]), text(&annotation["textFormat"]))))
        .collect()
}

/// The metric behind each name that a query can use.
fn series() -> BTreeMap<String, &'static Metric> {
    all().flat_map(|metric| metric.series_names().into_iter().map(move |name| (name, metric))).collect()
}

/// What one expression uses.
#[derive(Default)]
struct Uses {
    /// Selectors, each with the functions around it, innermost last.
    selectors: Vec<(VectorSelector, Vec<String>)>,
    /// Labels to group by.
    grouped: BTreeSet<String>,
}

fn walk(expression: &Expr, around: &[String], uses: &mut Uses) {
    match expression {
        Expr::Aggregate(aggregate) => {
            uses.grouped.extend(aggregate.modifier.iter().flat_map(|modifier| modifier.labels().labels.clone()));
            walk(&aggregate.expr, around, uses);
        }
        Expr::Unary(unary) => walk(&unary.expr, around, uses),
        Expr::Binary(binary) => {
            walk(&binary.lhs, around, uses);
            walk(&binary.rhs, around, uses);
        }
        Expr::Paren(paren) => walk(&paren.expr, around, uses),
        Expr::Subquery(subquery) => walk(&subquery.expr, around, uses),
        Expr::VectorSelector(selector) => uses.selectors.push((selector.clone(), around.to_vec())),
        Expr::MatrixSelector(matrix) => uses.selectors.push((matrix.vs.clone(), around.to_vec())),
        Expr::Call(call) => {
            let around = [around, &[call.func.name.to_owned()]].concat();
            call.args.args.iter().for_each(|argument| walk(argument, &around, uses));
        }
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

/// The values of a label that has a fixed set of them, the same in every metric.
fn fixed_values(label: &str) -> Option<Vec<&'static str>> {
    Some(match label {
        "state" => SocketState::ALL.iter().map(|state| state.as_str()).collect(),
        "role" => Role::ALL.iter().map(|role| role.as_str()).collect(),
        "phase" => Phase::ALL.iter().map(|phase| phase.as_str()).collect(),
        _ => return None,
    })
}

fn check(expression: &str, legend: &str) -> Result<(), String> {
    let concrete = expression.replace("$__rate_interval", "1m").replace("$__range", "1h");
    let mut uses = Uses::default();
    walk(&parse(&concrete)?, &[], &mut uses);
    let series = series();
    let mut known: BTreeSet<&str> = TARGET_LABELS.into();
    for (selector, around) in &uses.selectors {
        let name = selector.name.as_deref().ok_or("a selector without a metric")?;
        let metric = series.get(name).ok_or(format!("{name} is not in the catalogue"))?;
        let mut labels: BTreeSet<&str> = metric.labels.iter().copied().chain(TARGET_LABELS).collect();
        if name.ends_with("_bucket") {
            labels.insert("le");
        }
        for matcher in &selector.matchers.matchers {
            if !labels.contains(matcher.name.as_str()) {
                return Err(format!("{name} has no label {}", matcher.name));
            }
            let values = fixed_values(&matcher.name).filter(|_| matcher.op == MatchOp::Equal);
            if values.is_some_and(|values| !values.contains(&matcher.value.as_str())) {
                return Err(format!("{} is never {:?}", matcher.name, matcher.value));
            }
        }
        for wanted in TARGET_LABELS {
            let variable = format!("${wanted}");
            if !selector.matchers.matchers.iter().any(|matcher| matcher.name == wanted && matcher.value == variable) {
                return Err(format!("{name} is not limited by {wanted}=~\"{variable}\""));
            }
        }
        let counts = metric.kind != Kind::Gauge;
        let rated = around.iter().any(|function| ["rate", "irate", "increase"].contains(&function.as_str()));
        if counts != rated {
            return Err(format!("{name} is a {} and stands {} a rate", metric.kind.as_str(), if rated { "in" } else { "outside" }));
        }
        known.extend(labels);
    }
    let legends = legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()).map(str::trim);
    let mut shown = uses.grouped.iter().map(String::as_str).chain(legends);
    shown.find(|label| !known.contains(label)).map_or(Ok(()), |label| Err(format!("no metric here has a label {label}")))
}

#[test]
fn every_expression_parses_and_uses_only_what_the_catalogue_has() {
    for (file, dashboard) in dashboards() {
        for (expression, legend) in expressions(&dashboard) {
            check(&expression, &legend).unwrap_or_else(|why| panic!("{file}: {why}\n{expression}"));
        }
    }
}

#[test]
fn the_check_itself_finds_planted_faults() {
    let limits = r#"job=~"$job", instance=~"$instance""#;
    for (expression, why) in [
        (format!("sum(tcpwarden_connection{{{limits}}})"), "not in the catalogue"),
        (format!("sum by (stat) (tcpwarden_connections{{{limits}}})"), "label stat"),
        (format!(r#"tcpwarden_connections{{{limits}, pid="1"}}"#), "no label pid"),
        (format!(r#"tcpwarden_connections{{{limits}, state="closewait"}}"#), "is never"),
        (format!("tcpwarden_resets_sent_total{{{limits}}}"), "outside a rate"),
        (format!("rate(tcpwarden_connections{{{limits}}}[$__rate_interval])"), "in a rate"),
        (r#"tcpwarden_connections{job=~"$job"}"#.to_owned(), "not limited by instance"),
        ("sum(".to_owned(), ""),
    ] {
        let found = check(&expression, "").unwrap_err();
        assert!(found.contains(why), "{expression}: {found}");
    }
    assert!(check(&format!("tcpwarden_connections{{{limits}}}"), "{{stat}}").is_err());
}

#[test]
fn rates_are_taken_over_the_rate_interval_only() {
    for (file, dashboard) in dashboards() {
        for (expression, _) in expressions(&dashboard) {
            for range in expression.split('[').skip(1) {
                assert!(range.starts_with("$__rate_interval]"), "{file}: {expression}");
            }
        }
    }
}

#[test]
fn every_panel_says_what_it_is_in_which_unit_and_what_nothing_means() {
    for (file, dashboard) in dashboards() {
        let mut ids = BTreeSet::new();
        for panel in panels(&dashboard) {
            let title = panel["title"].as_str().unwrap_or_default();
            assert!(ids.insert(panel["id"].as_u64().unwrap()) && !title.is_empty(), "{file}: {title}");
            if is_row(panel) {
                continue;
            }
            let defaults = &panel["fieldConfig"]["defaults"];
            for text in [&panel["description"], &defaults["unit"], &defaults["noValue"]] {
                assert!(text.as_str().is_some_and(|text| !text.is_empty()), "{file}: {title}");
            }
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{file}: {title}");
        }
    }
}

#[test]
fn panels_lie_on_the_grid_and_none_covers_another() {
    for (file, dashboard) in dashboards() {
        let mut taken = BTreeSet::new();
        for panel in panels(&dashboard) {
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
            assert!(w > 0 && h > 0 && x + w <= 24, "{file}: {}", panel["title"]);
            for cell in (x..x + w).flat_map(|column| (y..y + h).map(move |line| (column, line))) {
                assert!(taken.insert(cell), "{file}: {} lies on another", panel["title"]);
            }
        }
    }
}

#[test]
fn a_dashboard_can_be_imported_anywhere_and_opens_few_queries() {
    for (file, dashboard) in dashboards() {
        assert_eq!(dashboard["schemaVersion"], 42, "{file}");
        assert_eq!((&dashboard["editable"], &dashboard["refresh"], &dashboard["graphTooltip"]), (&false.into(), &"30s".into(), &1.into()));
        assert!(dashboard.get("id").is_none() && dashboard["uid"].as_str().is_some_and(|uid| uid.len() <= 40), "{file}");
        let variables: Vec<&str> =
            dashboard["templating"]["list"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(variables[..3], ["datasource", "job", "instance"], "{file}");
        let open = dashboard["panels"].as_array().unwrap().iter().filter_map(|panel| panel["targets"].as_array()).flatten().count();
        assert!(open <= 24, "{file} opens {open} queries");
    }
}
