//! The suspects, the worst first, each with its evidence and where to go on.

use std::time::Duration;

use form_urlencoded::Serializer;

use super::html::Html;
use super::{LEAKS, address, source};
use crate::duration_text;
use crate::leaks::Leaks;
use crate::leaks::suspect::{InSeconds, Suspect};
use crate::query::Query;
use crate::query::connections::ConnectionsQuery;
use crate::query::leaks::LeaksQuery;
use crate::query::text::end;

/// Writes them.
pub(super) fn section(html: &mut Html, leaks: &Leaks) {
    html.raw("<section aria-labelledby=suspects><h2 id=suspects>Suspects</h2>\n");
    if leaks.suspects.is_empty() {
        html.raw("<p class=none>None. ");
    } else {
        html.raw("<ol class=suspects>\n");
        for (place, suspect) in leaks.suspects.iter().enumerate() {
            write(html, place, suspect);
        }
        html.raw("</ol>\n<p>");
    }
    let looked_at = &leaks.looked_at;
    let of = |field| source::leaks(&format!("/looked_at/{field}"));
    html.raw("Looked at ").count(looked_at.connections, &of("connections"));
    html.raw(" connections: ").count(looked_at.in_leak_states, &of("in_leak_states"));
    html.raw(" in a transient state, ").count(looked_at.past_grace, &of("past_grace"));
    html.raw(" for more than 10s. ");
    if leaks.truncated {
        html.raw("The first ").number(leaks.returned, leaks.returned, &source::leaks("/returned"));
        html.raw(" of ").number(leaks.matched, leaks.matched, &source::leaks("/matched"));
        html.raw(" are shown. ");
    }
    html.link(address::<LeaksQuery>(LEAKS), "All of it as JSON");
    if leaks.notes_matched > 0 {
        html.raw(", with notes that accuse nobody: ");
        html.number(leaks.notes_matched, leaks.notes_matched, &source::leaks("/notes_matched"));
    }
    html.raw(".</p></section>\n");
}

fn write(html: &mut Html, place: usize, suspect: &Suspect) {
    let of = |field: &str| source::leaks(&format!("/suspects/{place}/{field}"));
    html.raw("<li><article><p class=big>").count(suspect.connections, &of("connections"));
    html.raw("<small>").text(&suspect.state).raw("</small></p>\n<div><h3>");
    html.text(&suspect.process).raw(" <small>");
    html.text(&suspect.workload).raw("</small> <span class=tag>").text(&suspect.certainty);
    html.raw(" · ").text(&suspect.kind).raw("</span></h3>\n<p>").text(&suspect.sentence);
    html.raw("</p>\n<p class=quiet>").text(&suspect.meaning).raw("</p>\n<dl class=facts>\n");
    let oldest = Duration::try_from_secs_f64(suspect.oldest_age_seconds).unwrap_or_default();
    html.raw("<div><dt>oldest<dd>");
    html.raw(if suspect.oldest_age_at_least { "at least " } else { "" });
    html.number(
        duration_text::short(oldest),
        suspect.oldest_age_seconds,
        &of("oldest_age_seconds"),
    );
    if let Some(growth) = suspect.growth_per_minute {
        html.raw("</div><div><dt>growth a minute<dd>");
        html.number(growth, growth, &of("growth_per_minute"));
    }
    html.raw("</div><div><dt>over 1m<dd>").count(suspect.older_than_60, &of("older_than_60"));
    html.raw("</div><div><dt>over 5m<dd>").count(suspect.older_than_300, &of("older_than_300"));
    html.raw("</div><div><dt>over 1h<dd>").count(suspect.older_than_3600, &of("older_than_3600"));
    if let (Some(open), Some(limit)) = (suspect.descriptors, suspect.descriptor_limit) {
        html.raw("</div><div><dt>descriptors<dd>").count(open, &of("descriptors"));
        html.raw(" of ").count(limit, &of("descriptor_limit"));
        when(html, suspect.descriptors_exhausted.as_ref(), &of("descriptors_exhausted/about"));
    }
    html.raw("</div>\n</dl>\n");
    peers(html, suspect, of);
    go_on(html, suspect);
    html.raw("</div></article>\n");
}

