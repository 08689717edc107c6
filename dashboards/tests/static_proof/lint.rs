//! The 17 rules of Grafana's dashboard linter, under their names, as they were read in its sources
//! in 2026. None is left out; the rule of units takes words of ours beside Grafana's ids. Where the
//! linter looks at some kinds of panel only, these look at all.

use serde_json::Value;

use crate::promql::{Selector, concrete, parse, selectors};
use crate::schema::is_rate;
use crate::{Check, found, known, list, panels, queries, targets, text, variables};

/// The linter's own names.
pub(crate) const CHECKS: &[Check] = &[
    ("template-datasource-rule", template_datasource),
    ("template-job-rule", template_job),
    ("template-instance-rule", template_instance),
    ("template-label-promql-rule", template_label_promql),
    ("template-on-time-change-reload-rule", template_on_time_change_reload),
    ("panel-datasource-rule", panel_datasource),
    ("panel-title-description-rule", panel_title_description),
    ("panel-units-rule", panel_units),
    ("panel-no-targets-rule", panel_no_targets),
    ("target-logql-rule", target_logql),
    ("target-logql-auto-rule", target_logql_auto),
    ("target-promql-rule", target_promql),
    ("target-rate-interval-rule", target_rate_interval),
    ("target-job-rule", target_job),
    ("target-instance-rule", target_instance),
    ("target-counter-agg-rule", target_counter_agg),
    ("uneditable-dashboard", uneditable),
];

fn template_datasource(dashboard: &Value) -> Vec<String> {
    let sources: Vec<&Value> =
        variables(dashboard).iter().filter(|variable| variable["type"] == "datasource").collect();
    let right = |one: &&Value| {
        one["name"] == "datasource" && one["label"] == "Data source" && one["query"] == "prometheus"
    };
    if sources.len() == 1 && sources.iter().all(right) {
        Vec::new()
    } else {
        vec!["no variable datasource for Prometheus".to_owned()]
    }
}

fn template(dashboard: &Value, name: &str, label: &str) -> Vec<String> {
    let Some(one) = variables(dashboard).iter().find(|variable| variable["name"] == name) else {
        return vec![format!("no variable {name}")];
    };
    let expected = [("type", "query"), ("label", label), ("allValue", ".+")];
    let mut wrong: Vec<String> = expected
        .iter()
        .filter(|(key, value)| one[*key] != *value)
        .map(|(key, value)| format!("{name}: {key} is not {value}"))
        .collect();
    wrong.extend(
        (one["datasource"]["uid"] != "${datasource}")
            .then(|| format!("{name}: asks another data source")),
    );
    wrong.extend((one["multi"] != true).then(|| format!("{name}: one value at a time only")));
    wrong
}

fn template_job(dashboard: &Value) -> Vec<String> {
    template(dashboard, "job", "Job")
}

fn template_instance(dashboard: &Value) -> Vec<String> {
    template(dashboard, "instance", "Instance")
}

/// The selector in `label_values(SELECTOR, label)` of a variable.
pub(crate) fn label_values(variable: &Value) -> Option<(String, String)> {
    let inside =
        text(&variable["query"]["query"]).strip_prefix("label_values(")?.strip_suffix(')')?;
    let (selector, label) = inside.rsplit_once(", ")?;
    Some((selector.to_owned(), label.to_owned()))
}

fn template_label_promql(dashboard: &Value) -> Vec<String> {
    let asked = variables(dashboard).iter().filter(|variable| variable["type"] == "query");
    let right = |variable: &&Value| {
        label_values(variable).is_some_and(|(selector, _)| parse(&selector).is_ok())
    };
    asked
        .filter(|variable| !right(variable))
        .map(|variable| format!("{}: {}", variable["name"], variable["query"]))
        .collect()
}

fn template_on_time_change_reload(dashboard: &Value) -> Vec<String> {
    let asked = variables(dashboard).iter().filter(|variable| variable["type"] == "query");
    asked
        .filter(|variable| variable["refresh"] != 2)
        .map(|variable| format!("{} is not asked again", variable["name"]))
        .collect()
}

fn of_panels(dashboard: &Value, right: impl Fn(&Value) -> bool) -> Vec<String> {
    panels(dashboard)
        .into_iter()
        .filter(|panel| !right(panel))
        .map(|panel| text(&panel["title"]).to_owned())
        .collect()
}

fn panel_datasource(dashboard: &Value) -> Vec<String> {
    let ours = |value: &Value| {
        value["datasource"]["uid"] == "${datasource}" && value["datasource"]["type"] == "prometheus"
    };
    of_panels(dashboard, |panel| ours(panel) && targets(panel).iter().all(ours))
}

fn panel_title_description(dashboard: &Value) -> Vec<String> {
    of_panels(dashboard, |panel| {
        !text(&panel["title"]).is_empty() && !text(&panel["description"]).is_empty()
    })
}

