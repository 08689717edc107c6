//! The page at `/`: whether something leaks, hangs or fills up, and who, for a person with a
//! browser.
//!
//! Rendered in the agent, from one snapshot, the history and the answers of queries. `verdict` is
//! its first line, `suspects`, `failures`, `filling`, `trends` and `health` are its sections,
//! `stuck` stands in for `suspects`, `html` is the only way to write, `svg` draws, `source` says
//! where a number stands, `policy` has the headers.
//!
//! Guarantees: it has no script and loads nothing. Who may not ask the API sees what `/metrics`
//! shows where nothing is left out of it (`--metrics-exclude`). Every number is one of `/metrics`
//! or of the API, and says of which ([`Html::number`]); trends are the history's. Tables are
//! bounded: [`LEAKS`] and the constants below it.

mod failures;
mod filling;
mod health;
mod html;
pub(super) mod policy;
mod source;
mod stuck;
mod suspects;
mod svg;
#[cfg(test)]
mod tests;
mod trends;
mod verdict;

use std::time::Duration;

use crate::conn::snapshot::Snapshot;
use crate::duration_text;
use crate::history::{Moment, Rings};
use crate::leaks::Leaks;
use crate::metrics::stats::SelfStats;
use crate::query::leaks::LeaksQuery;
use crate::query::ports::{Ports, PortsQuery};
use crate::query::trouble::{TroubleQuery, Troubles};
use crate::query::{self, Query, Refusal, Source};
use crate::version::VERSION;

use html::Html;

/// What is asked of each query; the numbers are the most lines of its table.
const LEAKS: &str = "limit=50";
const FAILURES: &str = "kind=failures&limit=20";
const PORTS: &str = "limit=20";
/// The most lines of a table that is made of metrics.
const LINES: usize = 20;
/// From this share on, a queue, descriptors or ports count as nearly used up.
const NEARLY: f64 = 0.8;

/// What is read for everybody.
#[derive(Clone, Debug)]
pub(crate) struct Overview {
    /// The time since the agent started.
    pub(crate) uptime: Duration,
    /// Whether the thread that reads the rings is alive.
    pub(crate) alive: bool,
    /// What the table counts.
    pub(crate) snapshot: Snapshot,
    /// The agent's own numbers.
    pub(crate) stats: SelfStats,
    /// What the table counted before.
    pub(crate) rings: Rings,
    /// When that was read.
    pub(crate) moment: Moment,
}

/// What is read for who may ask the API.
#[derive(Clone, Debug)]
pub(super) struct Details {
    leaks: Leaks,
    failures: Troubles,
    ports: Ports,
}

impl Details {
    /// Asks the queries, one after the other.
    ///
    /// # Errors
    /// Never: what is asked is a constant.
    pub(super) fn of(source: &Source) -> Result<Self, Refusal> {
        let now = (source.clock)();
        Ok(Self {
            leaks: query::ask::<LeaksQuery>(LEAKS, source, now)?,
            failures: query::ask::<TroubleQuery>(FAILURES, source, now)?,
            ports: query::ask::<PortsQuery>(PORTS, source, now)?,
        })
    }
}

/// Returns the page as HTML; `details` are missing for who may not ask the API.
pub(super) fn render(overview: &Overview, details: Option<&Details>) -> String {
    let (mut html, verdict) = (Html::default(), verdict::verdict(overview, details));
    html.raw("<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n");
    html.raw("<meta name=viewport content='width=device-width, initial-scale=1'>\n<title>");
    html.text(&verdict.line).raw(" – tcpwarden</title>\n<style>").raw(policy::STYLE);
    html.raw("</style></head>\n<body><header><p><b>tcpwarden</b> ").text(VERSION);
    html.raw(" · up ").text(duration_text::short(overview.uptime)).raw("</p></header>\n<main>\n");
    verdict.write(&mut html);
    verdict::tiles(&mut html, overview, details);
    match details {
        Some(details) => suspects::section(&mut html, &details.leaks),
        None => stuck::section(&mut html, &overview.snapshot),
    }
    failures::section(&mut html, overview, details);
    filling::queues(&mut html, overview);
    filling::descriptors(&mut html, overview);
    filling::ports(&mut html, overview, details);
    trends::sections(&mut html, overview);
    health::section(&mut html, overview);
    footer(&mut html, details.is_some());
    html.finish()
}

fn footer(html: &mut Html, is_whole: bool) {
    html.raw("</main>\n<footer><p>");
    if !is_whole {
        html.raw(
            "This is what /metrics shows. Suspects, process ids and addresses are shown to who may \
             ask /api: on this machine, or with a password or certificate of the web \
             configuration. ",
        );
    }
    html.raw("The page is read anew every 30 seconds: <a href='/?still'>stop</a>, ");
    html.raw("<a href='/'>go on</a>. A number says on hover where else it stands.</p>\n");
    html.raw("<nav aria-label='Other addresses'><ul>\n<li><a href=/metrics>/metrics</a> ");
    html.raw("for Prometheus\n");
    for query in query::ALL {
        html.raw("<li>").link(query.path(), query.path()).raw(" ").text(query.about()).raw("\n");
    }
    html.raw("<li><a href=/healthz>/healthz</a> · <a href=/readyz>/readyz</a>\n");
    html.raw("</ul></nav></footer></body></html>\n");
}

/// Returns the address of a query with what it is asked.
fn address<Q: Query>(parameters: &str) -> String {
    format!("/api/v1/{}?{parameters}", Q::NAME)
}
