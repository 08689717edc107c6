//! Parsers for files of `/proc`: pure functions without trust in the text.
//!
//! Used by the readers beside it. They take any text: what is missing is `None`, lists are cut at a
//! bound.

/// The most ranges of reserved ports that are kept; the root user of a namespace can set any
/// number.
const MAX_RESERVED: usize = 256;

/// The ephemeral ports of a namespace: the kernel chooses the local port of a connection from them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortRange {
    /// The lowest port.
    pub(crate) low: u16,
    /// The highest port.
    pub(crate) high: u16,
    /// The ranges inside it that the kernel leaves out: ordered, without overlap, at most 256.
    pub(crate) reserved: Vec<(u16, u16)>,
}

impl PortRange {
    /// Returns whether the kernel may choose this port.
    #[must_use]
    pub(crate) fn contains(&self, port: u16) -> bool {
        let after = self.reserved.partition_point(|(low, _)| *low <= port);
        let reserved = after
            .checked_sub(1)
            .and_then(|at| self.reserved.get(at))
            .is_some_and(|(_, high)| port <= *high);
        (self.low..=self.high).contains(&port) && !reserved
    }

    /// Returns how many ports the kernel may choose from.
    #[must_use]
    pub(crate) fn len(&self) -> u32 {
        let width = |low: u16, high: u16| u32::from(high.saturating_sub(low)) + 1;
        width(self.low, self.high)
            - self.reserved.iter().map(|(low, high)| width(*low, *high)).sum::<u32>()
    }
}

/// Reads the texts of `ip_local_port_range` and `ip_local_reserved_ports`.
#[must_use]
pub(crate) fn port_range(range: &str, reserved: &str) -> Option<PortRange> {
    let mut numbers = range.split_whitespace().map(str::parse::<u16>);
    let (low, high) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    if low == 0 || low > high {
        return None;
    }
    Some(PortRange { low, high, reserved: reserved_ports(reserved, low, high) })
}

/// Reads a text such as `8080,9148-9150`. Returns the parts that lie inside a range, in order;
/// overlapping ones are merged.
fn reserved_ports(text: &str, low: u16, high: u16) -> Vec<(u16, u16)> {
    let part = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (
            first.trim().parse::<u16>().ok()?.max(low),
            last.trim().parse::<u16>().ok()?.min(high),
        );
        (first <= last).then_some((first, last))
    };
    let mut parts: Vec<_> = text.split(',').filter_map(part).take(MAX_RESERVED).collect();
    parts.sort_unstable();
    let mut joined: Vec<(u16, u16)> = Vec::new();
    for (first, last) in parts {
        match joined.last_mut() {
            Some(before) if first <= before.1 => before.1 = before.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    joined
}

/// Reads a counter of `/proc/net/netstat` or `/proc/net/snmp`. Of two lines with the same first
/// word the first has the names and the second the numbers.
#[must_use]
pub(crate) fn counter(text: &str, section: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(section)?.strip_prefix(':'));
    let at = lines.next()?.split_whitespace().position(|word| word == name)?;
    lines.next()?.split_whitespace().nth(at)?.parse().ok()
}

/// Reads a number of `/proc/net/sockstat`: `TCP: inuse 5 orphan 0 tw 0 alloc 8 mem 3`.
#[must_use]
pub(crate) fn sockstat(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    let mut words = line.split_whitespace();
    words.find(|word| *word == name)?;
    words.next()?.parse().ok()
}

/// Reads the numbers of a setting that has several, such as `tcp_rmem`.
#[must_use]
pub(crate) fn numbers<const N: usize>(text: &str) -> Option<[u64; N]> {
    let mut words = text.split_whitespace();
    let mut found = [0; N];
    for slot in &mut found {
        *slot = words.next()?.parse().ok()?;
    }
    Some(found)
}

/// Reads the soft limit on open descriptors from `/proc/PID/limits`; `u64::MAX` for "unlimited".
#[must_use]
pub(crate) fn open_files(limits: &str) -> Option<u64> {
    let soft = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?
        .split_whitespace()
        .next()?;
    if soft == "unlimited" { Some(u64::MAX) } else { soft.parse().ok() }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
