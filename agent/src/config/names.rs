//! Names of machines and groups, as `/etc/hosts` and `/etc/group` have them.
//!
//! Used by `value`. The program is linked statically, so it cannot load what the C library would
//! ask for other names (NSS: DNS, LDAP and others). It reads the two files itself.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use crate::bounded;

/// Where names of machines are.
pub(super) const HOSTS: &str = "/etc/hosts";
/// Where names of groups are.
pub(super) const GROUPS: &str = "/etc/group";

/// The most bytes of one of them.
const MOST: u64 = 4 << 20;

/// Returns the text of one of these files; empty, with a warning, if it cannot be read, and empty
/// where there is none.
pub(super) fn text(path: &str) -> String {
    let read = bounded::file(Path::new(path), MOST).unwrap_or_else(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            tracing::warn!(%error, "cannot read {path}");
        }
        Vec::new()
    });
    String::from_utf8_lossy(&read).into_owned()
}

/// Whether a text can be the name of a machine.
pub(super) fn is_name(text: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    !text.is_empty() && text.chars().all(letter)
}

/// Returns the address of a machine: the first of IPv4, else the first. `localhost` has one on
/// every machine (RFC 6761, 6.3).
pub(super) fn address(hosts: &str, name: &str) -> Option<IpAddr> {
    let of_line = |line: &str| {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let address: IpAddr = words.next()?.parse().ok()?;
        words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
    };
    let all: Vec<IpAddr> = hosts.lines().filter_map(of_line).collect();
    let localhost = name.eq_ignore_ascii_case("localhost").then_some(Ipv4Addr::LOCALHOST.into());
    all.iter().find(|address| address.is_ipv4()).or_else(|| all.first()).copied().or(localhost)
}

/// Returns the number of a group.
pub(super) fn group(groups: &str, name: &str) -> Option<u32> {
    let of_line = |line: &str| {
        let mut fields = line.split(':');
        (fields.next()? == name).then(|| fields.nth(1)?.parse().ok()).flatten()
    };
    // The largest number stands for "as it is" (`chown`).
    groups.lines().find_map(of_line).filter(|group| *group != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_the_address_that_its_line_says() {
        let hosts = "# 10.0.0.9 db\n::1 db localhost\n10.0.0.1\tDB db.example # 10.0.0.2 x\n\
                     fd00::1 six\nnonsense\n10.0.0.3\n";
        let of = |name| address(hosts, name).map(|address| address.to_string());
        assert_eq!(of("db").as_deref(), Some("10.0.0.1"), "the first of IPv4");
        assert_eq!(of("Db.Example").as_deref(), Some("10.0.0.1"), "in any case");
        assert_eq!(of("six").as_deref(), Some("fd00::1"));
        assert_eq!(of("localhost").as_deref(), Some("::1"), "as the file says");
        assert_eq!([of("x"), of("10.0.0.3"), of("")], [None, None, None]);
        assert_eq!(address("", "localhost"), Some(Ipv4Addr::LOCALHOST.into()), "without a file");
    }

    #[test]
    fn a_group_has_the_number_that_its_line_says() {
        let groups = "root:x:0:\nops:x:4711:a,b\nbroken\nempty::\nops:x:1:\nmost:x:4294967295:\n";
        let names = ["root", "ops", "broken", "empty", "a", "", "most"];
        let all = names.map(|name| group(groups, name));
        assert_eq!(all, [Some(0), Some(4711), None, None, None, None, None]);
    }
}
