//! Pages that leave something out.

use std::collections::BTreeSet;

use catalogue::buckets::{BYTES, BYTES_COARSE, SECONDS, SECONDS_COARSE};

use super::fixtures::{full, stats};
use crate::metrics::{Form, Histograms, Making, Selection, Writer};

/// Returns the page of the full snapshot that has what is selected.
fn page(histograms: Histograms, without: &[&str]) -> String {
    let selection = Selection::read(histograms, without).unwrap();
    let mut page = Vec::new();
    Writer::of(&selection).write(&full(), &stats().read(), 1.7e9, &mut page);
    String::from_utf8(page).unwrap()
}

fn lines(page: &str) -> BTreeSet<&str> {
    page.lines().collect()
}

/// Returns whether a line is that of a bucket with one of these bounds.
fn is_within(line: &str, bounds: &[f64]) -> bool {
    line.contains("_bucket{")
        && bounds.iter().any(|bound| line.contains(&format!("le=\"{bound}\"}}")))
}

#[test]
fn coarse_histograms_lack_bounds_and_nothing_else() {
    let (coarse, full) = (page(Histograms::Coarse, &[]), page(Histograms::Full, &[]));
    let (few, all) = (lines(&coarse), lines(&full));
    assert!(few.is_subset(&all));
    let of_bytes = |line: &str| line.contains("_bytes_bucket");
    for line in all.difference(&few) {
        assert!(!is_within(line, if of_bytes(line) { BYTES_COARSE } else { SECONDS_COARSE }));
        assert!(is_within(line, if of_bytes(line) { BYTES } else { SECONDS }), "{line}");
    }
    for line in &few {
        let coarse = if of_bytes(line) { BYTES_COARSE } else { SECONDS_COARSE };
        let is_infinite = line.contains("le=\"+Inf\"}");
        assert!(!line.contains("_bucket{") || is_infinite || is_within(line, coarse), "{line}");
    }
}

#[test]
fn coarse_bounds_are_bounds_by_which_the_agent_counts() {
    for (coarse, all) in [(SECONDS_COARSE, SECONDS), (BYTES_COARSE, BYTES)] {
        assert!(coarse.iter().all(|bound| all.contains(bound)) && coarse.is_sorted());
    }
}

#[test]
fn what_is_left_out_leaves_no_line() {
    let off = page(Histograms::Off, &[]);
    assert!(!off.contains("histogram") && !off.contains("_bucket"));
    let less = page(Histograms::Full, &["tcpwarden_connections", "tcpwarden_connection_*"]);
    let names: BTreeSet<&str> = less
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_whitespace().next())
        .collect();
    assert!(!names.contains("tcpwarden_connections"));
    assert!(names.contains("tcpwarden_connections_opened_total"));
    assert!(names.iter().all(|name| !name.starts_with("tcpwarden_connection_")));
}

#[test]
fn a_page_that_leaves_something_out_has_every_form() {
    let page = page(Histograms::Coarse, &["tcpwarden_build_info"]);
    let form = Form { open_metrics: true, gzip: false };
    let text = String::from_utf8(Making::new(page.as_bytes(), form).finish().unwrap()).unwrap();
    assert!(text.ends_with("# EOF\n") && text.contains("le=\"0.5\""));
}
