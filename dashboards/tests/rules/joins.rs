//! The queries of docs/kube-state-metrics.md: promtool plays two agents and two kube-state-metrics,
//! and compares what the queries say of the pods.

use serde_json::{Value, json};

use crate::promtool::{folder, root, run};

/// The page that has the queries.
const PAGE: &str = "docs/kube-state-metrics.md";
const POD_1: &str = r#"namespace="shop",pod="orders-api-64df67bd8b-xmzhv""#;
const POD_2: &str = r#"namespace="shop",pod="orders-api-64df67bd8b-k2x8p""#;
const POD_3: &str = r#"namespace="data",pod="pg-0""#;
/// Uids, and ids of containers; the real ones are longer.
const UIDS: [&str; 3] = ["1b4e28ba", "0f0b3f4e", "77aa01c2"];
const IDS: [&str; 3] = ["3f2a9c0d", "a1b2c3d4", "00ff00ff"];
/// The label of the first two pods, which have one controller, on their nodes.
const ORDERS: &str = "shop/orders-api/app";

/// A series with its value, or the labels of an answer with theirs.
type Sample = (String, u32);

/// Returns the labels that tell one agent's series of a workload.
fn own(node: &str, workload: &str) -> String {
    format!(r#"workload="{workload}",job="tcpwarden",instance="{node}""#)
}

fn stuck(node: &str, workload: &str, min_age: u32, count: u32) -> Sample {
    let labels = r#"process="python3",role="server",state="close_wait""#;
    let own = own(node, workload);
    (format!(r#"tcpwarden_connections_stuck{{{labels},min_age="{min_age}",{own}}}"#), count)
}

/// Returns the series of an agent about one workload: what is stuck, and its names.
fn agent(node: &str, workload: &str, names: &str, of: usize, count: u32) -> Vec<Sample> {
    let (uid, id, own) = (UIDS[of], IDS[of], own(node, workload));
    let pod = format!(r#"kind="pod",pod_uid="{uid}",container_id="{id}""#);
    let info = format!("tcpwarden_workload_info{{{pod},{names},{own}}}");
    vec![stuck(node, workload, 60, count + 5), stuck(node, workload, 300, count), (info, 1)]
}

/// Returns what kube-state-metrics says of a pod, twice, as in a rollout of itself.
fn state(pod: &str, owner: &str, team: &str, of: usize) -> Vec<Sample> {
    let (uid, id) = (UIDS[of], IDS[of]);
    let container = format!(
        r#"container="app",container_id="containerd://{id}",image_spec="registry.example/{of}""#
    );
    let series = |instance: &str| {
        let own = format!(r#"{pod},job="kube-state-metrics",instance="{instance}""#);
        [
            format!(r#"kube_pod_owner{{{owner},owner_is_controller="true",uid="{uid}",{own}}}"#),
            format!(r#"kube_pod_labels{{label_team="{team}",uid="{uid}",{own}}}"#),
            format!(r#"kube_pod_info{{node="n{of}",created_by_name="by-{of}",uid="{uid}",{own}}}"#),
            format!("kube_pod_container_info{{{container},{own}}}"),
        ]
    };
    ["ksm-a", "ksm-b"].iter().flat_map(|one| series(one)).map(|series| (series, 1)).collect()
}

fn series() -> Vec<Value> {
    let app = |pod: &str| format!(r#"{pod},container="app""#);
    let replicas = r#"owner_kind="ReplicaSet",owner_name="orders-api-64df67bd8b""#;
    let set = r#"owner_kind="StatefulSet",owner_name="pg""#;
    let all = [
        agent("node-1", ORDERS, &app(POD_1), 0, 20),
        agent("node-2", ORDERS, &app(POD_2), 1, 3),
        // Its files tell nothing, and the agent knows what the path of its cgroup says.
        agent("node-2", "00ff00ff", r#"namespace="",pod="",container="""#, 2, 7),
        // No pod.
        vec![stuck("node-1", "ssh.service", 300, 1)],
        state(POD_1, replicas, "checkout", 0),
        state(POD_2, replicas, "checkout", 1),
        state(POD_3, set, "storage", 2),
    ];
    let shown = |(series, value): Sample| json!({ "series": series, "values": value.to_string() });
    all.into_iter().flatten().map(shown).collect()
}

/// Returns the queries of the page, in their order.
fn queries() -> Vec<String> {
    let text = std::fs::read_to_string(root().join(PAGE)).unwrap();
    let blocks = text.split("```promql\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// Returns what each query answers: labels and values.
fn answers() -> Vec<Vec<Sample>> {
    let replicas = r#"owner_kind="ReplicaSet",owner_name="orders-api-64df67bd8b""#;
    let info = |of: usize, node: &str, workload: &str, names: &str, joined: &str| {
        let (uid, id) = (UIDS[of], IDS[of]);
        let own = own(node, workload);
        let pod = format!(r#"kind="pod",pod_uid="{uid}",container_id="{id}",{own}"#);
        (format!("{{{pod},{names}{joined}}}"), 1)
    };
    let each = |joined: &dyn Fn(usize) -> String| {
        vec![
            info(0, "node-1", ORDERS, &format!(r#"{POD_1},container="app","#), &joined(0)),
            info(1, "node-2", ORDERS, &format!(r#"{POD_2},container="app","#), &joined(1)),
            info(2, "node-2", "00ff00ff", "", &joined(2)),
        ]
    };
    vec![
        vec![
            (format!(r#"{{{POD_1},container="app",{replicas}}}"#), 20),
            (format!(r#"{{{POD_2},container="app",{replicas}}}"#), 3),
        ],
        vec![(r#"{label_team="checkout"}"#.to_owned(), 23)],
        each(&|of| format!(r#"node="n{of}",created_by_name="by-{of}""#)),
        each(&|of| format!(r#"image_spec="registry.example/{of}""#)),
    ]
}

fn play(tests: &[(String, Vec<Sample>)]) -> (bool, String) {
    let test = |(query, answers): &(String, Vec<Sample>)| {
        let sample = |(labels, value): &Sample| json!({ "labels": labels, "value": value });
        let samples: Vec<Value> = answers.iter().map(sample).collect();
        json!({ "expr": query, "eval_time": "0s", "exp_samples": samples })
    };
    let tests: Vec<Value> = tests.iter().map(test).collect();
    // JSON is YAML.
    let test = json!({ "interval": "15s", "input_series": series(), "promql_expr_test": tests });
    let file = json!({ "evaluation_interval": "15s", "tests": [test] });
    let folder = folder();
    run(&["test", "rules"], &folder.write("joins.yml", &file.to_string()).unwrap())
}

#[test]
fn the_joins_of_the_page_find_owners_and_labels() {
    let (queries, answers) = (queries(), answers());
    assert_eq!(queries.len(), answers.len(), "each query of {PAGE} has its answer here");
    let tests: Vec<_> = queries.into_iter().zip(answers).collect();
    let (content, said) = play(&tests);
    assert!(content, "{said}");
}

#[test]
fn without_what_the_page_says_the_joins_find_nothing() {
    let queries = queries();
    let id = queries[3].replace("[a-z-]+://(.+)", "(.+)");
    let (content, said) = play(&[(id, Vec::new())]);
    assert!(content, "the id has the runtime before it: {said}");
    let twice = queries[0].replace("max by (namespace, pod, owner_kind, owner_name)", "");
    let (content, said) = play(&[(twice, Vec::new())]);
    assert!(!content && said.contains("duplicate series"), "{said}");
}
