//! Handshakes that this namespace has refused since it was made, and SYN cookies.

use super::{Finding, Readings};
use crate::doctor::finding::{Severity, sysctl};
use crate::doctor::host::{Host, NETSTAT, SNMP};

/// The names of the checks.
const OVERFLOWS: &str = "listen_overflows";
const COOKIES: &str = "syn_cookies";

/// Handshakes that a full accept queue refused, and SYNs that listeners dropped. A note at any
/// share: the totals do not say when it was.
pub(super) fn overflows(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    const SUBJECT: &str = "listeners of this network namespace";
    let counters = counters(readings.host);
    let (overflows, drops, opened) = match counters {
        Ok(counters) => counters,
        Err(why) => return found.push(Finding::unknown(OVERFLOWS, SUBJECT, &why)),
    };
    if drops == 0 && overflows == 0 {
        let says = format!("nothing was dropped beside {opened} handshakes since the start");
        return found.push(Finding::ok(OVERFLOWS, SUBJECT, &says));
    }
    let says = format!(
        "since the start {drops} SYNs and handshakes were dropped, {overflows} of them for a full \
         accept queue, beside {opened} that became connections"
    );
    found.push(
        Finding::new(OVERFLOWS, Severity::Note, SUBJECT, &says)
            .value(drops, None, "segments")
            .costs(
                "a connect whose SYN is dropped takes a second or longer, or fails",
                "tcpwarden connections --state listen --sort receive_queue names the listeners \
                 that drop; their accept queues are too short or their processes too slow",
            ),
    );
}

fn counters(host: &Host) -> Result<(u64, u64, u64), String> {
    Ok((
        host.counter(NETSTAT, "TcpExt", "ListenOverflows")?,
        host.counter(NETSTAT, "TcpExt", "ListenDrops")?,
        host.counter(SNMP, "Tcp", "PassiveOpens")?,
    ))
}

/// SYN cookies: whether they are off or always on, and whether they were needed.
pub(super) fn cookies(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    const NAME: &str = "net.ipv4.tcp_syncookies";
    let host = readings.host;
    let count = |name| host.counter(NETSTAT, "TcpExt", name);
    let mode = match host.number("ipv4.tcp_syncookies") {
        Ok(mode) => mode,
        Err(why) => return found.push(Finding::unknown(COOKIES, NAME, &why)),
    };
    let on = sysctl(None, NAME, "1");
    match mode {
        0 => {
            let most = host.number("ipv4.tcp_max_syn_backlog");
            let most = most.map_or_else(|_| "?".to_owned(), |most| most.to_string());
            let says = format!(
                "SYN cookies are off: of the {most} half-open handshakes of tcp_max_syn_backlog a \
                 listener takes three quarters from hosts that it has not met"
            );
            return found.push(
                Finding::new(COOKIES, Severity::Note, NAME, &says)
                    .costs("a flood of SYNs keeps new clients out until it ends", &on),
            );
        }
        1 => {}
        _ => {
            let says = "every handshake uses a SYN cookie, without a queue of half-open ones";
            return found.push(Finding::new(COOKIES, Severity::Note, NAME, says).costs(
                "without timestamps connections lose window scaling and SACK, and the cookie's \
                 SYN-ACK is not retransmitted",
                &on,
            ));
        }
    }
    let counted = count("SyncookiesSent")
        .and_then(|sent| Ok((sent, count("SyncookiesRecv")?, count("SyncookiesFailed")?)));
    let (sent, valid, failed) = match counted {
        Ok(counted) => counted,
        Err(why) => return found.push(Finding::unknown(COOKIES, NAME, &why)),
    };
    if sent == 0 {
        return found.push(Finding::ok(COOKIES, NAME, "none was sent since the start"));
    }
    let says = format!(
        "since the start {sent} SYN cookies were sent, {valid} came back, {failed} \
         acknowledgements had none that was valid: a listener had as many half-open handshakes as \
         its backlog"
    );
    found.push(
        Finding::new(COOKIES, Severity::Note, "listeners of this network namespace", &says)
            .value(sent, None, "segments")
            .costs(
                "a flood of SYNs, or a backlog below what clients ask for at once: a SYN-ACK with \
                 a cookie is not retransmitted if it is lost",
                "raise the backlog of the listener (the half-open ones have the same limit); \
                 tcp_max_syn_backlog has no effect while tcp_syncookies is 1",
            ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::checks::tests::{alone, only};
    use crate::doctor::host::tests::with;

    fn overflowed(overflows: u64, drops: u64, opened: u64) -> Severity {
        let netstat = format!("TcpExt: ListenOverflows ListenDrops\nTcpExt: {overflows} {drops}\n");
        let snmp = format!("Tcp: PassiveOpens\nTcp: {opened}\n");
        only(&alone(super::overflows, &with(&[(NETSTAT, &netstat), (SNMP, &snmp)])))
    }

    #[test]
    fn what_was_dropped_since_the_start_stays_a_note() {
        assert_eq!(overflowed(0, 0, 5), Severity::Ok);
        assert_eq!(overflowed(5, 99, 9901), Severity::Note);
        assert_eq!([overflowed(0, 100, 0), overflowed(1, 0, 9)], [Severity::Note; 2]);
        assert_eq!(overflowed(u64::MAX, u64::MAX, u64::MAX), Severity::Note);
    }

    #[test]
    fn cookies_are_told_where_they_are_off_always_on_or_were_needed() {
        let of = |mode, sent| {
            let netstat = format!(
                "TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed\nTcpExt: {sent} 1 2\n"
            );
            let host = with(&[("ipv4.tcp_syncookies", mode), (NETSTAT, &netstat)]);
            alone(cookies, &host)
        };
        assert_eq!(only(&of("1", "0")), Severity::Ok);
        for (mode, sent, word) in [("0", "0", "off"), ("2", "0", "every"), ("1", "7", "7 SYN")] {
            let found = of(mode, sent);
            assert_eq!(only(&found), Severity::Note);
            assert!(found[0].says.contains(word), "{found:?}");
        }
        assert_eq!(only(&of("1", "x")), Severity::Unknown);
        assert_eq!(only(&of("", "1")), Severity::Unknown);
    }
}
