//! Accept queues: who does not accept, and who has set the limit.
//!
//! The kernel keeps the smaller of what `listen` asked for and of `somaxconn`
//! (`__sys_listen_socket`, 6.18), and not what was asked for.

use super::known;
use super::{Finding, Readings};
use crate::doctor::finding::{Severity, sysctl, sysctl_of};
use crate::listing::answer::Connection;
use crate::query::text::end;

/// The names of the checks.
const QUEUES: &str = "accept_queue";
const SOMAXCONN: &str = "somaxconn";
/// A `somaxconn` below this is named: the default was 128 before 5.4 and is 4096 since.
const SMALL: u64 = 1024;
/// The most listeners that are told one by one.
const MOST: usize = 20;

/// Each accept queue that is full, or more than half full.
pub(super) fn queues(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    let (listeners, left_out) = match &readings.told.listeners {
        Ok((listeners, left_out)) => (listeners, *left_out),
        Err(why) => return found.push(Finding::unknown(QUEUES, "listeners", why)),
    };
    let before = found.len();
    let somaxconn = readings.host.number("core.somaxconn").ok();
    for listener in listeners {
        let (waits, limit) = lengths(listener);
        // One more than the limit fits (`sk_acceptq_is_full`, 6.18).
        let severity = match () {
            () if waits > limit => Severity::Critical,
            () if waits.saturating_mul(2) > limit.saturating_add(1) => Severity::Warning,
            () => continue,
        };
        let own = listener.netns == readings.host.netns;
        found.push(queue(listener, severity, somaxconn.filter(|_| own), own));
    }
    let more = found.len() - before;
    if more > MOST {
        found.truncate(before + MOST);
        let says = format!("{} more accept queues are at least half full", more - MOST);
        found.push(Finding::new(QUEUES, Severity::Warning, "other listeners", &says).costs(
            "as above",
            "tcpwarden connections --state listen --sort receive_queue shows them all",
        ));
    } else if more == 0 {
        let says = format!("none of {} accept queues is half full", listeners.len());
        found.push(Finding::ok(QUEUES, "listeners", &says));
    }
    if left_out > 0 {
        let why = format!("{left_out} listeners are not in the agent's answer");
        found.push(Finding::unknown(QUEUES, "other listeners", &why));
    }
}

/// Returns how many connections wait in an accept queue, and its limit.
fn lengths(listener: &Connection) -> (u64, u64) {
    (listener.receive_queue.into(), listener.send_queue.into())
}

/// Returns what to say of one queue; `somaxconn` is that of its namespace, if it is known.
fn queue(listener: &Connection, severity: Severity, somaxconn: Option<u64>, own: bool) -> Finding {
    let (waits, limit) = lengths(listener);
    let Connection { process, local_address, local_port, .. } = listener;
    let pid = listener.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
    let place = end(*local_address, *local_port);
    let subject = format!("{process} (pid {pid}) at {place}{}", elsewhere(listener, own));
    let full = if severity == Severity::Critical { "is full" } else { "is more than half full" };
    let says = format!(
        "the accept queue {full}: at the last pass {waits} connections waited, its limit is {limit}"
    );
    let more = limit.saturating_mul(4).clamp(1024, 65_535).max(limit.saturating_mul(2));
    let asks = known::backlog(process, *local_port, more);
    let value = more.to_string();
    let raise = sysctl_of(own, listener.netns, listener.pid, "net.core.somaxconn", &value);
    let change = match somaxconn {
        Some(most) if limit < most => format!(
            "{asks}; net.core.somaxconn is {most} already, and a higher one changes nothing"
        ),
        Some(_) => format!("{raise}; then {asks}: the smaller of the two counts, from listen() on"),
        None => format!("{asks}; and if somaxconn is below that: {raise}"),
    };
    let costs = "beyond its limit the kernel drops SYNs: connects take seconds, or time out. \
                 First find out why the process does not accept: a longer queue only gives it time";
    Finding::new(QUEUES, severity, &subject, &says)
        .value(waits, Some(limit), "connections")
        .costs(costs, &change)
}

/// Returns where a listener is, if not in the own namespace.
fn elsewhere(listener: &Connection, own: bool) -> String {
    if own { String::new() } else { format!(", network namespace {}", listener.netns) }
}

