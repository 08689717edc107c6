//! The destinations as a table, with the processes below each.

use super::{PortHolder, PortUse, Ports};
use crate::leaks::suspect::sentence::exhaustion;
use crate::query::columns::{Column, Sheet};
use crate::query::text::{end, printable};
use crate::query::view::{Format, View};
use crate::table::{Cell, Rule, Tone};

/// The share of the ports that may soon be all, and the one that nearly is.
const MUCH: f64 = 0.7;
const NEARLY_ALL: f64 = 0.9;

/// The columns, those of the table first.
pub(crate) const DESTINATIONS: &[Column<PortUse>] = &[
    Column::field("used_ratio").title("USED%").rule(Rule::RIGHT.least(6)).cell(percent).text(),
    Column::field("used").rule(Rule::RIGHT.least(6)).text(),
    Column::field("time_wait").rule(Rule::RIGHT.least(9).rank(2)).text(),
    Column::field("range").rule(Rule::RIGHT.least(6).rank(1)).text(),
    Column::field("netns").rule(Rule::RIGHT.least(10).rank(3)).text(),
    Column::made("destination", destination).title("FROM -> TO").text(),
    Column::field("tw_reuse").rule(Rule::RIGHT).wide(),
    Column::field("local_address"),
    Column::field("peer_address"),
    Column::field("peer_port").rule(Rule::RIGHT),
    Column::field("bind_before_connect"),
    Column::field("exhausted"),
    Column::field("processes").cell(processes),
    Column::field("connections_of_other_processes").rule(Rule::RIGHT),
    Column::field("taken_at"),
];

/// Appends the table, and a last line if destinations are left out; of CSV the rows only.
pub(super) fn write(answer: &Ports, view: &View, page: &mut String) {
    let mut sheet = Sheet::new(DESTINATIONS, view, None);
    sheet.share("taken_at", &answer.taken.taken_at);
    for destination in &answer.destinations {
        sheet.row(destination);
        for holder in &destination.processes {
            let count = holder.connections.to_string();
            sheet.below(vec!["".into(), count.into()], Cell::new(text(holder), Tone::Dim));
        }
        let others = destination.connections_of_other_processes;
        if others > 0 {
            let rest = Cell::new("other processes", Tone::Dim);
            sheet.below(vec!["".into(), others.to_string().into()], rest);
        }
    }
    sheet.write(page);
    if view.format == Format::Csv {
        return;
    }
    if answer.destinations.is_empty() {
        page.push_str("no connection has taken a port of the ephemeral range\n");
    } else if answer.truncated {
        let (returned, known) = (answer.returned, answer.known);
        let last = format!("{returned} of {known} destinations shown; --limit shows others\n");
        page.push_str(&last);
    }
}

fn text(holder: &PortHolder) -> String {
    let pid = holder.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
    format!("{} (pid {pid}, {})", printable(&holder.process), printable(&holder.workload))
}

fn percent(row: &PortUse) -> Cell {
    let tone = match row.used_ratio {
        much if much >= NEARLY_ALL => Tone::Bad,
        much if much >= MUCH => Tone::Unsure,
        _ => Tone::Plain,
    };
    Cell::new(format!("{:.1}%", row.used_ratio * 100.0), tone)
}

fn destination(row: &PortUse) -> Cell {
    let to = if row.bind_before_connect {
        "any destination (bind before connect)".to_owned()
    } else {
        end(row.peer_address, row.peer_port)
    };
    let when = row.exhausted.as_ref();
    let when = when.map_or_else(String::new, |when| exhaustion("all are taken", when));
    format!("{} -> {to}{when}", row.local_address).into()
}

fn processes(row: &PortUse) -> Cell {
    let one = |holder: &PortHolder| format!("{} {}", holder.connections, text(holder));
    let all: Vec<_> = row.processes.iter().map(one).collect();
    if all.is_empty() { "-".into() } else { all.join("; ").into() }
}
