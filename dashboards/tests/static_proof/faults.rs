//! Planted faults: each check finds what it is there for, in a dashboard that is right otherwise.

use serde_json::{Value, json};

use crate::CHECKS;

/// A fault, and the check that has to find it.
type Fault = (&'static str, fn(&mut Value));

const FAULTS: &[Fault] = &[
    ("template-datasource-rule", |board| board["templating"]["list"][0]["name"] = json!("ds")),
    ("template-job-rule", |board| board["templating"]["list"][1]["multi"] = json!(false)),
    ("template-instance-rule", |board| board["templating"]["list"][2]["allValue"] = json!("")),
    ("template-label-promql-rule", |board| {
        board["templating"]["list"][1]["query"]["query"] = json!("label_value(up, job)");
    }),
    ("template-on-time-change-reload-rule", |board| {
        board["templating"]["list"][1]["refresh"] = json!(1);
    }),
    ("panel-datasource-rule", |board| stat(board)["datasource"]["uid"] = json!("prometheus")),
    ("panel-title-description-rule", |board| stat(board)["description"] = json!("")),
    ("panel-units-rule", |board| {
        stat(board)["fieldConfig"]["defaults"]["unit"] = json!("connections");
    }),
    ("panel-no-targets-rule", |board| stat(board)["targets"] = json!([])),
    ("target-logql-rule", |board| target(board)["datasource"]["type"] = json!("loki")),
    ("target-logql-auto-rule", |board| target(board)["expr"] = json!("rate({job=\"a\"}[$__auto])")),
    ("target-promql-rule", |board| target(board)["expr"] = json!("sum(")),
    ("target-rate-interval-rule", |board| {
        ask(board, "rate(tcpwarden_resets_sent_total{LIMITS}[5m])");
    }),
    ("target-job-rule", |board| {
        target(board)["expr"] = json!(r#"tcpwarden_connections_tracked{instance=~"$instance"}"#);
    }),
    ("target-instance-rule", |board| {
        target(board)["expr"] =
            json!(r#"tcpwarden_connections_tracked{job=~"$job", instance="$instance"}"#);
    }),
    ("target-instance-rule", |board| {
        target(board)["expr"] = json!(r#"ALERTS{job=~"$job|", instance=~"$instance"}"#);
    }),
    ("target-counter-agg-rule", |board| ask(board, "sum(tcpwarden_resets_sent_total{LIMITS})")),
    ("uneditable-dashboard", |board| board["editable"] = json!(true)),
    ("head", |board| board["schemaVersion"] = json!(39)),
    ("head", |board| board["id"] = json!(7)),
    ("ids-are-unique", |board| board["panels"][2]["id"] = board["panels"][1]["id"].clone()),
    ("grid", |board| board["panels"][2]["gridPos"] = board["panels"][1]["gridPos"].clone()),
    ("grid", |board| stat(board)["gridPos"]["w"] = json!(25)),
    ("every-panel-explains-itself", |board| stat(board)["description"] = json!("A number.")),
    ("every-panel-explains-itself", |board| {
        stat(board)["fieldConfig"]["defaults"]["noValue"] = json!("");
    }),
    ("alerts-exist", |board| {
        stat(board)["description"] =
            json!("A number.\n\n**Bad:** more.\n\n**Alert:** TcpNever.\n\n**Do:** look.");
    }),
    ("commands-run", |board| stat(board)["description"] = json!("Ask `tcpwarden leaks --fix`.")),
    ("limits-are-those-of-the-alerts", |board| {
        stat(board)["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] = json!(0.123);
    }),
    ("stacks-are-parts-of-a-whole", |board| {
        graph(board)["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] = json!("normal");
    }),
    ("few-queries-at-once", |board| stat(board)["targets"] = json!(vec![json!({}); 20])),
    ("annotations", |board| board["annotations"]["list"] = json!([])),
    ("every-series-exists", |board| ask(board, "tcpwarden_connection{LIMITS}")),
    ("every-series-exists", |board| ask(board, "tcpwarden_connections_tracked{LIMITS, pid=\"1\"}")),
    ("every-series-exists", |board| {
        ask(board, "tcpwarden_connections{LIMITS, state=\"closewait\"}");
    }),
    ("every-series-exists", |board| {
        ask(board, "tcpwarden_connections{LIMITS, state=~\"listen|time_wait\"}");
    }),
    ("every-series-exists", |board| {
        ask(board, "tcpwarden_connection_duration_seconds_bucket{LIMITS, le=\"0.4\"}");
    }),
    ("every-series-exists", |board| {
        ask(board, "rate(tcpwarden_connections_tracked{LIMITS}[$__rate_interval])");
    }),
    ("every-series-exists", |board| {
        ask(board, "sum(tcpwarden_connection_duration_seconds_count{LIMITS})");
    }),
    ("every-series-exists", |board| ask(board, "tcpwarden:no:such:recording{LIMITS}")),
    ("nothing-of-other-programs", |board| ask(board, "sum(up{LIMITS})")),
    ("nothing-of-other-programs", |board| ask(board, "max(scrape_duration_seconds{LIMITS})")),
    ("nothing-of-other-programs", |board| ask(board, "sum(process_resident_memory_bytes{LIMITS})")),
    ("nothing-of-other-programs", |board| {
        ask(board, "process_open_fds{LIMITS} and on (job) tcpwarden_build_info{LIMITS}");
    }),
    ("nothing-of-other-programs", |board| {
        ask(board, "process_open_fds{LIMITS} and on (job, instance) process_max_fds{LIMITS}");
    }),
    ("nothing-of-other-programs", |board| {
        board["annotations"]["list"][0]["expr"] =
            json!("changes(process_start_time_seconds[$__rate_interval]) > 0");
    }),
    ("coloured-sums-are-those-of-the-alerts", |board| {
        let descriptors = board["panels"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .find(|panel| panel["title"] == "Descriptors")
            .unwrap();
        descriptors["targets"][0]["expr"] = json!("sum by (instance) (tcpwarden_process_open_fds)");
    }),
    ("coloured-sums-are-those-of-the-alerts", |board| {
        table(board)["targets"][0]["expr"] =
            json!("sum by (instance, state) (tcpwarden_connections)");
    }),
    ("legends-name-labels-that-are-left", |board| {
        target(board)["legendFormat"] = json!("{{process}}");
    }),
    ("legends-name-labels-that-are-left", |board| {
        ask(board, "sum by (state) (tcpwarden_connections{LIMITS})");
    }),
    ("columns-exist", |board| {
        table(board)["transformations"][1]["options"]["indexByName"]["Value #Z"] = json!(9);
    }),
    ("columns-exist", |board| {
        table(board)["options"]["sortBy"][0]["displayName"] = json!("Nothing");
    }),
    ("columns-exist", |board| {
        table(board)["transformations"][1]["options"]["excludeByName"] = json!({});
    }),
    ("links-lead-somewhere", |board| {
        stat(board)["fieldConfig"]["defaults"]["links"] = json!([{ "url": "/d/tcpwarden-leak?x" }]);
    }),
    ("links-lead-somewhere", |board| {
        graph(board)["fieldConfig"]["defaults"]["links"] =
            json!([{ "url": "/d/tcpwarden-leaks?&var-process=${__field.labels.process}" }]);
    }),
    ("variables-ask-for-labels-that-exist", |board| {
        board["templating"]["list"][1]["query"]["query"] =
            json!("label_values(tcpwarden_build_info, pid)");
    }),
    ("schema", |board| board["schemaVersion"] = json!("42")),
    ("schema", |board| board["pannels"] = json!([])),
    ("schema", |board| stat(board)["fieldConfig"]["defaults"]["treshold"] = json!({})),
    ("schema", |board| stat(board)["gridPos"]["x"] = json!("left")),
    ("schema-of-panels", |board| stat(board)["options"]["colourMode"] = json!("value")),
    ("schema-of-panels", |board| stat(board)["options"]["graphMode"] = json!("bars")),
    ("schema-of-panels", |board| {
        graph(board)["fieldConfig"]["defaults"]["custom"]["drawStyle"] = json!("curve");
    }),
    ("schema-of-panels", |board| graph(board)["options"]["legend"]["placement"] = json!("top")),
    ("schema-of-panels", |board| {
        override_of(board, json!({ "id": "custom.cellOption", "value": {} }));
    }),
    ("schema-of-panels", |board| {
        override_of(board, json!({ "id": "custom.width", "value": "wide" }));
    }),
    ("schema-of-panels", |board| stat(board)["type"] = json!("singlestat")),
    ("units-are-grafanas", |board| {
        stat(board)["fieldConfig"]["defaults"]["unit"] = json!("seconds");
    }),
];

/// The first panel of a kind on the overview.
fn first<'a>(board: &'a mut Value, kind: &str) -> &'a mut Value {
    board["panels"].as_array_mut().unwrap().iter_mut().find(|panel| panel["type"] == kind).unwrap()
}

fn stat(board: &mut Value) -> &mut Value {
    first(board, "stat")
}

fn graph(board: &mut Value) -> &mut Value {
    first(board, "timeseries")
}

fn table(board: &mut Value) -> &mut Value {
    first(board, "table")
}

fn target(board: &mut Value) -> &mut Value {
    &mut stat(board)["targets"][0]
}

fn ask(board: &mut Value, expr: &str) {
    target(board)["expr"] = json!(expr.replace("LIMITS", r#"job=~"$job", instance=~"$instance""#));
}

fn override_of(board: &mut Value, property: Value) {
    table(board)["fieldConfig"]["overrides"][0]["properties"]
        .as_array_mut()
        .unwrap()
        .push(property);
}

#[test]
fn every_planted_fault_is_found_by_its_check() {
    let overview = crate::boards()[0].json.clone();
    let checks: Vec<_> = CHECKS.iter().copied().flatten().collect();
    let mut missed = Vec::new();
    for (index, (name, plant)) in FAULTS.iter().enumerate() {
        let (_, check) = checks
            .iter()
            .find(|(check, _)| check == name)
            .unwrap_or_else(|| panic!("there is no check {name}"));
        assert_eq!(check(&overview), Vec::<String>::new(), "{name}");
        let mut board = overview.clone();
        plant(&mut board);
        assert!(board != overview, "fault {index} ({name}) changes nothing");
        if check(&board).is_empty() {
            missed.push(format!("fault {index} is not found by {name}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn every_check_has_a_fault_that_it_finds() {
    for (name, _) in CHECKS.iter().copied().flatten() {
        assert!(FAULTS.iter().any(|(fault, _)| fault == name), "no fault for {name}");
    }
}
