//! The destinations that an operator has named: networks with or without a port.
//!
//! Read by the configuration, and used by the services of clients, which tell apart what goes to
//! one. Guarantees: at most [`NAMES`] names with [`NETWORKS`] networks; no two networks with the
//! same port are equal, so one destination is the most specific.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use catalogue::labels::Role;
use catalogue::limits::IDLE_AGES;
use hashbrown::HashMap;

use crate::conn::ids::GroupId;
use crate::conn::socket::row::{self, Row};

/// The most names.
const NAMES: usize = 50;
/// The most networks of all names together.
const NETWORKS: usize = 200;
/// The longest name, bytes.
const LONGEST: usize = 63;
/// The bits before an IPv4 address in an IPv6 one (RFC 4291, 2.5.5.2).
const MAPPED_BITS: u32 = 96;
/// These bits of such an address.
const MAPPED: u128 = 0xffff << 32;

/// How many connections of a group to a named destination are idle for longer than each of
/// [`IDLE_AGES`].
pub(crate) type IdleTo = HashMap<(GroupId, u8), [u64; IDLE_AGES.len()]>;

/// A network, and the port if only one is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    /// The first address; IPv4 as IPv6 (`::ffff:a.b.c.d`).
    first: u128,
    /// How many bits of an address are the network's, 0 to 128.
    bits: u32,
    port: Option<u16>,
}

/// The destinations, the most specific network first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destinations {
    names: Vec<Arc<str>>,
    /// Each network with the position of its name.
    networks: Vec<(Network, u8)>,
}

impl Destinations {
    /// Reads names with their networks: `10.0.3.0/24:5432`, `10.0.3.7:5432`, `10.0.3.7`,
    /// `[2001:db8::/32]:5432` or `2001:db8::/32`.
    ///
    /// # Errors
    /// What is wrong, with the name or the network that is.
    pub fn read(given: &BTreeMap<String, Vec<String>>) -> Result<Self, String> {
        if given.len() > NAMES {
            return Err(format!("{} names: at most {NAMES} are allowed", given.len()));
        }
        let networks: usize = given.values().map(Vec::len).sum();
        if networks > NETWORKS {
            return Err(format!("{networks} networks: at most {NETWORKS} are allowed"));
        }
        let mut new = Self::default();
        for (at, (name, texts)) in (0..).zip(given) {
            if !is_name(name) {
                return Err(format!(
                    "{name:?} is no name: 1 to {LONGEST} of a-z, A-Z, 0-9, '.', '_', '-' and '/'"
                ));
            }
            new.names.push(Arc::from(name.as_str()));
            for text in texts {
                let network = Network::read(text).map_err(|error| format!("{name}: {error}"))?;
                if let Some((_, other)) = new.networks.iter().find(|(known, _)| *known == network) {
                    let other = &new.names[usize::from(*other)];
                    return Err(format!("{name}: {text:?} is named {other} already"));
                }
                new.networks.push((network, at));
            }
        }
        let specific =
            |(network, _): &(Network, u8)| (Reverse(network.bits), Reverse(network.port.is_some()));
        new.networks.sort_by_key(specific);
        Ok(new)
    }

    /// Returns whether none is named.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    /// Returns the number of the destination to which a connection of a client goes; `None` if it
    /// goes to none, or is no client's.
    #[inline]
    pub(crate) fn of(&self, row: &Row) -> Option<u8> {
        if self.is_empty() || row.role != Role::Client {
            return None;
        }
        let peer = u128::from(row::address(row.peer));
        let found = self.networks.iter().find(|(one, _)| one.has(peer, row.peer_port));
        found.map(|(_, name)| *name)
    }

    /// Returns the names in their order, each at the number of its destination.
    pub(crate) fn names(&self) -> &[Arc<str>] {
        &self.names
    }
}

impl Network {
    fn read(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no destination: expected ADDRESS[/BITS][:PORT] such as \
                 10.0.3.0/24:5432 or [2001:db8::/32]:5432"
            )
        };
        let (network, port) = split(text).ok_or_else(wrong)?;
        let (address, bits) = network.split_once('/').unzip();
        let address: IpAddr = address.unwrap_or(network).parse().map_err(|_text| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), number).filter(|bits| *bits <= most);
        let bits = bits.ok_or_else(wrong)? + if address.is_ipv4() { MAPPED_BITS } else { 0 };
        let port = match port.map(number) {
            None => None,
            Some(Some(port @ 1..)) => Some(port),
            Some(_) => return Err(wrong()),
        };
        let given = match address {
            IpAddr::V4(address) => u128::from(address.to_ipv6_mapped()),
            IpAddr::V6(address) => u128::from(address),
        };
        let new = Self { first: given & mask(bits), bits, port };
        if new.first != given {
            let first = Ipv6Addr::from(new.first).to_canonical();
            return Err(format!("{text:?} has bits behind its network: its first is {first}"));
        }
        Ok(new)
    }

    /// Returns whether it has an address at a port. An IPv4 address is in no IPv6 network, not even
    /// in `::/0`.
    #[inline]
    fn has(&self, address: u128, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
            && address & mask(self.bits) == self.first
            && (self.bits >= MAPPED_BITS || address & mask(MAPPED_BITS) != MAPPED)
    }
}

