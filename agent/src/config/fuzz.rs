//! What holds for any configuration file and any variables.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::file::File;
use super::{KEYS, Listen, RunArgs, RunConfig, variable};
use crate::exit::Error;

/// A configuration is refused with a text, or every value is within its bounds. Lines that begin
/// with `$` are variables of the environment, `$listen=x`; the rest is the file.
pub(crate) fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (variables, lines): (Vec<&str>, Vec<&str>) =
        text.split('\n').partition(|line| line.starts_with('$'));
    let variable_of = |line: &str| {
        let (name, value) = line.strip_prefix('$')?.split_once('=')?;
        Some((KEYS.iter().find(|key| key.name == name)?.name, value.to_owned()))
    };
    let variables: Vec<_> = variables.iter().filter_map(|line| variable_of(line)).collect();
    let environment = |asked: &str| {
        let found = variables.iter().find(|(name, _)| variable(name) == asked);
        found.map(|(_, value)| value.into())
    };
    let read = File::parse(Path::new("/etc/tcpwarden.toml"), &lines.join("\n"));
    match read.and_then(|file| RunConfig::merge(&RunArgs::default(), &environment, &file)) {
        Ok(config) => is_within_bounds(&config),
        Err(Error::Usage(text)) => assert!(!text.is_empty()),
        Err(other) => unreachable!("{other}"),
    }
}

fn is_within_bounds(config: &RunConfig) {
    assert!((1..=16).contains(&config.listen.value.len()), "{config:?}");
    for one in &config.listen.value {
        let listen = one.to_string().parse::<Listen>();
        assert_eq!(listen.as_ref(), Ok(one));
    }
    assert!(config.socket.value.as_ref().is_none_or(|path| path.is_absolute()), "{config:?}");
    let (least, day) = (Duration::from_millis(200), Duration::from_hours(24));
    assert!((least..=day).contains(&config.reconcile_interval), "{config:?}");
    assert!((least..=day).contains(&config.verify_after), "{config:?}");
    let drain = Duration::from_millis(1)..=Duration::from_secs(1);
    assert!(drain.contains(&config.drain_interval), "{config:?}");
    for ring in [config.ring_bytes, config.retransmit_ring_bytes] {
        assert!(ring.is_power_of_two() && ring >= 4096, "{config:?}");
    }
    let is_within = |rows| (1..=100_000_000).contains(&rows);
    assert!(config.max_connections.is_none_or(is_within), "{config:?}");
    assert!((1..=100_000).contains(&config.max_series), "{config:?}");
    assert!(tracing_subscriber::EnvFilter::try_new(&config.log).is_ok(), "{config:?}");
    assert!(config.expected.len() <= 256, "{config:?}");
    for expected in &config.expected {
        let now = SystemTime::UNIX_EPOCH;
        let (port, process) = (expected.port.or(Some(1)), &expected.process);
        // No day before the epoch is one, so that at the epoch none has ended.
        assert!(expected.covers(process, port, 0, now), "{expected:?}");
    }
}
