//! The suspects and notes as rows, and what stands in their columns.

use super::prose;
use crate::duration_text;
use crate::leaks::Leaks;
use crate::leaks::suspect::Suspect;
use crate::query::columns::{Column, Sheet};
use crate::query::text::{age, printable};
use crate::query::view::View;
use crate::table::{Cell, Rule};

/// The columns, those of the wide table first. `sample` is for programs that read JSON.
pub(crate) const SUSPECTS: &[Column<Suspect>] = &[
    Column::field("list").wide(),
    Column::field("certainty").cell(certainty).wide(),
    Column::field("kind").wide(),
    Column::field("process").wide(),
    Column::field("pids").cell(pids).wide(),
    Column::field("workload").wide(),
    Column::field("role").wide(),
    Column::field("state").wide(),
    Column::field("service_port").title("PORT").rule(Rule::RIGHT).wide(),
    Column::field("connections").title("CONNS").rule(Rule::RIGHT).wide(),
    Column::field("oldest_age_seconds").title("OLDEST").rule(Rule::RIGHT).cell(oldest).wide(),
    Column::field("growth_per_minute").title("GROWTH/m").rule(Rule::RIGHT).wide(),
    Column::field("descriptors").rule(Rule::RIGHT).wide(),
    Column::field("descriptor_limit").title("LIMIT").rule(Rule::RIGHT).wide(),
    Column::field("score").rule(Rule::RIGHT).wide(),
    Column::field("sentence"),
    Column::field("meaning"),
    Column::field("trend"),
    Column::field("expected"),
    Column::field("descriptors_exhausted"),
    Column::field("accept_queue_exhausted"),
    Column::field("name"),
    Column::field("command_line"),
    Column::field("started_at"),
    Column::field("peers"),
    Column::field("other_holders"),
    Column::field("peer_process"),
    Column::field("peer_pid").rule(Rule::RIGHT),
    Column::field("peer_workload"),
    Column::field("peer_state"),
    Column::field("cause_process"),
    Column::field("cause_pid").rule(Rule::RIGHT),
    Column::field("next_step"),
    Column::field("runbook"),
    Column::field("orphans").rule(Rule::RIGHT),
    Column::field("inherited").rule(Rule::RIGHT),
    Column::field("idle").rule(Rule::RIGHT),
    Column::field("used_once").rule(Rule::RIGHT),
    Column::field("older").rule(Rule::RIGHT),
    Column::field("closed").rule(Rule::RIGHT),
    Column::field("longest_idle_seconds").rule(Rule::RIGHT),
    Column::field("oldest_age_at_least"),
    Column::field("older_than_60").rule(Rule::RIGHT),
    Column::field("older_than_300").rule(Rule::RIGHT),
    Column::field("older_than_3600").rule(Rule::RIGHT),
    Column::field("unaccepted").rule(Rule::RIGHT),
    Column::field("unread").rule(Rule::RIGHT),
    Column::field("read").rule(Rule::RIGHT),
    Column::field("growth_over_seconds").rule(Rule::RIGHT),
    Column::field("connections_of_other_pids").rule(Rule::RIGHT),
    Column::field("taken_at"),
];

/// Appends the suspects, then the notes.
pub(super) fn write(answer: &Leaks, view: &View, page: &mut String) {
    let mut sheet = Sheet::new(SUSPECTS, view, None);
    sheet.share("taken_at", &answer.taken.taken_at);
    sheet.share("list", "suspects");
    for suspect in &answer.suspects {
        sheet.row(suspect);
    }
    sheet.share("list", "notes");
    for note in &answer.notes {
        sheet.row(note);
    }
    sheet.write(page);
}

fn certainty(row: &Suspect) -> Cell {
    Cell::new(printable(&row.certainty), prose::tone(row))
}

fn pids(row: &Suspect) -> Cell {
    let pids: Vec<_> = row.pids.iter().map(|one| one.pid.to_string()).collect();
    if pids.is_empty() { "-".into() } else { pids.join(",").into() }
}

fn oldest(row: &Suspect) -> Cell {
    let more = if row.oldest_age_at_least { "+" } else { "" };
    format!("{}{more}", age(row.oldest_age_seconds, duration_text::short)).into()
}