/// Writes where most of its connections lead to.
fn peers(html: &mut Html, suspect: &Suspect, of: impl Fn(&str) -> String) {
    for (place, peer) in suspect.peers.iter().enumerate() {
        html.raw(if place == 0 { "<p>Peers: " } else { ", " });
        match peer.port {
            0 => html.text(peer.address),
            port => html.text(end(peer.address, port)),
        };
        html.raw(" (").count(peer.connections, &of(&format!("peers/{place}/connections")));
        html.raw(")");
    }
    html.raw(if suspect.peers.is_empty() { "" } else { "</p>\n" });
}

/// Writes when something is used up, if it will be.
pub(super) fn when(html: &mut Html, exhausted: Option<&InSeconds>, of: &str) {
    if let Some(InSeconds { about, .. }) = exhausted {
        let time = Duration::try_from_secs_f64(*about).unwrap_or_default();
        html.raw(", full in about ").number(duration_text::short(time), about, of);
    }
}

/// Writes whose process it is, what to do next, and where the connections are listed.
fn go_on(html: &mut Html, suspect: &Suspect) {
    if !suspect.command_line.is_empty() {
        html.raw("<p class=quiet>").text(&suspect.name).raw(": <code>");
        html.text(&suspect.command_line).raw("</code></p>\n");
    }
    html.raw("<p>");
    if !suspect.next_step.is_empty() {
        html.raw("Next: ").text(&suspect.next_step).raw("; ");
    }
    html.raw("runbook <code>docs/runbooks/").text(&suspect.runbook);
    html.raw(".md</code></p>\n<p class=links>");
    html.link(drill_down(suspect, ConnectionsQuery::NAME), "Its connections").raw(" ");
    html.link(drill_down(suspect, LeaksQuery::NAME), "this suspect").raw(" as JSON</p>\n");
}

/// Returns the address of a query about the connections of a suspect.
fn drill_down(suspect: &Suspect, query: &str) -> String {
    let mut parameters = Serializer::new(String::new());
    for (name, value) in [
        ("process", &suspect.process),
        ("workload", &suspect.workload),
        ("role", &suspect.role),
        ("state", &suspect.state),
    ] {
        // The agent would read it as the beginning of names.
        if !value.ends_with('*') {
            parameters.append_pair(name, value);
        }
    }
    let is_of_others = suspect.process.ends_with('*') || suspect.workload.ends_with('*');
    let is_known = suspect.connections_of_other_pids == 0 && !suspect.pids.is_empty();
    if is_of_others && is_known && query == ConnectionsQuery::NAME {
        let pids: Vec<_> = suspect.pids.iter().map(|one| one.pid.to_string()).collect();
        parameters.append_pair("pid", &pids.join(","));
    }
    if let Some(port) = suspect.service_port {
        parameters.append_pair("service_port", &port.to_string());
    }
    format!("/api/v1/{query}?{}", parameters.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaks::suspect::Pid;

    #[test]
    fn a_name_that_would_stand_for_others_too_is_asked_by_its_processes() {
        let suspect = Suspect {
            process: "a*".into(),
            workload: "host".into(),
            role: "client".into(),
            state: "close_wait".into(),
            pids: vec![Pid { pid: 7, connections: 2 }, Pid { pid: 9, connections: 1 }],
            ..Suspect::default()
        };
        assert_eq!(
            drill_down(&suspect, ConnectionsQuery::NAME),
            "/api/v1/connections?workload=host&role=client&state=close_wait&pid=7%2C9"
        );
        assert_eq!(
            drill_down(&suspect, LeaksQuery::NAME),
            "/api/v1/leaks?workload=host&role=client&state=close_wait",
            "that query takes no process id"
        );
    }
}
