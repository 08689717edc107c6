//! Pieces of expressions: selectors and rates whose names come from the catalogue.

use std::time::Duration;

use catalogue::labels::{OTHER, SocketState, YOUNG};
use catalogue::limits::STUCK_AGES;
use catalogue::metrics::Metric;
use catalogue::metrics::connections::{CONNECTIONS_STUCK, OLDEST_STATE_AGE};
use catalogue::metrics::pressure::LEAKS_EXPECTED;

use crate::site;
use crate::timing::{RATE, Timing};

/// A matcher: `state="close_wait"`.
pub(crate) fn eq(label: &str, value: &str) -> String {
    format!("{label}={value:?}")
}

/// A matcher: `stage!="unaccepted"`.
pub(crate) fn ne(label: &str, value: &str) -> String {
    format!("{label}!={value:?}")
}

/// A matcher for one of several values.
pub(crate) fn among(label: &str, values: &[&str]) -> String {
    format!("{label}=~\"{}\"", values.join("|"))
}

/// A matcher for none of several values.
pub(crate) fn none_of(label: &str, values: &[&str]) -> String {
    format!("{label}!~\"{}\"", values.join("|"))
}

/// What a rate must leave out: a process that is gone hands its counts to `~other`, which then
/// jumps by all that was counted in its life. `~young` does not jump, and is part of a sum.
pub(crate) fn not_other(label: &str) -> String {
    ne(label, OTHER)
}

/// What a rule that names a culprit must leave out: what many processes have together under
/// `~other` or `~young`, of which a few each are no fault.
pub(crate) fn named(label: &str) -> String {
    none_of(label, &[OTHER, YOUNG])
}

/// What a rule must leave out that is about the worst process of a name: under `~young` that is
/// another process at each pass, so there is no course of it. Under `~other` it is somebody who
/// stays.
pub(crate) fn not_young(label: &str) -> String {
    ne(label, YOUNG)
}

/// A selector.
pub(crate) fn series(metric: &Metric, matchers: &[String]) -> String {
    part(metric, "", matchers)
}

/// A selector of a part of a histogram: `_bucket`, `_count`.
pub(crate) fn part(metric: &Metric, suffix: &str, matchers: &[String]) -> String {
    format!("{}{suffix}{{{}{}}}", metric.name, site::matchers(metric), matchers.join(","))
}

/// A selector of what is no metric of the catalogue and has the labels of the target only.
pub(crate) fn foreign(name: &str) -> String {
    format!("{name}{{{}}}", site::of_labels(&[]))
}

/// A selector of what Prometheus says of each target, for the agents among them.
pub(crate) fn of_agents(name: &str) -> String {
    format!("{name}{{{}{}}}", site::of_labels(&[]), site::agents())
}

/// Labels by which two sides are joined or a sum is taken, with those that the site keeps.
pub(crate) fn keys(labels: &str) -> String {
    format!("({})", site::labels(labels))
}

/// The rate of a counter.
pub(crate) fn rate(metric: &Metric, matchers: &[String], timing: &Timing) -> String {
    format!("rate({}[{}])", series(metric, matchers), timing.span(RATE))
}

/// The rate of a histogram's observations.
pub(crate) fn observed(metric: &Metric, matchers: &[String], timing: &Timing) -> String {
    format!("rate({}[{}])", part(metric, "_count", matchers), timing.span(RATE))
}

/// The rate of a histogram's observations up to `bound`.
pub(crate) fn up_to(metric: &Metric, bound: f64, matchers: &[String], timing: &Timing) -> String {
    let all = [matchers, &[eq("le", &bound.to_string())]].concat();
    let bucket = format!("rate({}[{}])", part(metric, "_bucket", &all), timing.span(RATE));
    sum(&["le"], &bucket)
}

/// A sum that keeps every label but these, those of the target among them: who routes alerts by
/// `cluster` still can.
pub(crate) fn sum(without: &[&str], of: &str) -> String {
    format!("sum without ({}) ({of})", without.join(", "))
}

/// The largest, likewise.
pub(crate) fn max(without: &[&str], of: &str) -> String {
    format!("max without ({}) (\n{}\n)", without.join(", "), indent(of))
}

/// How many there are of each set of labels, with those that the site keeps.
pub(crate) fn count_by(labels: &str, of: &str) -> String {
    format!("count by {} (\n{}\n)", keys(labels), indent(of))
}

/// The largest of each set of labels, likewise.
pub(crate) fn max_by(labels: &str, of: &str) -> String {
    format!("max by {} (\n{}\n)", keys(labels), indent(of))
}

