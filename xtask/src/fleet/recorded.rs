//! The fleet board over recorded series: six hours of a fleet are made up, `promtool` makes blocks
//! of them, Prometheus serves these, and each query of the board is asked as Grafana asks it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stack::{Folder, Prometheus};

use super::grafana::Picture;
use super::inventory::{Board, Inventory, Query};
use super::made_up::{self, Line};
use crate::bench::interrupt::Interrupt;
use crate::process;
use crate::results::Counts;

/// What the board shows.
const RANGE: Duration = Duration::from_hours(6);
/// The points of a picture.
const POINTS: u32 = 300;
/// What a block of Prometheus holds, seconds: no piece of the text is longer.
const BLOCK: u64 = 2 * 3600;
/// The most samples that are made; above, the interval between two grows.
const MOST_SAMPLES: u64 = 20_000_000;
/// The most series that a panel may draw.
const MOST_SERIES: usize = 200;
/// How long an answer may take: what Prometheus lets a query take.
pub(super) const PATIENCE: Duration = Duration::from_mins(2);
/// How often each query is asked; the median of the times is told.
const TIMES: usize = 3;

/// What a panel took.
#[derive(Debug, Default)]
struct Seen {
    series: usize,
    /// Samples that its queries read.
    samples: u64,
    took: Duration,
}

/// Makes the fleet and asks the board; each panel counts as a test.
pub(super) fn run(
    inventory: &Inventory,
    board: &Board,
    nodes: usize,
    interrupt: &Interrupt,
) -> Result<Counts> {
    let lines = made_up::lines(&made_up::read_by(board, inventory)?, nodes);
    let interval = interval(lines.len(), inventory.interval);
    let samples = lines.len() as u64 * (RANGE.as_secs() / interval + 1);
    println!(
        "fleet: {nodes} nodes: {} series, {samples} samples in 6 h, one each {interval} s (the \
         rules: {} s)",
        lines.len(),
        inventory.interval
    );
    let folder = Folder::new()?;
    let storage = folder.path().join("recorded");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("before 1970")?.as_secs();
    let end = now / interval * interval;
    back_fill(&lines, end, interval, &folder, &storage, interrupt)?;
    drop(lines);
    // Blocks stay as they are while they are read.
    let arguments = [
        "--storage.tsdb.retention.time=30d",
        "--storage.tsdb.min-block-duration=2h",
        "--storage.tsdb.max-block-duration=2h",
    ];
    let port = stack::free_port(0)?;
    let config = json!({ "global": { "evaluation_interval": "1h" } });
    let prometheus = Prometheus::configured(&folder, port, &config, &storage, &arguments)?;
    let prometheus = prometheus.patient(port, PATIENCE);
    let scrape = Duration::from_secs(inventory.scrape);
    let picture = Picture { range: RANGE, step: RANGE / POINTS, scrape, all: &board.all };
    judge(&prometheus, board, &picture, end, interrupt)
}

/// The time between two samples, in whole intervals of the rules.
fn interval(series: usize, rules: u64) -> u64 {
    let all = series as u64 * (RANGE.as_secs() / rules);
    rules * all.div_ceil(MOST_SAMPLES).max(1)
}

/// Makes the blocks, from one text for each.
fn back_fill(
    lines: &[Line],
    end: u64,
    interval: u64,
    folder: &Folder,
    storage: &Path,
    interrupt: &Interrupt,
) -> Result<()> {
    let text = folder.path().join("samples.txt");
    let mut from = end - RANGE.as_secs();
    while from <= end {
        let begun = Instant::now();
        // Prometheus has its blocks at whole multiples of their length.
        let until = ((from / BLOCK + 1) * BLOCK).min(end + 1);
        let count = write(lines, from, until, interval, &text)?;
        interrupt.check()?;
        let mut command = Command::new("promtool");
        command.args(["tsdb", "create-blocks-from", "openmetrics"]).arg(&text).arg(storage);
        process::output(&mut command).context("make blocks")?;
        interrupt.check()?;
        eprintln!(
            "fleet: {count} samples in a block after {} s, {} s of 6 h are left",
            begun.elapsed().as_secs(),
            (end + 1).saturating_sub(until)
        );
        from = until.next_multiple_of(interval);
    }
    std::fs::remove_file(&text).with_context(|| format!("remove {}", text.display()))
}

