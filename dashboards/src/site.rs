//! What a site adds to expressions: matchers in each selector, labels in each aggregation.
//!
//! `rules::promql::series` and the boards' `Scope::series` leave a place in each selector that they
//! write, [`labels`] one in a list of labels. [`Site::fill`] puts in what the site has there,
//! nothing without options. A place is a character for private use, which no value of a site can
//! have: [`options`](crate::options) refuses them.

use catalogue::metrics::Metric;

/// The jobs whose targets are agents, as a regular expression: any with the program's name in it,
/// which fits `tcpwarden` as well as `monitoring/tcpwarden` of an operator.
pub const JOB: &str = ".*tcpwarden.*";

/// Begins the matchers of a selector.
const SELECTOR: char = '\u{e000}';
/// Behind [`SELECTOR`]: the series has the label `process`.
const PROCESS: char = '\u{e001}';
/// Behind [`SELECTOR`]: the series has the label `workload`.
const WORKLOAD: char = '\u{e002}';
/// Behind [`SELECTOR`]: whatever the reader of a board chose.
const WHOLE: char = '\u{e005}';
/// The end of a selector of what other programs have too: it is limited to the jobs of agents.
const AGENTS: char = '\u{e003}';
/// The end of a list of labels.
const LABELS: char = '\u{e004}';

/// The end of matchers that a template of Prometheus fills with labels of its alert.
const ASKED: char = '\u{e006}';
/// The end of what it fills them with.
const ARGUMENTS: char = '\u{e007}';

/// What may stand behind [`SELECTOR`].
const KINDS: [char; 3] = [PROCESS, WORKLOAD, WHOLE];

/// Whether a character is a place, or may become one.
pub(crate) const fn is_private(character: char) -> bool {
    matches!(character, '\u{e000}'..='\u{f8ff}')
}

/// The place for matchers in a selector of `metric`, before its own.
pub(crate) fn matchers(metric: &Metric) -> String {
    of_labels(metric.labels)
}

/// The same of a series with these labels.
pub(crate) fn of_labels(labels: &[&str]) -> String {
    let places = [("process", PROCESS), ("workload", WORKLOAD)];
    let known = places.into_iter().filter(|(label, _)| labels.contains(label));
    [SELECTOR].into_iter().chain(known.map(|(_, place)| place)).collect()
}

/// The place at the end of a selector of what Prometheus says of targets, whatever their job.
pub(crate) fn agents() -> String {
    AGENTS.to_string()
}

/// The place in the selector that fills the variable by which the reader of a board chooses.
pub(crate) fn whole() -> String {
    [SELECTOR, WHOLE].into_iter().collect()
}

/// Labels, with a place for those of the site: for `by` and `on`. `without` and `ignoring` keep
/// them as they are.
pub(crate) fn labels(labels: &str) -> String {
    format!("{labels}{LABELS}")
}

/// Matchers of labels for a template of Prometheus, `job=%q`, and what it puts there, with places
/// for the labels of the site.
pub(crate) fn asked(matchers: &str, arguments: &str) -> [String; 2] {
    [format!("{matchers}{ASKED}"), format!("{arguments}{ARGUMENTS}")]
}

/// What a site adds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Site {
    /// Between two matchers.
    pub(crate) separator: &'static str,
    /// In each selector.
    pub(crate) matchers: Vec<String>,
    /// In each selector of a board: what its reader chose.
    pub(crate) chosen: Option<String>,
    /// Where the label `process` is.
    pub(crate) processes: Option<String>,
    /// Where the label `workload` is.
    pub(crate) workloads: Option<String>,
    /// Which jobs are agents, in a selector of what every target has.
    pub(crate) agents: Option<String>,
    /// In each list of labels.
    pub(crate) labels: Vec<String>,
}

