//! What is committed is what the generator writes, and the boards leave nothing of the catalogue
//! out.

use std::collections::BTreeSet;
use std::path::Path;

use crate::promql::{parse, selectors};

/// What no board and no rule shows, and why.
const NOT_SHOWN: [(&str, &str); 3] = [
    ("tcpwarden_bpf_run_seconds_total", "there only while somebody has the kernel keep statistics"),
    ("tcpwarden_bpf_runs_total", "likewise"),
    ("tcpwarden_web_config_last_reload_successful", "there only with a web configuration"),
];

#[test]
fn the_committed_files_are_what_the_generator_writes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let found = dashboards::differences(&root);
    assert!(found.is_empty(), "write them with `cargo xtask dashboards`: {}", found.join(", "));
}

#[test]
fn every_folder_of_alerts_is_an_alert_of_its_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts");
    let folders: BTreeSet<String> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    let alerts = dashboards::rules::all().iter().map(|alert| alert.name.to_owned()).collect();
    assert_eq!(folders, alerts, "`cargo xtask dashboards` lists the folders");
}

#[test]
fn a_changed_a_missing_and_a_stray_file_are_noticed() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("committed");
    let _ = std::fs::remove_dir_all(&root);
    let files = dashboards::files();
    for file in &files {
        let path = root.join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &file.text).unwrap();
    }
    assert_eq!(dashboards::differences(&root), Vec::<String>::new());
    let [first, second] = [&files[0].path, &files[1].path];
    std::fs::write(root.join(first), "{}").unwrap();
    std::fs::remove_file(root.join(second)).unwrap();
    std::fs::write(root.join("dashboards/grafana/left-over.json"), "{}").unwrap();
    assert_eq!(
        dashboards::differences(&root),
        [
            first.clone(),
            second.clone(),
            "dashboards/grafana/left-over.json (nothing writes it)".to_owned()
        ]
    );
    std::fs::remove_dir_all(&root).unwrap();
}

#[test]
fn every_metric_of_the_catalogue_is_shown_somewhere() {
    let boards = crate::boards();
    let queries = boards.iter().flat_map(|board| &board.queries).map(|query| query.expr.clone());
    let annotations =
        boards.iter().flat_map(|board| board.json["annotations"]["list"].as_array().unwrap());
    let rules = crate::rules::expressions().into_iter().map(|(_, expr)| expr);
    let all =
        queries.chain(annotations.map(|one| one["expr"].as_str().unwrap().to_owned())).chain(rules);
    let shown: BTreeSet<String> = all
        .flat_map(|expr| selectors(&parse(&expr).unwrap()).into_iter().map(|one| one.name))
        .collect();
    for metric in catalogue::metrics::all() {
        let excused = NOT_SHOWN.iter().any(|(name, _)| *name == metric.name);
        let there = metric.series_names().iter().any(|name| shown.contains(name));
        assert!(
            there != excused,
            "{} is {}",
            metric.name,
            if there { "shown and excused" } else { "shown nowhere" }
        );
    }
}

#[test]
fn what_the_proof_is_told_is_what_the_dashboards_ask() {
    for board in crate::boards() {
        let told: Vec<&str> = board.queries.iter().map(|query| query.expr.as_str()).collect();
        let asked: Vec<&str> = crate::queries(&board.json)
            .into_iter()
            .map(|(_, target)| target["expr"].as_str().unwrap())
            .collect();
        assert_eq!(told, asked, "{}", board.uid);
        let variables: Vec<&str> = board.variables.iter().map(|(name, _)| *name).collect();
        let there: Vec<&str> = crate::variables(&board.json)
            .iter()
            .skip(1)
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        assert_eq!(variables, there, "{}", board.uid);
    }
}
