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
    for term in (alert.terms)(timing).iter().filter(|term| !term.meaning.is_empty()) {
        let _ = writeln!(text, "| {} | {} |", term.meaning, term.value);
    }
    let _ = writeln!(
        text,
        "| dashboard | [{board}](../../dashboards/grafana/{board}.json), `/d/{board}` in Grafana |"
    );
    let _ = write!(text, "\n```promql\n{}\n```\n\n", (alert.expr)(timing));
    let _ = write!(text, "{EXAMPLE}\n\n{}", alert.fill(runbook, timing));
    File { path: format!("{FOLDER}{name}.md"), text: markdown::wrap(&text) }
}

const EXAMPLE: &str = "\
Run the commands on the machine that the label `instance` names. `orders-api`, process id 1077, \
port 5432 and address 10.0.0.5 are examples.";

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
