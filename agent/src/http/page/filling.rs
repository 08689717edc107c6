//! What fills up: accept queues, descriptors and local ports, those nearest to their limit first.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::time::Duration;

use catalogue::labels::OTHER;
use catalogue::metrics::pressure as metrics;

use super::html::Html;
use super::suspects::when;
use super::{Details, LINES, Overview, PORTS, address, source};
use crate::conn::pressure::{Listener, OwnerProcess};
use crate::conn::snapshot::Snapshot;
use crate::duration_text;
use crate::metrics::stats::{SelfStats, Whose};
use crate::pressure::descriptors::Descriptors;
use crate::query::ports::{Ports, PortsQuery};
use crate::query::text::end;

/// Returns the listeners that are there, the fullest first.
pub(super) fn listeners(snapshot: &Snapshot) -> Vec<&Listener> {
    let all = snapshot.pressure.listeners.iter();
    let mut there: Vec<_> = all.filter(|one| one.sockets > 0).collect();
    there.sort_by(|one, other| {
        let names = |one: &Listener| (one.port, one.process.clone(), one.workload.clone());
        let order = Reverse(one.backlog).cmp(&Reverse(other.backlog));
        other
            .fullest
            .total_cmp(&one.fullest)
            .then(order)
            .then_with(|| names(one).cmp(&names(other)))
    });
    there
}

/// Returns the processes with their descriptors, the nearest to its limit first; as in the metrics,
/// of several with the same names the first.
pub(super) fn processes(snapshot: &Snapshot) -> Vec<(&OwnerProcess, Descriptors)> {
    // A process far above its limit has lowered it as a sandbox.
    let read = snapshot.pressure.processes.iter().filter_map(|one| {
        let read = one.descriptors?;
        (read.open <= read.limit.saturating_mul(2)).then_some((one, read))
    });
    let mut processes: Vec<_> = read.collect();
    processes.sort_by(|(one, read), (other, next)| {
        let names = (&one.process, &one.workload);
        share(*next).total_cmp(&share(*read)).then(names.cmp(&(&other.process, &other.workload)))
    });
    let mut met = HashSet::new();
    processes.retain(|(one, _)| met.insert((&one.process, &one.workload)));
    processes
}

/// Returns the share of its descriptors that a process has open.
pub(super) fn share(read: Descriptors) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "descriptors are few")]
    let share = read.open as f64 / read.limit.max(1) as f64;
    share
}

/// Returns the name of a network namespace, as the metrics have it.
pub(super) fn netns(netns: u32, host: u32) -> String {
    match netns {
        0 => OTHER.to_owned(),
        inode if inode == host => "host".to_owned(),
        inode => inode.to_string(),
    }
}

fn port_of(one: &Listener) -> String {
    one.port.map_or_else(|| OTHER.to_owned(), |port| port.to_string())
}

/// Returns where the share of the fullest queue of a listener stands.
pub(super) fn fullest(one: &Listener) -> String {
    let (process, workload, port) = (&*one.process, &*one.workload, port_of(one));
    let labels = [("process", process), ("workload", workload), ("port", &port)];
    source::series(&metrics::LISTEN_BACKLOG_USED, &labels)
}

/// Returns where the share of a process's descriptors stands: a quotient.
pub(super) fn of_descriptors(one: &OwnerProcess) -> String {
    let labels = [("process", &*one.process), ("workload", &*one.workload)];
    let [open, limit] = [&metrics::OPEN_FDS, &metrics::MAX_FDS];
    format!("{} / {}", source::series(open, &labels), source::series(limit, &labels))
}

/// Returns where the share of a namespace's ports stands.
pub(super) fn of_ports(of: u32, host: u32) -> String {
    source::series(&metrics::EPHEMERAL_PORTS_USED, &[("netns", &netns(of, host))])
}

/// Writes the fullest accept queues.
pub(super) fn queues(html: &mut Html, overview: &Overview) {
    html.raw("<section aria-labelledby=queues><h2 id=queues>Accept queues</h2>\n");
    let listeners = listeners(&overview.snapshot);
    if listeners.is_empty() {
        html.raw("<p class=none>No process listens.</p></section>\n");
        return;
    }
    html.raw(
        "<table><thead><tr><th scope=col class=n>fullest<th scope=col>process\
         <th scope=col class=n>port<th scope=col class='n'>waiting<th scope=col class='n wide'>\
         limit<th scope=col class='n wide'>dropped</thead><tbody>\n",
    );
    for one in listeners.iter().take(LINES) {
        let (process, workload, port) = (&*one.process, &*one.workload, port_of(one));
        let labels = [("process", process), ("workload", workload), ("port", &port)];
        let of = |metric| source::series(metric, &labels);
        html.raw("<tr><td class='n big'>").share(one.fullest, &fullest(one));
        html.raw("<th scope=row>").text(process).raw("<small>").text(workload);
        html.raw("</small><td class=n>").text(&port).raw("<td class=n>");
        html.count(one.backlog, &of(&metrics::LISTEN_BACKLOG)).raw("<td class='n wide'>");
        html.count(one.limit, &of(&metrics::LISTEN_BACKLOG_LIMIT)).raw("<td class='n wide'>");
        html.count(one.drops, &of(&metrics::LISTEN_DROPS)).raw("\n");
    }
    html.raw("</tbody></table>\n");
    rest(html, listeners.len());
}

