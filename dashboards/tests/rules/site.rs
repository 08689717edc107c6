//! Rules with what a site sets: promtool reads them, unit tests of alerts hold, and each form that
//! is written has the same rules.

use dashboards::options::Options;
use dashboards::timing::PRODUCTION;
use dashboards::{File, formats, rules};
use serde_json::Value;

use crate::promtool::{folder, play_text, root, rule_with, run};

fn everything() -> Options {
    let mut options = Options::default();
    options.set_selector(r#"job=~"tcpwarden|x\"y\\\\z""#).unwrap();
    options.set_cluster_label("cluster").unwrap();
    let stuck = options.alert("TcpCloseWaitStuck").unwrap();
    stuck.set_limit("TcpCloseWaitStuck", "count", 20.0).unwrap();
    stuck.set_severity("info").unwrap();
    stuck.set_hold(std::time::Duration::from_mins(15)).unwrap();
    stuck.set_ignored_processes("TcpCloseWaitStuck", vec!["a\\\"b".to_owned()]).unwrap();
    options.alert("TcpConnectionChurn").unwrap().set_disabled(true);
    options
}

fn parsed(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|why| panic!("{why}:\n{text}"))
}

fn groups(files: &[File]) -> Vec<Value> {
    files.iter().flat_map(|file| parsed(&file.text)["groups"].as_array().unwrap().clone()).collect()
}

#[test]
fn promtool_reads_the_rules_of_a_site() {
    let in_one = formats::prometheus_in_one(&everything());
    let mut files = formats::prometheus(&everything());
    files.push(File { path: "one.yml".to_owned(), text: in_one });
    for file in files {
        let path = folder();
        let path = path.write(&file.path, &file.text).unwrap();
        let (content, said) = run(&["check", "rules", "--lint-fatal"], &path);
        assert!(content && !said.contains("SUCCESS: 0 rules"), "{}:\n{said}", file.path);
    }
}

