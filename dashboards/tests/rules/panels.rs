//! Queries of panels whose answer is decided by more than one series: promtool plays a fleet with a
//! second job, an agent that is down, one that starts late, and a client that fails, and compares
//! what the panels say of it.

use dashboards::boards;
use serde_json::{Value, json};

use crate::promtool::{folder, run};

/// Series with their values, each fifteen seconds.
const SERIES: [(&str, &str); 24] = [
    (r#"up{job="tcpwarden", instance="a"}"#, "1x40"),
    (r#"up{job="tcpwarden", instance="b"}"#, "0x40"),
    (r#"up{job="other", instance="x"}"#, "1x40"),
    (r#"tcpwarden_build_info{job="tcpwarden", instance="a"}"#, "1x40"),
    (r#"process_start_time_seconds{job="tcpwarden", instance="a"}"#, "-100x40"),
    (r#"process_start_time_seconds{job="tcpwarden", instance="late"}"#, "_x20 300x20"),
    (r#"process_start_time_seconds{job="other", instance="x"}"#, "0x9 135x30"),
    (r#"process_resident_memory_bytes{job="tcpwarden", instance="a"}"#, "7x40"),
    (r#"process_resident_memory_bytes{job="other", instance="x"}"#, "9x40"),
    (r#"tcpwarden:instance:retransmit_ratio:rate{job="tcpwarden", instance="a"}"#, "3x40"),
    (
        r#"tcpwarden:instance:retransmit_ratio:rate{job="tcpwarden", instance="late"}"#,
        "_x20 50x4 0.02x16",
    ),
    (r#"ALERTS{alertname="TcpwardenDown", alertstate="firing"}"#, "1x40"),
    (r#"tcpwarden_probe_attached{job="tcpwarden", instance="a", probe="old"}"#, "0x40"),
    (
        r#"tcpwarden_probe_info{job="tcpwarden", instance="a", probe="old", state="unsupported"}"#,
        "1x40",
    ),
    (r#"tcpwarden_probe_attached{job="tcpwarden", instance="a", probe="lost"}"#, "0x40"),
    (
        "tcpwarden_connect_failures_total{job=\"tcpwarden\", instance=\"a\", \
         workload=\"w\", process=\"p\", port=\"80\", reason=\"refused\"}",
        "0+15x40",
    ),
    (
        "tcpwarden_connect_failures_total{job=\"tcpwarden\", instance=\"a\", \
         workload=\"w\", process=\"p\", port=\"80\", reason=\"canceled\"}",
        "0+60x40",
    ),
    (
        "tcpwarden_connect_failures_total{job=\"tcpwarden\", instance=\"a\", \
         workload=\"w\", process=\"p\", port=\"80\", reason=\"no_local_port\"}",
        "0+15x40",
    ),
    (
        "tcpwarden_connections_opened_total{job=\"tcpwarden\", instance=\"a\", \
         workload=\"w\", process=\"p\", port=\"80\", role=\"client\"}",
        "0+60x40",
    ),
    (
        "tcpwarden_connections_closed_total{job=\"tcpwarden\", instance=\"a\", \
         workload=\"w\", process=\"p\", port=\"80\", role=\"client\", reason=\"fin_local\"}",
        "0+45x40",
    ),
    (
        "tcpwarden_connections_opened_total{job=\"tcpwarden\", instance=\"a\", \
         workload=\"~young\", process=\"~young\", port=\"80\", role=\"client\"}",
        "0+60x40",
    ),
    (
        "tcpwarden_connections_closed_total{job=\"tcpwarden\", instance=\"a\", \
         workload=\"~young\", process=\"~young\", port=\"80\", role=\"client\", \
         reason=\"fin_local\"}",
        "0+30x40",
    ),
    (
        "tcpwarden_connections{job=\"tcpwarden\", instance=\"a\", workload=\"w\", process=\"p\", \
         role=\"client\", state=\"close_wait\"}",
        "0+5x40",
    ),
    (
        "tcpwarden_connections{job=\"tcpwarden\", instance=\"a\", workload=\"~young\", \
         process=\"~young\", role=\"client\", state=\"close_wait\"}",
        "0+10x40",
    ),
];

/// A panel's query by its board, title and place, the time, and what it answers.
type Case = (&'static str, &'static str, usize, &'static str, &'static [(&'static str, f64)]);

const CLIENT: &str = r#"{instance="a", workload="w", process="p", port="80"}"#;

/// The same as one who keeps what it opened.
const KEEPER: &str = r#"{workload="w", process="p"}"#;
const WAITING: &str =
    r#"{instance="a", workload="w", process="p", role="client", state="close_wait"}"#;
const WAITING_TO_CLOSE: &str = r#"{instance="a", workload="w", process="p", role="client"}"#;

const CASES: [Case; 14] = [
    ("tcpwarden-agent", "Agents up", 0, "5m", &[("{}", 1.0)]),
    ("tcpwarden-overview", "Agents silent", 0, "5m", &[("{}", 1.0)]),
    ("tcpwarden-agent", "Memory", 0, "5m", &[(r#"{instance="a"}"#, 7.0)]),
    ("tcpwarden-agent", "Probes off", 0, "5m", &[("{}", 1.0)]),
    ("tcpwarden-overview", "Alerts firing", 0, "5m", &[("{}", 1.0)]),
    // What is beyond one is one; an agent that has just started says nothing yet.
    (
        "tcpwarden-network",
        "Share retransmitted, by \
        host",
        0,
        "5m15s",
        &[(r#"{instance="a"}"#, 1.0)],
    ),
    (
        "tcpwarden-network",
        "Share retransmitted, by host",
        0,
        "8m",
        &[(r#"{instance="a"}"#, 1.0), (r#"{instance="late"}"#, 0.02)],
    ),
    ("tcpwarden-network", "Retransmitted", 0, "8m", &[("{}", 1.0)]),
    // One in ten is refused; six a second fail for whatever reason.
    ("tcpwarden-services", "Who fails to connect, and to which port", 0, "5m", &[(CLIENT, 6.0)]),
    ("tcpwarden-services", "Who fails to connect, and to which port", 1, "5m", &[(CLIENT, 0.1)]),
    // Young names open more than they close, and are no leak.
    ("tcpwarden-leaks", "Opened less closed", 0, "5m", &[(KEEPER, 1.0)]),
    ("tcpwarden-leaks", "Suspects", 0, "5m", &[(WAITING, 100.0)]),
    ("tcpwarden-leaks", "CLOSE_WAIT by process", 0, "5m", &[(WAITING_TO_CLOSE, 100.0)]),
    ("tcpwarden-leaks", "Growth a minute", 0, "5m", &[(WAITING, 20.0)]),
];

/// With all values of every variable chosen.
fn concrete(expr: &str) -> String {
    let text = expr.replace("$__rate_interval", "1m");
    let mut parts = text.split('$');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + ".+"
            + part
                .trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '_')
    })
}

fn test(expr: &str, at: &str, answers: &[(&str, f64)]) -> Value {
    let samples: Vec<Value> =
        answers.iter().map(|(labels, value)| json!({ "labels": labels, "value": value })).collect();
    json!({ "expr": concrete(expr), "eval_time": at, "exp_samples": samples })
}

fn play(tests: &[Value]) -> (bool, String) {
    let series: Vec<Value> = SERIES
        .iter()
        .map(|(series, values)| json!({ "series": series, "values": values }))
        .collect();
    // JSON is YAML. What is asked between two evaluations would not see the samples since.
    let test = json!({ "interval": "15s", "input_series": series, "promql_expr_test": tests });
    let file = json!({ "evaluation_interval": "15s", "tests": [test] });
    let folder = folder();
    run(&["test", "rules"], &folder.write("panels.yml", &file.to_string()).unwrap())
}

#[test]
fn panels_say_what_is_so() {
    let boards = boards::all();
    let query = |(uid, panel, index, ..): &Case| {
        let board = boards.iter().find(|board| board.uid == *uid).unwrap();
        board.queries.iter().filter(|query| query.panel == *panel).nth(*index).unwrap().expr.clone()
    };
    let mut tests: Vec<Value> =
        CASES.iter().map(|case| test(&query(case), case.3, case.4)).collect();
    // The other program restarted, the agent did not.
    let restarts = boards[0].json["annotations"]["list"][0]["expr"].as_str().unwrap();
    tests.push(test(restarts, "3m", &[]));
    let (content, said) = play(&tests);
    assert!(content, "{said}");
}

#[test]
fn a_panel_that_takes_other_jobs_in_is_noticed() {
    let (content, said) =
        play(&[test(r#"sum(up{job=~"$job", instance=~"$instance"})"#, "5m", &[("{}", 1.0)])]);
    assert!(!content && said.contains("FAILED"), "{said}");
    let (content, said) = play(&[test(
        r#"changes(process_start_time_seconds{job=~"$job"}[$__rate_interval]) > 0"#,
        "3m",
        &[],
    )]);
    assert!(!content && said.contains("FAILED"), "{said}");
}
