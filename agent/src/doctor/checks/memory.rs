//! TCP's memory, and orphans: sockets that no process has any more.

use super::{Finding, NEAR, Readings};
use crate::doctor::finding::{Severity, percent, reaches, sysctl};
use crate::doctor::host::{NETSTAT, SOCKSTAT};
use crate::doctor::page::Series;
use crate::pressure::host::memory;

/// The names of the checks.
const MEMORY: &str = "tcp_memory";
const ABORTED: &str = "memory_aborts";
const ORPHANS: &str = "orphans";
/// The share of `tcp_max_orphans` at which a check warns, percent: of a peer that is slow the
/// kernel counts an orphan twice or four times (`tcp_out_of_resources`, 6.18).
const ORPHANS_NEAR: u64 = 50;

/// Memory in TCP's buffers against the thresholds of `tcp_mem`.
pub(super) fn tcp_mem(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    const NAME: &str = "net.ipv4.tcp_mem";
    let (used, pressure, limit) = match thresholds(readings) {
        Ok(numbers) => numbers,
        Err(why) => return found.push(Finding::unknown(MEMORY, NAME, &why)),
    };
    let says = format!(
        "{used} bytes in TCP's buffers: {} % of the limit of {limit}; buffers shrink from \
         {pressure} on",
        percent(used, limit)
    );
    let severity = match () {
        () if used >= limit => Severity::Critical,
        () if used >= pressure || reaches(used, limit, NEAR) => Severity::Warning,
        () => return found.push(Finding::ok(MEMORY, NAME, &says)),
    };
    let page = procfs::page_size().max(1);
    let pages = [pressure, pressure.saturating_mul(2), limit.saturating_mul(2)];
    let pages = pages.map(|bytes| (bytes / page).to_string()).join(" ");
    let change = format!(
        "`tcpwarden connections --sort receive_queue` shows who does not read; if the memory is \
         there to spare: {} in the first network namespace",
        sysctl(None, NAME, &pages)
    );
    found.push(
        Finding::new(MEMORY, severity, NAME, &says).value(used, Some(limit), "bytes").costs(
            "under pressure windows shrink and connections slow down; beyond the limit segments \
             are dropped and orphans are reset",
            &change,
        ),
    );
}

/// Returns the bytes in use and two thresholds: from `/proc`, else as the agent told, for
/// `tcp_mem` is shown in the first network namespace only.
fn thresholds(readings: &Readings<'_>) -> Result<(u64, u64, u64), String> {
    let host = readings.host;
    let texts = host.text(SOCKSTAT).and_then(|used| Ok((used, host.setting("ipv4.tcp_mem")?)));
    let read = texts.map(|(used, limits)| memory(used, limits, procfs::page_size()));
    let numbers =
        |of: &dyn Fn(&str) -> Option<u64>| Some((of("used")?, of("pressure")?, of("limit")?));
    let own = read.map(|read| {
        numbers(&|kind| read.iter().find(|(name, _)| *name == kind).map(|(_, bytes)| *bytes))
    });
    let told = readings.told.page.as_ref().ok().and_then(|page| {
        numbers(&|kind| {
            let mut all = page.all("tcp_memory_bytes");
            all.find(|series| series.label("kind") == kind).map(Series::number)
        })
    });
    match own {
        Ok(Some(numbers)) => Ok(numbers),
        Ok(None) => told.ok_or_else(|| "tcp_mem or sockstat makes no sense".to_owned()),
        Err(why) => told.ok_or(format!(
            "{why} (only the first network namespace has it), and no agent told it"
        )),
    }
}

/// Connections that ended because memory or orphans were at their limit.
pub(super) fn aborted(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    const SUBJECT: &str = "connections of this network namespace";
    let count = |name| readings.host.counter(NETSTAT, "TcpExt", name);
    let counted =
        count("TCPAbortOnMemory").and_then(|aborted| Ok((aborted, count("TCPMemoryPressures")?)));
    let (aborted, pressures) = match counted {
        Ok(counted) => counted,
        Err(why) => return found.push(Finding::unknown(ABORTED, SUBJECT, &why)),
    };
    let says = format!(
        "since the start {aborted} connections were aborted for tcp_mem or tcp_max_orphans, and \
         memory came under pressure {pressures} times"
    );
    if aborted == 0 && pressures == 0 {
        return found.push(Finding::ok(ABORTED, SUBJECT, &says));
    }
    found.push(
        Finding::new(ABORTED, Severity::Note, SUBJECT, &says)
            .value(aborted, None, "connections")
            .costs(
                "what such a connection had not yet delivered is lost",
                "look at net.ipv4.tcp_mem and net.ipv4.tcp_max_orphans while it happens: the \
                 checks tcp_memory and orphans have the command",
            ),
    );
}

