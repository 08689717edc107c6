//! When descriptors, local ports and accept queues run out: how much of each was in use, and the
//! trend of that.
//!
//! Used by `Watch`: sampled with the groups, by the same sampler, and told in suspects and metrics.
//! Guarantee: nothing is said before the trend test, and never a single moment.

use std::sync::Arc;

use hashbrown::HashMap;

use super::sampler::{Entry, Rhythm, Sampler, Value};
use super::times::Times;
use super::trend::Exhaustion;
use crate::conn::pressure::Pressure;
use crate::metrics::stats::{RunsOut, Whose};

/// The most resources with a history; those nearest to their limit.
const MOST: usize = 512;
/// A whole, in millionths.
const WHOLE: u32 = 1_000_000;

/// What can run out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Resource {
    /// The descriptors of a process.
    Descriptors(u32),
    /// The local ports of a network namespace, by its inode, towards its busiest destination.
    Ports(u32),
    /// The fullest accept queue of a process in a workload on a port.
    AcceptQueue(Arc<str>, Arc<str>, Option<u16>),
}

/// How much of a resource is in use, and how much there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    /// In use.
    pub(crate) used: u32,
    /// The limit.
    pub(crate) limit: u32,
}

impl Value for Level {
    fn absent(self) -> Self {
        Self { used: 0, ..self }
    }

    fn size(&self) -> u32 {
        let share = u64::from(self.used) * u64::from(WHOLE) / u64::from(self.limit.max(1));
        // What is in use a little is not absent.
        u32::try_from(share).unwrap_or(u32::MAX).max(self.used.min(1))
    }
}

/// The history of what can run out.
#[derive(Clone, Debug)]
pub(crate) struct Resources {
    sampler: Sampler<Resource, Level>,
    owners: HashMap<u32, (Arc<str>, Arc<str>)>,
}

impl Default for Resources {
    fn default() -> Self {
        Self { sampler: Sampler::new(Rhythm::default(), MOST), owners: HashMap::new() }
    }
}

impl Resources {
    /// Adds a sample at `now` (`CLOCK_MONOTONIC`, nanoseconds).
    pub(crate) fn sample(&mut self, now: u64, pressure: &Pressure) {
        let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        // What was before the first sample is not known, so no history is made up.
        let entry = |used, limit| Entry { since: 0, value: Level { used, limit } };
        let mut levels = HashMap::new();
        self.owners.clear();
        for process in &pressure.processes {
            let Some(read) = process.descriptors else { continue };
            let level = entry(number(read.open), number(read.limit));
            levels.insert(Resource::Descriptors(process.tgid), level);
            let owner = (Arc::clone(&process.process), Arc::clone(&process.workload));
            self.owners.insert(process.tgid, owner);
        }
        for ports in &pressure.ports {
            levels.insert(Resource::Ports(ports.netns), entry(ports.used, ports.range));
        }
        for listener in &pressure.listeners {
            let owner = [&listener.process, &listener.workload].map(Arc::clone);
            let [process, workload] = owner;
            let queue = Resource::AcceptQueue(process, workload, listener.port);
            levels.insert(queue, entry(millionths(listener.fullest), WHOLE));
        }
        self.sampler.add(now, levels);
    }

    /// Returns how much of a resource is in use; `None` if it has no history.
    pub(crate) fn level(&self, resource: &Resource) -> Option<Level> {
        self.sampler.newest(resource).copied()
    }

    /// Returns when a resource runs out; `None` without a confirmed rise.
    pub(crate) fn exhaustion(&self, resource: &Resource, times: &Times) -> Option<Exhaustion> {
        let level = self.level(resource).filter(|level| level.limit < u32::MAX)?;
        let series = self.sampler.series(resource, |level| level.used.into());
        series.series().exhaustion(level.limit.into(), times.z, times.trend)
    }

    /// Returns everything that runs out.
    pub(crate) fn running_out(&self, times: &Times) -> Vec<RunsOut> {
        let found = |resource: Resource| {
            let seconds = self.exhaustion(&resource, times)?.mid;
            let whose = match resource {
                Resource::Descriptors(tgid) => {
                    let (process, workload) = self.owners.get(&tgid).cloned()?;
                    Whose::Descriptors(process, workload)
                }
                Resource::Ports(netns) => Whose::Ports(netns),
                Resource::AcceptQueue(process, workload, port) => {
                    Whose::AcceptQueue(process, workload, port)
                }
            };
            Some(RunsOut { whose, seconds })
        };
        self.sampler.keys().filter_map(found).collect()
    }
}

