//! Which connects fail, by destination; for who may not ask the API by service port.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use catalogue::labels::{ConnectFailure, OTHER};
use catalogue::metrics::lifecycle;

use super::html::Html;
use super::{Details, FAILURES, LINES, Overview, address, source};
use crate::conn::snapshot::Snapshot;
use crate::duration_text;
use crate::query::text::end;
use crate::query::trouble::{TroubleQuery, Troubles};

/// Writes the section.
pub(super) fn section(html: &mut Html, overview: &Overview, details: Option<&Details>) {
    html.raw("<section aria-labelledby=failures><h2 id=failures>Connects that fail</h2>\n");
    match details {
        Some(details) => destinations(html, &details.failures),
        None => services(html, &overview.snapshot),
    }
    html.raw("</section>\n");
}

fn destinations(html: &mut Html, answer: &Troubles) {
    if answer.troubles.is_empty() {
        html.raw("<p class=none>None in the last hour.</p>");
        return;
    }
    html.raw(
        "<table><thead><tr><th scope=col class=n>failed<th scope=col>process\
         <th scope=col>destination<th scope=col>reason<th scope=col class='n wide'>last\
         </thead><tbody>\n",
    );
    for (place, line) in answer.troubles.iter().enumerate() {
        let of = |field| source::failures(&format!("/troubles/{place}/{field}"));
        html.raw("<tr><td class='n big'>").count(line.count, &of("count"));
        html.raw("<th scope=row>").text(&line.process).raw("<small>").text(&line.workload);
        html.raw("</small><td>").text(end(line.peer_address, line.port));
        if let Some(cause) = &line.cause {
            html.raw("<small>").text(cause).raw("</small>");
        }
        html.raw("<td>").text(line.reason.as_deref().unwrap_or("–")).raw("<td class='n wide'>");
        let age = Duration::try_from_secs_f64(line.last_seen_seconds).unwrap_or_default();
        html.number(duration_text::short(age), line.last_seen_seconds, &of("last_seen_seconds"));
        html.raw(" ago\n");
    }
    html.raw("</tbody></table>\n<p>");
    if answer.truncated {
        html.raw("The first ").number(
            answer.returned,
            answer.returned,
            &source::failures("/returned"),
        );
        html.raw(" of ").number(answer.matched, answer.matched, &source::failures("/matched"));
        html.raw(". ");
    }
    html.link(address::<TroubleQuery>(FAILURES), "As JSON").raw("</p>");
}

fn services(html: &mut Html, snapshot: &Snapshot) {
    let mut counts: BTreeMap<(&str, &str, String, ConnectFailure), u64> = BTreeMap::new();
    for service in &snapshot.services {
        let port = service.port.map_or_else(|| OTHER.to_owned(), |port| port.to_string());
        for (reason, count) in ConnectFailure::ALL.iter().zip(service.failures) {
            let key = (&*service.process, &*service.workload, port.clone(), *reason);
            *counts.entry(key).or_default() += count;
        }
    }
    let mut lines: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
    // Equals stay in the order of their names.
    lines.sort_by_key(|(_, count)| Reverse(*count));
    if lines.is_empty() {
        html.raw("<p class=none>None since the agent started.</p>");
        return;
    }
    html.raw(
        "<table><thead><tr><th scope=col class=n>failed<th scope=col>process\
         <th scope=col class=n>port<th scope=col>reason</thead><tbody>\n",
    );
    for ((process, workload, port, reason), count) in lines.into_iter().take(LINES) {
        let reason = reason.as_str();
        let labels =
            [("process", process), ("workload", workload), ("port", &port), ("reason", reason)];
        // With named destinations these are several series.
        let source = if snapshot.destinations.is_empty() { source::series } else { source::sum };
        let of = source(&lifecycle::CONNECT_FAILURES, &labels);
        html.raw("<tr><td class='n big'>").count(count, &of);
        html.raw("<th scope=row>").text(process).raw("<small>").text(workload);
        html.raw("</small><td class=n>").text(&port).raw("<td>").text(reason).raw("\n");
    }
    html.raw("</tbody></table>\n<p>Since the agent started.</p>");
}
