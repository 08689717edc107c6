//! The board Fleet over recorded series: six hours of a fleet are made up, `promtool` makes blocks
//! of them, Prometheus serves these and nothing else, and each query of the board is asked as
//! Grafana asks it.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stack::{Folder, Prometheus};

use super::board::{self, Query};
use super::{ALERTS, BOARD, PATIENCE, RECORDING, made_up, read};
use crate::bench::interrupt::Interrupt;
use crate::results::Counts;
use crate::{process, workspace};

/// What the board shows.
const RANGE: Duration = Duration::from_hours(6);
/// Between two samples, seconds: the rules write eight times as many, which takes promtool longer
/// than all else. A query looks five minutes back, so each point of a picture has a sample.
const APART: u64 = 240;
/// What a block of Prometheus holds, seconds: promtool reads a text once for each block in it.
const BLOCK: u64 = 2 * 3600;
/// The most series that a panel may draw.
const MOST_SERIES: usize = 200;
/// How often each query is asked; the median of the times is told.
const TIMES: usize = 3;
/// How many values there are.
const VALUES: usize = 50;

/// What a panel took.
#[derive(Debug, Default)]
struct Seen {
    panel: String,
    series: usize,
    /// Samples that its queries read.
    samples: u64,
    took: Duration,
    /// The queries that read nothing, or got no series.
    empty: Vec<String>,
}

/// Makes the fleet and asks the board; each panel counts as a test.
pub(super) fn run(page: &str, nodes: usize, interrupt: &Interrupt) -> Result<Counts> {
    let root = workspace::root();
    let alerts = made_up::alerts(&read(&root.join(ALERTS))?);
    let mut lines = Vec::new();
    for record in made_up::records(&read(&root.join(RECORDING))?)? {
        made_up::series(&record, nodes, page, &alerts, &mut lines)?;
    }
    let (title, queries) = board::read(&read(&root.join(BOARD))?, RANGE)?;
    println!(
        "fleet: {nodes} machines: {} recorded series, {} samples in 6 h, one each {APART} s",
        lines.len(),
        lines.len() as u64 * (RANGE.as_secs() / APART + 1)
    );
    let folder = Folder::new()?;
    let storage = folder.path().join("recorded");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("before 1970")?.as_secs();
    let end = now / APART * APART;
    back_fill(&lines, end, &folder, &storage, interrupt)?;
    // Blocks stay as they are while they are read.
    let arguments = [
        "--storage.tsdb.retention.time=30d",
        "--storage.tsdb.min-block-duration=2h",
        "--storage.tsdb.max-block-duration=2h",
    ];
    let port = stack::free_port(0)?;
    let prometheus = Prometheus::configured(&folder, port, &json!({}), &storage, &arguments)?;
    let prometheus = prometheus.patient(port, PATIENCE);
    let mut panels: Vec<Seen> = Vec::new();
    for query in &queries {
        interrupt.check()?;
        let seen = ask(&prometheus, query, end)
            .with_context(|| format!("{}: {}", query.panel, query.expr))?;
        match panels.last_mut() {
            Some(panel) if panel.panel == seen.panel => panel.add(seen),
            _ => panels.push(seen),
        }
    }
    println!("\n{}", table(&title, &panels));
    Ok(judge(&panels))
}

/// Makes the blocks, from one text for each.
fn back_fill(
    lines: &[String],
    end: u64,
    folder: &Folder,
    storage: &Path,
    interrupt: &Interrupt,
) -> Result<()> {
    let mut from = end - RANGE.as_secs();
    while from <= end {
        let begun = Instant::now();
        // Prometheus has its blocks at whole multiples of their length.
        let until = ((from / BLOCK + 1) * BLOCK).min(end + 1);
        let text = folder.write("samples.txt", &samples(lines, from, until))?;
        let written = begun.elapsed();
        interrupt.check()?;
        let mut command = Command::new("promtool");
        command.args(["tsdb", "create-blocks-from", "openmetrics"]).arg(&text).arg(storage);
        process::output(&mut command).context("make blocks")?;
        interrupt.check()?;
        eprintln!(
            "fleet: a block after {:.0} s ({:.0} s for its text), {} s of 6 h are left",
            begun.elapsed().as_secs_f64(),
            written.as_secs_f64(),
            (end + 1).saturating_sub(until)
        );
        std::fs::remove_file(&text).with_context(|| format!("remove {}", text.display()))?;
        from = until.next_multiple_of(APART);
    }
    Ok(())
}

/// The samples of a time as OpenMetrics. All are above zero, so that no query leaves one out.
fn samples(lines: &[String], from: u64, until: u64) -> String {
    let count = (until - from).div_ceil(APART);
    let moments: Vec<_> = (0..count).map(|one| format!(" {}\n", from + one * APART)).collect();
    let values: Vec<_> = (1..=VALUES).map(|value| value.to_string()).collect();
    let length: usize = lines.iter().map(|line| line.len() + 15).sum();
    let mut text = String::with_capacity(length * moments.len() + 8);
    for (seed, line) in lines.iter().enumerate() {
        for (number, moment) in moments.iter().enumerate() {
            text.push_str(line);
            text.push_str(&values[(seed * 7 + number) % VALUES]);
            text.push_str(moment);
        }
    }
    text.push_str("# EOF\n");
    text
}

