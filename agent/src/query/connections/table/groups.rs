//! Connections that are counted: the columns, and what stands in them.

use crate::duration_text;
use crate::listing::group::{Group, Grouped};
use crate::query::columns::{Column, Sheet};
use crate::query::text::{age, end, printable};
use crate::query::view::{Format, View};
use crate::table::{Cell, Rule};

/// The columns: what the connections of a group have in common, then the counts.
pub(crate) const GROUPS: &[Column<Group>] = &[
    Column::made("group", |group| what(group).into()).text(),
    Column::field("connections").title("CONNS").rule(Rule::RIGHT).text(),
    Column::field("oldest_age_seconds").title("OLDEST").rule(Rule::RIGHT).cell(oldest).text(),
    Column::field("idle_60").title("IDLE>1m").rule(Rule::RIGHT).text(),
    Column::field("idle_300").title("IDLE>5m").rule(Rule::RIGHT).text(),
    Column::field("idle_3600").title("IDLE>1h").rule(Rule::RIGHT).text(),
    Column::field("bytes_sent").title("SENT").rule(Rule::RIGHT).text(),
    Column::field("bytes_received").title("RECEIVED").rule(Rule::RIGHT).text(),
    Column::field("oldest_age_at_least"),
    Column::field("peer_address"),
    Column::field("peer_port").rule(Rule::RIGHT),
    Column::field("process"),
    Column::field("workload"),
    Column::field("service_port").rule(Rule::RIGHT),
    Column::field("role"),
    Column::field("list"),
    Column::field("taken_at"),
];

/// Appends the groups, and a last line that counts them.
pub(super) fn write(
    grouped: &Grouped,
    (matched, tracked): (u64, u64),
    taken_at: &str,
    view: &View,
    page: &mut String,
) {
    let first = match grouped.by.as_str() {
        "process" => "PROCESS (WORKLOAD)".to_owned(),
        by => printable(by).to_uppercase(),
    };
    let mut sheet = Sheet::new(GROUPS, view, Some(&first));
    sheet.share("taken_at", taken_at);
    sheet.share("list", "groups");
    for group in &grouped.groups {
        sheet.row(group);
    }
    if grouped.others.connections > 0 {
        sheet.share("list", "others");
        sheet.row(&grouped.others);
    }
    sheet.write(page);
    if view.format != Format::Csv {
        let Grouped { returned, known, .. } = grouped;
        let last = format!(
            "{returned} of {known} groups shown; {matched} of {tracked} connections match\n"
        );
        page.push_str(&last);
    }
}

/// Returns what the connections of a group have in common.
pub(super) fn what(group: &Group) -> String {
    let Group { peer_address, peer_port, process, workload, service_port, role, .. } = group;
    if let Some(address) = peer_address {
        return peer_port.map_or_else(|| address.to_string(), |port| end(*address, port));
    }
    if let Some(process) = process {
        let workload = workload.as_deref().unwrap_or_default();
        return format!("{} ({})", printable(process), printable(workload));
    }
    let Some(port) = service_port else { return "all others".to_owned() };
    let port = if *port == 0 { "-".to_owned() } else { port.to_string() };
    format!("{port} ({})", printable(role.as_deref().unwrap_or_default()))
}

fn oldest(group: &Group) -> Cell {
    let more = if group.oldest_age_at_least { "+" } else { "" };
    format!("{}{more}", age(group.oldest_age_seconds, duration_text::short)).into()
}
