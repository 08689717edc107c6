//! Idle connections of servers that nothing would end, and when keepalive notices.

use super::known;
use super::{Finding, Readings};
use crate::doctor::finding::{Severity, sysctl};
use crate::doctor::host::{Host, path_of};

/// The names of the checks.
const IDLE: &str = "keepalive";
const TIME: &str = "keepalive_time";
/// So many connections of a process are a note, and a warning.
const SOME: u64 = 10;
const MANY: u64 = 100;
/// The default of `tcp_keepalive_time`, seconds.
const DEFAULT: u64 = 7200;
/// How long connection tracking keeps an idle connection.
const TRACKED: &str = "netfilter.nf_conntrack_tcp_timeout_established";

/// Servers with connections that have been idle for an hour and have no keepalive.
pub(super) fn idle(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    const SUBJECT: &str = "servers";
    let groups = match &readings.told.idle {
        Ok(groups) => groups,
        Err(why) => return found.push(Finding::unknown(IDLE, SUBJECT, why)),
    };
    let before = found.len();
    for group in groups.iter().filter(|group| group.connections >= SOME) {
        let process = group.process.as_deref().unwrap_or("unknown");
        let workload = group.workload.as_deref().unwrap_or("unknown");
        let count = group.connections;
        let severity = if count >= MANY { Severity::Warning } else { Severity::Note };
        let says = format!(
            "{count} accepted connections have been idle for an hour or longer, without keepalive"
        );
        found.push(
            Finding::new(IDLE, severity, &format!("{process} ({workload})"), &says)
                .value(count, Some(MANY), "connections")
                .costs(
                    "if a peer is gone nothing notices until the server writes: its connection and \
                     descriptor stay",
                    &known::keepalive(process),
                ),
        );
    }
    if found.len() == before {
        let says = format!(
            "no process has {SOME} accepted connections that have been idle for an hour without \
             keepalive"
        );
        found.push(Finding::ok(IDLE, SUBJECT, &says));
    }
}

/// When keepalive notices that a peer is gone, and whether connection tracking forgets before.
pub(super) fn time(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    const NAME: &str = "net.ipv4.tcp_keepalive_time";
    let (time, gone) = match times(readings.host) {
        Ok(times) => times,
        Err(why) => return found.push(Finding::unknown(TIME, NAME, &why)),
    };
    let says = format!(
        "with keepalive a probe is sent after {time} s, and a peer that is gone is noticed after \
         {gone} s"
    );
    // Where nothing is tracked nothing forgets.
    let tracks = readings.host.number("netfilter.nf_conntrack_count") != Ok(0);
    let tracked = readings.host.number(TRACKED).ok().filter(|_| tracks);
    if let Some(tracked) = tracked.filter(|tracked| *tracked <= time) {
        let says = format!("{says}; connection tracking forgets a connection after {tracked} s");
        found.push(
            Finding::new(TIME, Severity::Warning, NAME, &says)
                .value(time, Some(tracked), "seconds")
                .costs(
                    "a connection that is idle for longer goes on at its ends and is dropped by \
                     rules that ask for its state, or loses its NAT: its next segment is lost",
                    &sysctl(None, NAME, &(tracked / 2).max(1).to_string()),
                ),
        );
    } else if time > DEFAULT {
        found.push(
            Finding::new(TIME, Severity::Note, NAME, &says)
                .value(time, Some(DEFAULT), "seconds")
                .costs(
                    "connections of peers that are gone stay so long, with their descriptors",
                    &sysctl(None, NAME, "600"),
                ),
        );
    } else {
        found.push(Finding::ok(TIME, NAME, &says));
    }
}

/// Returns seconds until the first probe, and until a peer counts as gone.
fn times(host: &Host) -> Result<(u64, u64), String> {
    let time = host.number("ipv4.tcp_keepalive_time")?;
    let every = host.number("ipv4.tcp_keepalive_intvl")?;
    let probes = host.number("ipv4.tcp_keepalive_probes")?;
    if time == 0 {
        return Err(format!("{} makes no sense", path_of("ipv4.tcp_keepalive_time")));
    }
    Ok((time, time.saturating_add(every.saturating_mul(probes))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::checks::tests::{alone, found, only};
    use crate::doctor::host::tests::with;
    use crate::doctor::told::Told;
    use crate::listing::group::Group;

    fn told(connections: u64, process: &str) -> Told {
        let process = Some(process.to_owned());
        let group = Group { process, connections, ..Group::default() };
        Told { idle: Ok(vec![group]), ..Told::nothing("no agent") }
    }

    #[test]
    fn many_idle_connections_without_keepalive_are_named() {
        let host = with(&[]);
        let of = |count| only(&found(idle, &host, &told(count, "x\u{7}")));
        assert_eq!((of(0), of(9)), (Severity::Ok, Severity::Ok));
        assert_eq!((of(10), of(99)), (Severity::Note, Severity::Note));
        assert_eq!((of(100), of(u64::MAX)), (Severity::Warning, Severity::Warning));
        let found = found(idle, &host, &told(100, "sshd"));
        assert!(found[0].change.contains("TCPKeepAlive yes"), "{found:?}");
    }

    #[test]
    fn keepalive_that_comes_after_connection_tracking_forgot_is_a_warning() {
        let with_count = |seconds, tracked, count| {
            alone(
                time,
                &with(&[
                    ("netfilter.nf_conntrack_count", count),
                    ("ipv4.tcp_keepalive_time", seconds),
                    ("ipv4.tcp_keepalive_intvl", "75"),
                    ("ipv4.tcp_keepalive_probes", "9"),
                    (TRACKED, tracked),
                ]),
            )
        };
        let of = |seconds, tracked| with_count(seconds, tracked, "5");
        assert_eq!(only(&of("7200", "7201")), Severity::Ok);
        assert_eq!(only(&with_count("7200", "60", "0")), Severity::Ok, "nothing is tracked");
        let late = of("7200", "7200");
        assert_eq!(only(&late), Severity::Warning);
        assert_eq!(late[0].change, "sysctl -w net.ipv4.tcp_keepalive_time=3600");
        assert_eq!(only(&of("7201", "garbage")), Severity::Note);
        assert!(of("7200", "9999")[0].says.contains("after 7875 s"));
        assert_eq!([only(&of("0", "9")), only(&of("", "9"))], [Severity::Unknown; 2]);
    }
}
