//! What is claimed of the rules over fleets of several sizes, and the table of what was seen.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

use super::groups::Group;
use super::raw::Seen;
use crate::results::Counts;

/// The longest evaluation of a group takes less than its interval divided by this, when what
/// Prometheus waited for a processor is left out.
const FACTOR: f64 = 5.0;
/// What a group may read of each node in the largest fleet, for what it reads in the smallest: a
/// rule that joined nodes with each other would read far more.
const LINEAR: f64 = 1.2;

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
        let longest = large.median_and_longest()[1] * last.running;
        claims.push((
            format!(
                "{}: with {} nodes the longest evaluation, without waits for a processor, is \
                 1/{:.0} of its interval; 1/{FACTOR} is allowed",
                large.name,
                last.nodes,
                large.interval / longest
            ),
            longest * FACTOR < large.interval,
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
        "nodes   series  samples/s  memory, MiB  bytes/series  alerts  running\n".to_owned();
    for seen in all {
        let alerts: u64 = seen.groups.iter().map(|group| group.alerts).sum();
        let _ = writeln!(
            text,
            "{:5} {:8} {:10.0} {:12} {:13} {alerts:7} {:6.0} %",
            seen.nodes,
            seen.series,
            seen.samples_a_second,
            seen.memory >> 20,
            seen.memory / seen.series.max(1),
            seen.running * 100.0
        );
    }
    text.push_str(
        "\ngroup                 rules  nodes  samples read  median, ms  longest, ms  of interval\n",
    );
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
        "{:20} {:6} {nodes:6} {:13} {:11.1} {:12.1} {:10.2} %",
        group.name,
        group.rules,
        group.samples,
        median * 1e3,
        longest * 1e3,
        longest / group.interval * 100.0
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
        assert_eq!(failed(&[seen(50, 500, 0.1), seen(200, 2000, 7.0)]), 1, "slow");
        assert_eq!(failed(&[seen(50, 0, 0.1), seen(200, 0, 0.1)]), 1, "it reads nothing");
        let mut down = seen(200, 2000, 0.1);
        down.up = 199;
        down.groups[0].failed.push("many-to-many".into());
        assert_eq!(failed(&[seen(50, 500, 0.1), down]), 2, "a node is down, a rule failed");
        let mut starved = seen(200, 2000, 7.0);
        starved.running = 0.1;
        assert_eq!(failed(&[seen(50, 500, 0.1), starved]), 0, "it waited for a processor");
        let mut others = seen(200, 2000, 0.1);
        others.groups[0].name = "h".into();
        assert!(judge(&[seen(50, 500, 0.1), others], 9).is_err());
    }
}