/// Ends a section with how many lines are missing.
fn rest(html: &mut Html, all: usize) {
    if all > LINES {
        html.raw("<p>and ").text(all - LINES).raw(" more in /metrics</p>");
    }
    html.raw("</section>\n");
}

/// Writes the processes that are nearest to their limit of descriptors.
pub(super) fn descriptors(html: &mut Html, overview: &Overview) {
    html.raw("<section aria-labelledby=fds><h2 id=fds>Descriptors</h2>\n");
    let processes = processes(&overview.snapshot);
    if processes.is_empty() {
        html.raw("<p class=none>No process with sockets was read yet.</p></section>\n");
        return;
    }
    html.raw(
        "<table><thead><tr><th scope=col class=n>used<th scope=col>process\
         <th scope=col class='n'>open<th scope=col class='n'>limit<th scope=col class='n wide'>\
         full in about</thead><tbody>\n",
    );
    for (one, read) in processes.iter().take(LINES) {
        let labels = [("process", &*one.process), ("workload", &*one.workload)];
        html.raw("<tr><td class='n big'>").share(share(*read), &of_descriptors(one));
        html.raw("<th scope=row>").text(&one.process).raw("<small>").text(&one.workload);
        html.raw("</small><td class=n>")
            .count(read.open, &source::series(&metrics::OPEN_FDS, &labels));
        html.raw("<td class=n>");
        if read.limit == u64::MAX {
            html.number("none", read.limit, &source::series(&metrics::MAX_FDS, &labels));
        } else {
            html.count(read.limit, &source::series(&metrics::MAX_FDS, &labels));
        }
        html.raw("<td class='n wide'>");
        match soonest(&overview.stats, one) {
            Some(seconds) => {
                let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
                let of = source::series(&metrics::FDS_EXHAUSTED, &labels);
                html.number(duration_text::short(time), seconds, &of)
            }
            None => html.raw("–"),
        };
        html.raw("\n");
    }
    html.raw("</tbody></table>\n");
    rest(html, processes.len());
}

/// Returns when the first process with these names has no descriptor left, by its trend.
fn soonest(stats: &SelfStats, of: &OwnerProcess) -> Option<f64> {
    let times = stats.running_out.iter().filter_map(|one| match &one.whose {
        Whose::Descriptors(process, workload) => {
            ((process, workload) == (&of.process, &of.workload)).then_some(one.seconds)
        }
        Whose::Ports(_) | Whose::AcceptQueue(..) => None,
    });
    times.min_by(f64::total_cmp)
}

/// Writes the local ports: by destination, or by network namespace for who may not ask the API.
pub(super) fn ports(html: &mut Html, overview: &Overview, details: Option<&Details>) {
    html.raw("<section aria-labelledby=ports><h2 id=ports>Local ports</h2>\n");
    match details {
        Some(details) if details.ports.destinations.is_empty() => {
            html.raw("<p class=none>No connection has taken a port of the ephemeral range.</p>");
        }
        Some(details) => destinations(html, &details.ports),
        None => namespaces(html, overview),
    }
    html.raw("</section>\n");
}

fn destinations(html: &mut Html, answer: &Ports) {
    html.raw(
        "<table><thead><tr><th scope=col class=n>used<th scope=col>destination\
         <th scope=col class=n>ports<th scope=col class='n wide'>of<th scope=col class='n wide'>\
         in TIME_WAIT</thead><tbody>\n",
    );
    for (place, one) in answer.destinations.iter().enumerate() {
        let of = |field| source::ports(&format!("/destinations/{place}/{field}"));
        html.raw("<tr><td class='n big'>").share(one.used_ratio, &of("used_ratio"));
        html.raw("<th scope=row>");
        if one.bind_before_connect {
            html.raw("any (bind before connect)");
        } else {
            html.text(end(one.peer_address, one.peer_port));
        }
        html.raw("<small>from ").text(one.local_address);
        when(html, one.exhausted.as_ref(), &of("exhausted/about"));
        html.raw("</small><td class=n>").count(one.used, &of("used")).raw("<td class='n wide'>");
        html.count(one.range, &of("range")).raw("<td class='n wide'>");
        html.count(one.time_wait, &of("time_wait")).raw("\n");
    }
    html.raw("</tbody></table>\n<p>");
    html.link(address::<PortsQuery>(PORTS), "As JSON").raw(", with the processes.</p>");
}

fn namespaces(html: &mut Html, overview: &Overview) {
    let host = overview.stats.host_netns;
    html.raw(
        "<table><thead><tr><th scope=col class=n>used<th scope=col>network namespace\
         <th scope=col class=n>ports<th scope=col class=n>of</thead><tbody>\n",
    );
    let mut ports = overview.snapshot.pressure.ports.clone();
    ports.sort_by(|one, other| {
        other.ratio().total_cmp(&one.ratio()).then(one.netns.cmp(&other.netns))
    });
    for one in ports.iter().take(LINES) {
        let name = netns(one.netns, host);
        let of = |kind| {
            source::series(&metrics::EPHEMERAL_PORTS, &[("netns", name.as_str()), ("kind", kind)])
        };
        html.raw("<tr><td class='n big'>").share(one.ratio(), &of_ports(one.netns, host));
        html.raw("<th scope=row>").text(&name).raw("<td class=n>").count(one.used, &of("used"));
        html.raw("<td class=n>").count(one.range, &of("range")).raw("\n");
    }
    html.raw("</tbody></table>\n");
}
