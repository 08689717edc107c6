//! The memory that TCP uses, the sockets that nobody has any more, and the settings that limit it.

use super::{parse, text};

/// The exported settings, below `/proc/sys/net`, and the label of each number in them. A number
/// with an empty label is not exported.
const SETTINGS: &[(&str, &[&str])] = &[
    ("core/somaxconn", &["somaxconn"]),
    ("ipv4/tcp_max_syn_backlog", &["tcp_max_syn_backlog"]),
    ("ipv4/ip_local_port_range", &["ip_local_port_range_low", "ip_local_port_range_high"]),
    ("ipv4/tcp_tw_reuse", &["tcp_tw_reuse"]),
    ("ipv4/tcp_fin_timeout", &["tcp_fin_timeout"]),
    ("ipv4/tcp_rmem", &["", "", "tcp_rmem_max"]),
    ("ipv4/tcp_wmem", &["", "", "tcp_wmem_max"]),
    ("ipv4/tcp_max_tw_buckets", &["tcp_max_tw_buckets"]),
    ("ipv4/tcp_max_orphans", &["tcp_max_orphans"]),
];

/// The numbers of `tcp_mem`, in its order.
const MEMORY: [&str; 3] = ["low", "pressure", "limit"];

/// Readings of the agent's own network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Bytes of buffer memory of the whole machine: `used`, and the three thresholds of `tcp_mem`.
    /// Only the initial network namespace shows the thresholds.
    pub memory: Vec<(&'static str, u64)>,
    /// Sockets of the whole machine that no process has any more; none if the kernel did not say.
    pub orphans: Option<u64>,
    /// The settings, by name.
    pub settings: Vec<(&'static str, u64)>,
}

impl Host {
    /// Reads the calling thread's namespace.
    #[must_use]
    pub fn read() -> Self {
        let sockstat = text("/proc/thread-self/net/sockstat").unwrap_or_default();
        let thresholds = text("/proc/sys/net/ipv4/tcp_mem").unwrap_or_default();
        let settings = SETTINGS.iter().flat_map(|(path, labels)| {
            settings(&text(format!("/proc/sys/net/{path}")).unwrap_or_default(), labels)
        });
        Self {
            memory: memory(&sockstat, &thresholds, procfs::page_size()),
            orphans: parse::sockstat(&sockstat, "orphan"),
            settings: settings.collect(),
        }
    }
}

/// Returns the memory in bytes; the texts of the kernel count pages.
pub(crate) fn memory(sockstat: &str, thresholds: &str, page: u64) -> Vec<(&'static str, u64)> {
    let used = parse::sockstat(sockstat, "mem").map(|pages| ("used", pages));
    let thresholds =
        parse::numbers::<3>(thresholds).into_iter().flat_map(|pages| MEMORY.into_iter().zip(pages));
    used.into_iter()
        .chain(thresholds)
        .map(|(kind, pages)| (kind, pages.saturating_mul(page)))
        .collect()
}

pub(super) fn settings(text: &str, labels: &[&'static str]) -> Vec<(&'static str, u64)> {
    let numbers = text.split_whitespace().map_while(|word| word.parse().ok());
    labels.iter().copied().zip(numbers).filter(|(label, _)| !label.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_bytes_and_what_is_missing_is_left_out() {
        let sockstat = "TCP: inuse 5 orphan 0 tw 0 alloc 8 mem 3\n";
        assert_eq!(
            memory(sockstat, "10 20 30", 4096),
            [("used", 12_288), ("low", 40_960), ("pressure", 81_920), ("limit", 122_880)]
        );
        assert_eq!(memory(sockstat, "", 4096), [("used", 12_288)]);
        assert_eq!(memory("TCP: mem x", "1 2", 4096), []);
        assert_eq!(memory("TCP: mem 18446744073709551615", "", 4096), [("used", u64::MAX)]);
    }

    #[test]
    fn a_setting_gives_the_numbers_that_have_a_label() {
        assert_eq!(
            settings("4096 131072 6291456\n", &["", "", "tcp_rmem_max"]),
            [("tcp_rmem_max", 6_291_456)]
        );
        assert_eq!(settings("4096 junk 3", &["", "", "tcp_rmem_max"]), []);
        assert_eq!(settings("", &["somaxconn"]), []);
    }

    #[test]
    fn this_machine_shows_its_settings() {
        let host = Host::read();
        assert!(
            host.settings.iter().any(|(name, value)| *name == "somaxconn" && *value > 0),
            "{host:?}"
        );
        assert!(host.memory.iter().any(|(kind, _)| *kind == "used"), "{host:?}");
        assert!(host.orphans.is_some(), "{host:?}");
    }
}
