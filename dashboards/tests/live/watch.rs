//! What fires, in Prometheus and in Alertmanager, over the time of a test.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;

use crate::site::Site;

/// Between two looks.
pub(crate) const LOOK: Duration = Duration::from_millis(500);
/// How long alerts may take to resolve once their cause is gone.
pub(crate) const RESOLUTION: Duration = Duration::from_secs(75);

/// An alert, and the process that it accuses if it accuses one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Alert {
    pub(crate) name: String,
    pub(crate) process: Option<String>,
}

impl Alert {
    fn of(mut labels: BTreeMap<String, String>) -> Option<Self> {
        Some(Self { name: labels.remove("alertname")?, process: labels.remove("process") })
    }
}

/// Which alerts were seen, from a moment on.
pub(crate) struct Watch {
    /// When it began.
    pub(crate) from: SystemTime,
    in_prometheus: BTreeSet<Alert>,
    in_alertmanager: BTreeSet<Alert>,
}

impl Watch {
    /// Begins when nothing fires anywhere.
    pub(crate) fn begin(site: &Site) -> Result<Self> {
        silence(site)?;
        Ok(Self {
            from: SystemTime::now(),
            in_prometheus: BTreeSet::new(),
            in_alertmanager: BTreeSet::new(),
        })
    }

    /// Looks what fires.
    pub(crate) fn look(&mut self, site: &Site) -> Result<()> {
        let after = self.from.elapsed().unwrap_or_default();
        let here = self.fired(site)?;
        for Alert { name, process } in here.difference(&self.in_prometheus) {
            let whose = process.as_deref().map_or_else(String::new, |name| format!(" for {name}"));
            eprintln!("  {name} fires{whose} after {after:.0?}");
        }
        self.in_prometheus = here;
        self.in_alertmanager.extend(site.alertmanager.alerts()?.into_iter().filter_map(Alert::of));
        Ok(())
    }

    /// Every alert that has fired in Prometheus since the beginning, even if only for one
    /// evaluation.
    fn fired(&self, site: &Site) -> Result<BTreeSet<Alert>> {
        let firing = site.prometheus.range(
            "ALERTS{alertstate=\"firing\"}",
            self.from,
            Duration::from_secs(1),
        )?;
        Ok(firing.into_iter().filter_map(|series| Alert::of(series.labels)).collect())
    }

    /// What was seen so far, in each of the two.
    pub(crate) fn places(&self) -> [(&'static str, &BTreeSet<Alert>); 2] {
        [("Prometheus", &self.in_prometheus), ("Alertmanager", &self.in_alertmanager)]
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

    /// Waits until nothing fires any more, and says what still does in the end.
    pub(crate) fn end(&mut self, site: &Site) -> Result<Vec<String>> {
        let start = Instant::now();
        loop {
            self.look(site)?;
            let left = firing(site)?;
            if left.iter().all(|(_, alerts)| alerts.is_empty()) {
                eprintln!("  resolved after {:.0?}", start.elapsed());
                return Ok(Vec::new());
            }
            if start.elapsed() > RESOLUTION {
                return Ok(vec![format!("after {RESOLUTION:?} still firing: {left:?}")]);
            }
            sleep(LOOK);
        }
    }
}

/// What fires now, in each of the two.
pub(crate) fn firing(site: &Site) -> Result<[(&'static str, BTreeSet<Alert>); 2]> {
    let (here, there) = (site.prometheus.alerts()?, site.alertmanager.alerts()?);
    Ok([("Prometheus", here), ("Alertmanager", there)]
        .map(|(place, alerts)| (place, alerts.into_iter().filter_map(Alert::of).collect())))
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
