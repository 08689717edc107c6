//! The catalogue keeps its own rules: names, labels and the lines above the series.
use std::collections::BTreeSet;

use super::*;

#[test]
fn names_are_unique_and_follow_the_naming_rules() {
    let mut seen = BTreeSet::new();
    for metric in all() {
        let name = metric.name;
        assert!(seen.insert(name), "{name} twice");
        assert!(name.starts_with("tcpwarden_") || name.starts_with("process_"), "{name}");
        assert!(
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
            "{name}"
        );
        assert_eq!(metric.kind == Kind::Counter, name.ends_with("_total"), "{name}");
        for unit in ["seconds", "bytes"] {
            assert_eq!(
                metric.unit == unit,
                name.trim_end_matches("_total").ends_with(unit),
                "{name}"
            );
        }
        assert!(metric.help.ends_with('.') && !metric.note.is_empty(), "{name}");
    }
}

#[test]
fn what_stands_above_the_series_needs_no_escape() {
    for metric in all() {
        assert!(!metric.help.contains(['\\', '\n']), "{}", metric.name);
        assert_eq!(
            metric.head,
            format!(
                "# HELP {0} {1}\n# TYPE {0} {2}\n",
                metric.name,
                metric.help,
                metric.kind.as_str()
            )
        );
    }
}

#[test]
fn no_label_is_unbounded_or_reserved() {
    for metric in all() {
        for label in metric.labels {
            assert!(
                !["pid", "peer", "address", "le", "quantile", "job", "instance"].contains(label),
                "{} {label}",
                metric.name
            );
        }
    }
}