/// Returns a share from 0 to 1 in millionths; more is [`WHOLE`].
fn millionths(share: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let millionths = (share.clamp(0.0, 1.0) * f64::from(WHOLE)) as u32;
    millionths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::pressure::{Listener, OwnerProcess, PortUse};
    use crate::pressure::descriptors::Descriptors;

    const SECOND: u64 = 1_000_000_000;

    /// A listener whose queue of 99 has so many.
    fn listener(port: u16, backlog: u32) -> Listener {
        Listener {
            process: "api".into(),
            workload: "host".into(),
            port: Some(port),
            sockets: 1,
            backlog: backlog.into(),
            limit: 99,
            syn_queue: 0,
            fullest: f64::from(backlog) / 100.0,
            drops: 0,
            unaccepted: backlog.into(),
            oldest_unaccepted: None,
        }
    }

    #[test]
    fn an_accept_queue_that_fills_has_a_time_until_it_is_full() {
        let mut resources = Resources::default();
        for round in 0..=80_u32 {
            // One more a minute waits at one port; at the other a few come and go.
            let listeners = vec![listener(80, 20 + round / 4), listener(81, 20 + round % 3)];
            let pressure = Pressure { listeners, ..Pressure::default() };
            resources.sample(u64::from(round) * 15 * SECOND, &pressure);
        }
        let found = resources.running_out(&Times::default());
        let queue = Whose::AcceptQueue("api".into(), "host".into(), Some(80));
        let [RunsOut { whose, seconds }] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(*whose, queue);
        assert!((*seconds - 60.0 * 60.0).abs() < 360.0, "{seconds} s, not an hour");
    }

    /// Samples 20 minutes in which a process opens `per_minute` descriptors, from 200 on.
    fn after_20_minutes(per_minute: f64) -> Resources {
        let mut resources = Resources::default();
        for round in 0..=80_u32 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            let opened = (f64::from(round) / 4.0 * per_minute) as u64;
            let descriptors = Descriptors { tgid: 7, open: 200 + opened, limit: 1024 };
            let process = OwnerProcess {
                tgid: 7,
                process: "leaker".into(),
                workload: "host".into(),
                sockets: 1,
                descriptors: Some(descriptors),
            };
            let pressure = Pressure {
                processes: vec![process],
                ports: vec![PortUse { netns: 1, used: 100, range: 1000 }],
                ..Pressure::default()
            };
            resources.sample(u64::from(round) * 15 * SECOND, &pressure);
        }
        resources
    }

    #[test]
    fn a_pool_that_is_recycled_every_quarter_of_an_hour_never_runs_out() {
        for period in [500_u32, 750, 900] {
            let mut resources = Resources::default();
            for round in 0..=720_u32 {
                let open = 100 + u64::from(round * 15 % period) / 2;
                let descriptors = Descriptors { tgid: 7, open, limit: 1024 };
                let process = OwnerProcess {
                    tgid: 7,
                    process: "pool".into(),
                    workload: "host".into(),
                    sockets: 1,
                    descriptors: Some(descriptors),
                };
                let pressure = Pressure { processes: vec![process], ..Pressure::default() };
                resources.sample(u64::from(round) * 15 * SECOND, &pressure);
                let found = resources.running_out(&Times::default());
                assert_eq!(found, [], "every {period} s, after {} s", round * 15);
            }
        }
    }

    #[test]
    fn a_leak_of_descriptors_has_a_time_to_its_limit_and_what_is_flat_has_none() {
        let times = Times::default();
        let resources = after_20_minutes(10.0);
        let found = resources.running_out(&times);
        assert_eq!(found.len(), 1, "the ports are flat: {found:?}");
        assert_eq!(found[0].whose, Whose::Descriptors("leaker".into(), "host".into()));
        let resource = &Resource::Descriptors(7);
        assert_eq!(resources.level(resource), Some(Level { used: 400, limit: 1024 }));
        let Exhaustion { low, mid, high } = resources.exhaustion(resource, &times).unwrap();
        let truth = 624.0 / 10.0 * 60.0;
        assert!((found[0].seconds - mid).abs() < 0.001);
        assert!((mid - truth).abs() < truth / 10.0, "{mid} s, not {truth} s");
        assert!(low < truth && high.is_some_and(|high| high > truth));
        assert_eq!(after_20_minutes(0.0).running_out(&times), []);
    }
}