/// Orphans against their limit, and how long one may stay.
pub(super) fn orphans(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    const NAME: &str = "net.ipv4.tcp_max_orphans";
    let host = readings.host;
    let numbers = host
        .sockstat("orphan")
        .and_then(|orphans| Ok((orphans, host.number("ipv4.tcp_max_orphans")?)));
    let (orphans, most) = match numbers {
        Ok(numbers) => numbers,
        Err(why) => return found.push(Finding::unknown(ORPHANS, NAME, &why)),
    };
    let says =
        format!("{orphans} orphans on this machine ({} % of {most})", percent(orphans, most));
    if !reaches(orphans, most, ORPHANS_NEAR) {
        return found.push(Finding::ok(ORPHANS, NAME, &says));
    }
    let severity = if reaches(orphans, most, 100) { Severity::Critical } else { Severity::Warning };
    let more = most.saturating_mul(2).max(4096).to_string();
    let change = format!("{}: each takes up to 64 KiB", sysctl(None, NAME, &more));
    found.push(
        Finding::new(ORPHANS, severity, NAME, &says).value(orphans, Some(most), "sockets").costs(
            "beyond the limit, and from a quarter of it on for peers that are slow, closed \
             connections are reset: the end of what they sent is lost",
            &change,
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::checks::tests::{alone, found, only};
    use crate::doctor::host::tests::with;
    use crate::doctor::page::Page;
    use crate::doctor::told::Told;

    fn sockstat(orphans: &str, pages: &str) -> String {
        format!("TCP: inuse 1 orphan {orphans} tw 0 alloc 1 mem {pages}\n")
    }

    #[test]
    fn memory_is_held_against_pressure_and_limit() {
        let of = |pages: &str, limits| {
            let texts = [(SOCKSTAT, &*sockstat("0", pages)), ("ipv4.tcp_mem", limits)];
            alone(tcp_mem, &with(&texts))
        };
        let limits = "50 90 100";
        let severity = |pages| only(&of(pages, limits));
        assert_eq!([severity("0"), severity("79")], [Severity::Ok; 2]);
        assert_eq!([severity("80"), severity("99")], [Severity::Warning; 2]);
        assert_eq!([severity("100"), severity("18446744073709551615")], [Severity::Critical; 2]);
        assert_eq!(only(&of("30", "10 30 100")), Severity::Warning, "pressure");
        assert!(of("100", limits)[0].change.contains("tcp_mem=\"90 180 200\""));
        assert_eq!([only(&of("x", limits)), only(&of("1", "1 2"))], [Severity::Unknown; 2]);
    }

    #[test]
    fn where_the_namespace_hides_the_limits_the_agent_tells_them() {
        let line =
            |kind: &str, bytes| format!("tcpwarden_tcp_memory_bytes{{kind=\"{kind}\"}} {bytes}\n");
        let page = line("used", 85) + &line("pressure", 90) + &line("limit", 100);
        let told = Told { page: Ok(Page::parse(&page)), ..Told::nothing("no agent") };
        let host = with(&[(SOCKSTAT, &sockstat("0", "1"))]);
        assert_eq!(only(&found(tcp_mem, &host, &told)), Severity::Warning);
        let alone = alone(tcp_mem, &host);
        assert_eq!(only(&alone), Severity::Unknown);
        assert!(alone[0].says.contains("no agent told it"), "{alone:?}");
    }

    #[test]
    fn orphans_are_held_against_half_of_their_limit() {
        let of = |orphans, most| {
            let texts = [(SOCKSTAT, &*sockstat(orphans, "1")), ("ipv4.tcp_max_orphans", most)];
            only(&alone(super::orphans, &with(&texts)))
        };
        assert_eq!((of("49", "100"), of("50", "100")), (Severity::Ok, Severity::Warning));
        assert_eq!((of("99", "100"), of("100", "100")), (Severity::Warning, Severity::Critical));
        assert_eq!([of("", "100"), of("1", "all")], [Severity::Unknown; 2]);
    }

    #[test]
    fn what_was_aborted_is_a_note() {
        let of = |aborted, pressures| {
            let names = "TcpExt: TCPAbortOnMemory TCPMemoryPressures\n";
            let text = format!("{names}TcpExt: {aborted} {pressures}\n");
            only(&alone(super::aborted, &with(&[(NETSTAT, &text)])))
        };
        assert_eq!(of("0", "0"), Severity::Ok);
        assert_eq!([of("1", "0"), of("0", "1")], [Severity::Note; 2]);
        assert_eq!(of("-1", "0"), Severity::Unknown);
    }
}
