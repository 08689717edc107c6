//! Local ports: who has taken them, how many there are, and sockets in TIME_WAIT.

use super::{AT_ONCE, Finding, NEAR, Readings};
use crate::doctor::finding::{Severity, percent, reaches, sysctl};
use crate::doctor::host::NETSTAT;
use crate::query::ports::PortUse;
use crate::query::text::end;

/// The names of the checks.
const DESTINATIONS: &str = "ephemeral_ports";
const RANGE: &str = "port_range";
const TIME_WAIT: &str = "time_wait";
const RANGE_NAME: &str = "net.ipv4.ip_local_port_range";
/// A range with fewer ports is a warning, and a note; the default has 28,232.
const FEW: u64 = 1000;
const SMALL: u64 = 10_000;
/// A range with fewer ports can be made wider.
const WIDE: u32 = 40_000;
/// All are taken within so many seconds: a warning.
const SOON: f64 = 3600.0;

/// Each destination towards which few local ports are left.
pub(super) fn destinations(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    let ports = match &readings.told.ports {
        Ok(ports) => ports,
        Err(why) => return found.push(Finding::unknown(DESTINATIONS, "destinations", why)),
    };
    let before = found.len();
    let has_no_timestamps = readings.host.number("ipv4.tcp_timestamps") == Ok(0);
    for one in ports {
        let own = one.netns == readings.host.netns;
        let reuses = match one.tw_reuse {
            Some(1) => true,
            Some(2) => one.local_address.is_loopback(),
            _ => false,
        };
        let reuses = reuses && !(own && has_no_timestamps);
        if let Some(severity) = severity(one, reuses) {
            found.push(destination(one, severity, reuses, own));
        }
    }
    if found.len() == before {
        let most = ports.first().map_or_else(
            || "no connection has taken a port".to_owned(),
            |one| format!("the most to one destination are {} of {}", one.used, one.range),
        );
        found.push(Finding::ok(DESTINATIONS, "destinations", &most));
    }
}

/// Returns how bad it is; a port in TIME_WAIT that the kernel takes again is as good as free.
fn severity(one: &PortUse, reuses: bool) -> Option<Severity> {
    let (used, range) = (u64::from(one.used), u64::from(one.range));
    let held = if reuses { used.saturating_sub(one.time_wait.into()) } else { used };
    let is_soon = one.exhausted.as_ref().is_some_and(|when| when.about <= SOON);
    match () {
        () if reaches(held, range, AT_ONCE) => Some(Severity::Critical),
        () if reaches(held, range, NEAR) || is_soon => Some(Severity::Warning),
        () if reaches(used, range, AT_ONCE) => Some(Severity::Note),
        () => None,
    }
}

fn destination(one: &PortUse, severity: Severity, reuses: bool, own: bool) -> Finding {
    let PortUse { local_address, peer_address, peer_port, used, time_wait, range, .. } = one;
    let to = if one.bind_before_connect {
        "any destination (bind before connect)".to_owned()
    } else {
        end(*peer_address, *peer_port)
    };
    let elsewhere = if own { String::new() } else { format!(", network namespace {}", one.netns) };
    let holder = one.processes.first().map_or_else(String::new, |first| {
        let pid = first.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        format!("; most are held by {} (pid {pid})", first.process)
    });
    let again = if reuses { ", which the kernel takes again" } else { "" };
    let says = format!(
        "{used} of {range} local ports are taken ({} %), {time_wait} of them in TIME_WAIT{again}\
         {holder}",
        percent((*used).into(), (*range).into())
    );
    Finding::new(DESTINATIONS, severity, &format!("{local_address} -> {to}{elsewhere}"), &says)
        .value((*used).into(), Some((*range).into()), "ports")
        .costs(
            "with none left connect() fails with EADDRNOTAVAIL; connects to other destinations \
             go on",
            &advice(one, reuses, own),
        )
}

