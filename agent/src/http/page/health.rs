//! Whether the agent itself works: what makes the page incomplete, and its own numbers.

use std::time::Duration;

use catalogue::labels::Correction;
use catalogue::metrics::{Metric, agent};

use super::Overview;
use super::html::Html;
use super::source;
use crate::duration_text;
use crate::kernel::probe::ProbeState;
use crate::kernel::sight;

/// The longest time between two passes that is no trouble: a pass is due every 30 seconds.
const STALE: Duration = Duration::from_mins(2);

/// Returns what makes the page incomplete or old, as sentences.
pub(super) fn troubles(overview: &Overview) -> Vec<String> {
    let Overview { snapshot, stats, .. } = overview;
    let mut troubles = Vec::new();
    if !overview.alive {
        troubles.push("the thread that reads the rings stands still: no number moves".to_owned());
    }
    if let Some(age) = since(overview).filter(|age| *age > STALE) {
        let age = duration_text::short(age);
        troubles.push(format!("the last comparison with the kernel's socket list was {age} ago"));
    }
    for probe in &stats.probes {
        if let ProbeState::Failed(reason) = &probe.state {
            troubles.push(format!("the probe {} is not attached: {reason}", probe.name));
        }
    }
    troubles.extend(sight::sentences(&stats.limits).map(str::to_owned));
    if snapshot.refused > 0 {
        troubles.push(format!(
            "the table was full: {} sockets were refused a row; --max-connections makes room",
            snapshot.refused
        ));
    }
    if snapshot.internal_errors > 0 {
        troubles.push(format!(
            "{} internal errors: a rule of the agent is broken; report it",
            snapshot.internal_errors
        ));
    }
    if stats.web_config_in_force == Some(false) {
        troubles.push("the web configuration is not in force as its files have it".to_owned());
    }
    troubles
}

/// Returns the time since the last pass ended.
fn since(overview: &Overview) -> Option<Duration> {
    let then = overview.snapshot.last_reconcile?;
    Some(Duration::from_nanos(overview.snapshot.taken_at.saturating_sub(then)))
}

/// Writes the section.
pub(super) fn section(html: &mut Html, overview: &Overview) {
    let Overview { snapshot, stats, .. } = overview;
    html.raw("<section aria-labelledby=health><h2 id=health>The agent itself</h2>\n");
    html.raw("<dl class=facts>\n");
    let states_lost = stats.kernel.states_lost + stats.unseen;
    let lost = |ring| source::series(&agent::EVENTS_LOST, &[("ring", ring)]);
    let alone = |metric: &Metric| source::series(metric, &[]);
    for (name, count, of) in [
        ("transitions lost", states_lost, lost("state")),
        ("retransmit records lost", stats.kernel.retransmits_lost, lost("retransmit")),
        ("corrections", corrections(overview), source::sum(&agent::RECONCILE_CORRECTIONS, &[])),
        ("sockets refused", snapshot.refused, alone(&agent::CONNECTIONS_REFUSED)),
        ("without an owner", snapshot.unattributed, alone(&agent::CONNECTIONS_UNATTRIBUTED)),
        ("not verified", snapshot.unverified, alone(&agent::CONNECTIONS_UNVERIFIED)),
        ("room for sockets", snapshot.limit, alone(&agent::CONNECTIONS_LIMIT)),
        ("memory, bytes", stats.process.resident_bytes, alone(&agent::PROCESS_RESIDENT_MEMORY)),
    ] {
        html.raw("<div><dt>").raw(name).raw("<dd>").count(count, &of).raw("</div>\n");
    }
    html.raw("<div><dt>last compared with the kernel<dd>");
    match since(overview) {
        Some(age) => {
            let of = format!("time() - {}", alone(&agent::RECONCILE_LAST_COMPLETED));
            html.number(duration_text::short(age), age.as_secs_f64(), &of).raw(" ago");
        }
        None => {
            html.raw("not yet");
        }
    }
    html.raw("</div>\n</dl>\n");
    probes(html, overview);
    html.raw("</section>\n");
}

/// Writes the probes; folded if all are attached.
fn probes(html: &mut Html, overview: &Overview) {
    let probes = &overview.stats.probes;
    let attached = probes.iter().filter(|probe| probe.state.is_attached()).count();
    html.raw(if attached < probes.len() { "<details open>" } else { "<details>" });
    html.raw("<summary>").text(attached).raw(" of ").text(probes.len());
    html.raw(" probes are attached</summary>\n<table class=probes><thead><tr>");
    html.raw("<th scope=col>probe<th scope=col>state</thead><tbody>\n");
    for probe in probes {
        html.raw("<tr><th scope=row>").text(probe.name);
        html.raw(if probe.state.is_attached() { "<td>" } else { "<td class=bad>" });
        html.text(probe.state.as_str());
        if !probe.state.reason().is_empty() {
            html.raw(": ").text(probe.state.reason());
        }
        html.raw("\n");
    }
    html.raw("</tbody></table></details>\n");
}

/// Returns how many rows were corrected, for whatever reason.
fn corrections(overview: &Overview) -> u64 {
    let counts: &[u64; Correction::COUNT] = &overview.snapshot.corrections;
    counts.iter().sum()
}
