//! Readings of one network namespace, made by a thread that has entered it.

use super::parse::{self, PortRange};
use super::text;

/// Counters of one namespace: `ListenOverflows`, `ListenDrops` and `OutSegs`.
pub type Counters = [u64; 3];

/// The readings of one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its inode.
    pub netns: u32,
    /// The ephemeral ports; `None` if they cannot be read.
    pub ports: Option<PortRange>,
    /// `tcp_tw_reuse`. 0: a port in TIME_WAIT stays taken for its destination. 1: the kernel may
    /// reuse it after a second. 2 (the default since 4.19): only over loopback.
    pub tw_reuse: Option<u64>,
    /// The counters, from `/proc/net/netstat` and `/proc/net/snmp`.
    pub counters: Option<Counters>,
    /// The segments that were retransmitted.
    pub retransmitted: Option<Retransmitted>,
}

/// The segments that a namespace has retransmitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retransmitted {
    /// `RetransSegs`, attempts that failed among them.
    pub all: u64,
    /// `TCPRetransFail` before that was read, and after: what was sent lies between.
    pub failed: [u64; 2],
}

impl Facts {
    /// Reads the namespace of the calling thread, which has the inode `netns`. `/proc/sys/net`
    /// shows the namespace of the reader (`net_ctl_header_lookup`, 5.10), and so does
    /// `/proc/thread-self/net`.
    #[must_use]
    pub fn read(netns: u32) -> Self {
        let setting = |name: &str| text(format!("/proc/sys/net/ipv4/{name}"));
        let range = setting("ip_local_port_range");
        let read = |name: &str| text(format!("/proc/thread-self/net/{name}")).unwrap_or_default();
        let [earlier, snmp, netstat] = ["netstat", "snmp", "netstat"].map(read);
        let failed = |netstat: &str| parse::counter(netstat, "TcpExt", "TCPRetransFail");
        let sent = |name| parse::counter(&snmp, "Tcp", name);
        let special = |name| parse::counter(&netstat, "TcpExt", name);
        Self {
            netns,
            ports: range.and_then(|range| {
                parse::port_range(&range, &setting("ip_local_reserved_ports").unwrap_or_default())
            }),
            tw_reuse: setting("tcp_tw_reuse")
                .and_then(|text| parse::numbers(&text))
                .map(|[value]| value),
            counters: special("ListenOverflows")
                .zip(special("ListenDrops"))
                .zip(sent("OutSegs"))
                .map(|((overflows, drops), sent)| [overflows, drops, sent]),
            retransmitted: sent("RetransSegs")
                .zip(failed(&earlier).zip(failed(&netstat)))
                .map(|(all, (before, after))| Retransmitted { all, failed: [before, after] }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_namespace_tells_everything() {
        let facts = Facts::read(7);
        assert!(
            facts.netns == 7
                && facts.tw_reuse.is_some()
                && facts.counters.is_some()
                && facts.retransmitted.is_some(),
            "{facts:?}"
        );
        assert!(facts.ports.is_some_and(|range| range.len() > 0));
    }
}
