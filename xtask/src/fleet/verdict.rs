//! What is claimed of the rules over fleets of several sizes, and the table of what was seen.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

use super::groups::Group;
use crate::results::Counts;

/// What the median evaluation of a group may take of its interval, when what Prometheus waited for
/// a processor is left out: a group that takes more falls behind. The longest is told only: beside
/// other work it flaps.
const SHARE: f64 = 1.0;
/// What a group may read of each node in the largest fleet, for what it reads in the smallest: a
/// rule that joined nodes with each other would read far more.
const LINEAR: f64 = 1.2;

/// What a fleet of one size took.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) nodes: usize,
    /// Nodes that are up.
    pub(super) up: u64,
    /// The samples of one scrape of one node; of all nodes the fewest and the most.
    pub(super) scraped: [u64; 2],
    /// `prometheus_tsdb_head_series`.
    pub(super) series: u64,
    pub(super) samples_a_second: f64,
    /// Memory of Prometheus, bytes.
    pub(super) memory: u64,
    /// Processors that it took while the rules ran, on average.
    pub(super) processors: f64,
    /// How much of the time in which it could run it ran: the rest it waited for a processor.
    pub(super) running: f64,
    pub(super) groups: Vec<Group>,
}

/// Prints which claims do not hold, and counts all.
///
/// # Errors
/// The fleets do not have the same groups.
pub(super) fn judge(all: &[Seen], series: u64) -> Result<Counts> {
    let mut counts = Counts::default();
    for (claim, holds) in claims(all, series)? {
        println!("fleet: {}: {claim}", if holds { "holds" } else { "DOES NOT HOLD" });
        *if holds { &mut counts.passed } else { &mut counts.failed } += 1;
    }
    Ok(counts)
}

fn claims(all: &[Seen], series: u64) -> Result<Vec<(String, bool)>> {
    let mut claims = Vec::new();
    for seen in all {
        let nodes = seen.nodes;
        let [fewest, most] = seen.scraped;
        let scraped = fewest == series && most == series && seen.up == nodes as u64;
        claims.push((
            format!(
                "{nodes} nodes: {} are up, each scrape has {fewest} to {most} samples",
                seen.up
            ),
            scraped,
        ));
        let failed: Vec<&String> = seen.groups.iter().flat_map(|one| &one.failed).collect();
        claims.push((format!("{nodes} nodes: rules that failed: {failed:?}"), failed.is_empty()));
    }
    let (Some(first), Some(last)) = (all.first(), all.last()) else { return Ok(claims) };
    ensure!(first.groups.len() == last.groups.len(), "not the same groups in all fleets");
    for (small, large) in first.groups.iter().zip(&last.groups) {
        ensure!(small.name == large.name, "not the same groups in all fleets");
        let ([before, _], [median, _]) = (small.median_and_longest(), large.median_and_longest());
        let own = median * last.running;
        claims.push((
            format!(
                "{}: with {} nodes the median evaluation, without waits for a processor, is \
                 {:.2} % of its interval, {:.0} % is allowed; it is {:.1} times that of {} nodes",
                large.name,
                last.nodes,
                own / large.interval * 100.0,
                100.0 * SHARE,
                own / (before * first.running),
                first.nodes
            ),
            own > 0.0 && own < large.interval * SHARE,
        ));
        let growth = each(large.samples, last.nodes) / each(small.samples, first.nodes).max(1.0);
        claims.push((
            format!(
                "{}: it reads {growth:.2} times as much of a node with {} nodes as with {}; \
                 {LINEAR} times is allowed",
                large.name, last.nodes, first.nodes
            ),
            large.samples > 0 && growth < LINEAR,
        ));
    }
    Ok(claims)
}

#[expect(clippy::cast_precision_loss, reason = "the numbers are far below 2^53")]
fn each(all: u64, nodes: usize) -> f64 {
    all as f64 / nodes.max(1) as f64
}

/// A line for each fleet, then one for each group in each.
pub(super) fn table(all: &[Seen]) -> String {
    let mut text =
        "nodes   series  samples/s  memory, MiB  bytes/series  alerts  processors  running\n"
            .to_owned();
    for seen in all {
        let alerts: u64 = seen.groups.iter().map(|group| group.alerts).sum();
        let _ = writeln!(
            text,
            "{:5} {:8} {:10.0} {:12} {:13} {alerts:7} {:11.2} {:6.0} %",
            seen.nodes,
            seen.series,
            seen.samples_a_second,
            seen.memory >> 20,
            seen.memory / seen.series.max(1),
            seen.processors,
            seen.running * 100.0
        );
    }
    text.push_str("\ngroup                 rules  nodes  samples read  evaluations  median, ms");
    text.push_str("  longest, ms  of interval\n");
    let groups = all.first().map_or(0, |seen| seen.groups.len());
    for place in 0..groups {
        for seen in all {
            let Some(group) = seen.groups.get(place) else { continue };
            let _ = writeln!(text, "{}", line(group, seen.nodes));
        }
    }
    text
}

fn line(group: &Group, nodes: usize) -> String {
    let [median, longest] = group.median_and_longest();
    format!(
        "{:20} {:6} {nodes:6} {:13} {:12} {:11.1} {:12.1} {:10.2} %",
        group.name,
        group.rules,
        group.samples,
        group.times.len(),
        median * 1e3,
        longest * 1e3,
        median / group.interval * 100.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(nodes: usize, samples: u64, time: f64) -> Seen {
        let group = Group {
            name: "g".into(),
            interval: 30.0,
            samples,
            times: vec![time],
            ..Group::default()
        };
        Seen {
            nodes,
            up: nodes as u64,
            scraped: [9, 9],
            series: 9 * nodes as u64,
            samples_a_second: 1.0,
            memory: 1 << 20,
            processors: 1.0,
            running: 1.0,
            groups: vec![group],
        }
    }

    fn failed(all: &[Seen]) -> u64 {
        judge(all, 9).unwrap().failed
    }

    #[test]
    fn linear_growth_far_below_the_interval_holds() {
        assert_eq!(failed(&[seen(50, 500, 0.1), seen(200, 2000, 0.4)]), 0);
    }

    #[test]
    fn each_fault_is_found() {
        assert_eq!(failed(&[seen(50, 500, 0.1), seen(200, 8000, 0.4)]), 1, "quadratic");
        assert_eq!(failed(&[seen(50, 500, 0.1), seen(200, 2000, 31.0)]), 1, "slow");
        assert_eq!(failed(&[seen(50, 0, 0.1), seen(200, 0, 0.1)]), 1, "it reads nothing");
        let mut down = seen(200, 2000, 0.1);
        down.up = 199;
        down.groups[0].failed.push("many-to-many".into());
        assert_eq!(failed(&[seen(50, 500, 0.1), down]), 2, "a node is down, a rule failed");
        let mut delayed = seen(200, 2000, 0.1);
        delayed.groups[0].times = vec![0.1, 0.1, 29.0];
        assert_eq!(failed(&[seen(50, 500, 0.1), delayed]), 0, "one was late");
        let mut starved = seen(200, 2000, 31.0);
        starved.running = 0.1;
        assert_eq!(failed(&[seen(50, 500, 0.1), starved]), 0, "it waited for a processor");
        let mut stuck = seen(200, 2000, 0.1);
        stuck.groups[0].times.clear();
        assert_eq!(failed(&[seen(50, 500, 0.1), stuck]), 1, "no evaluation ended");
        let mut others = seen(200, 2000, 0.1);
        others.groups[0].name = "h".into();
        assert!(judge(&[seen(50, 500, 0.1), others], 9).is_err());
    }
}