/// Returns what to change: the sysctl that gives ports back, else that which adds some.
fn advice(one: &PortUse, reuses: bool, own: bool) -> String {
    if one.bind_before_connect {
        return "setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int)) \
                before bind() to port 0: then connect() chooses, and a port counts for one \
                destination only"
            .to_owned();
    }
    let inside = one.processes.first().and_then(|first| first.pid).filter(|_| !own);
    let pool = "open fewer connections: a pool, keep-alive of HTTP";
    if !reuses && one.time_wait >= one.used.div_ceil(2) {
        return format!(
            "{}: connect() takes a port in TIME_WAIT again after a second, if both ends send \
             timestamps; better, {pool}",
            sysctl(inside, "net.ipv4.tcp_tw_reuse", "1")
        );
    }
    if one.range < WIDE {
        return format!(
            "{pool}; or {}, with the ports of own services above 16383 in \
             net.ipv4.ip_local_reserved_ports first",
            sysctl(inside, RANGE_NAME, "16384 65535")
        );
    }
    format!("{pool}; or connect from, or to, more than one address")
}

/// A range of ports that is small from the beginning.
pub(super) fn range(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    let ports = match readings.host.ports() {
        Ok(ports) => ports,
        Err(why) => return found.push(Finding::unknown(RANGE, RANGE_NAME, &why)),
    };
    let len = u64::from(ports.len());
    let whole = u64::from(ports.high - ports.low) + 1;
    let says = format!(
        "{len} ports to choose from: {} to {}, of which {} are reserved",
        ports.low,
        ports.high,
        whole.saturating_sub(len)
    );
    let severity = match len {
        0..FEW => Severity::Warning,
        FEW..SMALL => Severity::Note,
        _ => return found.push(Finding::ok(RANGE, RANGE_NAME, &says)),
    };
    let change = if whole >= SMALL {
        "take out of net.ipv4.ip_local_reserved_ports what no service listens on".to_owned()
    } else {
        format!(
            "{}, with the ports of own services in it in net.ipv4.ip_local_reserved_ports first",
            sysctl(None, RANGE_NAME, "32768 60999")
        )
    };
    let costs = format!(
        "more than {len} connections from one address to one service, those in TIME_WAIT \
         included, are not possible: connect() fails with EADDRNOTAVAIL"
    );
    found.push(
        Finding::new(RANGE, severity, RANGE_NAME, &says)
            .value(len, Some(if severity == Severity::Warning { FEW } else { SMALL }), "ports")
            .costs(&costs, &change),
    );
}

