//! Writes what fills up: listeners by port, ports by namespace, descriptors, memory.

use std::sync::LazyLock;
use std::time::Duration;

use super::table::{by_name, netns_label};
use super::{Entry, View};
use crate::conn::pressure::{Listener, Netstat, OwnerProcess, PortUse, Pressure};
use crate::metrics::family::{Family, Tails};
use crate::metrics::sorted::Sorted;
use crate::metrics::stats::Whose;
use crate::metrics::text::{Number, Value, float};
use crate::pressure::descriptors::Descriptors;
use catalogue::metrics::pressure;

/// These are the families of everything that the passes gathered besides states.
pub(super) const FAMILIES: &[Entry] = &[
    (&pressure::LISTEN_SOCKETS, |view, family| {
        listeners(view, family, |listener| Number::Count(listener.sockets));
    }),
    (&pressure::LISTEN_BACKLOG, |view, family| {
        listeners(view, family, |listener| Number::Count(listener.backlog));
    }),
    (&pressure::LISTEN_BACKLOG_LIMIT, |view, family| {
        listeners(view, family, |listener| Number::Count(listener.limit));
    }),
    (&pressure::LISTEN_BACKLOG_USED, |view, family| {
        listeners(view, family, |listener| Number::Value(listener.fullest));
    }),
    (&pressure::LISTEN_UNACCEPTED, |view, family| {
        listeners(view, family, |listener| Number::Count(listener.unaccepted));
    }),
    (&pressure::LISTEN_UNACCEPTED_AGE, unaccepted_ages),
    (&pressure::LISTEN_SYN_QUEUE, |view, family| {
        listeners(view, family, |listener| Number::Count(listener.syn_queue));
    }),
    (&pressure::LISTEN_DROPS, drops),
    (&pressure::EPHEMERAL_PORTS, ports),
    (&pressure::EPHEMERAL_PORTS_USED, ratios),
    (&pressure::LISTEN_OVERFLOWS, |view, family| {
        netstat(view, family, |counted| counted.overflows);
    }),
    (&pressure::LISTEN_NETNS_DROPS, |view, family| netstat(view, family, |counted| counted.drops)),
    (&pressure::SEGMENTS_SENT, |view, family| {
        netstat(view, family, |counted| counted.segments_sent);
    }),
    (&pressure::OPEN_FDS, |view, family| processes(view, family, |(_, read)| read.open)),
    (&pressure::MAX_FDS, |view, family| processes(view, family, |(_, read)| read.limit)),
    (&pressure::PROCESS_SOCKETS, |view, family| {
        processes(view, family, |(process, _)| process.sockets);
    }),
    (&pressure::FDS_EXHAUSTED, |view, family| {
        let times = view.stats.running_out.iter().filter_map(|one| match &one.whose {
            Whose::Descriptors(process, workload) => {
                Some(([Value::Text(process), Value::Text(workload)], one.seconds))
            }
            Whose::Ports(_) | Whose::AcceptQueue(..) => None,
        });
        soonest(family, ["process", "workload"], times.collect());
    }),
    (&pressure::LISTEN_EXHAUSTED, |view, family| {
        let times = view.stats.running_out.iter().filter_map(|one| match &one.whose {
            Whose::AcceptQueue(process, workload, port) => {
                let labels = [Value::Text(process), Value::Text(workload), Value::port(*port)];
                Some((labels, one.seconds))
            }
            Whose::Ports(_) | Whose::Descriptors(..) => None,
        });
        soonest(family, ["process", "workload", "port"], times.collect());
    }),
    (&pressure::LEAKS_EXPECTED, |view, family| {
        for (process, workload) in &view.stats.expected {
            family.count([process.as_ref(), workload.as_ref()], 1);
        }
    }),
    (&pressure::PORTS_EXHAUSTED, |view, family| {
        let times = view.stats.running_out.iter().filter_map(|one| match one.whose {
            Whose::Ports(netns) => Some(([netns_label(netns, view.stats.host_netns)], one.seconds)),
            Whose::Descriptors(..) | Whose::AcceptQueue(..) => None,
        });
        soonest(family, ["netns"], times.collect());
    }),
    (&pressure::TCP_MEMORY, |view, family| {
        by_name(family, view.snapshot.pressure.host.memory.clone());
    }),
    (&pressure::ORPHANS, |view, family| {
        if let Some(orphans) = view.snapshot.pressure.host.orphans {
            family.alone(Number::Count(orphans));
        }
    }),
    (&pressure::SYSCTL, |view, family| {
        by_name(family, view.snapshot.pressure.host.settings.clone());
    }),
];

static PORTS: LazyLock<Tails<PortCount>> = LazyLock::new(|| {
    let kinds: [(PortCount, _); 2] =
        [(|place| place.used, ["used"]), (|place| place.range, ["range"])];
    Tails::sorted(["kind"], kinds.into_iter())
});

