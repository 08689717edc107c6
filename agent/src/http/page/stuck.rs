//! Who has connections that stay in a state which a healthy one leaves within seconds, as the
//! metrics have it: instead of suspects, for who may not ask the API.

use std::cmp::Reverse;
use std::time::Duration;

use catalogue::labels::{Role, SocketState};
use catalogue::limits::STUCK_AGES;
use catalogue::metrics::connections;

use super::html::Html;
use super::source;
use crate::conn::snapshot::Snapshot;
use crate::duration_text;

/// The most lines of the table.
const MOST: usize = 50;

/// A process in a workload and role, with its connections in one state.
pub(super) struct Stuck<'a> {
    pub(super) process: &'a str,
    workload: &'a str,
    role: Role,
    state: SocketState,
    /// How many are older than each of [`STUCK_AGES`].
    pub(super) older_than: [u64; STUCK_AGES.len()],
    /// Whether that has a series: it was above 0 once.
    has_series: [bool; STUCK_AGES.len()],
    since: Option<u64>,
}

/// Returns those with connections older than a minute, the most first.
pub(super) fn lines(snapshot: &Snapshot) -> Vec<Stuck<'_>> {
    let of_group = snapshot.groups.iter().flat_map(|group| {
        let states = SocketState::ALL.iter().filter(|state| state.can_leak());
        states.map(move |state| {
            let gauge = &group.states[state.index()];
            Stuck {
                process: &group.process,
                workload: &group.workload,
                role: group.role,
                state: *state,
                older_than: gauge.older_than,
                has_series: std::array::from_fn(|age| group.seen.has_older(*state, age)),
                since: gauge.oldest_since,
            }
        })
    });
    let mut lines: Vec<_> = of_group.filter(|one| one.older_than[0] > 0).collect();
    lines.sort_by_key(|one| {
        (Reverse(one.older_than[0]), one.process, one.workload, one.role, one.state)
    });
    lines
}

impl Stuck<'_> {
    /// Writes how many are older than one of the ages, with the series in which that stands.
    fn older(&self, age: usize, labels: &[(&str, &str)], html: &mut Html) {
        if !self.has_series[age] {
            html.text(0);
            return;
        }
        let seconds = STUCK_AGES[age].to_string();
        let all = [labels, &[("min_age", seconds.as_str())]].concat();
        html.count(self.older_than[age], &source::series(&connections::CONNECTIONS_STUCK, &all));
    }
}

/// Writes the table.
pub(super) fn section(html: &mut Html, snapshot: &Snapshot) {
    html.raw("<section aria-labelledby=stuck><h2 id=stuck>Stuck for more than a minute</h2>\n");
    let lines = lines(snapshot);
    if lines.is_empty() {
        html.raw("<p class=none>No connection is.</p></section>\n");
        return;
    }
    html.raw(
        "<table><thead><tr><th scope=col class=n>connections<th scope=col>process\
         <th scope=col>state<th scope=col class='n wide'>over 5m<th scope=col class='n wide'>\
         over 1h<th scope=col class=n>oldest</thead><tbody>\n",
    );
    for one in lines.iter().take(MOST) {
        let labels = [
            ("process", one.process),
            ("workload", one.workload),
            ("role", one.role.as_str()),
            ("state", one.state.as_str()),
        ];
        html.raw("<tr><td class='n big'>");
        one.older(0, &labels, html);
        html.raw("<th scope=row>").text(one.process).raw("<small>").text(one.workload);
        html.raw("</small><td>").text(one.state.as_str()).raw("<small>").text(one.role.as_str());
        html.raw("</small><td class='n wide'>");
        one.older(1, &labels, html);
        html.raw("<td class='n wide'>");
        one.older(2, &labels, html);
        html.raw("<td class=n>");
        let age = one.since.map_or(0, |since| snapshot.taken_at.saturating_sub(since));
        let age = Duration::from_nanos(age);
        let of = source::series(&connections::OLDEST_STATE_AGE, &labels);
        html.number(duration_text::short(age), age.as_secs_f64(), &of).raw("\n");
    }
    html.raw("</tbody></table>\n");
    if lines.len() > MOST {
        html.raw("<p>and ").text(lines.len() - MOST).raw(" more in /metrics</p>\n");
    }
    html.raw("</section>\n");
}