#[test]
fn what_a_site_sets_is_in_the_rule_and_nothing_else_changes() {
    let [own, plain] = [everything(), Options::default()].map(|options| {
        groups(&formats::prometheus(&options))
            .iter()
            .flat_map(|group| group["rules"].as_array().unwrap().clone())
            .collect::<Vec<Value>>()
    });
    assert_eq!(own.len() + 1, plain.len(), "one is disabled");
    assert!(own.iter().all(|rule| rule["alert"] != "TcpConnectionChurn"));
    for rule in &own {
        let name = if rule["alert"].is_null() { "record" } else { "alert" };
        let other = plain.iter().find(|other| other[name] == rule[name]).unwrap();
        let is_set = rule["alert"] == "TcpCloseWaitStuck";
        assert_eq!(rule["labels"] != other["labels"], is_set, "{rule}");
        assert_eq!(rule["for"] != other["for"], is_set, "{rule}");
    }
    let stuck = own.iter().find(|rule| rule["alert"] == "TcpCloseWaitStuck").unwrap();
    assert_eq!((&stuck["labels"]["severity"], &stuck["for"]), (&"info".into(), &"15m".into()));
    let expr = stuck["expr"].as_str().unwrap();
    assert!(expr.contains(">= 20\n") && !expr.contains(">= 10\n"), "{expr}");
    assert!(expr.contains(r#"process!~"a\\\\\"b""#), "{expr}");
}

#[test]
fn the_unit_tests_of_alerts_hold_with_a_selector_and_a_cluster() {
    for name in [
        "TcpAcceptQueueOverflowing",
        "TcpCloseWaitUnaccepted",
        "TcpConnectSlow",
        "TcpFleetConnectFailures",
        "TcpMemoryNearLimit",
        "TcpResetStorm",
        "TcpwardenAgentsDown",
        "TcpwardenPassesStalled",
        "TcpwardenVersionSkew",
    ] {
        let alert = rules::all().iter().find(|alert| alert.name == name).unwrap();
        let mut options = Options::default();
        options.set_selector(r#"job=~"tcpwarden.*""#).unwrap();
        options.set_cluster_label("cluster").unwrap();
        let path = root().join(format!("dashboards/alerts/{name}/tests.yml"));
        let cases = std::fs::read_to_string(path)
            .unwrap()
            .replace("job=\"tcpwarden\"", "job=\"tcpwarden\",cluster=\"a\"")
            .replace("job: 'tcpwarden'", "job: 'tcpwarden', cluster: 'a'");
        assert!(cases.matches("cluster: 'a'").count() > 0, "{name}: no alert has the label");
        let (content, said) = play_text(&cases, &rule_with(alert, options.clone()));
        assert!(content && said.contains("SUCCESS"), "{name}:\n{said}");
        options.set_selector(r#"job="other""#).unwrap();
        assert!(!play_text(&cases, &rule_with(alert, options)).0, "{name}: the selector is void");
    }
}

#[test]
fn objects_of_kubernetes_hold_the_rules_and_boards() {
    let options = everything();
    let objects: Vec<Value> =
        formats::kubernetes(&options).iter().map(|file| parsed(&file.text)).collect();
    for object in &objects {
        assert_eq!(object["apiVersion"], "monitoring.coreos.com/v1");
        assert_eq!(object["kind"], "PrometheusRule");
        assert!(object["metadata"]["name"].as_str().unwrap().starts_with("tcpwarden-"));
    }
    let inside: Vec<Value> = objects
        .iter()
        .flat_map(|object| object["spec"]["groups"].as_array().unwrap().clone())
        .collect();
    assert_eq!(inside, groups(&formats::prometheus(&options)));
    let boards = formats::json(&options);
    let maps = formats::config_maps(&options);
    assert_eq!(boards.len(), maps.len());
    for (board, map) in boards.iter().zip(&maps) {
        let object = parsed(&map.text);
        assert_eq!((&object["apiVersion"], &object["kind"]), (&"v1".into(), &"ConfigMap".into()));
        assert_eq!(object["metadata"]["labels"]["grafana_dashboard"], "1");
        assert_eq!(object["data"][&board.path], board.text.as_str());
        assert!(map.text.len() < 1 << 20, "{}: too long for a ConfigMap", map.path);
    }
}

#[test]
fn a_mixin_is_json_but_for_its_members() {
    let options = everything();
    let File { path, text } = formats::mixin(&options);
    assert_eq!(path, "mixin.libsonnet");
    // Jsonnet's own: a remark, members that add up and are hidden, commas at the end.
    let (_, body) = text.split_once('\n').unwrap();
    let body = ["grafanaDashboards", "prometheusAlerts", "prometheusRules"]
        .into_iter()
        .fold(body.to_owned(), |body, name| {
            assert_eq!(body.matches(&format!("\n  {name}+:: {{")).count(), 1);
            body.replace(&format!("{name}+::"), &format!("\"{name}\":"))
        })
        .replace("groups+:", "\"groups\":")
        .replace("},\n  }", "}\n  }")
        .replace("],\n  }", "]\n  }")
        .replace("  },\n}\n", "  }\n}\n");
    let mixin: Value = serde_json::from_str(&body).unwrap_or_else(|why| panic!("{why}"));
    let files = formats::prometheus(&options);
    assert_eq!(mixin["prometheusAlerts"]["groups"], parsed(&files[0].text)["groups"]);
    assert_eq!(mixin["prometheusRules"]["groups"], parsed(&files[1].text)["groups"]);
    for board in formats::json(&options) {
        let json: Value = serde_json::from_str(&board.text).unwrap();
        assert_eq!(mixin["grafanaDashboards"][&board.path], json);
    }
}

#[test]
fn without_options_the_forms_are_the_committed_files() {
    let options = Options::default();
    let folders = [
        ("dashboards/prometheus", formats::prometheus(&options)),
        ("dashboards/grafana", formats::json(&options)),
    ];
    for (folder, files) in folders {
        assert!(files.len() > 1);
        for File { path, text } in files {
            let committed = std::fs::read_to_string(root().join(folder).join(&path)).unwrap();
            assert!(committed == text, "{folder}/{path}");
        }
    }
    assert!(rules::files(&PRODUCTION) == rules::files(&PRODUCTION.with(options)));
}

#[test]
fn hostile_values_are_refused() {
    let mut options = Options::default();
    for text in [
        r#"job="a"} or vector(1)"#,
        r#"job="a"#,
        r#"job="a\n""#,
        "job=\"a\nb\"",
        r#"job="{{ .Value }}""#,
        r#"job="a`b""#,
        r#"job="%s""#,
        r#"job=~"a(""#,
        r#"job=~"(?P<x>a)""#,
        r#"job=~"\\1""#,
        r#"job=~"*""#,
        r#"job=~"a**""#,
        r#"job=~"a++""#,
        r#"job=~"a{2}{3}""#,
        r#"job=~"a{2000}""#,
        r#"job=~"(a{100}){100}""#,
        r#"job=~"[a[:foo:]]""#,
        r#"job=~"[a--b]""#,
        r#"job=~"[a&&b]""#,
        r#"job=~"[a~~b]""#,
        r#"job="${x}""#,
        r#"job="a$cluster""#,
        r#"job="""#,
        r"job='a'",
        r#"job=="a""#,
        r#"job="a" env="b""#,
        r#"process="a""#,
        r#"__name__="a""#,
        r#"le="1""#,
        r#"jöb="a""#,
        "job=\"\u{e000}\"",
        "job=\"\u{2028}\"",
    ] {
        assert!(options.set_selector(text).is_err(), "{text}");
    }
    assert!(options.set_selector(&format!("job=\"{}\"", "a".repeat(513))).is_err());
    assert!(options.set_selector(&"job=\"a\",".repeat(17)).is_err());
    for label in ["", "a b", "a)", "instance", "job", "process", "1a", "__name__"] {
        assert!(options.set_cluster_label(label).is_err(), "{label}");
    }
    for url in [
        "docs/runbooks",
        "javascript:alert(1)",
        "https://",
        "https:///",
        "https:///runbooks",
        "https://:80/",
        "https://a b",
        "https://a\"b",
        "https://a/?page=",
        "https://a/#",
    ] {
        assert!(options.set_runbook_base_url(url).is_err(), "{url}");
    }
}

#[test]
fn what_an_alert_cannot_have_is_refused() {
    let mut options = Options::default();
    assert!(options.alert("TcpNothing").is_err());
    let churn = options.alert("TcpConnectionChurn").unwrap();
    for value in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300, 1e-300] {
        assert!(churn.set_limit("TcpConnectionChurn", "rate", value).is_err(), "{value}");
        assert!(churn.set_limit("TcpConnectionChurn", "ratio", value).is_err(), "{value}");
    }
    assert!(churn.set_limit("TcpConnectionChurn", "ratio", 1.1).is_err());
    assert!(churn.set_limit("TcpConnectionChurn", "seconds", 1.0).is_err());
    assert!(churn.set_ignored_processes("TcpConnectionChurn", vec!["{{".into()]).is_err());
    assert!(churn.set_ignored_processes("TcpConnectionChurn", vec!["a".into(); 257]).is_err());
    let down = options.alert("TcpwardenDown").unwrap();
    assert!(down.set_ignored_processes("TcpwardenDown", vec!["a".into()]).is_err());
    let again = options.alert("TcpRetransmitRatioHigh").unwrap();
    assert!(again.set_ignored_processes("TcpRetransmitRatioHigh", vec!["a".into()]).is_err());
    assert!(again.set_ignored_workloads("TcpRetransmitRatioHigh", vec!["a".into()]).is_err());
    let down = options.alert("TcpwardenDown").unwrap();
    assert!(down.set_limit("TcpwardenDown", "share", 1.0).is_err(), "it would always fire");
    assert!(down.set_limit("TcpwardenDown", "share", 0.99).is_ok());
    assert!(down.set_hold(std::time::Duration::from_secs(59)).is_err());
}