impl Site {
    /// The text with every place filled.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text.chars().peekable();
        while let Some(character) = rest.next() {
            match character {
                SELECTOR => {
                    let places: Vec<char> =
                        std::iter::from_fn(|| rest.next_if(|next| KINDS.contains(next))).collect();
                    let chosen = self.chosen.as_deref().filter(|_| !places.contains(&WHOLE));
                    let own = self.matchers.iter().map(String::as_str).chain(chosen);
                    let all: Vec<&str> =
                        own.chain(places.iter().filter_map(|place| self.at(*place))).collect();
                    let is_last = matches!(rest.peek(), Some(&('}' | AGENTS)));
                    if all.is_empty() && rest.peek() == Some(&'}') {
                        filled.pop();
                        rest.next();
                        continue;
                    }
                    filled.push_str(&all.join(self.separator));
                    if !all.is_empty() && !is_last {
                        filled.push_str(self.separator);
                    }
                }
                AGENTS => {
                    let between = if filled.ends_with('{') { "" } else { self.separator };
                    filled.extend(self.agents.iter().flat_map(|agents| [between, agents]));
                }
                LABELS => self.each_label(&mut filled, [", ", ""]),
                ASKED => self.each_label(&mut filled, [",", "=%q"]),
                ARGUMENTS => self.each_label(&mut filled, [" $labels.", ""]),
                other => filled.push(other),
            }
        }
        filled
    }

    /// Adds each label that is kept, with what stands before and behind it.
    fn each_label(&self, to: &mut String, [before, behind]: [&str; 2]) {
        to.extend(self.labels.iter().flat_map(|label| [before, label.as_str(), behind]));
    }

    fn at(&self, place: char) -> Option<&str> {
        match place {
            PROCESS => self.processes.as_deref(),
            WORKLOAD => self.workloads.as_deref(),
            _ => None,
        }
    }
}

/// Whether a text has a place for matchers by the label `process`.
pub(crate) fn knows_processes(text: &str) -> bool {
    text.contains(PROCESS)
}

/// Whether a text has a place for matchers by the label `workload`.
pub(crate) fn knows_workloads(text: &str) -> bool {
    text.contains(WORKLOAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalogue::metrics::agent::CONNECTIONS_TRACKED;
    use catalogue::metrics::connections::CONNECTIONS;

    #[test]
    fn a_selector_gets_what_the_site_has_and_no_empty_braces() {
        let none = Site { separator: ",", ..Site::default() };
        let all = Site {
            matchers: vec!["a=\"b\"".to_owned()],
            processes: Some("process!~\"x\"".to_owned()),
            workloads: None,
            agents: Some("job=~\"t\"".to_owned()),
            labels: vec!["cluster".to_owned()],
            ..none.clone()
        };
        let bare = format!("n{{{}}}", matchers(&CONNECTIONS_TRACKED));
        let own = format!("n{{{}c=\"d\"}}", matchers(&CONNECTIONS));
        let targets = format!("up{{{}{}}}", of_labels(&[]), agents());
        assert_eq!((none.fill(&bare).as_str(), none.fill(&own).as_str()), ("n", "n{c=\"d\"}"));
        assert_eq!(all.fill(&bare), "n{a=\"b\"}");
        assert_eq!(all.fill(&own), "n{a=\"b\",process!~\"x\",c=\"d\"}");
        assert_eq!(all.fill(&targets), "up{a=\"b\",job=~\"t\"}");
        assert_eq!(all.fill(&format!("by ({})", labels("job"))), "by (job, cluster)");
        assert_eq!(none.fill(&format!("by ({})", labels("job"))), "by (job)");
        let [matchers, arguments] = asked("job=%q", "$labels.job");
        assert_eq!(all.fill(&matchers), "job=%q,cluster=%q");
        assert_eq!(all.fill(&arguments), "$labels.job $labels.cluster");
        assert_eq!(none.fill(&format!("{matchers} {arguments}")), "job=%q $labels.job");
        assert!(knows_processes(&own) && knows_workloads(&own) && !knows_processes(&bare));
    }
}