/// A `somaxconn` that cuts what programs ask for.
pub(super) fn somaxconn(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    const NAME: &str = "net.core.somaxconn";
    let most = match readings.host.number("core.somaxconn") {
        Ok(most) => most,
        Err(why) => return found.push(Finding::unknown(SOMAXCONN, NAME, &why)),
    };
    let at_it = match &readings.told.listeners {
        Ok((all, _)) => {
            let own = all.iter().filter(|one| one.netns == readings.host.netns);
            let at_it = own.filter(|one| lengths(one).1 == most).count();
            format!("{at_it} listeners are at it, cut or as they asked")
        }
        Err(_) => "which listeners are at it only an agent tells".to_owned(),
    };
    if most >= SMALL {
        let says = format!("an accept queue may hold {most} connections; {at_it}");
        return found.push(Finding::ok(SOMAXCONN, NAME, &says));
    }
    let says = format!("no accept queue may hold more than {most} connections; {at_it}");
    found.push(
        Finding::new(SOMAXCONN, Severity::Note, NAME, &says)
            .value(most, Some(SMALL), "connections")
            .costs(
                "a burst of connects that is larger is dropped, whatever backlog programs ask for",
                &format!(
                    "{}; it counts from the next listen() on, and only for programs that ask for \
                     more than {most}",
                    sysctl(None, NAME, "4096")
                ),
            ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::checks::tests::{alone, found, only};
    use crate::doctor::host::tests::with;
    use crate::doctor::told::Told;

    fn told(queues: &[(u32, u32, u32)]) -> Told {
        let listener = |(waits, limit, netns): &(u32, u32, u32)| Connection {
            receive_queue: *waits,
            send_queue: *limit,
            netns: *netns,
            process: "slow\u{1b}[2J".to_owned(),
            pid: Some(9),
            local_port: 80,
            ..Connection::default()
        };
        let listeners = (queues.iter().map(listener).collect(), 0);
        Told { listeners: Ok(listeners), ..Told::nothing("no agent") }
    }

    #[test]
    fn a_queue_is_named_past_half_and_critical_past_its_limit() {
        let host = with(&[("core.somaxconn", "4096")]);
        let of = |waits, limit| only(&found(queues, &host, &told(&[(waits, limit, 7)])));
        // Of a limit of 4 five fit.
        assert_eq!([of(0, 4), of(2, 4), of(0, 0)], [Severity::Ok; 3]);
        assert_eq!([of(3, 4), of(4, 4), of(u32::MAX, u32::MAX)], [Severity::Warning; 3]);
        assert_eq!([of(5, 4), of(1, 0)], [Severity::Critical; 2]);
    }

    #[test]
    fn the_advice_names_who_has_set_the_limit() {
        let change = |somaxconn, limit, netns| {
            let told = told(&[(limit + 1, limit, netns)]);
            let host = with(&[("core.somaxconn", somaxconn)]);
            let found = found(queues, &host, &told);
            assert!(!found[0].subject.contains('\u{1b}'), "{found:?}");
            found[0].change.clone()
        };
        assert!(change("4096", 5, 7).contains("4096 already, and a higher one changes nothing"));
        assert!(change("128", 128, 7).starts_with("sysctl -w net.core.somaxconn=1024; then"));
        let elsewhere = change("4096", 5, 8);
        assert!(elsewhere.contains("nsenter --net=/proc/9/ns/net sysctl"), "{elsewhere}");
        assert!(change("garbage", 5, 7).contains("if somaxconn is below"));
    }

    #[test]
    fn a_namespace_without_a_known_process_gets_words_instead_of_a_command() {
        let mut told = told(&[(6, 5, 8)]);
        if let Ok((listeners, _)) = &mut told.listeners {
            listeners[0].pid = None;
        }
        let found = found(queues, &with(&[("core.somaxconn", "128")]), &told);
        let change = &found[0].change;
        assert!(change.contains("in network namespace 8, of which no process"), "{change}");
        assert!(!change.contains("sysctl"), "{change}");
    }

    #[test]
    fn no_advice_lowers_a_limit() {
        let change = |limit| {
            let told = told(&[(limit, limit, 7)]);
            found(queues, &with(&[("core.somaxconn", "1000000")]), &told)[0].change.clone()
        };
        assert!(change(200).contains("listen(fd, 1024)"), "{}", change(200));
        assert!(change(30_000).contains("listen(fd, 65535)"), "{}", change(30_000));
        assert!(change(100_000).contains("listen(fd, 200000)"), "{}", change(100_000));
    }

    #[test]
    fn many_full_queues_are_cut_and_counted() {
        let all = found(queues, &with(&[]), &told(&[(5, 4, 7); 30]));
        assert_eq!(all.len(), MOST + 1);
        assert!(all[MOST].says.starts_with("10 more"), "{all:?}");
        let told = Told { listeners: Ok((Vec::new(), 3)), ..Told::nothing("") };
        let left_out = found(queues, &with(&[]), &told);
        assert_eq!(left_out[1].severity, Severity::Unknown);
    }

    #[test]
    fn a_small_somaxconn_is_a_note() {
        let of = |text| only(&alone(somaxconn, &with(&[("core.somaxconn", text)])));
        assert_eq!([of("1023"), of("0")], [Severity::Note; 2]);
        assert_eq!([of("1024"), of("4096")], [Severity::Ok; 2]);
        assert_eq!([of(""), of("-5"), of("99999999999999999999")], [Severity::Unknown; 3]);
    }
}
