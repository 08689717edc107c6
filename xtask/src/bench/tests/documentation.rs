//! The figures that `bench` puts into the documentation.

use super::report;
use crate::bench::report::Report;
use crate::bench::{loads, markdown};

#[test]
fn figures_are_put_between_their_marks_and_the_rest_stays() {
    let text = "a\n<!-- figures: storm -->old<!-- end -->\nb\n<!-- figures: bulk -->\nolder\n<!-- \
        end -->\n";
    let replaced = markdown::replace(text, &report()).unwrap();
    assert!(
        replaced.contains("| agent | 900 | 0.900 (0.900 to 0.900) |") && !replaced.contains("old"),
        "{replaced}"
    );
    assert!(
        replaced.starts_with("a\n<!-- figures: storm -->\n")
            && replaced.contains("<!-- end -->\nb\n<!-- figures: bulk -->\n")
    );
    assert_eq!(markdown::replace(&replaced, &report()).unwrap(), replaced);
    for wrong in
        ["<!-- figures: tempest --><!-- end -->", "<!-- figures: storm -->", "<!-- figures: "]
    {
        assert!(markdown::replace(wrong, &report()).is_err(), "{wrong}");
    }
}

#[test]
fn a_run_without_figures_for_every_mark_updates_none() {
    let mark = |names: &[&str]| {
        names
            .iter()
            .map(|name| ["<!-- figures: ", name, " -->\nold\n<!-- end -->\n"].concat())
            .collect::<String>()
    };
    let refused =
        |text: &str, report: &Report| format!("{:#}", markdown::replace(text, report).unwrap_err());
    let partial = || Report {
        loads: report().loads.into_iter().filter(|load| load.name == "storm").collect(),
        ..report()
    };
    assert!(refused(&mark(&["run", "bulk"]), &partial()).contains("\"bulk\""));
    assert!(refused(&mark(&["rates"]), &partial()).contains("\"rates\""));
    assert!(
        refused(&mark(&["storm", "probes"]), &Report { kernel: None, ..report() })
            .contains("\"probes\"")
    );
    assert!(
        refused(&mark(&["storm", "memory"]), &Report { memory: None, ..report() })
            .contains("\"memory\"")
    );
    assert!(
        !markdown::replace(&mark(&["run", "storm", "probes"]), &partial()).unwrap().contains("old")
    );
}

#[test]
fn a_run_that_would_not_bring_every_figure_is_refused_before_it_begins() {
    let text = std::fs::read_to_string(crate::workspace::root().join("docs/overhead.md")).unwrap();
    let all: Vec<_> = loads::ALL.iter().map(|spec| spec.name).collect();
    markdown::check(&text, &all).unwrap();
    for missing in &all {
        let others: Vec<_> = all.iter().filter(|load| *load != missing).copied().collect();
        let error = markdown::check(&text, &others).unwrap_err().to_string();
        assert!(error.contains(&format!("need the load {missing}:")), "{error}");
    }
    assert!(markdown::check("<!-- figures: tempest -->", &all).is_err());
}

#[test]
fn the_ring_is_filled_by_the_records_that_a_load_really_makes() {
    // A record of a close has 24 bytes more: one of two transitions of a flip, two of ten of a
    // connection.
    let bytes = |load| markdown::bytes_in_the_ring(loads::find(load).unwrap());
    for (load, expected) in [
        ("flip", 116.0),
        ("flip-2", 116.0),
        ("storm", 108.8),
        ("storm-2", 108.8),
        ("storm-veth", 108.8),
    ] {
        assert!((bytes(load) - expected).abs() < 1e-9, "{load}: {}", bytes(load));
    }
    // A million records a second.
    let replaced = markdown::replace("<!-- figures: records --><!-- end -->", &report()).unwrap();
    assert!(
        replaced
            .contains("| flip | 1000000 | 1000000 | 2 | 100 (100 to 100) | 24 | 18 ms | 72 ms |"),
        "{replaced}"
    );
    assert!(
        replaced
            .contains("| storm | 1000000 | 1000000 | 2 | 100 (100 to 100) | 24 | 19 ms | 77 ms |"),
        "{replaced}"
    );
}

#[test]
fn files_of_the_person_who_measured_are_not_in_the_documentation() {
    let command = [
        "cargo xtask",
        "bench",
        "--json",
        "/home/me/x",
        "--rounds",
        "9",
        "--update=docs/overhead.md",
    ]
    .map(str::to_owned)
    .into();
    let replaced =
        markdown::replace("<!-- figures: run --><!-- end -->", &Report { command, ..report() })
            .unwrap();
    assert!(replaced.contains("`cargo xtask bench --rounds 9`"), "{replaced}");
}

#[test]
fn the_documentation_has_a_place_for_every_figure() {
    let text = std::fs::read_to_string(crate::workspace::root().join("docs/overhead.md")).unwrap();
    let other = ["run", "rates", "records", "probes", "memory"];
    for name in loads::ALL.iter().map(|spec| spec.name).chain(other) {
        assert!(text.contains(&format!("<!-- figures: {name} -->")), "{name}");
    }
    markdown::replace(&text, &report()).unwrap();
}

#[test]
fn each_figure_of_the_readme_is_one_of_the_documentation() {
    let read = |name| std::fs::read_to_string(crate::workspace::root().join(name)).unwrap();
    let readme = read("README.md");
    let (_, from) = readme.split_once("## Beside ss").unwrap();
    let (section, _) = from.split_once("\n## ").unwrap();
    let words = section.split([' ', ',', '\n']).map(|word| word.trim_end_matches('.'));
    let figures: Vec<&str> =
        words.filter(|word| word.contains('.') && word.parse::<f64>().is_ok()).collect();
    assert!(figures.len() >= 9, "{figures:?}");
    for page in ["docs/comparison.md", "docs/overhead.md"].map(read) {
        let known: Vec<&str> = page.split([' ', '(', ')', '\n']).collect();
        let unknown = figures.iter().find(|figure| !known.contains(figure));
        assert_eq!(unknown, None, "the README has a figure that no page has");
    }
}
