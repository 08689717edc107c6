//! The checks, one file a subject: pure functions from readings to findings.
//!
//! Guarantee: a check that could not be made is a finding of its own, with the reason.

mod agent;
mod conntrack;
mod descriptors;
mod handshakes;
mod keepalive;
mod known;
mod listeners;
mod memory;
mod ports;
mod settings;

use super::finding::Finding;
use super::host::Host;
use super::told::Told;

/// What the checks read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readings<'a> {
    /// What this user may read.
    pub(crate) host: &'a Host,
    /// What the agent told.
    pub(crate) told: &'a Told,
    /// The wall clock, seconds since 1970.
    pub(crate) now: u64,
}

/// The share of a limit at which a check warns, percent, as the alerts do.
const NEAR: u64 = 80;
/// The share of a limit at which it is about to fail, percent.
const AT_ONCE: u64 = 95;

/// A check: adds what it finds, or that it found nothing, or why it could not look.
type Check = fn(&Readings<'_>, &mut Vec<Finding>);

/// Every check, in the order in which findings of one severity are told.
const ALL: [Check; 18] = [
    listeners::queues,
    listeners::somaxconn,
    handshakes::overflows,
    handshakes::cookies,
    ports::destinations,
    ports::range,
    ports::time_wait,
    descriptors::of_processes,
    descriptors::of_machine,
    descriptors::tasks,
    memory::tcp_mem,
    memory::aborted,
    memory::orphans,
    conntrack::table,
    conntrack::dropped,
    keepalive::idle,
    keepalive::time,
    settings::hazards,
];

/// Makes all checks; the findings are in no order but that of the checks.
pub(crate) fn all(readings: &Readings<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for check in ALL {
        check(readings, &mut found);
    }
    agent::health(readings, &mut found);
    found
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    /// What a check finds where no agent tells.
    pub(crate) fn alone(check: Check, host: &Host) -> Vec<Finding> {
        found(check, host, &Told::nothing("no agent"))
    }

    /// What a check finds.
    pub(crate) fn found(check: Check, host: &Host, told: &Told) -> Vec<Finding> {
        let mut found = Vec::new();
        check(&Readings { host, told, now: 1_000_000 }, &mut found);
        found
    }

    /// The severity of the only finding.
    pub(crate) fn only(found: &[Finding]) -> Severity {
        assert_eq!(found.len(), 1, "{found:?}");
        let one = &found[0];
        let is_advice = one.severity <= Severity::Note;
        assert_eq!(is_advice, !one.costs.is_empty() && !one.change.is_empty(), "{one:?}");
        one.severity
    }

    #[test]
    fn without_any_reading_every_check_says_why() {
        let (host, told) = (Host::default(), Told::nothing("no agent"));
        let found = all(&Readings { host: &host, told: &told, now: 0 });
        let known: Vec<_> = found.iter().filter(|one| one.severity != Severity::Unknown).collect();
        assert!(known.is_empty() && found.len() > ALL.len(), "{known:?}");
    }

    #[test]
    fn every_finding_that_advises_says_what_it_costs_and_what_to_change() {
        let text = "1 1 1 1";
        let mut host = Host::read();
        for entry in host.texts.values_mut() {
            *entry = Ok(text.to_owned());
        }
        let told = Told::nothing("no agent");
        for one in all(&Readings { host: &host, told: &told, now: 0 }) {
            if one.severity <= Severity::Note {
                assert!(!one.costs.is_empty() && !one.change.is_empty(), "{one:?}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_of_the_kernel_panics(text in "[-0-9a-fTcpExt: \n\t]{0,120}", more in ".{0,60}") {
            let mut host = Host::default();
            for (place, name) in crate::doctor::host::tests::every_path().into_iter().enumerate() {
                let text = if place % 2 == 0 { &text } else { &more };
                host.texts.insert(name, Ok(text.clone()));
            }
            let told = Told::nothing("no agent");
            let _ = all(&Readings { host: &host, told: &told, now: 0 });
        }
    }
}