/// Sockets in TIME_WAIT against their limit.
pub(super) fn time_wait(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    const NAME: &str = "net.ipv4.tcp_max_tw_buckets";
    let host = readings.host;
    let numbers = host
        .sockstat("tw")
        .and_then(|waiting| Ok((waiting, host.number("ipv4.tcp_max_tw_buckets")?)));
    let (waiting, most) = match numbers {
        Ok(numbers) => numbers,
        Err(why) => return found.push(Finding::unknown(TIME_WAIT, NAME, &why)),
    };
    let refused = host.counter(NETSTAT, "TcpExt", "TCPTimeWaitOverflow").unwrap_or(0);
    let says = format!(
        "{waiting} of {most} sockets in TIME_WAIT ({} %); {refused} were refused since the start",
        percent(waiting, most)
    );
    let severity = match () {
        () if reaches(waiting, most, NEAR) => Severity::Warning,
        () if refused > 0 => Severity::Note,
        () => return found.push(Finding::ok(TIME_WAIT, NAME, &says)),
    };
    let more = most.saturating_mul(2).max(16_384).to_string();
    found.push(
        Finding::new(TIME_WAIT, severity, NAME, &says).value(waiting, Some(most), "sockets").costs(
            "beyond it sockets close without TIME_WAIT: a late segment can meet a new \
                 connection of the same ports, and a peer whose FIN was lost is reset",
            &sysctl(None, NAME, &more),
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::checks::tests::{alone, found, only};
    use crate::doctor::host::SOCKSTAT;
    use crate::doctor::host::tests::with;
    use crate::doctor::told::Told;
    use crate::leaks::suspect::InSeconds;

    fn told(one: PortUse) -> Told {
        let local_address = "10.0.0.1".parse().unwrap();
        let one = PortUse { netns: 7, local_address, range: 100, ..one };
        Told { ports: Ok(vec![one]), ..Told::nothing("no agent") }
    }

    fn used(used: u32, time_wait: u32, tw_reuse: u64) -> Vec<Finding> {
        let one = PortUse { used, time_wait, tw_reuse: Some(tw_reuse), ..PortUse::default() };
        found(destinations, &with(&[("ipv4.tcp_timestamps", "1")]), &told(one))
    }

    #[test]
    fn a_destination_is_named_at_its_limits() {
        let of = |number| only(&used(number, 0, 0));
        assert_eq!([of(0), of(79)], [Severity::Ok; 2]);
        assert_eq!([of(80), of(94)], [Severity::Warning; 2]);
        assert_eq!([of(95), of(100), of(u32::MAX)], [Severity::Critical; 3]);
    }

    #[test]
    fn a_port_that_the_kernel_takes_again_is_free() {
        assert_eq!(only(&used(100, 21, 1)), Severity::Note);
        assert_eq!(only(&used(100, 20, 1)), Severity::Warning);
        assert_eq!(only(&used(100, 100, 2)), Severity::Critical, "over loopback only");
        let one = PortUse { used: 100, time_wait: 100, tw_reuse: Some(1), ..PortUse::default() };
        let found = found(destinations, &with(&[("ipv4.tcp_timestamps", "0")]), &told(one));
        assert_eq!(only(&found), Severity::Critical, "without timestamps it takes none");
    }

    #[test]
    fn the_advice_is_for_what_holds_the_ports() {
        let change = |found: Vec<Finding>| found[0].change.clone();
        assert!(change(used(100, 50, 0)).starts_with("sysctl -w net.ipv4.tcp_tw_reuse=1"));
        assert!(change(used(100, 49, 0)).contains("ip_local_port_range=\"16384 65535\""));
        let bound = PortUse { used: 100, bind_before_connect: true, ..PortUse::default() };
        let found = found(destinations, &with(&[]), &told(bound));
        assert!(found[0].change.contains("IP_BIND_ADDRESS_NO_PORT"), "{found:?}");
    }

    #[test]
    fn what_grows_to_its_end_within_an_hour_is_a_warning() {
        let at = |about| {
            let exhausted = Some(InSeconds { about, ..InSeconds::default() });
            let one = PortUse { used: 10, exhausted, ..PortUse::default() };
            only(&found(destinations, &with(&[]), &told(one)))
        };
        assert_eq!((at(SOON), at(SOON + 1.0)), (Severity::Warning, Severity::Ok));
    }

    #[test]
    fn a_small_range_is_named() {
        let of = |range, reserved| {
            alone(
                super::range,
                &with(&[
                    ("ipv4.ip_local_port_range", range),
                    ("ipv4.ip_local_reserved_ports", reserved),
                ]),
            )
        };
        assert_eq!(only(&of("1000 1998", "")), Severity::Warning);
        assert_eq!(only(&of("1000 1999", "")), Severity::Note);
        assert_eq!(only(&of("1000 10999", "")), Severity::Ok);
        let reserved = of("1000 10999", "1000");
        assert_eq!(only(&reserved), Severity::Note);
        assert!(reserved[0].change.contains("take out"), "{reserved:?}");
        assert_eq!(only(&of("9 1", "")), Severity::Unknown);
    }

    #[test]
    fn time_wait_is_held_against_its_limit() {
        let of = |waiting, most, refused| {
            let sockstat = format!("TCP: inuse 1 orphan 0 tw {waiting} alloc 1 mem 1\n");
            let netstat = format!("TcpExt: TCPTimeWaitOverflow\nTcpExt: {refused}\n");
            let texts =
                [(SOCKSTAT, &*sockstat), (NETSTAT, &netstat), ("ipv4.tcp_max_tw_buckets", most)];
            only(&alone(time_wait, &with(&texts)))
        };
        assert_eq!((of("79", "100", 0), of("80", "100", 0)), (Severity::Ok, Severity::Warning));
        assert_eq!(of("79", "100", 1), Severity::Note);
        assert_eq!(of("0", "0", 0), Severity::Warning);
        assert_eq!([of("x", "9", 0), of("1", "", 0)], [Severity::Unknown; 2]);
    }
}