/// Writes the samples of a time as OpenMetrics. Returns how many there are.
fn write(lines: &[Line], from: u64, until: u64, interval: u64, to: &Path) -> Result<u64> {
    let context = || format!("write {}", to.display());
    let mut file = BufWriter::new(File::create(to).with_context(context)?);
    let mut count = 0;
    for line in lines {
        let mut at = from;
        while at < until {
            writeln!(file, "{} {} {at}", line.text, line.value(at)).with_context(context)?;
            (at, count) = (at + interval, count + 1);
        }
    }
    writeln!(file, "# EOF").and_then(|()| file.flush()).with_context(context)?;
    Ok(count)
}

/// Asks every query, prints a line for each panel, and says which draw too much or nothing.
fn judge(
    prometheus: &Prometheus,
    board: &Board,
    picture: &Picture<'_>,
    end: u64,
    interrupt: &Interrupt,
) -> Result<Counts> {
    let mut panels: Vec<(&str, Seen)> = Vec::new();
    for query in &board.queries {
        interrupt.check()?;
        let seen = ask(prometheus, query, picture, end)
            .with_context(|| format!("{}: {}", query.panel, query.expr))?;
        match panels.last_mut() {
            Some((panel, all)) if *panel == query.panel => {
                all.series += seen.series;
                all.samples += seen.samples;
                all.took += seen.took;
            }
            _ => panels.push((&query.panel, seen)),
        }
    }
    println!("\n{}", table(&board.title, &panels));
    let mut counts = Counts::default();
    for (panel, seen) in &panels {
        let fault = match seen.series {
            0 => Some("draws nothing, so nothing was measured".to_owned()),
            many if many > MOST_SERIES => Some(format!("{many} series, at most {MOST_SERIES}")),
            _ => None,
        };
        if let Some(fault) = &fault {
            println!("fleet: {panel}: {fault}");
        }
        *if fault.is_none() { &mut counts.passed } else { &mut counts.failed } += 1;
    }
    Ok(counts)
}

/// Asks one query some times over.
fn ask(prometheus: &Prometheus, query: &Query, picture: &Picture<'_>, end: u64) -> Result<Seen> {
    let expr = picture.interpolate(&query.expr);
    let [start, end] = [end - picture.range.as_secs(), end].map(|time| time.to_string());
    let step = picture.step.as_secs().to_string();
    let range: &[(&str, &str)] = &[("start", &start), ("end", &end), ("step", &step)];
    let (path, times): (&str, &[(&str, &str)]) = if query.instant {
        ("/api/v1/query", &[("time", &end)])
    } else {
        ("/api/v1/query_range", range)
    };
    let parameters = [&[("query", expr.as_str()), ("stats", "all")], times].concat();
    let mut took = Vec::new();
    let mut answer = Value::Null;
    for _ in 0..TIMES {
        let begun = Instant::now();
        answer = prometheus.ask(path, &parameters)?;
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    let data = &answer["data"];
    let series = data["result"].as_array().map_or(1, Vec::len);
    let samples = data["stats"]["samples"]["totalQueryableSamples"].as_u64();
    let samples = samples.context("Prometheus does not say how many samples it read")?;
    ensure!(answer["warnings"].is_null(), "Prometheus warns: {}", answer["warnings"]);
    Ok(Seen { series, samples, took: took[TIMES / 2] })
}

fn table(title: &str, panels: &[(&str, Seen)]) -> String {
    let width = panels.iter().map(|(panel, _)| panel.chars().count()).max().unwrap_or(5);
    let mut text = format!("{title}\n{:width$}  series   samples read      ms\n", "panel");
    let mut sum = Seen::default();
    for (panel, seen) in panels {
        let Seen { series, samples, took } = seen;
        let _ = writeln!(text, "{panel:width$}  {series:6} {samples:14} {:7}", took.as_millis());
        sum.series += series;
        sum.samples += samples;
        sum.took += *took;
    }
    let Seen { series, samples, took } = sum;
    let _ = writeln!(text, "{:width$}  {series:6} {samples:14} {:7}", "all", took.as_millis());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_grows_where_there_are_too_many_samples() {
        assert_eq!(interval(20_000, 30), 30);
        assert_eq!(interval(50_000, 30), 60);
        assert_eq!(interval(1, 30), 30);
    }
}