/// `PortCount` returns one of the two numbers of a namespace's ports.
type PortCount = fn(&PortUse) -> u32;
/// `Read` is a process with its descriptors.
type Read<'a> = (&'a OwnerProcess, Descriptors);

/// The agent's own namespace has these counts before the first pass.
const NONE: Netstat = Netstat { netns: 0, overflows: 0, drops: 0, segments_sent: 0 };

/// `Sources` are the inputs of the families, in the order of the page.
pub(super) struct Sources<'a> {
    listeners: Sorted<&'a Listener>,
    ports: Sorted<PortUse>,
    /// The last entry of a run counts.
    netstat: Sorted<Netstat>,
    processes: Sorted<Read<'a>>,
}

impl<'a> Sources<'a> {
    /// Sorts them into the order of the page. `host` is the agent's own namespace, which has series
    /// from the start.
    pub(super) fn new(pressure: &'a Pressure, host: u32) -> Self {
        let listeners = pressure.listeners.iter().map(|listener| {
            let labels = [
                Value::Text(&listener.process),
                Value::Text(&listener.workload),
                Value::port(listener.port),
            ];
            (labels, listener)
        });
        let ports = pressure.ports.iter().map(|place| ([netns_label(place.netns, host)], *place));
        let counted =
            pressure.netstat.iter().map(|counted| ([netns_label(counted.netns, host)], *counted));
        // A process whose limit is far below the number of its open descriptors has lowered it as a
        // sandbox: that is no shortage. A few above it are inherited.
        let read = |process: &'a OwnerProcess| {
            process.descriptors.filter(|read| read.open <= read.limit.saturating_mul(2))
        };
        let processes =
            pressure.processes.iter().filter_map(|process| Some((process, read(process)?)));
        let named =
            processes.map(|of| ([Value::Text(&of.0.process), Value::Text(&of.0.workload)], of));
        Self {
            listeners: Sorted::new(["process", "workload", "port"], listeners.collect()),
            ports: Sorted::new(["netns"], ports.collect()),
            netstat: Sorted::new(
                ["netns"],
                std::iter::once(([Value::Text("host")], NONE)).chain(counted).collect(),
            ),
            processes: Sorted::new(["process", "workload"], named.collect()),
        }
    }
}

/// Writes by process, workload and port, if there is a listener.
fn listeners(view: &View<'_>, family: &mut Family<'_>, of: fn(&Listener) -> Number) {
    for (listener, set) in
        view.pressure.listeners.iter().filter(|(listener, _)| listener.sockets > 0)
    {
        family.of_set(set, of(listener));
    }
}

/// Writes how long the oldest connection of each listener has not been accepted.
fn unaccepted_ages(view: &View<'_>, family: &mut Family<'_>) {
    let now = view.snapshot.taken_at;
    let there = view.pressure.listeners.iter().filter(|(listener, _)| listener.sockets > 0);
    for (listener, set) in there {
        let age = listener.oldest_unaccepted.map_or(0, |since| now.saturating_sub(since));
        family.of_set(set, Number::Value(Duration::from_nanos(age).as_secs_f64()));
    }
}

/// Writes drops by process, workload and port, also if no listener is left.
fn drops(view: &View<'_>, family: &mut Family<'_>) {
    for (listener, set) in view.pressure.listeners.iter() {
        family.of_set(set, Number::Count(listener.drops));
    }
}

fn ports(view: &View<'_>, family: &mut Family<'_>) {
    for (place, set) in view.pressure.ports.iter() {
        family.series(set, PORTS.iter().map(|(of, tail)| (tail, Number::Count(of(place).into()))));
    }
}

fn ratios(view: &View<'_>, family: &mut Family<'_>) {
    for (place, set) in view.pressure.ports.iter() {
        family.of_set(set, Number::Value(place.ratio()));
    }
}

fn netstat(view: &View<'_>, family: &mut Family<'_>, of: fn(&Netstat) -> u64) {
    for (counted, set) in view.pressure.netstat.runs() {
        family.of_set(set, Number::Count(counted.last().map_or(0, of)));
    }
}

/// Writes the soonest of several times with the same labels.
fn soonest<const N: usize>(
    family: &mut Family<'_>,
    names: [&'static str; N],
    times: Vec<([Value<'_>; N], f64)>,
) {
    let times = Sorted::new(names, times);
    for (all, set) in times.runs() {
        family.of_set(set, Number::Value(all.copied().fold(f64::INFINITY, f64::min)));
    }
}

/// Writes by process name and workload. Of several processes it takes the one nearest to its limit,
/// so that all three numbers are of one process.
fn processes(view: &View<'_>, family: &mut Family<'_>, of: fn(&Read<'_>) -> u64) {
    let near = |(_, read): &Read<'_>| float(read.open) / float(read.limit.max(1));
    for (processes, set) in view.pressure.processes.runs() {
        let worst =
            processes.reduce(|worst, next| if near(next) > near(worst) { next } else { worst });
        family.of_set(set, Number::Count(worst.map_or(0, of)));
    }
}
