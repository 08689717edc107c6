//! The table of connection tracking, where the kernel has it and this user may read it.

use super::{AT_ONCE, Finding, NEAR, Readings};
use crate::doctor::finding::{Severity, percent, reaches, sysctl};
use crate::doctor::host::{CONNTRACK, Host, path_of};

/// The names of the checks.
const TABLE: &str = "conntrack";
const DROPPED: &str = "conntrack_drops";
const NAME: &str = "net.netfilter.nf_conntrack_max";

/// The entries of this namespace against the limit, which is that of each namespace by itself
/// (`__nf_conntrack_alloc`, 6.18).
pub(super) fn table(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    let host = readings.host;
    let numbers = host
        .number("netfilter.nf_conntrack_count")
        .and_then(|count| Ok((count, host.number("netfilter.nf_conntrack_max")?)));
    let (count, most) = match numbers {
        Ok(numbers) => numbers,
        Err(_) if host.is_absent(&path_of("netfilter.nf_conntrack_max")) => {
            return found.push(Finding::ok(TABLE, NAME, "the kernel tracks no connections"));
        }
        Err(why) => return found.push(Finding::unknown(TABLE, NAME, &why)),
    };
    if most == 0 {
        let says = format!("{count} tracked connections, without a limit");
        return found.push(Finding::ok(TABLE, NAME, &says));
    }
    let says = format!("{count} of {most} connections are tracked ({} %)", percent(count, most));
    let severity = match () {
        () if reaches(count, most, AT_ONCE) => Severity::Critical,
        () if reaches(count, most, NEAR) => Severity::Warning,
        () => return found.push(Finding::ok(TABLE, NAME, &says)),
    };
    found.push(
        Finding::new(TABLE, severity, NAME, &says).value(count, Some(most), "connections").costs(
            "with a full table packets of new connections are dropped, whatever the protocol; the \
             kernel's log says `table full, dropping packet`",
            &format!(
                "{} in the first network namespace, for all; an entry takes some 300 bytes",
                raised(most)
            ),
        ),
    );
}

/// Returns the command that doubles the limit.
fn raised(most: u64) -> String {
    sysctl(None, NAME, &most.saturating_mul(2).to_string())
}

/// What was dropped since the start.
pub(super) fn dropped(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    const SUBJECT: &str = "connection tracking of this network namespace";
    let counted = sum(readings.host, "drop")
        .and_then(|dropped| Ok((dropped, sum(readings.host, "insert_failed")?)));
    let (dropped, failed) = match counted {
        Ok(counted) => counted,
        Err(_) if readings.host.is_absent(CONNTRACK) => {
            return found.push(Finding::ok(DROPPED, SUBJECT, "the kernel tracks no connections"));
        }
        Err(why) => return found.push(Finding::unknown(DROPPED, SUBJECT, &why)),
    };
    let says = format!(
        "since the start {dropped} packets were dropped for a full table or want of memory, and \
         {failed} entries could not be inserted"
    );
    if dropped == 0 && failed == 0 {
        return found.push(Finding::ok(DROPPED, SUBJECT, &says));
    }
    let change = match readings.host.number("netfilter.nf_conntrack_max") {
        Ok(most) if dropped > 0 && most > 0 => raised(most),
        _ => "conntrack -S shows the counters of each CPU; a rule `notrack` keeps what needs no \
              NAT, such as DNS to a local resolver, out of the table"
            .to_owned(),
    };
    found.push(
        Finding::new(DROPPED, Severity::Note, SUBJECT, &says)
            .value(dropped.saturating_add(failed), None, "packets")
            .costs(
                "each was a packet of a new connection: a SYN that is retransmitted after a \
                 second, or a datagram that is lost",
                &change,
            ),
    );
}

/// Returns the sum over all CPUs of a column, which has hexadecimal numbers.
fn sum(host: &Host, column: &str) -> Result<u64, String> {
    let text = host.text(CONNTRACK)?;
    let mut lines = text.lines();
    let names = lines.next().unwrap_or_default();
    let at = names.split_whitespace().position(|name| name == column);
    let at = at.ok_or_else(|| format!("{CONNTRACK} has no {column}"))?;
    lines.try_fold(0_u64, |sum, line| {
        let number = line.split_whitespace().nth(at);
        let number = number.and_then(|number| u64::from_str_radix(number, 16).ok());
        let number = number.ok_or_else(|| format!("{CONNTRACK} makes no sense"))?;
        Ok(sum.saturating_add(number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::checks::tests::{alone, only};
    use crate::doctor::host::Missing;
    use crate::doctor::host::tests::with;

    #[test]
    fn the_table_is_held_against_its_limit() {
        let of = |count, most| {
            let names = ["netfilter.nf_conntrack_count", "netfilter.nf_conntrack_max"];
            only(&alone(table, &with(&[(names[0], count), (names[1], most)])))
        };
        assert_eq!((of("79", "100"), of("80", "100")), (Severity::Ok, Severity::Warning));
        assert_eq!((of("94", "100"), of("95", "100")), (Severity::Warning, Severity::Critical));
        assert_eq!(of("99", "0"), Severity::Ok, "no limit");
        assert_eq!([of("", "100"), of("5", "0x9")], [Severity::Unknown; 2]);
    }

    #[test]
    fn without_connection_tracking_there_is_nothing_to_fill() {
        let mut host = with(&[]);
        for path in [path_of("netfilter.nf_conntrack_max"), CONNTRACK.to_owned()] {
            host.texts.insert(path, Err(Missing::Absent));
        }
        assert_eq!([only(&alone(table, &host)), only(&alone(dropped, &host))], [Severity::Ok; 2]);
        let denied = || Err(Missing::Unreadable("Permission denied".to_owned()));
        host.texts.insert(CONNTRACK.to_owned(), denied());
        assert_eq!(only(&alone(dropped, &host)), Severity::Unknown);
    }

    #[test]
    fn what_was_dropped_is_summed_over_the_cpus() {
        let of = |lines: &str| {
            let text = format!("entries insert_failed drop early_drop\n{lines}");
            let most = ("netfilter.nf_conntrack_max", "100");
            alone(dropped, &with(&[(CONNTRACK, &text), most]))
        };
        assert_eq!(only(&of("5 0 0 9\n5 0 0 9\n")), Severity::Ok);
        let found = of("5 00000001 0000000f 0\n5 1 1 0\n");
        assert_eq!((only(&found), found[0].measured), (Severity::Note, Some(18)));
        assert!(found[0].change.contains("nf_conntrack_max=200"), "{found:?}");
        assert!(of("5 1 0 0\n")[0].change.starts_with("conntrack -S"));
        assert_eq!(only(&of("5 g 0 0\n")), Severity::Unknown);
        assert_eq!(only(&of("5\n")), Severity::Unknown);
        let huge = "5 ffffffffffffffff ffffffffffffffff 0\n";
        assert_eq!(of(huge)[0].measured, Some(u64::MAX));
    }
}
