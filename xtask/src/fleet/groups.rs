//! What a group of rules takes: the time of its evaluations, and the samples that these read.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::Value;
use stack::Prometheus;

/// The metrics of Prometheus about its groups, without their common beginning.
const BEGIN: &str = "prometheus_rule_group_last_";
const DURATION: &str = "duration_seconds";
const MOMENT: &str = "evaluation_timestamp_seconds";

/// A group of rules at the end of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    pub(super) name: String,
    /// Seconds between two evaluations.
    pub(super) interval: f64,
    /// Seconds that each evaluation took, ascending.
    pub(super) times: Vec<f64>,
    /// Samples that one evaluation reads.
    pub(super) samples: u64,
    /// Alerts of it that wait or fire.
    pub(super) alerts: u64,
    pub(super) rules: usize,
    /// Rules whose last evaluation failed, with the reason.
    pub(super) failed: Vec<String>,
}

impl Group {
    /// The median of its times, and the longest.
    pub(super) fn median_and_longest(&self) -> [f64; 2] {
        let at = |place: usize| self.times.get(place).copied().unwrap_or_default();
        [at(self.times.len() / 2), at(self.times.len().saturating_sub(1))]
    }
}

/// The evaluations that were seen: of each group the time of each, by its moment.
#[derive(Debug, Default)]
pub(super) struct Groups(BTreeMap<String, BTreeMap<String, f64>>);

impl Groups {
    /// Takes the last evaluations from the page of metrics of Prometheus.
    pub(super) fn note(&mut self, page: &str) {
        let of = |what: &str| -> BTreeMap<String, String> {
            let lines = page.lines().filter_map(|line| line.strip_prefix(BEGIN));
            lines.filter_map(|line| group_and_value(line.strip_prefix(what)?)).collect()
        };
        let moments = of(MOMENT);
        for (group, value) in of(DURATION) {
            // Before the first evaluation both are zero.
            let moment = moments.get(&group).filter(|moment| !moment.starts_with('-'));
            let (Some(moment), Ok(time)) = (moment, value.parse::<f64>()) else {
                self.0.entry(group).or_default();
                continue;
            };
            let seen = self.0.entry(group).or_default();
            if time > 0.0 {
                seen.insert(moment.clone(), time);
            }
        }
    }

    /// The fewest evaluations that were seen of a group; none before every group was told of.
    pub(super) fn fewest(&self) -> usize {
        self.0.values().map(BTreeMap::len).min().unwrap_or(0)
    }

    /// Reads the rules of each group from what the API answered, and asks each rule's query once
    /// more to learn how many samples it reads at the moment `now`, Unix time in seconds.
    ///
    /// # Errors
    /// Prometheus does not answer.
    pub(super) fn finish(
        &self,
        answer: &Value,
        prometheus: &Prometheus,
        now: u64,
    ) -> Result<Vec<Group>> {
        let groups = answer["data"]["groups"].as_array().context("there are no rules")?;
        groups.iter().map(|group| self.of(group, prometheus, now)).collect()
    }

    fn of(&self, group: &Value, prometheus: &Prometheus, now: u64) -> Result<Group> {
        let name = group["name"].as_str().unwrap_or_default().to_owned();
        let seen = self.0.get(&name).map(|times| times.values().copied().collect::<Vec<_>>());
        let mut times = seen.unwrap_or_default();
        times.sort_unstable_by(f64::total_cmp);
        let interval = group["interval"].as_f64().context("a group without an interval")?;
        let now = now.to_string();
        let mut all = Group { name, interval, times, ..Group::default() };
        for rule in group["rules"].as_array().into_iter().flatten() {
            all.rules += 1;
            all.alerts += rule["alerts"].as_array().map_or(0, |alerts| alerts.len() as u64);
            if rule["health"] != "ok" {
                all.failed.push(format!("{}: {}", rule["name"], rule["lastError"]));
            }
            let query = rule["query"].as_str().context("a rule without a query")?;
            let asked = [("query", query), ("stats", "all"), ("time", now.as_str())];
            let answer = prometheus.ask("/api/v1/query", &asked)?;
            let samples = &answer["data"]["stats"]["samples"]["totalQueryableSamples"];
            all.samples += samples.as_u64().context("no number of samples")?;
        }
        Ok(all)
    }
}

/// The name of a group, and the value, from what stands behind the name of a metric:
/// `{rule_group="FILE;GROUP"} VALUE`.
fn group_and_value(text: &str) -> Option<(String, String)> {
    let (labels, value) = text.rsplit_once(' ')?;
    let (_, group) = labels.strip_suffix("\"}")?.rsplit_once(';')?;
    Some((group.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_evaluation_counts_once_however_often_it_is_looked_at() {
        let page = |moment: &str, time: &str| {
            format!(
                "# TYPE x gauge\n{BEGIN}{DURATION}{{rule_group=\"/a.yml;leaks\"}} {time}\n\
                 {BEGIN}{MOMENT}{{rule_group=\"/a.yml;leaks\"}} {moment}\n"
            )
        };
        let mut groups = Groups::default();
        for (moment, time) in [("1.7e+09", "0.5"), ("1.7e+09", "0.5"), ("1.8e+09", "0.25")] {
            groups.note(&page(moment, time));
        }
        groups.note(&page("-6.2e+10", "0"));
        let times: Vec<f64> = groups.0["leaks"].values().copied().collect();
        assert_eq!(times, [0.5, 0.25]);
        let group = Group { times: vec![0.1, 0.2, 0.9], ..Group::default() };
        assert!(group.median_and_longest().iter().eq(&[0.2, 0.9]));
    }
}
