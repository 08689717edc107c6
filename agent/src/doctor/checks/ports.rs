//! Local ports: who has taken them, how many there are, and sockets in TIME_WAIT.

use super::{AT_ONCE, Finding, NEAR, Readings};
use crate::doctor::finding::{Severity, percent, reaches, sysctl, sysctl_of};
use crate::doctor::host::{Host, NETSTAT};
use crate::query::ports::PortUse;
use crate::query::text::end;

/// The names of the checks.
const DESTINATIONS: &str = "ephemeral_ports";
const RANGE: &str = "port_range";
const TIME_WAIT: &str = "time_wait";
const RANGE_NAME: &str = "net.ipv4.ip_local_port_range";
const RESERVED_NAME: &str = "net.ipv4.ip_local_reserved_ports";
/// A range with fewer ports is a warning, and a note; the default has 28,232.
const FEW: u64 = 1000;
const SMALL: u64 = 10_000;
/// A range with fewer ports can be made wider.
const WIDE: u32 = 40_000;
/// Where the widest range begins that is advised, and where the default one begins and ends.
const LOWEST: u16 = 16_384;
const DEFAULT: (u16, u16) = (32_768, 60_999);
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
            found.push(destination(one, severity, reuses, readings.host));
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

fn destination(one: &PortUse, severity: Severity, reuses: bool, host: &Host) -> Finding {
    let own = one.netns == host.netns;
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
            &advice(one, reuses, host),
        )
}

/// Returns what to change: the sysctl that gives ports back, else that which adds some.
fn advice(one: &PortUse, reuses: bool, host: &Host) -> String {
    if one.bind_before_connect {
        return "setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int)) \
                before bind() to port 0: then connect() chooses, and a port counts for one \
                destination only"
            .to_owned();
    }
    let own = one.netns == host.netns;
    let pid = one.processes.first().and_then(|first| first.pid);
    let pool = "open fewer connections: a pool, keep-alive of HTTP";
    if !reuses && one.time_wait >= one.used.div_ceil(2) {
        return format!(
            "{}: connect() takes a port in TIME_WAIT again after a second, if both ends send \
             timestamps; better, {pool}",
            sysctl_of(own, one.netns, pid, "net.ipv4.tcp_tw_reuse", "1")
        );
    }
    if one.range < WIDE {
        let more = if own { more_ports(host) } else { more_elsewhere(one.netns) };
        return format!("{pool}; or {more}");
    }
    format!("{pool}; or connect from, or to, more than one address")
}

/// Returns how the own namespace gets more ports: a range that has all of the present one and more,
/// else fewer reserved ports.
fn more_ports(host: &Host) -> String {
    let present = host.ports().map(|ports| (ports.low, ports.high));
    match present {
        Ok((low, high)) if low > LOWEST || high < u16::MAX => {
            let low = low.min(LOWEST);
            let range = format!("{low} {}", u16::MAX);
            format!(
                "{}, with the ports of own services from {low} on in {RESERVED_NAME} first",
                sysctl(None, RANGE_NAME, &range)
            )
        }
        Ok(_) => format!("take out of {RESERVED_NAME} what no service listens on"),
        Err(_) => format!("more ports in {RANGE_NAME}, or fewer in {RESERVED_NAME}"),
    }
}

/// Returns how another namespace gets more ports; its present range is not known here.
fn more_elsewhere(netns: u32) -> String {
    format!(
        "in network namespace {netns} more ports in {RANGE_NAME}, or fewer in {RESERVED_NAME}: \
         `ip netns exec NAME tcpwarden doctor` there says which"
    )
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
        format!("take out of {RESERVED_NAME} what no service listens on")
    } else {
        let wider = format!("{} {}", ports.low.min(DEFAULT.0), ports.high.max(DEFAULT.1));
        format!(
            "{}, with the ports of own services in it in {RESERVED_NAME} first",
            sysctl(None, RANGE_NAME, &wider)
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
mod tests;
