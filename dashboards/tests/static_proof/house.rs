//! The project's own rules for dashboards.

use std::collections::BTreeSet;

use dashboards::{alerts, threshold, timing};
use serde_json::Value;
use tcpwarden::cli;

use crate::{Check, list, overridden, panels, targets, text, variables};

/// The project's own rules.
pub(crate) const CHECKS: &[Check] = &[
    ("head", head),
    ("ids-are-unique", ids),
    ("grid", grid),
    ("every-panel-explains-itself", explained),
    ("alerts-exist", alerts_exist),
    ("commands-run", commands),
    ("limits-are-those-of-the-alerts", limits),
    ("stacks-are-parts-of-a-whole", stacks),
    ("few-queries-at-once", few),
    ("annotations", annotations),
];

/// What may be stacked: labels whose values are the parts of one whole.
const PARTS: [&str; 3] = ["{{stage}}", "{{phase}}", "{{kind}}"];

fn head(dashboard: &Value) -> Vec<String> {
    let names: Vec<&str> = variables(dashboard).iter().map(|one| text(&one["name"])).collect();
    let uid = text(&dashboard["uid"]);
    let links = list(&dashboard["links"]);
    let rules = [
        (dashboard["schemaVersion"] == 42, "schemaVersion is not 42"),
        (dashboard["refresh"] == "30s", "refresh is not 30s"),
        (dashboard["graphTooltip"] == 1, "no shared crosshair"),
        (dashboard.get("id").is_none(), "has an id of one server"),
        (uid.starts_with("tcpwarden-") && uid.len() <= 40, "the uid does not fit"),
        (
            names.starts_with(&["datasource", "job", "instance"]),
            "does not begin with data source, job and instance",
        ),
        (
            links.iter().any(|link| link["keepTime"] == true && link["includeVars"] == true),
            "no links to the others",
        ),
        (!dashboard.to_string().contains("libraryPanel"), "uses a library panel"),
    ];
    rules.into_iter().filter(|(right, _)| !right).map(|(_, what)| what.to_owned()).collect()
}

fn ids(dashboard: &Value) -> Vec<String> {
    let rows = list(&dashboard["panels"]).iter().filter(|panel| panel["type"] == "row");
    let mut seen = BTreeSet::new();
    let twice = rows
        .chain(panels(dashboard))
        .filter(|panel| panel["id"].as_u64().is_none_or(|id| !seen.insert(id)));
    twice.map(|panel| format!("{} {}", panel["title"], panel["id"])).collect()
}

/// The panels on the open grid, then those of each closed row, which is a grid of its own.
fn grid(dashboard: &Value) -> Vec<String> {
    let top = list(&dashboard["panels"]);
    std::iter::once(top)
        .chain(top.iter().map(|panel| list(&panel["panels"])))
        .flat_map(overlaps)
        .collect()
}

fn overlaps(panels: &[Value]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut wrong = Vec::new();
    for panel in panels {
        let [x, y, w, h] =
            ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap_or(1000));
        let cells = (x..x + w).flat_map(|column| (y..y + h).map(move |line| (column, line)));
        if w == 0 || h == 0 || x + w > 24 || cells.filter(|cell| !taken.insert(*cell)).count() > 0 {
            wrong.push(format!("{} lies on another or beside the grid", panel["title"]));
        }
    }
    wrong
}

fn explained(dashboard: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for panel in panels(dashboard) {
        let description = text(&panel["description"]);
        for part in ["**Bad:** ", "**Alert:** ", "**Do:** "] {
            let said = description
                .split_once(part)
                .is_some_and(|(before, after)| !before.trim().is_empty() && after.len() > 3);
            wrong.extend((!said).then(|| format!("{}: does not say {part}", panel["title"])));
        }
        let config = &panel["fieldConfig"];
        wrong.extend(
            text(&config["defaults"]["noValue"])
                .is_empty()
                .then(|| format!("{}: says nothing for nothing", panel["title"])),
        );
        let properties = list(&config["overrides"]).iter().flat_map(|one| list(&one["properties"]));
        let unit = config["defaults"]["unit"].is_string()
            || properties.clone().any(|one| one["id"] == "unit");
        wrong.extend((!unit).then(|| format!("{}: no unit", panel["title"])));
    }
    wrong
}

/// The names after `**Alert:**`.
pub(crate) fn alerts_of(panel: &Value) -> Vec<&str> {
    let line = text(&panel["description"])
        .split("**Alert:** ")
        .nth(1)
        .and_then(|rest| rest.lines().next())
        .unwrap_or_default();
    line.trim_end_matches('.').split(", ").filter(|name| *name != "none").collect()
}

fn alerts_exist(dashboard: &Value) -> Vec<String> {
    let known = |name: &str| dashboards::rules::all().iter().any(|alert| alert.name == name);
    let named = panels(dashboard).into_iter().flat_map(alerts_of);
    named.filter(|name| !known(name)).map(|name| format!("there is no alert {name}")).collect()
}