/// Returns the network and the port of a text; the brackets of an IPv6 network are taken away.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (network, after) = rest.split_once(']')?;
        let port = if after.is_empty() { None } else { Some(after.strip_prefix(':')?) };
        return Some((network, port));
    }
    let has_port = text.bytes().filter(|byte| *byte == b':').count() == 1;
    let (network, port) = has_port.then(|| text.split_once(':')).flatten().unzip();
    Some((network.unwrap_or(text), port))
}

/// Returns a number without a sign, which `parse` takes.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Returns a mask of so many bits.
const fn mask(bits: u32) -> u128 {
    match u128::MAX.checked_shl(u128::BITS - bits) {
        Some(mask) => mask,
        None => 0,
    }
}

fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(all: &[(&str, &[&str])]) -> Result<Destinations, String> {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let all = all.iter().map(|(name, texts)| ((*name).to_owned(), owned(texts)));
        Destinations::read(&all.collect())
    }

    fn of<'a>(all: &'a Destinations, role: Role, peer: &str, port: u16) -> Option<&'a str> {
        let peer = match peer.parse().unwrap() {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let mut row = Row::ABSENT;
        (row.role, row.peer, row.peer_port) = (role, row::words(peer), port);
        all.of(&row).map(|number| &*all.names()[usize::from(number)])
    }

    #[test]
    fn the_most_specific_network_is_the_destination_of_a_client() {
        let all = named(&[
            ("all-pg", &["0.0.0.0/0:5432", "::/0", "::ffff:192.0.2.2"]),
            ("lan", &["10.0.0.0/8"]),
            ("orders-db", &["10.0.3.7:5432", "10.0.3.8:5432", "[2001:db8::/32]:5432"]),
        ])
        .unwrap();
        let client = |peer, port| of(&all, Role::Client, peer, port);
        assert_eq!(client("10.0.3.7", 5432), Some("orders-db"));
        assert_eq!(client("10.0.3.8", 5432), Some("orders-db"));
        assert_eq!(client("10.0.3.7", 6432), Some("lan"), "another port of the same host");
        assert_eq!(client("10.0.3.9", 5432), Some("lan"), "more bits go before a port");
        assert_eq!(client("192.0.2.1", 5432), Some("all-pg"));
        assert_eq!(client("::ffff:10.0.3.7", 5432), Some("orders-db"), "IPv4 in IPv6");
        assert_eq!(client("192.0.2.1", 80), None, "::/0 is IPv6");
        assert_eq!(client("192.0.2.2", 80), Some("all-pg"), "a network of IPv4 in IPv6");
        assert_eq!(client("2001:db8::9", 5432), Some("orders-db"));
        assert_eq!(client("2001:db8::9", 80), Some("all-pg"));
        assert_eq!(of(&all, Role::Server, "10.0.3.7", 5432), None);
        let only = named(&[("pg", &["0.0.0.0/0:5432"])]).unwrap();
        assert_eq!(of(&only, Role::Client, "2001:db8::9", 5432), None, "IPv4 only");
        assert_eq!(of(&only, Role::Client, "10.0.3.7", 80), None);
        assert_eq!(of(&Destinations::default(), Role::Client, "10.0.3.7", 80), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (name, text, part) in [
            ("~other", "10.0.0.1", "is no name"),
            ("", "10.0.0.1", "is no name"),
            ("a\nb", "10.0.0.1", "is no name"),
            ("db", "10.0.0.1/33", "is no destination"),
            ("db", "10.0.0.1:0", "is no destination"),
            ("db", "10.0.0.1:65536", "is no destination"),
            ("db", "10.0.0.0/+8", "is no destination"),
            ("db", "db.example.com:5432", "is no destination"),
            ("db", "[2001:db8::/32]5432", "is no destination"),
            ("db", "10.0.3.7/24:5432", "its first is 10.0.3.0"),
            ("db", "2001:db8::1/32", "its first is 2001:db8::"),
        ] {
            let error = named(&[(name, &[text])]).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let twice = named(&[("a", &["10.0.0.0/8:1"]), ("b", &["10.0.0.0/8:1"])]).unwrap_err();
        assert!(twice.contains("is named a already"), "{twice}");
    }

    #[test]
    fn names_and_networks_are_bounded() {
        let names = |count: usize| {
            let one = |at: usize| (format!("n{at}"), vec![format!("10.0.0.{at}")]);
            Destinations::read(&(0..count).map(one).collect())
        };
        assert!(names(NAMES).is_ok());
        assert_eq!(names(NAMES + 1).unwrap_err(), "51 names: at most 50 are allowed");
        let networks = |count: u16| {
            let all = (1..=count).map(|port| format!("10.0.0.1:{port}")).collect();
            Destinations::read(&BTreeMap::from([("a".to_owned(), all)]))
        };
        assert!(networks(200).is_ok());
        assert_eq!(networks(201).unwrap_err(), "201 networks: at most 200 are allowed");
    }
}