/// Where `count` is `least` or more, and at least `share` of `all`, which has the same labels: how
/// many it is.
pub(crate) fn many(count: &str, least: f64, all: &str, share: f64) -> String {
    format!("(\n{}\n)\n>= {share} * {all}", indent(&format!("{count} >= {least}")))
}

/// Two conditions; `ignoring` names the labels that one side has and the other does not.
pub(crate) fn and(left: &str, ignoring: &[&str], right: &str) -> String {
    format!("{left}\n{}{right}", operator("and", ignoring))
}

/// Leaves out the processes whose kept connections the agent's configuration expects.
pub(crate) fn unless_expected(of: &str) -> String {
    let expected = series(&LEAKS_EXPECTED, &[]);
    format!("(\n{}\n)\n{}{expected}", indent(of), operator("unless", &["role"]))
}

/// One operator on a line of its own.
fn operator(word: &str, ignoring: &[&str]) -> String {
    if ignoring.is_empty() {
        format!("{word}\n")
    } else {
        format!("{word} ignoring ({})\n", ignoring.join(", "))
    }
}

/// A text moved to the right, every line of it.
pub(crate) fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// That sockets in `state` have been so for `age`, `count` of them, as a further condition on
/// `left`, which has no label `state`. The oldest alone says nothing about the others, so where the
/// label `min_age` knows the age, as many must be as old, even if all sockets in `but` are among
/// the old ones.
pub(crate) fn aged(
    left: &str,
    state: SocketState,
    but: Option<&str>,
    count: f64,
    age: Duration,
    timing: &Timing,
) -> String {
    let seconds = timing.seconds(age);
    let state = eq("state", state.as_str());
    let oldest =
        format!("{} >= {seconds}", series(&OLDEST_STATE_AGE, std::slice::from_ref(&state)));
    let both = and(left, &["state"], &oldest);
    if !STUCK_AGES.contains(&seconds) {
        return both;
    }
    let but = but.map(|but| format!("\n- ignoring (state, min_age) {but}")).unwrap_or_default();
    let stuck = format!(
        "{}{but} >= {count}",
        series(&CONNECTIONS_STUCK, &[state, eq("min_age", &seconds.to_string())])
    );
    and(&both, &["state", "min_age"], &stuck)
}

/// The part of a description that names where most of it happens: asks Prometheus when the alert is
/// sent, because labels of an alert carry no port, or no reason. One of [`OWNER`], [`SERVICE`],
/// [`MACHINE`] and [`PORT`] in the selectors of `of` stands for the alert's labels.
pub(crate) fn most(label: &str, of: &str, text: &str) -> String {
    format!("{}{text} {{{{ . | first | label {label:?} }}}}{{{{ end }}}}", asked(label, of))
}

/// The same, of a label that not every series has: nothing is said where most of it has none.
pub(crate) fn most_named(label: &str, of: &str, text: &str) -> String {
    format!(
        "{}{{{{ with . | first | label {label:?} }}}}{text} {{{{ . }}}}{{{{ end }}}}{{{{ end }}}}",
        asked(label, of)
    )
}

/// Asks for the value of a label that has most, and opens a block that has the answer.
fn asked(label: &str, of: &str) -> String {
    let known = ALERTED.iter().find(|(placeholder, _)| of.contains(placeholder));
    let (placeholder, labels) = known.copied().unwrap_or((MACHINE, &["job", "instance"]));
    let each = |before: &str, behind: &str, between: &str| {
        let all = labels.iter().map(|label| format!("{before}{label}{behind}"));
        all.collect::<Vec<_>>().join(between)
    };
    let [matchers, arguments] = site::asked(&each("", "=%q", ","), &each("$labels.", "", " "));
    let times = of.matches(placeholder).count();
    let query = format!("topk(1, sum by ({label}) ({}) > 0)", of.replace(placeholder, &matchers));
    let arguments = vec![arguments; times].join(" ");
    format!("{{{{ with printf `{query}` {arguments} | query }}}}")
}

/// Stands for the matchers of the alert's process in [`most`].
pub(crate) const OWNER: &str = "OWNER";
/// Stands for the matchers of the alert's process and port in [`most`].
pub(crate) const SERVICE: &str = "SERVICE";
/// Stands for the matchers of the alert's machine in [`most`].
pub(crate) const MACHINE: &str = "MACHINE";
/// Stands for the matchers of the alert's port and destination, on whichever machine, in [`most`].
pub(crate) const PORT: &str = "PORT";

/// The labels of an alert that each of them stands for.
const ALERTED: [(&str, &[&str]); 4] = [
    (OWNER, &["job", "instance", "process", "workload"]),
    (SERVICE, &["job", "instance", "process", "workload", "port"]),
    (MACHINE, &["job", "instance"]),
    (PORT, &["job", "port", "destination"]),
];