/// Asks one query some times over.
fn ask(prometheus: &Prometheus, query: &Query, end: u64) -> Result<Seen> {
    let [start, end] = [end - RANGE.as_secs(), end].map(|time| time.to_string());
    let step = board::step(RANGE).as_secs().to_string();
    let range: &[(&str, &str)] = &[("start", &start), ("end", &end), ("step", &step)];
    let (path, times): (&str, &[(&str, &str)]) = if query.instant {
        ("/api/v1/query", &[("time", &end)])
    } else {
        ("/api/v1/query_range", range)
    };
    let parameters = [&[("query", query.expr.as_str()), ("stats", "all")], times].concat();
    let mut took = Vec::new();
    let mut answer = Value::Null;
    for _ in 0..TIMES {
        let begun = Instant::now();
        answer = prometheus.ask(path, &parameters)?;
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    Ok(Seen { took: took[TIMES / 2], ..seen(query, &answer)? })
}

/// What an answer of Prometheus says. Only one that succeeded is an answer.
fn seen(query: &Query, answer: &Value) -> Result<Seen> {
    ensure!(answer["status"] == "success", "Prometheus answers {answer}");
    ensure!(answer["warnings"].is_null(), "Prometheus warns: {}", answer["warnings"]);
    let data = &answer["data"];
    let series = match data["resultType"].as_str() {
        Some("scalar") => 1,
        _ => data["result"].as_array().context("an answer without a result")?.len(),
    };
    let samples = data["stats"]["samples"]["totalQueryableSamples"].as_u64();
    let samples = samples.context("Prometheus does not say how many samples it read")?;
    let is_empty = series == 0 || samples == 0;
    let empty = is_empty.then(|| query.expr.clone()).into_iter().collect();
    Ok(Seen { panel: query.panel.clone(), series, samples, took: Duration::ZERO, empty })
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.series += other.series;
        self.samples += other.samples;
        self.took += other.took;
        self.empty.extend(other.empty);
    }
}

/// Says which panels draw too much, or have a query that reads nothing.
fn judge(panels: &[Seen]) -> Counts {
    let mut counts = Counts::default();
    for seen in panels {
        let Seen { panel, series, empty, .. } = seen;
        if *series > MOST_SERIES {
            println!("fleet: {panel}: {series} series, at most {MOST_SERIES} are allowed");
        }
        for query in empty {
            println!("fleet: {panel}: nothing recorded is read by {query}");
        }
        let holds = *series <= MOST_SERIES && empty.is_empty();
        *if holds { &mut counts.passed } else { &mut counts.failed } += 1;
    }
    counts
}

fn table(title: &str, panels: &[Seen]) -> String {
    let width = panels.iter().map(|seen| seen.panel.chars().count()).max().unwrap_or(5);
    let mut text = format!("{title}\n{:width$}  series  samples read     ms\n", "panel");
    let mut all = Seen { panel: "all".to_owned(), ..Seen::default() };
    let mut line = |Seen { panel, series, samples, took, .. }: &Seen| {
        let ms = took.as_secs_f64() * 1e3;
        let _ = writeln!(text, "{panel:width$}  {series:6} {samples:13} {ms:6.1}");
    };
    for seen in panels {
        line(seen);
        all.series += seen.series;
        all.samples += seen.samples;
        all.took += seen.took;
    }
    line(&all);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query() -> Query {
        Query { panel: "p".into(), expr: "a".into(), instant: true }
    }

    /// What is seen of an answer with so many series that read so many samples.
    fn of(series: usize, samples: u64) -> Seen {
        let answer = json!({ "status": "success", "data": {
            "resultType": "vector",
            "result": vec![json!({ "metric": {} }); series],
            "stats": { "samples": { "totalQueryableSamples": samples } },
        }});
        seen(&query(), &answer).unwrap()
    }

    fn failed(panel: Seen) -> u64 {
        let counts = judge(&[panel]);
        assert_eq!(counts.passed + counts.failed, 1);
        counts.failed
    }

    #[test]
    fn a_panel_may_draw_two_hundred_series_and_no_query_of_it_reads_nothing() {
        assert_eq!(failed(of(200, 1000)), 0);
        assert_eq!(failed(of(201, 1000)), 1);
        assert_eq!(failed(of(0, 1000)), 1);
        assert_eq!(failed(of(1, 0)), 1, "vector(0)");
        let mut both = of(150, 1000);
        both.add(of(51, 1000));
        assert_eq!(failed(both), 1, "its queries together");
        let mut both = of(150, 1000);
        both.add(of(0, 0));
        assert_eq!(failed(both), 1, "one of its queries");
    }

    #[test]
    fn an_answer_that_failed_is_no_empty_answer() {
        let data = json!({ "stats": { "samples": { "totalQueryableSamples": 1 } } });
        for answer in [
            json!({ "status": "error", "error": "many-to-many", "data": data }),
            json!({ "status": "success", "data": data }),
            json!({ "status": "success", "data": { "resultType": "vector", "result": [] } }),
        ] {
            assert!(seen(&query(), &answer).is_err(), "{answer}");
        }
    }

    #[test]
    fn a_series_has_a_sample_at_each_moment() {
        let text = samples(&["a{} ".to_owned(), "b{} ".to_owned()], 1200, 1200 + 2 * APART + 1);
        let first = "a{} 1 1200\na{} 2 1440\na{} 3 1680\nb{} 8 1200\n";
        assert!(text.starts_with(first) && text.ends_with("b{} 10 1680\n# EOF\n"), "{text}");
    }
}
