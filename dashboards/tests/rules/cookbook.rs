//! The cookbook: promtool plays each of its queries over a small fleet, and each answers something.

use serde_json::{Value, json};

use crate::promtool::{folder, root, run};

/// The labels of the target and of a process there.
const OF: &str = r#"job="tcpwarden", instance="a", workload="w", process="p""#;

/// Series with their labels beside those of [`OF`] and their values, each minute.
const OF_PROCESS: [(&str, &str, &str); 27] = [
    ("tcpwarden_connections", r#"role="client", state="established""#, "40x150"),
    ("tcpwarden_connections_stuck", r#"role="client", state="close_wait", min_age="60""#, "9x150"),
    ("tcpwarden_connections_stuck", r#"role="client", state="close_wait", min_age="300""#, "8x150"),
    ("tcpwarden_close_wait_connections", r#"role="client", stage="read""#, "9x150"),
    (
        "tcpwarden_connections_oldest_state_age_seconds",
        r#"role="client", state="close_wait""#,
        "0+60x150",
    ),
    ("tcpwarden_connections_opened_total", r#"role="client", port="80""#, "0+600x150"),
    (
        "tcpwarden_connections_closed_total",
        r#"role="client", port="80", reason="fin_local""#,
        "0+60x150",
    ),
    (
        "tcpwarden_connections_closed_total",
        r#"role="client", port="80", reason="rst_received""#,
        "0+60x150",
    ),
    ("tcpwarden_connections_idle", r#"role="client", min_idle="3600""#, "200x150"),
    ("tcpwarden_process_open_fds", "", "900x150"),
    ("tcpwarden_process_max_fds", "", "1024x150"),
    ("tcpwarden_process_fds_exhausted_seconds", "", "7200x150"),
    ("tcpwarden_listen_backlog_used_ratio", r#"port="80""#, "0.9x150"),
    ("tcpwarden_listen_drops_total", r#"port="80""#, "0+60x150"),
    ("tcpwarden_connect_failures_total", r#"port="80", reason="refused""#, "0+60x150"),
    ("tcpwarden_connect_duration_seconds_bucket", r#"port="80", le="0.5""#, "0+540x150"),
    ("tcpwarden_connect_duration_seconds_bucket", r#"port="80", le="+Inf""#, "0+600x150"),
    ("tcpwarden_connect_duration_seconds_count", r#"port="80""#, "0+600x150"),
    (
        "tcpwarden_connection_srtt_seconds_bucket",
        r#"role="client", port="80", le="0.001""#,
        "0+540x150",
    ),
    (
        "tcpwarden_connection_srtt_seconds_bucket",
        r#"role="client", port="80", le="+Inf""#,
        "0+600x150",
    ),
    (
        "tcpwarden_retransmitted_segments_total",
        r#"role="client", phase="established", kind="fast""#,
        "0+60x150",
    ),
    ("tcpwarden_receive_queue_bytes", r#"role="client""#, "9x150"),
    ("tcpwarden_zero_window_connections", r#"role="client""#, "9x150"),
    ("tcpwarden:workload_state:connections:sum", r#"state="established""#, "0+1x150"),
    ("tcpwarden:workload_reason:connect_failures:rate", r#"reason="refused""#, "1x150"),
    ("tcpwarden:workload:connections_opened:rate", r#"role="client""#, "9x150"),
    (
        "tcpwarden_workload_info",
        r#"kind="container", namespace="n", pod="d", container="c""#,
        "1x150",
    ),
];

/// The labels of the target alone.
const OF_TARGET: &str = r#"job="tcpwarden", instance="a""#;

/// Series with their labels beside those of [`OF_TARGET`].
const OF_AGENT: [(&str, &str, &str); 14] = [
    ("up", "", "0x150"),
    ("scrape_samples_scraped", "", "2500x150"),
    ("tcpwarden_build_info", r#"version="1", commit="x", build_id="y""#, "1x150"),
    ("process_cpu_seconds_total", "", "0+1x150"),
    ("process_resident_memory_bytes", "", "9x150"),
    ("tcpwarden_ephemeral_ports_used_ratio", r#"netns="host""#, "0.7x150"),
    ("tcpwarden_tcp_memory_bytes", r#"kind="used""#, "5x150"),
    ("tcpwarden_tcp_memory_bytes", r#"kind="limit""#, "9x150"),
    ("tcpwarden:instance:retransmit_ratio:rate", "", "0.1x150"),
    ("tcpwarden_events_lost_total", r#"ring="state""#, "0+1x150"),
    ("tcpwarden_connections_refused_total", "", "0+1x150"),
    ("tcpwarden_label_overflow_total", r#"family="groups""#, "0+1x150"),
    ("tcpwarden_visibility_limited", r#"limit="pid_namespace""#, "1x150"),
    ("tcpwarden_reconcile_corrections_total", r#"kind="missed_open""#, "0+1x150"),
];

/// The queries of the page.
fn queries() -> Vec<String> {
    let page = std::fs::read_to_string(root().join("docs/cookbook.md")).unwrap();
    let blocks = page.split("```promql\n").skip(1).filter_map(|rest| rest.split_once("```"));
    blocks.map(|(query, _)| query.trim().to_owned()).collect()
}

fn series() -> Vec<Value> {
    let line = |target: &str, (name, labels, values): &(&str, &str, &str)| {
        let series = format!("{name}{{{target}, {labels}}}");
        json!({ "series": series, "values": values })
    };
    let off = json!({
        "series": r#"tcpwarden_probe_attached{job="tcpwarden", instance="a", probe="x"}"#,
        "values": "0x150",
    });
    let of_process = OF_PROCESS.iter().map(|one| line(OF, one));
    of_process.chain(OF_AGENT.iter().map(|one| line(OF_TARGET, one))).chain([off]).collect()
}

/// Asks each query after two hours whether it answers anything.
fn play(queries: &[String]) -> (bool, String) {
    let asked: Vec<Value> = queries
        .iter()
        .map(|query| {
            json!({
                "expr": format!("count(\n{query}\n) > bool 0"),
                "eval_time": "2h",
                "exp_samples": [{ "labels": "{}", "value": 1 }],
            })
        })
        .collect();
    // JSON is YAML.
    let test = json!({ "interval": "1m", "input_series": series(), "promql_expr_test": asked });
    let file = json!({ "evaluation_interval": "1m", "tests": [test] });
    run(&["test", "rules"], &folder().write("cookbook.yml", &file.to_string()).unwrap())
}

#[test]
fn every_query_of_the_cookbook_runs_and_answers() {
    let queries = queries();
    assert!(queries.len() > 30, "only {} queries were found", queries.len());
    let (content, said) = play(&queries);
    assert!(content, "{said}");
}

#[test]
fn a_query_that_answers_nothing_or_is_none_is_noticed() {
    let many_to_many = "tcpwarden_connections_stuck * on () tcpwarden_connections_stuck";
    for wrong in ["tcpwarden_no_such_metric", "sum by (x tcpwarden_connections", many_to_many] {
        let (content, said) = play(&[wrong.to_owned()]);
        assert_eq!((wrong, content), (wrong, false), "{said}");
    }
}
