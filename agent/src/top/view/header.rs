//! The lines above the list: the machine at a glance, and the health of the agent.

use std::time::Duration;

use catalogue::metrics::{Metric, agent, lifecycle};

use super::pen::Pen;
use crate::duration_text;
use crate::query::text::printable;
use crate::top::lists::percent;
use crate::top::model::Model;
use crate::top::readings::Fullest;
use crate::top::table::{Tone, rate};

/// The most lines that it has.
pub(super) const LINES: usize = 5;
/// A pass that is older than this is late: one is due every thirty seconds by default.
const LATE: Duration = Duration::from_mins(2);
/// From which share on something is nearly full, and full.
const NEARLY_FULL: f64 = 0.8;
const FULL: f64 = 0.95;

type Piece = (String, Tone);

/// Writes as many of its lines as there is room for, the most important first.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>) {
    let lines = [title(model), states(model), rates(model), fullest(model), health(model)];
    for (place, line) in lines.iter().enumerate() {
        pen.pieces(place, line);
    }
}

fn title(model: &Model) -> Vec<Piece> {
    let mut line = vec![(format!("tcpwarden top  {}", model.place), Tone::Plain)];
    line.push((format!("{} UTC", model.data.clock()), Tone::Plain));
    let interval = duration_text::short(model.interval);
    let interval = if model.interval < Duration::from_secs(1) {
        format!("{}ms", model.interval.as_millis())
    } else {
        interval
    };
    line.push(if model.frozen {
        ("FROZEN".to_owned(), Tone::Warning)
    } else {
        (format!("every {interval}"), Tone::Dim)
    });
    line
}

fn states(model: &Model) -> Vec<Piece> {
    let states = model.data.readings.states();
    let mut line = vec![("sockets".to_owned(), Tone::Dim)];
    if states.is_empty() {
        line.push(("-".to_owned(), Tone::Plain));
    }
    line.extend(states.iter().map(|(state, count)| {
        let tone = if state == "close_wait" { Tone::Warning } else { Tone::Plain };
        (format!("{} {count:.0}", printable(state)), tone)
    }));
    line
}

fn rates(model: &Model) -> Vec<Piece> {
    let readings = &model.data.readings;
    let mut line = vec![("per second".to_owned(), Tone::Dim)];
    let all = [
        ("opened", readings.rate(&lifecycle::CONNECTIONS_OPENED), Tone::Plain),
        ("closed", readings.rate(&lifecycle::CONNECTIONS_CLOSED), Tone::Plain),
        ("failed", readings.rate(&lifecycle::CONNECT_FAILURES), Tone::Warning),
        ("retransmitted", readings.retransmits(), Tone::Plain),
    ];
    line.extend(all.map(|(name, number, tone)| {
        let is_any = number.is_some_and(|number| number > 0.0);
        let text = number.map_or_else(|| "-".to_owned(), rate);
        (format!("{name} {text}"), if is_any { tone } else { Tone::Plain })
    }));
    line
}

fn fullest(model: &Model) -> Vec<Piece> {
    let readings = &model.data.readings;
    let mut line = vec![("fullest".to_owned(), Tone::Dim)];
    let all = [
        ("descriptors", readings.descriptors()),
        ("ports", readings.ports()),
        ("accept queue", readings.accept_queue()),
    ];
    line.extend(all.map(|(name, full)| match full {
        Some(Fullest { ratio, whose }) => {
            let tone = match ratio {
                FULL.. => Tone::Bad,
                NEARLY_FULL.. => Tone::Warning,
                _ => Tone::Plain,
            };
            (format!("{name} {} ({})", percent(ratio), printable(&whose)), tone)
        }
        None => (format!("{name} -"), Tone::Plain),
    }));
    line
}

fn health(model: &Model) -> Vec<Piece> {
    let readings = &model.data.readings;
    let total = |metric: &Metric| readings.page().and_then(|page| page.total(metric));
    let counted = |name: &str, metric: &Metric| {
        let count = total(metric);
        let text = count.map_or_else(|| "-".to_owned(), |count| format!("{count:.0}"));
        let grows = readings.rate(metric).is_some_and(|rate| rate > 0.0);
        let tone = match count {
            _ if grows => Tone::Bad,
            Some(count) if count > 0.0 => Tone::Warning,
            _ => Tone::Plain,
        };
        (format!("{name} {text}"), tone)
    };
    let pass = readings.pass_age(model.data.unix());
    let is_late = pass.is_some_and(|age| age >= LATE);
    let pass = pass.map_or_else(
        || "no pass yet".to_owned(),
        |age| format!("last pass {} ago", duration_text::short(age)),
    );
    let rows = match (total(&agent::CONNECTIONS_TRACKED), total(&agent::CONNECTIONS_LIMIT)) {
        (Some(rows), Some(limit)) => format!("rows {rows:.0} of {limit:.0}"),
        _ => "rows -".to_owned(),
    };
    vec![
        ("agent".to_owned(), Tone::Dim),
        counted("lost records", &agent::EVENTS_LOST),
        counted("refused rows", &agent::CONNECTIONS_REFUSED),
        (pass, if is_late { Tone::Bad } else { Tone::Plain }),
        (rows, Tone::Plain),
    ]
}