/// Commands of the agent in descriptions are ones that it takes.
fn commands(dashboard: &Value) -> Vec<String> {
    let quoted = panels(dashboard)
        .into_iter()
        .flat_map(|panel| text(&panel["description"]).split('`').skip(1).step_by(2));
    let ours = quoted.filter(|command| command.starts_with("tcpwarden "));
    ours.filter_map(|command| {
        cli::parse(command.split_whitespace()).err().map(|why| format!("{command}: {why}"))
    })
    .collect()
}

/// The limits that a picture may draw: those of the alerts, and one thing that should not be there
/// at all.
fn constants() -> Vec<f64> {
    let growth = alerts::tcp_close_wait_growing::LEAK_GROWTH * 60.0 / timing::GROWTH.as_secs_f64();
    let ratios = [
        threshold::USED_RATIO_WARNING,
        threshold::USED_RATIO_CRITICAL,
        alerts::tcp_retransmit_ratio_high::RETRANSMIT_RATIO,
        alerts::tcp_reset_storm::RESET_RATIO,
        alerts::tcp_connection_churn::CHURN_RATIO,
        alerts::tcpwarden_unattributed::UNATTRIBUTED_RATIO,
    ];
    let rates = [
        alerts::tcp_accept_queue_overflowing::ACCEPT_DROPS_RATE,
        alerts::tcp_connect_failures::CONNECT_FAILURE_RATE,
        alerts::tcp_ephemeral_ports_exhausted::NO_LOCAL_PORT_RATE,
        alerts::tcp_syn_retransmits::SYN_RETRANSMIT_RATE,
        alerts::tcp_reset_storm::RESET_RATE,
        alerts::tcp_connection_churn::CHURN_RATE,
    ];
    let agent = [
        alerts::tcpwarden_events_lost::EVENTS_LOST_RATE,
        alerts::tcpwarden_drift_found::DRIFT_RATE,
        alerts::tcpwarden_labels_overflowing::LABEL_OVERFLOW_RATE,
        timing::PASS_AGE.as_secs_f64(),
    ];
    let others = [
        threshold::STUCK_CONNECTIONS,
        alerts::tcp_receivers_not_reading::UNREAD_BYTES,
        alerts::tcp_peers_not_reading::ZERO_WINDOW_CONNECTIONS,
        alerts::tcp_connect_slow::CONNECT_SLOW_SECONDS,
        alerts::tcp_connect_failures::CONNECT_FAILURE_RATIO,
    ];
    [&ratios[..], &rates, &agent, &others, &[growth, timing::STUCK_AGE.as_secs_f64(), 1.0]].concat()
}

fn limits(dashboard: &Value) -> Vec<String> {
    let known = constants();
    let mut wrong = Vec::new();
    for panel in panels(dashboard) {
        let config = &panel["fieldConfig"];
        let overridden = overridden(config, "thresholds");
        let all = std::iter::once(&config["defaults"]["thresholds"]).chain(overridden);
        let values =
            all.flat_map(|one| list(&one["steps"])).filter_map(|step| step["value"].as_f64());
        let strange = values.filter(|value| !known.iter().any(|one| (one - value).abs() < 1e-9));
        wrong.extend(
            strange.map(|value| format!("{}: {value} is no limit of an alert", panel["title"])),
        );
    }
    wrong
}

fn stacks(dashboard: &Value) -> Vec<String> {
    let stacked =
        |panel: &&Value| panel["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal";
    let parts = |panel: &Value| {
        targets(panel).len() == 1
            && targets(panel).iter().all(|one| PARTS.contains(&text(&one["legendFormat"])))
    };
    panels(dashboard)
        .into_iter()
        .filter(stacked)
        .filter(|panel| !parts(panel))
        .map(|panel| panel["title"].to_string())
        .collect()
}

/// Queries that are asked when somebody opens the board.
fn few(dashboard: &Value) -> Vec<String> {
    let open: usize = list(&dashboard["panels"]).iter().map(|panel| targets(panel).len()).sum();
    if open <= 22 { Vec::new() } else { vec![format!("{open} queries at once")] }
}

fn annotations(dashboard: &Value) -> Vec<String> {
    let names: Vec<&str> =
        list(&dashboard["annotations"]["list"]).iter().map(|one| text(&one["name"])).collect();
    if names == ["Agent restarts", "Firing alerts"] {
        Vec::new()
    } else {
        vec![format!("marks {names:?}")]
    }
}

#[test]
fn every_alert_is_named_by_a_panel_of_its_board() {
    let boards = crate::boards();
    let named = |uid: &str| {
        boards
            .iter()
            .filter(|board| board.uid == uid)
            .flat_map(|board| panels(&board.json))
            .flat_map(alerts_of)
            .collect::<Vec<_>>()
    };
    let unnamed =
        dashboards::rules::all().iter().filter(|alert| !named(alert.board).contains(&alert.name));
    let unnamed: Vec<String> =
        unnamed.map(|alert| format!("{} on {}", alert.name, alert.board)).collect();
    assert_eq!(unnamed, Vec::<String>::new());
}
