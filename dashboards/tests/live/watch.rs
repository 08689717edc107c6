//! What fires, in Prometheus and in Alertmanager, over the time of a test.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;

use crate::site::Site;

/// Between two looks.
pub(crate) const LOOK: Duration = Duration::from_millis(500);
/// How long alerts may take to resolve once their cause is gone.
const RESOLUTION: Duration = Duration::from_secs(75);

/// Which alerts were seen, from a moment on.
pub(crate) struct Watch {
    /// When it began.
    pub(crate) from: SystemTime,
    expected: BTreeSet<String>,
    in_alertmanager: BTreeSet<String>,
    in_prometheus: BTreeSet<String>,
}

impl Watch {
    /// Begins when nothing fires anywhere.
    pub(crate) fn begin(site: &Site, expected: &[&str]) -> Result<Self> {
        silence(site)?;
        let expected = expected.iter().map(|name| (*name).to_owned()).collect();
        Ok(Self {
            from: SystemTime::now(),
            expected,
            in_alertmanager: BTreeSet::new(),
            in_prometheus: BTreeSet::new(),
        })
    }

    /// Looks, and says whether every expected alert has fired in both.
    pub(crate) fn look(&mut self, site: &Site) -> Result<bool> {
        let after = self.from.elapsed().unwrap_or_default();
        let here = self.fired(site)?;
        for name in here.difference(&self.in_prometheus) {
            eprintln!("  {name} fires after {after:.0?}");
        }
        self.in_prometheus = here;
        self.in_alertmanager.extend(site.alertmanager.firing()?);
        Ok(self.expected.is_subset(&self.in_alertmanager)
            && self.expected.is_subset(&self.in_prometheus))
    }

    /// Every alert that has fired in Prometheus since the beginning, even if only for one
    /// evaluation.
    fn fired(&self, site: &Site) -> Result<BTreeSet<String>> {
        let firing = site.prometheus.range(
            "ALERTS{alertstate=\"firing\"}",
            self.from,
            Duration::from_secs(1),
        )?;
        Ok(firing
            .into_iter()
            .filter_map(|series| series.labels.get("alertname").cloned())
            .collect())
    }

    /// Goes on looking for a while, for alerts that nobody expects.
    pub(crate) fn linger(&mut self, site: &Site, time: Duration) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < time {
            self.look(site)?;
            sleep(LOOK);
        }
        Ok(())
    }

    /// Waits until nothing fires any more, and says what was wrong from the beginning on.
    pub(crate) fn end(mut self, site: &Site) -> Result<Vec<String>> {
        let mut findings = Vec::new();
        let start = Instant::now();
        loop {
            self.look(site)?;
            let (here, there) = (site.prometheus.firing()?, site.alertmanager.firing()?);
            if here.is_empty() && there.is_empty() {
                break;
            }
            if start.elapsed() > RESOLUTION {
                findings.push(format!(
                    "after {RESOLUTION:?} still firing: {here:?} in Prometheus, \
                    {there:?} in Alertmanager"
                ));
                break;
            }
            sleep(LOOK);
        }
        eprintln!("  resolved after {:.0?}", start.elapsed());
        for (place, seen) in
            [("Prometheus", self.in_prometheus), ("Alertmanager", self.in_alertmanager)]
        {
            if seen != self.expected {
                findings.push(format!(
                    "alerts in {place}: expected {:?}, seen {seen:?}",
                    self.expected
                ));
            }
        }
        Ok(findings)
    }
}

/// Waits until nothing fires or is about to.
fn silence(site: &Site) -> Result<()> {
    let start = Instant::now();
    loop {
        let pending = site.prometheus.query("ALERTS")?;
        if pending.is_empty() && site.alertmanager.firing()?.is_empty() && scraped(site)? {
            return Ok(());
        }
        anyhow::ensure!(
            start.elapsed() < RESOLUTION,
            "before it began, alerts did not end in {RESOLUTION:?}: {pending:?}"
        );
        sleep(LOOK);
    }
}

/// Whether Prometheus has the agent's numbers.
fn scraped(site: &Site) -> Result<bool> {
    Ok(site.prometheus.query("tcpwarden_reconcile_last_completed_timestamp_seconds > 0")?.len()
        == 1)
}
