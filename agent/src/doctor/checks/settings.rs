//! Settings with a value that is a hazard whatever the load, and no taste.
//!
//! Not judged, because no value of them is a hazard by itself: buffer sizes (nothing here knows
//! bandwidth and delay of a path), `tcp_slow_start_after_idle`, `tcp_fastopen`, most congestion
//! controls. `tcp_tw_recycle` went with 4.12.

use super::{Finding, Readings};
use crate::doctor::finding::{Severity, sysctl};

/// A setting of which some values are a hazard.
struct Hazard {
    /// Its name without `net.ipv4.`, the name of the check.
    name: &'static str,
    /// Whether a value is one.
    is_one: fn(u64) -> bool,
    /// The value to set instead, the kernel's default.
    instead: &'static str,
    /// What it is.
    says: &'static str,
    /// What it costs.
    costs: &'static str,
}

const HAZARDS: [Hazard; 8] = [
    Hazard {
        name: "tcp_abort_on_overflow",
        is_one: |value| value > 0,
        instead: "0",
        says: "a full accept queue answers with a reset",
        costs: "clients fail at once in a burst that they would survive by retransmitting",
    },
    Hazard {
        name: "tcp_retries2",
        is_one: |value| value < 8,
        instead: "15",
        says: "few time-outs in a row end a connection; RFC 1122 asks for 100 s, which are 8",
        costs: "an interruption of some seconds to a minute resets established connections",
    },
    Hazard {
        name: "tcp_syn_retries",
        is_one: |value| value < 2,
        instead: "6",
        says: "a SYN is retransmitted once at the most",
        costs: "one or two lost packets make a connect fail with ETIMEDOUT within 3 s",
    },
    Hazard {
        name: "tcp_synack_retries",
        is_one: |value| value < 2,
        instead: "5",
        says: "a SYN-ACK is retransmitted once at the most",
        costs: "one or two lost packets make the handshake of a client fail",
    },
    Hazard {
        name: "tcp_fin_timeout",
        is_one: |value| value > 60,
        instead: "60",
        says: "an orphan in FIN_WAIT2 stays a full socket until 60 s before its end",
        costs: "peers that never close hold memory, and count against tcp_max_orphans",
    },
    Hazard {
        name: "tcp_timestamps",
        is_one: |value| value == 0,
        instead: "1",
        says: "timestamps are off",
        costs: "tcp_tw_reuse has no effect, and old segments of a fast connection are not told \
                from new ones (PAWS)",
    },
    Hazard {
        name: "tcp_window_scaling",
        is_one: |value| value == 0,
        instead: "1",
        says: "window scaling is off",
        costs: "no connection carries more than 64 KiB in a round trip: 6.5 MB/s at 10 ms",
    },
    Hazard {
        name: "tcp_sack",
        is_one: |value| value == 0,
        instead: "1",
        says: "selective acknowledgements are off",
        costs: "after several losses in a window one segment a round trip is repaired",
    },
];

/// Each setting with a value that is a hazard.
pub(super) fn hazards(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    for hazard in &HAZARDS {
        let name = format!("net.ipv4.{}", hazard.name);
        let value = match readings.host.number(&format!("ipv4.{}", hazard.name)) {
            Ok(value) => value,
            Err(why) => {
                found.push(Finding::unknown(hazard.name, &name, &why));
                continue;
            }
        };
        if !(hazard.is_one)(value) {
            found.push(Finding::ok(hazard.name, &name, &format!("it is {value}")));
            continue;
        }
        let says = format!("it is {value}: {}", hazard.says);
        found.push(
            Finding::new(hazard.name, Severity::Note, &name, &says)
                .value(value, hazard.instead.parse().ok(), "")
                .costs(hazard.costs, &sysctl(None, &name, hazard.instead)),
        );
    }
    congestion_control(readings, found);
}

/// DCTCP outside of networks that mark for it.
fn congestion_control(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    const CHECK: &str = "tcp_congestion_control";
    const NAME: &str = "net.ipv4.tcp_congestion_control";
    match readings.host.setting("ipv4.tcp_congestion_control") {
        Err(why) => found.push(Finding::unknown(CHECK, NAME, &why)),
        Ok("dctcp") => found.push(Finding::new(CHECK, Severity::Note, NAME, "it is dctcp").costs(
            "it is for networks whose switches mark at a low threshold (RFC 8257): beside \
                 other traffic it takes too much or too little",
            &sysctl(None, NAME, "cubic"),
        )),
        Ok(name) => found.push(Finding::ok(CHECK, NAME, &format!("it is {name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::checks::tests::alone;
    use crate::doctor::host::tests::with;

    /// The severity of one setting with a value.
    fn of(name: &str, value: &str) -> Severity {
        let found = alone(hazards, &with(&[(&format!("ipv4.{name}"), value)]));
        let mut of_it = found.iter().filter(|one| one.check == name);
        let severity = of_it.next().unwrap().severity;
        assert!(of_it.next().is_none());
        severity
    }

    #[test]
    fn each_hazard_begins_at_its_value() {
        for (name, healthy, hazard) in [
            ("tcp_abort_on_overflow", "0", "1"),
            ("tcp_retries2", "8", "7"),
            ("tcp_syn_retries", "2", "1"),
            ("tcp_synack_retries", "2", "1"),
            ("tcp_fin_timeout", "60", "61"),
            ("tcp_timestamps", "1", "0"),
            ("tcp_window_scaling", "1", "0"),
            ("tcp_sack", "1", "0"),
            ("tcp_congestion_control", "bbr\n", "dctcp\n"),
        ] {
            assert_eq!((of(name, healthy), of(name, hazard)), (Severity::Ok, Severity::Note));
        }
        assert_eq!(of("tcp_sack", "yes"), Severity::Unknown);
    }

    #[test]
    fn the_defaults_of_the_kernel_are_no_hazard() {
        for hazard in &HAZARDS {
            assert!(!(hazard.is_one)(hazard.instead.parse().unwrap()), "{}", hazard.name);
        }
    }
}