/// The units that the linter knows, of those that Grafana does: it lacks `none`, `string` and the
/// newest. It lacks words after the number too, which Grafana writes and `schema.rs` checks: with
/// the linter itself the rule needs an exclusion (docs/decisions/44-units-of-rates.md).
fn panel_units(dashboard: &Value) -> Vec<String> {
    const USED: [&str; 7] =
        ["short", "locale", "percentunit", "s", "bytes", "dateTimeFromNow", "bool_yes_no"];
    let overridden = |panel: &Value| {
        let properties = list(&panel["fieldConfig"]["overrides"])
            .iter()
            .flat_map(|one| list(&one["properties"]));
        properties
            .filter(|one| one["id"] == "unit")
            .map(|one| text(&one["value"]).to_owned())
            .collect::<Vec<_>>()
    };
    of_panels(dashboard, |panel| {
        let default = panel["fieldConfig"]["defaults"]["unit"].as_str().map(str::to_owned);
        let units: Vec<String> = overridden(panel).into_iter().chain(default).collect();
        !units.is_empty() && units.iter().all(|unit| USED.contains(&unit.as_str()) || is_rate(unit))
    })
}

fn panel_no_targets(dashboard: &Value) -> Vec<String> {
    of_panels(dashboard, |panel| !targets(panel).is_empty())
}

fn target_logql(dashboard: &Value) -> Vec<String> {
    let loki = |target: &Value| text(&target["datasource"]["type"]).contains("loki");
    queries(dashboard)
        .into_iter()
        .filter(|(_, target)| loki(target))
        .map(|(title, _)| title.to_owned())
        .collect()
}

fn target_logql_auto(dashboard: &Value) -> Vec<String> {
    let auto = |target: &Value| text(&target["expr"]).contains("$__auto");
    queries(dashboard)
        .into_iter()
        .filter(|(_, target)| auto(target))
        .map(|(title, _)| title.to_owned())
        .collect()
}

fn target_promql(dashboard: &Value) -> Vec<String> {
    let broken = |(title, target): (&str, &Value)| {
        parse(text(&target["expr"])).err().map(|why| format!("{title}: {why}"))
    };
    queries(dashboard).into_iter().filter_map(broken).collect()
}

/// Selectors of all queries that a predicate refuses.
fn of_selectors(dashboard: &Value, right: impl Fn(&Selector) -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for (title, target) in queries(dashboard) {
        let Ok(expression) = parse(text(&target["expr"])) else { continue };
        wrong.extend(
            selectors(&expression)
                .iter()
                .filter(|one| !right(one))
                .map(|one| format!("{title}: {}", one.name)),
        );
    }
    wrong
}

/// Stricter than the linter: every window, not only that of rate and irate.
fn target_rate_interval(dashboard: &Value) -> Vec<String> {
    let other = |target: &Value| {
        text(&target["expr"])
            .split('[')
            .skip(1)
            .any(|range| !range.starts_with("$__rate_interval]"))
    };
    queries(dashboard)
        .into_iter()
        .filter(|(_, target)| other(target))
        .map(|(title, _)| title.to_owned())
        .collect()
}

fn target_job(dashboard: &Value) -> Vec<String> {
    of_selectors(dashboard, |selector| selector.limited_by("job"))
}

/// What a recording rule has added up over machines has no such label.
fn target_instance(dashboard: &Value) -> Vec<String> {
    of_selectors(dashboard, |selector| {
        selector.limited_by("instance") || known::is_of_all_machines(&selector.name)
    })
}

fn target_counter_agg(dashboard: &Value) -> Vec<String> {
    of_selectors(dashboard, |selector| !selector.name.ends_with("_total") || selector.rated)
}

fn uneditable(dashboard: &Value) -> Vec<String> {
    if dashboard["editable"] == false { Vec::new() } else { vec!["is editable".to_owned()] }
}

macro_rules! holds {
    ($($name:ident: $check:ident,)+) => { $(
        #[test]
        fn $name() {
            assert_eq!(found($check), Vec::<String>::new());
        }
    )+ };
}

holds! {
    template_datasource_rule: template_datasource,
    template_job_rule: template_job,
    template_instance_rule: template_instance,
    template_label_promql_rule: template_label_promql,
    template_on_time_change_reload_rule: template_on_time_change_reload,
    panel_datasource_rule: panel_datasource,
    panel_title_description_rule: panel_title_description,
    panel_units_rule: panel_units,
    panel_no_targets_rule: panel_no_targets,
    target_logql_rule: target_logql,
    target_logql_auto_rule: target_logql_auto,
    target_promql_rule: target_promql,
    target_rate_interval_rule: target_rate_interval,
    target_job_rule: target_job,
    target_instance_rule: target_instance,
    target_counter_agg_rule: target_counter_agg,
    uneditable_dashboard: uneditable,
}

#[test]
fn variables_become_something_that_parses() {
    assert_eq!(concrete("rate(a_total[$__rate_interval])"), "rate(a_total[5m])");
    assert!(parse("sum(").is_err());
}
