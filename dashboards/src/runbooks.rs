//! What to do when an alert fires: one page each. The head comes from the rule; the prose stands in
//! `dashboards/alerts/NAME/runbook.md`, with the rule's limits put in.

use std::fmt::Write as _;

use crate::File;
use crate::markdown;
use crate::rules::{self, Alert};
use crate::timing::{PRODUCTION, Timing};

/// Where the pages are, from the project's root.
pub const FOLDER: &str = "docs/runbooks/";

/// The pages, and the list of them.
#[must_use]
pub fn files() -> Vec<File> {
    let pages = rules::all().iter().map(|alert| page(alert, &PRODUCTION));
    pages.chain([File { path: format!("{FOLDER}README.md"), text: index() }]).collect()
}

fn page(alert: &Alert, timing: &Timing) -> File {
    let Alert { name, summary, severity, board, runbook, .. } = alert;
    let mut text = format!(
        "# {name}\n\n<!-- Written by `cargo xtask dashboards`; do not edit. The prose is in\n\
         dashboards/alerts/{name}/runbook.md, the limits in rule.rs. -->\n\n\
         {summary}\n\n"
    );
    let _ = write!(text, "| | |\n|---|---|\n| severity | {} |\n", severity.as_str());
    let _ = writeln!(
        text,
        "| fires | after {}, and for {} after the end |",
        timing.span(alert.hold),
        timing.span(alert.keep)
    );
    for term in alert.filled_terms(timing).iter().filter(|term| !term.meaning.is_empty()) {
        let _ = writeln!(text, "| {} | {} |", term.meaning, term.value);
    }
    let _ = writeln!(
        text,
        "| dashboard | [{board}](../../dashboards/grafana/{board}.json), `/d/{board}` in Grafana |"
    );
    let _ = write!(text, "\n```promql\n{}\n```\n\n", alert.expression(timing));
    let of_machine = alert.description.contains("$labels.instance");
    let place = if of_machine { ON_MACHINE } else { ON_ONE };
    let _ = write!(text, "{place} {EXAMPLE}\n\n{}", alert.fill(runbook, timing));
    File { path: format!("{FOLDER}{name}.md"), text: markdown::wrap(&text) }
}

/// The most bytes of a runbook in an annotation.
const MOST: usize = 2048;
/// Where a package puts the pages.
const INSTALLED: &str = "/usr/share/doc/tcpwarden/docs/runbooks/";

/// The prose of a runbook for an annotation: all of it, or as many of its paragraphs as fit into
/// 2 KiB with the path of the rest.
#[must_use]
pub fn annotation(alert: &Alert, timing: &Timing) -> String {
    let text = alert.fill(alert.runbook, timing);
    let text = text.trim();
    if text.len() <= MOST {
        return text.to_owned();
    }
    let rest = format!("\n\nThe rest: {INSTALLED}{}.md, where the package puts it.", alert.name);
    let ends = text.match_indices("\n\n").map(|(at, _)| at);
    let fits = |at: &usize| {
        let before = &text[..*at];
        let last = before.rsplit("\n\n").next().unwrap_or_default();
        at + rest.len() <= MOST
            // Neither in a block of code nor behind a heading.
            && before.matches("```").count().is_multiple_of(2)
            && !last.starts_with('#')
    };
    let end = ends.filter(fits).last().unwrap_or_default();
    format!("{}{rest}", &text[..end])
}

const ON_MACHINE: &str = "Run the commands on the machine that the label `instance` names.";
/// Of an alert about many machines.
const ON_ONE: &str = "Run the commands on one of the machines.";
const EXAMPLE: &str = "\
`orders-api`, process id 1077, port 5432 and address 10.0.0.5 are examples.";

/// All alerts in a table.
fn index() -> String {
    let mut text = "# Runbooks\n\n<!-- Written by `cargo xtask dashboards` from the rules in \
        dashboards/alerts; do not edit. -->\n\n"
        .to_owned();
    text.push_str(
        "What to do when an alert of \
        [tcpwarden-alerts.yml](../../dashboards/prometheus/tcpwarden-alerts.yml) fires.\n\n",
    );
    text.push_str("| alert | severity | what is wrong |\n|---|---|---|\n");
    for Alert { name, severity, summary, .. } in rules::all() {
        let _ = writeln!(text, "| [{name}]({name}.md) | {} | {summary} |", severity.as_str());
    }
    markdown::wrap(&text)
}
