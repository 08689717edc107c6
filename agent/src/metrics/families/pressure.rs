//! What fills up: queues and stages by process, listeners by port, ports by namespace, descriptors, memory.

use std::collections::BTreeMap;

use super::services::port_label;
use super::table::netns_label;
use crate::conn::labels::Stage;
use crate::conn::pressure::{Netstat, OwnerProcess, PortUse, Pressure};
use crate::conn::snapshot::Snapshot;
use crate::metrics::catalogue::pressure;
use crate::metrics::family::{Family, float};
use crate::pressure::descriptors::Descriptors;

/// Families of everything that the passes gathered besides states; `host` is the agent's own namespace.
pub(in crate::metrics) fn families(snapshot: &Snapshot, host: u32) -> Vec<Family> {
    let pressure = &snapshot.pressure;
    let mut families = Vec::from(groups(snapshot));
    families.extend(listeners(pressure));
    families.extend(namespaces(pressure, host));
    families.extend(processes(pressure));
    families.extend(machine(pressure));
    families
}

/// By process, workload and role, each with 0 from the start.
fn groups(snapshot: &Snapshot) -> [Family; 4] {
    let mut close_wait = Family::new(&pressure::CLOSE_WAIT);
    let mut receive = Family::new(&pressure::RECEIVE_QUEUE);
    let mut send = Family::new(&pressure::SEND_QUEUE);
    let mut zero_window = Family::new(&pressure::ZERO_WINDOW);
    for group in &snapshot.groups {
        let (process, workload, role) = (&*group.process, &*group.workload, group.role.as_str());
        for (stage, count) in Stage::ALL.iter().zip(group.close_wait) {
            close_wait.count([process, workload, role, stage.as_str()], count);
        }
        receive.count([process, workload, role], group.queued.receive_bytes);
        send.count([process, workload, role], group.queued.send_bytes);
        zero_window.count([process, workload, role], group.queued.zero_window);
    }
    [close_wait, receive, send, zero_window]
}

/// By process, workload and port. Where no listener is left only the counter stays.
fn listeners(pressure: &Pressure) -> [Family; 6] {
    let mut sockets = Family::new(&pressure::LISTEN_SOCKETS);
    let mut backlog = Family::new(&pressure::LISTEN_BACKLOG);
    let mut limit = Family::new(&pressure::LISTEN_BACKLOG_LIMIT);
    let mut used = Family::new(&pressure::LISTEN_BACKLOG_USED);
    let mut syn_queue = Family::new(&pressure::LISTEN_SYN_QUEUE);
    let mut drops = Family::new(&pressure::LISTEN_DROPS);
    for listener in &pressure.listeners {
        let labels = [&*listener.process, &*listener.workload, &port_label(listener.port)];
        drops.count(labels, listener.drops);
        if listener.sockets == 0 {
            continue;
        }
        sockets.count(labels, listener.sockets);
        backlog.count(labels, listener.backlog);
        limit.count(labels, listener.limit);
        used.value(labels, listener.fullest);
        syn_queue.count(labels, listener.syn_queue);
    }
    [sockets, backlog, limit, used, syn_queue, drops]
}

fn namespaces(pressure: &Pressure, host: u32) -> [Family; 5] {
    let mut ports = Family::new(&pressure::EPHEMERAL_PORTS);
    let mut ratio = Family::new(&pressure::EPHEMERAL_PORTS_USED);
    for place in &pressure.ports {
        let label = netns_label(place.netns, host);
        ports.count([&label, "used"], u64::from(place.used));
        ports.count([&label, "range"], u64::from(place.range));
        ratio.value([&label], PortUse::ratio(place));
    }
    let mut overflows = Family::new(&pressure::LISTEN_OVERFLOWS);
    let mut drops = Family::new(&pressure::LISTEN_NETNS_DROPS);
    let mut sent = Family::new(&pressure::SEGMENTS_SENT);
    // The agent's own namespace stands there from the start.
    let mut counts = BTreeMap::from([("host".to_owned(), (0, 0, 0))]);
    let counted = |of: &Netstat| (netns_label(of.netns, host), (of.overflows, of.drops, of.segments_sent));
    counts.extend(pressure.netstat.iter().map(counted));
    for (label, (overflown, dropped, segments)) in &counts {
        overflows.count([label], *overflown);
        drops.count([label], *dropped);
        sent.count([label], *segments);
    }
    [ports, ratio, overflows, drops, sent]
}

/// By process name and workload: of several processes the one that is nearest to its limit, so that all three numbers
/// are of one process.
fn processes(pressure: &Pressure) -> [Family; 3] {
    let near = |read: &Descriptors| float(read.open) / float(read.limit.max(1));
    let mut worst: BTreeMap<(&str, &str), (&OwnerProcess, Descriptors)> = BTreeMap::new();
    for process in &pressure.processes {
        // One that has lowered its limit far below what it has open wants no more: that is a sandbox, not a shortage.
        // A few above it are inherited.
        let Some(read) = process.descriptors.filter(|read| read.open <= read.limit.saturating_mul(2)) else { continue };
        let known = worst.entry((&*process.process, &*process.workload)).or_insert((process, read));
        if near(&read) > near(&known.1) {
            *known = (process, read);
        }
    }
    let mut open = Family::new(&pressure::OPEN_FDS);
    let mut most = Family::new(&pressure::MAX_FDS);
    let mut sockets = Family::new(&pressure::PROCESS_SOCKETS);
    for ((name, workload), (process, read)) in worst {
        open.count([name, workload], read.open);
        most.count([name, workload], read.limit);
        sockets.count([name, workload], process.sockets);
    }
    [open, most, sockets]
}

fn machine(pressure: &Pressure) -> [Family; 2] {
    let mut memory = Family::new(&pressure::TCP_MEMORY);
    for (kind, bytes) in &pressure.host.memory {
        memory.count([kind], *bytes);
    }
    let mut settings = Family::new(&pressure::SYSCTL);
    for (name, value) in &pressure.host.settings {
        settings.count([name], *value);
    }
    [memory, settings]
}
