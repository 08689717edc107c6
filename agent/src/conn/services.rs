//! What is counted by process, role and service port: openings, closings, failures and the
//! distributions that a connection leaves behind; and SYN-ACKs sent again, by port.
//!
//! Used by the table. Guarantees: at most `limit` services besides the three that take what has no
//! room (`~other` without port, one a role). A connection without room is counted as overflow once,
//! when its service is first looked up (again only if its process changes later).

use std::sync::Arc;

use agent_common::record::Close;
use hashbrown::HashMap;

use super::groups::{Groups, OTHER_PROCESS};
use super::histogram::{BYTES, Histogram, SECONDS};
use super::labels::{CloseReason, ConnectFailure, Role};
use super::rows::{NO_SERVICE, Row};
use super::snapshot::Service;

/// All services.
pub(super) struct Services {
    list: Vec<Service>,
    index: HashMap<(u16, u16), u32>,
    limit: usize,
    /// Connections that had to be folded into `~other`.
    pub(super) overflow: u64,
}

impl Services {
    /// The services that are always there, and room for `limit` more.
    pub(super) fn new(groups: &mut Groups, limit: usize) -> Self {
        let limit = limit.min(NO_SERVICE as usize / 2) + Role::COUNT;
        let mut new = Self { list: Vec::new(), index: HashMap::new(), limit, overflow: 0 };
        for role in Role::ALL {
            let group = groups.of_process(OTHER_PROCESS, *role);
            new.list.push(empty(groups, group, None));
        }
        new
    }

    /// The service of a row, looked up once and then remembered in the row.
    pub(super) fn of(&mut self, row: &mut Row, groups: &Groups) -> &mut Service {
        if row.service == NO_SERVICE {
            row.service = self.find(row, groups);
        }
        &mut self.list[row.service as usize]
    }

    /// All that was counted; what falls beyond the limit only once something has.
    pub(super) fn snapshot(&self) -> Vec<Service> {
        let counted = |service: &&Service| service.opened + service.closed.iter().sum::<u64>() + service.failures.iter().sum::<u64>() > 0;
        self.list.iter().filter(|service| service.port.is_some() || counted(service)).cloned().collect()
    }

    fn find(&mut self, row: &Row, groups: &Groups) -> u32 {
        let key = (row.group, row.service_port());
        if let Some(at) = self.index.get(&key) {
            return *at;
        }
        let role = groups.role(row.group);
        // The position fits: it is below the limit, which is below `u32::MAX / 2`.
        match u32::try_from(self.list.len()) {
            Ok(at) if self.list.len() < self.limit => {
                self.list.push(empty(groups, row.group, Some(key.1)));
                self.index.insert(key, at);
                at
            }
            _ => {
                self.overflow += 1;
                u32::try_from(role.index()).unwrap_or_default()
            }
        }
    }
}

impl Service {
    /// Counts an end, and the numbers that the kernel gave with it.
    pub(super) fn closed(&mut self, reason: CloseReason, lasted: Option<u64>, numbers: Option<&Close>) {
        self.closed[reason.index()] += 1;
        if let Some(lasted) = lasted {
            self.duration.observe(seconds(lasted));
        }
        let Some(numbers) = numbers else { return };
        if numbers.srtt_us > 0 {
            self.srtt.observe(f64::from(numbers.srtt_us) / 1e6);
        }
        self.sent_bytes.observe(float(numbers.bytes_sent));
        self.received_bytes.observe(float(numbers.bytes_received));
    }

    /// Counts a connect that came to nothing.
    pub(super) fn failed(&mut self, reason: ConnectFailure) {
        self.failures[reason.index()] += 1;
    }
}

/// SYN-ACKs sent again, by the listener's port. Beyond the limit: counted together, and each as overflow.
pub(super) struct Ports {
    counts: HashMap<u16, u64>,
    beyond: u64,
    limit: usize,
}

impl Ports {
    /// No counts, and room for `limit` ports.
    pub(super) fn new(limit: usize) -> Self {
        Self { counts: HashMap::new(), beyond: 0, limit }
    }

    /// Counts one.
    pub(super) fn count(&mut self, port: u16) {
        if self.counts.len() < self.limit || self.counts.contains_key(&port) {
            *self.counts.entry(port).or_default() += 1;
        } else {
            self.beyond += 1;
        }
    }

    /// How many fell beyond the limit.
    pub(super) const fn overflow(&self) -> u64 {
        self.beyond
    }

    /// The counts by port, then what fell beyond the limit.
    pub(super) fn snapshot(&self) -> Vec<(Option<u16>, u64)> {
        let mut counts: Vec<_> = self.counts.iter().map(|(port, count)| (Some(*port), *count)).collect();
        counts.sort_unstable();
        counts.push((None, self.beyond));
        counts
    }
}

/// Nanoseconds as seconds.
pub(super) fn seconds(nanoseconds: u64) -> f64 {
    float(nanoseconds) / 1e9
}

#[expect(clippy::cast_precision_loss, reason = "a histogram's bucket and sum need no more than 53 bits")]
fn float(value: u64) -> f64 {
    value as f64
}

fn empty(groups: &Groups, group: u16, port: Option<u16>) -> Service {
    Service {
        process: Arc::clone(groups.name(group)),
        role: groups.role(group),
        port,
        opened: 0,
        closed: [0; CloseReason::COUNT],
        failures: [0; ConnectFailure::COUNT],
        duration: Histogram::new(SECONDS),
        connect_duration: Histogram::new(SECONDS),
        srtt: Histogram::new(SECONDS),
        sent_bytes: Histogram::new(BYTES),
        received_bytes: Histogram::new(BYTES),
    }
}
