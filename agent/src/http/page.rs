//! The page at `/`: what the program is, whether it works, and its other addresses. It has no
//! script and loads nothing.

use std::fmt::Write as _;
use std::time::Duration;

use crate::duration_text;
use crate::metrics::stats::Probe;
use crate::query;

/// The numbers on the page.
#[derive(Clone, Debug)]
pub(crate) struct Overview {
    /// The time since the agent started.
    pub(crate) uptime: Duration,
    /// The state of every probe.
    pub(crate) probes: Vec<Probe>,
    /// How many rows the connection table has.
    pub(crate) tracked: u64,
    /// How many of them have no known owner.
    pub(crate) unattributed: u64,
    /// How many records were lost, of both rings.
    pub(crate) lost: u64,
    /// The time since the last reconcile pass ended; `None` before the first.
    pub(crate) reconciled: Option<Duration>,
}

const HEAD: &str = "<!doctype html>
<html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'>
<title>tcpwarden</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c2024; background: #fff }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
td, th { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd }
td.n { text-align: right; font-variant-numeric: tabular-nums }
.bad { color: #a40000 } a { color: #0b57a4 }
@media (prefers-color-scheme: dark) { body { color: #e6e6e6; background: #15181c }
  td, th { border-color: #333 } .bad { color: #ff8a80 } a { color: #8ab4f8 } }
</style></head><body>
";

/// Returns the page as HTML.
pub(super) fn render(overview: &Overview) -> String {
    let mut html = String::from(HEAD);
    let version = env!("CARGO_PKG_VERSION");
    let uptime = duration_text::short(overview.uptime);
    push(
        &mut html,
        format_args!(
            "<h1>tcpwarden {version}</h1>\n<p>Follows every TCP socket of this host from birth to \
             death and tells who leaks, retransmits or is refused. Up for {uptime}.</p>\n<p>"
        ),
    );
    html.push_str("<a href=/metrics>/metrics</a> for Prometheus");
    for query in query::ALL {
        let (path, about) = (query.path(), query.about());
        push(&mut html, format_args!(" · <a href={path}>{path}</a>: {about}"));
    }
    html.push_str(" · <a href=/healthz>/healthz</a> · <a href=/readyz>/readyz</a></p>\n<table>\n");
    number(&mut html, "connections tracked", overview.tracked);
    number(&mut html, "of these without a known owner", overview.unattributed);
    number(&mut html, "records lost since the start", overview.lost);
    let reconciled = overview
        .reconciled
        .map_or_else(|| "not yet".to_owned(), |age| format!("{} ago", duration_text::short(age)));
    push(
        &mut html,
        format_args!(
            "<tr><td>last compared with the kernel's socket list<td class=n>{reconciled}\n"
        ),
    );
    html.push_str("</table>\n<table><tr><th>probe<th>state\n");
    for probe in &overview.probes {
        let class = if probe.state.is_attached() { "" } else { " class=bad" };
        let colon = if probe.state.reason().is_empty() { "" } else { ": " };
        let reason = escape(probe.state.reason());
        push(
            &mut html,
            format_args!(
                "<tr><td>{}<td{class}>{}{colon}{reason}\n",
                escape(probe.name),
                probe.state.as_str()
            ),
        );
    }
    html.push_str("</table>\n</body></html>\n");
    html
}

fn number(html: &mut String, name: &str, value: u64) {
    push(html, format_args!("<tr><td>{name}<td class=n>{value}\n"));
}

/// Writing to a String cannot fail.
fn push(html: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = html.write_fmt(arguments);
}

/// Escapes text that stands between tags.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
