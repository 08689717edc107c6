//! The commented file that is shipped (`deploy/tcpwarden.toml`): it has every key, and says of each
//! what is so without it.

use std::path::Path;

use super::file::File;
use super::*;

const SHIPPED: &str = include_str!("../../../deploy/tcpwarden.toml");

/// Returns the file with everything set that it has in comments: what is behind a `#` without a
/// space.
fn set() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting.to_owned(),
        _ => line.to_owned(),
    };
    SHIPPED.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn config(text: &str) -> RunConfig {
    let file = File::parse(Path::new("/etc/tcpwarden/tcpwarden.toml"), text).unwrap();
    RunConfig::merge(&RunArgs::default(), &|_| None, &file).unwrap()
}

#[test]
fn as_it_is_shipped_it_sets_nothing() {
    assert!(SHIPPED.parse::<toml::Table>().unwrap().is_empty());
    assert_eq!(config(SHIPPED), config(""));
}

#[test]
fn it_has_every_key_with_the_default() {
    let table: toml::Table = set().parse().unwrap();
    for key in KEYS {
        let value = table.get(key.name).unwrap_or_else(|| panic!("{} is missing", key.name));
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        assert_eq!(text, key.default, "{}", key.name);
    }
    for key in table.keys() {
        let is_known = KEYS.iter().any(|known| known.name == key);
        assert!(is_known || ["destinations", "expected", "names"].contains(&key.as_str()), "{key}");
    }
}

#[test]
fn with_every_comment_taken_away_it_is_what_holds_without_it_and_its_examples_are_right() {
    let (set, unset) = (config(&set()), config(""));
    assert_eq!(set.expected.len(), 1);
    assert_ne!(set.names, unset.names);
    assert!(!set.destinations.is_empty());
    // Given, the number holds also where the memory does not allow it.
    assert_eq!((set.max_connections, unset.max_connections), (Some(1_000_000), None));
    assert_eq!((&set.listen.value, &set.socket.value), (&unset.listen.value, &unset.socket.value));
    let set = RunConfig {
        listen: unset.listen.clone(),
        socket: unset.socket.clone(),
        max_connections: None,
        expected: unset.expected.clone(),
        names: unset.names.clone(),
        destinations: unset.destinations.clone(),
        ..set
    };
    assert_eq!(set, unset);
}
