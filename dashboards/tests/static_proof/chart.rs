//! The Helm chart ships the committed rules and boards, and the queries of its page are right.

use std::path::{Path, PathBuf};

use crate::meaning::wrong_in;
use crate::promql::{labels, parse, selectors};

/// Returns the folder of the chart.
fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/helm/tcpwarden")
}

#[test]
fn the_chart_has_links_to_these_rules_and_boards() {
    for (link, folder) in [("rules", "prometheus"), ("dashboards", "grafana")] {
        let link = chart().join("files").join(link);
        assert!(link.is_symlink(), "{} is no link: a copy would go stale", link.display());
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        assert_eq!(link.canonicalize().unwrap(), folder.canonicalize().unwrap());
    }
}

#[test]
fn the_templates_of_the_chart_take_every_file_of_rules_and_boards() {
    for (template, link, ending) in
        [("prometheusrule.yaml", "rules", "yml"), ("dashboards.yaml", "dashboards", "json")]
    {
        let text = std::fs::read_to_string(chart().join("templates").join(template)).unwrap();
        assert!(text.contains(&format!("\"files/{link}/*.{ending}\"")), "{template}");
        for entry in std::fs::read_dir(chart().join("files").join(link)).unwrap() {
            let path = entry.unwrap().path();
            let is_taken = path.extension().is_some_and(|one| one == ending);
            assert!(is_taken || path.is_dir(), "{}", path.display());
        }
    }
}

#[test]
fn the_queries_of_the_charts_page_parse_and_add_the_names_of_pods() {
    let page = std::fs::read_to_string(chart().join("README.md")).unwrap();
    let blocks = page.split("```promql\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut count = 0;
    for query in blocks {
        let expression = parse(query).unwrap_or_else(|why| panic!("{why}\n{query}"));
        let own = selectors(&expression).into_iter().filter(|it| it.name.starts_with("tcpwarden"));
        let wrong: Vec<String> = own.flat_map(|selector| wrong_in(&selector)).collect();
        assert!(wrong.is_empty(), "{wrong:?}\n{query}");
        let left = labels(&expression);
        assert!(left.contains("namespace") && left.contains("pod"), "{left:?}\n{query}");
        count += 1;
    }
    assert!(count > 0, "no query is on the page");
}
