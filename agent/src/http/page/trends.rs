//! Connections by state, and opens, closes and the like a second, over the last minutes and hours.

use catalogue::labels::SocketState;
use catalogue::metrics::connections;

use super::Overview;
use super::html::Html;
use super::source;
use super::svg::Picture;
use crate::conn::Totals;
use crate::history::{Quantity, Ring, Run};

/// States that are always shown; others once there is or was such a socket.
const ALWAYS: [SocketState; 2] = [SocketState::Established, SocketState::CloseWait];

/// A line of a table.
struct Trend<'a> {
    name: &'a str,
    id: &'a str,
    quantity: Quantity,
    /// What is now, as the metrics have it; `None` for a rate, which is that of the last samples.
    now: Option<(u64, String)>,
}

/// Writes both sections.
pub(super) fn sections(html: &mut Html, overview: &Overview) {
    html.raw("<section aria-labelledby=states><h2 id=states>Connections by state</h2>\n");
    head(html, "state", "now");
    let totals = Totals::of(&overview.snapshot);
    for state in SocketState::ALL {
        let (name, quantity) = (state.as_str(), Quantity::State(*state));
        let now = totals.states[state.index()];
        if now > 0
            || ALWAYS.contains(state)
            || peak(&overview.rings.coarse, overview, quantity) > 0.0
        {
            let of = source::sum(&connections::CONNECTIONS, &[("state", name)]);
            line(html, overview, &Trend { name, id: name, quantity, now: Some((now, of)) });
        }
    }
    let of = source::sum(&connections::TIME_WAIT_SOCKETS, &[]);
    let now = Some((totals.time_wait, of));
    let (name, quantity) = ("time_wait", Quantity::TimeWait);
    line(html, overview, &Trend { name, id: name, quantity, now });
    html.raw("</tbody></table></section>\n");
    html.raw("<section aria-labelledby=rates><h2 id=rates>Events a second</h2>\n");
    head(html, "event", "last 10s");
    for (name, id, quantity) in [
        ("opened", "opened", Quantity::Opened),
        ("closed", "closed", Quantity::Closed),
        ("connects failed", "failed", Quantity::Failed),
        ("segments retransmitted", "retransmitted", Quantity::Retransmitted),
    ] {
        line(html, overview, &Trend { name, id, quantity, now: None });
    }
    html.raw("</tbody></table></section>\n");
}

fn head(html: &mut Html, what: &'static str, now: &'static str) {
    html.raw("<table class=trends><thead><tr><th scope=col class=n>").raw(now);
    html.raw("<th scope=col>").raw(what).raw("<th scope=col class=chart>last 10 minutes");
    html.raw("<th scope=col class=chart>last 6 hours<th scope=col class='n wide'>most");
    html.raw("</thead><tbody>\n");
}

fn line(html: &mut Html, overview: &Overview, trend: &Trend<'_>) {
    let Trend { name, quantity, .. } = *trend;
    html.raw("<tr><td class='n big'>");
    match &trend.now {
        Some((now, of)) => html.count(*now, of),
        None => match overview.rings.fine.newest(quantity, overview.moment) {
            Some(rate) => html.text(shown(rate)),
            None => html.raw("–"),
        },
    };
    html.raw("<th scope=row>").text(name);
    let most = [&overview.rings.fine, &overview.rings.coarse]
        .map(|ring| peak(ring, overview, quantity))
        .into_iter()
        .fold(0.0, f64::max);
    for (ring, over, id) in [
        (&overview.rings.fine, "10 minutes", "fine"),
        (&overview.rings.coarse, "6 hours", "coarse"),
    ] {
        html.raw("<td class=chart>");
        let lines = ring.lines(quantity, overview.moment);
        let title = format!("{name} over the last {over}");
        let description = describe(&lines);
        let id = format!("{}-{id}", trend.id);
        let span = ring.span().as_secs_f64();
        let (title, description, lines) = (title.as_str(), description.as_str(), lines.as_slice());
        Picture { title, description, id: &id, lines, span, most }.write(html);
    }
    html.raw("<td class='n wide'>").text(shown(most)).raw("\n");
}

/// Says what a picture shows.
fn describe(lines: &[Run]) -> String {
    let values = || lines.iter().flatten().map(|(_, value)| *value);
    let Some(newest) = values().next_back() else { return "nothing was measured yet".to_owned() };
    let (low, high) = (values().fold(newest, f64::min), values().fold(newest, f64::max));
    let gaps = match lines.len() {
        1 => String::new(),
        count => format!(", with {} times that were not measured", count - 1),
    };
    format!("from {} to {}, {} at the end{gaps}", shown(low), shown(high), shown(newest))
}

/// Returns the largest value of a ring.
fn peak(ring: &Ring, overview: &Overview, of: Quantity) -> f64 {
    let lines = ring.lines(of, overview.moment);
    lines.iter().flatten().map(|(_, value)| *value).fold(0.0, f64::max)
}

/// Returns a value for people: whole numbers whole, others with one digit behind the point.
fn shown(value: f64) -> String {
    if value.fract().abs() < 0.05 || value >= 1000.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}
