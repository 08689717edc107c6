//! Tests of what may be said about the page of metrics.

use super::*;
use crate::metrics::Histograms;

fn excluding(file: &str) -> RunConfig {
    load(&RunArgs::default(), &[], Some(("selection", file))).unwrap()
}

#[test]
fn metrics_are_left_out_by_name_from_every_source() {
    let expected = Selection::read(Histograms::Coarse, &["tcpwarden_connection_*"]).unwrap();
    let names = "tcpwarden_connection_*,tcpwarden_connection_srtt_seconds";
    let arguments = RunArgs {
        histograms: Some("coarse".into()),
        metrics_exclude: Some(names.into()),
        ..RunArgs::default()
    };
    let config = RunConfig::load(&arguments, &|_| None).unwrap();
    assert_eq!(config.metrics, expected);
    let list = "histograms = \"coarse\"\nmetrics-exclude = [\"tcpwarden_connection_*\"]";
    assert_eq!(excluding(list).metrics, expected);
    assert_eq!(
        excluding("metrics-exclude = []").metrics,
        Selection::read(Histograms::Coarse, &[]).unwrap()
    );
}

#[test]
fn a_name_that_no_metric_has_is_refused() {
    let environment = |name, value| refused(&RunArgs::default(), &[(name, value)], None);
    assert_eq!(
        environment("TCPWARDEN_METRICS_EXCLUDE", "tcpwarden_build_info, tcpwarden_x*"),
        "TCPWARDEN_METRICS_EXCLUDE is 'tcpwarden_x*': expected metrics of docs/metrics.md, with \
         commas between several; NAME* stands for all that begin so"
    );
    assert_eq!(
        environment("TCPWARDEN_HISTOGRAMS", "fine"),
        "TCPWARDEN_HISTOGRAMS is 'fine': expected off, coarse or full"
    );
    let number = refused(&RunArgs::default(), &[], Some(("number", "metrics-exclude = 7")));
    assert!(number.contains("is 7: expected metrics of docs/metrics.md"), "{number}");
}
