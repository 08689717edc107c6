//! PromQL from the catalogue: selectors that carry every variable of a board that their metric
//! knows.

use catalogue::labels::{OTHER, YOUNG};
use catalogue::metrics::Metric;
use catalogue::metrics::agent::BUILD_INFO;

use crate::rules::records;
use crate::site;

/// The drill-down variables of a board, besides `job` and `instance`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope(pub &'static [&'static str]);

impl Scope {
    /// A selector of `metric`, with further matchers; none are written as "".
    pub(super) fn of(self, metric: &Metric, matchers: &str) -> String {
        self.series(metric.name, metric.labels, matchers)
    }

    /// A selector of what a rate is taken of. What the counters of label sets that were given back
    /// had counted goes to those of `~other`, all at once, which a rate would show as a burst:
    /// `~other` is left out.
    fn steady(self, metric: &Metric, name: &str, matchers: &str) -> String {
        let lent = ["process", "netns"].into_iter().find(|label| metric.labels.contains(label));
        let others = lent.map(|label| format!(r#"{label}!="{OTHER}""#));
        let matchers: Vec<&str> = others
            .as_deref()
            .into_iter()
            .chain((!matchers.is_empty()).then_some(matchers))
            .collect();
        self.series(name, metric.labels, &matchers.join(", "))
    }

    /// How much a counter grows in a second.
    pub(super) fn rate(self, metric: &Metric, matchers: &str) -> String {
        rate(&self.steady(metric, metric.name, matchers))
    }

    /// How many observations each bucket of a histogram gets in a second.
    pub(super) fn buckets(self, metric: &Metric, matchers: &str) -> String {
        rate(&self.steady(metric, &format!("{}_bucket", metric.name), matchers))
    }

    /// How many observations a histogram gets in a second.
    pub(super) fn count(self, metric: &Metric, matchers: &str) -> String {
        rate(&self.steady(metric, &format!("{}_count", metric.name), matchers))
    }

    /// A selector of what a recording rule writes. A sum over machines has no label `instance`.
    pub(super) fn recorded(self, name: &str, matchers: &str) -> String {
        let labels = records::all()
            .iter()
            .find(|record| record.name == name)
            .map_or(&[][..], |record| record.labels);
        if labels.contains(&"instance") {
            self.series(name, labels, matchers)
        } else {
            self.selector(name, &[r#"job=~"$job""#], labels, matchers)
        }
    }

    /// What Prometheus says of its targets, whether they answer or not: of those whose job has the
    /// agent's name in it, since every target has it, and one that does not answer has nothing
    /// else.
    pub(super) fn of_targets(self, name: &str) -> String {
        let series = self.series(name, &[], "");
        format!("{}{}}}", series.trim_end_matches('}'), site::agents())
    }

    /// `expression`, where the target is an agent: what is not the agent's own (`process_...`)
    /// other programs have too.
    pub(super) fn agents(self, expression: &str) -> String {
        where_targets(expression, &self.of(&BUILD_INFO, ""))
    }

    /// A selector by name.
    pub(super) fn series(self, name: &str, labels: &[&str], matchers: &str) -> String {
        self.selector(name, &[r#"job=~"$job""#, r#"instance=~"$instance""#], labels, matchers)
    }

    fn selector(self, name: &str, target: &[&str], labels: &[&str], matchers: &str) -> String {
        let mut all: Vec<String> = target.iter().map(|one| (*one).to_owned()).collect();
        all.extend(
            self.0
                .iter()
                .filter(|label| labels.contains(label))
                .map(|label| format!(r#"{label}=~"${label}""#)),
        );
        all.extend((!matchers.is_empty()).then(|| matchers.to_owned()));
        format!("{name}{{{}{}}}", site::of_labels(&[]), all.join(", "))
    }
}

/// Matchers that leave out the names that are too young for series, where a panel says who keeps
/// connections: what grows up leaves `~young`, which opens more than it closes.
pub(super) fn grown(matchers: &str) -> String {
    let comma = if matchers.is_empty() { "" } else { ", " };
    format!(r#"{matchers}{comma}process!="{YOUNG}""#)
}

/// How much a counter grows in a second.
fn rate(selector: &str) -> String {
    format!("rate({selector}[$__rate_interval])")
}

/// By how much a gauge grows in a minute.
pub(super) fn growth(selector: &str) -> String {
    format!("60 * deriv({selector}[$__rate_interval])")
}

/// The sum, by labels.
pub(super) fn sum(labels: &str, expression: &str) -> String {
    aggregate("sum", labels, expression)
}

/// The largest, by labels.
pub(super) fn max(labels: &str, expression: &str) -> String {
    aggregate("max", labels, expression)
}

/// The smallest, by labels.
pub(super) fn min(labels: &str, expression: &str) -> String {
    aggregate("min", labels, expression)
}

/// By labels and those that the site keeps. One number for all that is chosen has none, and one
/// distribution no more than `le`: a heatmap has a row for each.
pub(super) fn aggregate(operation: &str, labels: &str, expression: &str) -> String {
    match labels {
        "" => format!("{operation}({expression})"),
        "le" => format!("{operation} by (le) ({expression})"),
        _ => format!("{operation} by ({}) ({expression})", site::labels(labels)),
    }
}

/// The ten largest that are not zero.
pub(super) fn top(expression: &str) -> String {
    format!("topk(10, {expression} > 0)")
}

/// The fifty largest that are not zero: as many rows as somebody reads.
pub(super) fn top_of_fleet(expression: &str) -> String {
    format!("topk(50, {expression} > 0)")
}

/// `expression` for the label sets that `others` has.
pub(super) fn where_in(expression: &str, labels: &str, others: &str) -> String {
    format!("({expression}) and on ({}) {others}", site::labels(labels))
}

/// `expression` for the targets that `others` has.
pub(super) fn where_targets(expression: &str, others: &str) -> String {
    format!("{expression} and on ({}) {others}", site::labels("job, instance"))
}

/// A quantile of a histogram whose buckets are summed by further labels; nothing where nothing was
/// observed (NaN).
pub(super) fn quantile(share: f64, labels: &str, buckets: &str) -> String {
    let by = if labels.is_empty() { "le".to_owned() } else { format!("{labels}, le") };
    format!("histogram_quantile({share}, {}) >= 0", sum(&by, buckets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalogue::metrics::agent::{CONNECTIONS_TRACKED, PROBE_ATTACHED};
    use catalogue::metrics::connections::CONNECTIONS;

    use crate::options::Options;

    fn plain(expression: &str) -> String {
        Options::default().site_of_boards().fill(expression)
    }

    #[test]
    fn a_selector_carries_the_variables_that_its_metric_knows() {
        let scope = Scope(&["workload", "port"]);
        let target = r#"job=~"$job", instance=~"$instance""#;
        assert_eq!(
            plain(&scope.of(&CONNECTIONS_TRACKED, "")),
            format!("tcpwarden_connections_tracked{{{target}}}")
        );
        assert_eq!(
            plain(&scope.of(&CONNECTIONS, r#"state="listen""#)),
            format!(r#"tcpwarden_connections{{{target}, workload=~"$workload", state="listen"}}"#)
        );
        assert!(!scope.of(&PROBE_ATTACHED, "").contains("$workload"));
    }

    #[test]
    fn lists_of_labels_keep_the_cluster_and_whole_numbers_have_none() {
        let mut options = Options::default();
        options.set_cluster_label("region").unwrap();
        let site = options.site_of_boards();
        for (written, filled) in [
            (sum("job", "x"), "sum by (job, region) (x)"),
            (sum("", "x"), "sum(x)"),
            (max("le", "x"), "max by (le) (x)"),
            (where_in("x", "job", "y"), "(x) and on (job, region) y"),
            (where_targets("x", "y"), "x and on (job, instance, region) y"),
        ] {
            assert_eq!(site.fill(&written), filled);
            assert_eq!(plain(&written), filled.replace(", region", ""));
        }
        let state = quantile(0.5, "state", "x");
        assert!(site.fill(&state).contains("by (state, le, region)"), "{state}");
    }
}
