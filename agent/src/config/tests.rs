//! Tests of the sources, their order, and the messages.

use std::collections::HashMap;
use std::path::Path;

use super::*;

mod destinations;
mod selection;
mod serving;
mod state_directory;

/// Loads from the given sources; the file gets the name of the test.
pub(super) fn load(
    arguments: &RunArgs,
    environment: &[(&str, &str)],
    file: Option<(&str, &str)>,
) -> Result<RunConfig, Error> {
    let mut arguments = RunArgs { config: None, ..clone(arguments) };
    if let Some((name, text)) = file {
        let path =
            std::env::temp_dir().join(format!("tcpwarden-{}-{name}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        arguments.config = Some(path);
    }
    let variables: HashMap<String, OsString> =
        environment.iter().map(|(k, v)| ((*k).to_owned(), OsString::from(v))).collect();
    let result = RunConfig::load(&arguments, &|name| variables.get(name).cloned());
    if let Some(path) = &arguments.config {
        std::fs::remove_file(path).unwrap();
    }
    result
}

fn clone(from: &RunArgs) -> RunArgs {
    RunArgs {
        listen: from.listen.clone(),
        ring_bytes: from.ring_bytes.clone(),
        log: from.log.clone(),
        ..RunArgs::default()
    }
}

fn refused(
    arguments: &RunArgs,
    environment: &[(&str, &str)],
    file: Option<(&str, &str)>,
) -> String {
    let error = load(arguments, environment, file).unwrap_err();
    assert_eq!(error.code(), 2);
    error.to_string()
}

#[test]
fn without_any_source_the_defaults_hold() {
    let config = load(&RunArgs::default(), &[], None).unwrap();
    assert_eq!(config.listen.value, ["127.0.0.1:10793".parse().unwrap()]);
    assert_eq!(config.socket.value, Some("/run/tcpwarden/tcpwarden.sock".into()));
    assert!(config.listen.is_default && config.socket.is_default);
    assert_eq!(
        (config.reconcile_interval, config.drain_interval),
        (Duration::from_secs(30), Duration::from_millis(50))
    );
    assert_eq!((config.ring_bytes, config.retransmit_ring_bytes), (8 << 20, 1 << 20));
    assert_eq!((config.max_connections, config.max_series), (None, 200), "as many as fit");
    assert_eq!((config.log.as_str(), config.keep_privileges), ("info", false));
}

#[test]
fn the_command_line_wins_over_the_environment_over_the_file() {
    let file = Some((
        "precedence",
        "ring-bytes = 16384\nmax-series = 7\nreconcile-interval = 2\nkeep-privileges = true",
    ));
    let environment = [
        ("TCPWARDEN_RING_BYTES", "8192"),
        ("TCPWARDEN_MAX_SERIES", "9"),
        ("TCPWARDEN_OTHER", "ignored"),
    ];
    let arguments = RunArgs { ring_bytes: Some("4096".into()), ..RunArgs::default() };
    let config = load(&arguments, &environment, file).unwrap();
    assert_eq!(
        (config.ring_bytes, config.max_series, config.reconcile_interval),
        (4096, 9, Duration::from_secs(2))
    );
    assert!(config.keep_privileges);
    assert_eq!(load(&RunArgs::default(), &environment, file).unwrap().ring_bytes, 8192);
    assert_eq!(load(&RunArgs::default(), &[], file).unwrap().ring_bytes, 16384);
}

#[test]
fn the_environment_can_name_the_file() {
    let error = refused(&RunArgs::default(), &[("TCPWARDEN_CONFIG", "/nowhere/x.toml")], None);
    assert!(error.starts_with("cannot read the configuration file /nowhere/x.toml: "), "{error}");
}

#[test]
fn an_unknown_key_is_named_with_its_file_and_its_neighbours() {
    let parse = |text| File::parse(Path::new("/etc/t.toml"), text).unwrap_err().to_string();
    assert_eq!(
        parse("ring_bytes = 1"),
        r#"unknown key "ring_bytes" in /etc/t.toml: did you mean ring-bytes?"#
    );
    assert_eq!(parse("lisen = 1"), r#"unknown key "lisen" in /etc/t.toml: did you mean listen?"#);
    assert_eq!(
        parse("interval = 1"),
        "unknown key \"interval\" in /etc/t.toml: \
         did you mean drain-interval-ms or reconcile-interval?"
    );
    assert!(parse("zzz = 1").contains("the keys are listen, reconcile-interval, "));
    assert!(parse("[run]\nlisten = 1").contains(r#"unknown key "run""#));
    assert!(parse("listen = ").starts_with("/etc/t.toml is not valid TOML: "));
}

#[test]
fn a_wrong_value_is_named_with_its_source_and_what_is_allowed() {
    let arguments = RunArgs { ring_bytes: Some("5000".into()), ..RunArgs::default() };
    assert_eq!(
        refused(&arguments, &[], None),
        "--ring-bytes is '5000': expected a power of two from 4K to 1G such as 8M (a bare number \
         is bytes)"
    );
    let environment = |name, value| refused(&RunArgs::default(), &[(name, value)], None);
    assert_eq!(
        environment("TCPWARDEN_DRAIN_INTERVAL_MS", "0"),
        "TCPWARDEN_DRAIN_INTERVAL_MS is '0': expected a duration from 1ms to 1s such as 50ms (a \
         bare number is milliseconds)"
    );
    assert_eq!(
        environment("TCPWARDEN_RECONCILE_INTERVAL", "NaN"),
        "TCPWARDEN_RECONCILE_INTERVAL is 'NaN': expected a duration from 0.2s to 1d such as 30s or \
         1m30s (a bare number is seconds)"
    );
    assert_eq!(
        environment("TCPWARDEN_MAX_SERIES", "-1"),
        "TCPWARDEN_MAX_SERIES is '-1': expected a whole number from 1 to 100000"
    );
    assert_eq!(
        environment("TCPWARDEN_KEEP_PRIVILEGES", "maybe"),
        "TCPWARDEN_KEEP_PRIVILEGES is 'maybe': expected true or false"
    );
    assert!(
        environment("TCPWARDEN_LOG", "=,=")
            .starts_with("TCPWARDEN_LOG is '=,=': expected error, warn, ")
    );
    for typo in ["json", "inof", "json,xml"] {
        assert!(
            environment("TCPWARDEN_LOG", typo)
                .starts_with(&format!("TCPWARDEN_LOG is '{typo}': expected error, warn, "))
        );
    }
    let file = refused(&RunArgs::default(), &[], Some(("type", "max-series = \"9\"")));
    assert!(
        file.starts_with("max-series in /")
            && file.ends_with("is \"9\": expected a whole number from 1 to 100000"),
        "{file}"
    );
    let file = refused(&RunArgs::default(), &[], Some(("bounds", "reconcile-interval = 0.1")));
    assert!(file.contains("is 0.1: expected a duration from 0.2s to 1d such as "), "{file}");
}

#[test]
fn sizes_and_durations_are_taken_with_units_and_without() {
    let file = "ring-bytes = \"16MiB\"\nretransmit-ring-bytes = \"64K\"\n\
                reconcile-interval = \"1m30s\"\nverify-after = \"0.5\"\n\
                drain-interval-ms = \"20ms\"";
    let by_file = load(&RunArgs::default(), &[], Some(("units", file))).unwrap();
    let variables = [
        ("TCPWARDEN_RING_BYTES", "16M"),
        ("TCPWARDEN_RETRANSMIT_RING_BYTES", "65536"),
        ("TCPWARDEN_RECONCILE_INTERVAL", "90"),
        ("TCPWARDEN_VERIFY_AFTER", "500ms"),
        ("TCPWARDEN_DRAIN_INTERVAL_MS", "20"),
    ];
    let by_variables = load(&RunArgs::default(), &variables, None).unwrap();
    assert_eq!(by_file, by_variables);
    assert_eq!((by_file.ring_bytes, by_file.retransmit_ring_bytes), (16 << 20, 64 << 10));
    let spans = [by_file.reconcile_interval, by_file.verify_after, by_file.drain_interval];
    assert_eq!(spans.map(|span| span.as_millis()), [90_000, 500, 20]);
    for (name, value) in [
        ("TCPWARDEN_RING_BYTES", "8MB"),
        ("TCPWARDEN_RING_BYTES", "3M"),
        ("TCPWARDEN_RING_BYTES", "2G"),
        ("TCPWARDEN_RECONCILE_INTERVAL", "2d"),
        ("TCPWARDEN_VERIFY_AFTER", "100ms"),
        ("TCPWARDEN_DRAIN_INTERVAL_MS", "0.5"),
        ("TCPWARDEN_DRAIN_INTERVAL_MS", "2s"),
    ] {
        let error = refused(&RunArgs::default(), &[(name, value)], None);
        assert!(error.starts_with(&format!("{name} is '{value}': expected a ")), "{error}");
    }
}

#[test]
fn the_form_of_the_log_is_one_of_those_that_there_are() {
    let of = |form: &str| load(&RunArgs::default(), &[("TCPWARDEN_LOG_FORMAT", form)], None);
    assert_eq!(load(&RunArgs::default(), &[], None).unwrap().log_format, Format::Text);
    assert_eq!(of("json").unwrap().log_format, Format::Json);
    assert_eq!(of("journald").unwrap().log_format, Format::Journald);
    assert_eq!(
        of("syslog").unwrap_err().to_string(),
        "TCPWARDEN_LOG_FORMAT is 'syslog': expected text, json or journald"
    );
}

#[test]
fn variables_that_look_like_options_and_are_none_are_found() {
    let names = [
        "TCPWARDEN_RING_BYTS",
        "TCPWARDEN_RING_BYTES",
        "TCPWARDEN_CONFIG",
        "TCPWARDEN_PORT_10793_TCP",
        "TCPWARDEN_SERVICE_HOST",
        "PATH",
    ];
    let unknown = unknown_variables(names.into_iter().map(OsString::from));
    assert_eq!(unknown, ["TCPWARDEN_RING_BYTS"]);
}

#[test]
fn a_filter_of_the_log_that_logs_nothing_or_cannot_be_is_refused() {
    let nothing = ["", ",", "tcpwraden=debug"];
    for filter in
        ["aéé=debug", "info,ä", "\u{2003}er\u{fffd}\u{fffd}_ft=2e1"].into_iter().chain(nothing)
    {
        let environment = [("TCPWARDEN_LOG", filter)];
        let error = load(&RunArgs::default(), &environment, None).unwrap_err().to_string();
        assert!(error.starts_with("TCPWARDEN_LOG is ") && error.contains(filter), "{error}");
    }
}

#[test]
fn filters_of_the_log_that_say_something_are_taken() {
    for filter in [
        "info",
        "WARN",
        "off",
        "info,tcpwarden=debug",
        "tcpwarden::ingest",
        "info,hyper",
        "a=1,warn",
    ] {
        let environment = [("TCPWARDEN_LOG", filter)];
        assert_eq!(load(&RunArgs::default(), &environment, None).unwrap().log, filter);
    }
}

#[test]
fn the_label_of_a_container_is_its_id_or_its_name() {
    let of = |label: &str| load(&RunArgs::default(), &[("TCPWARDEN_WORKLOAD_LABEL", label)], None);
    assert_eq!(load(&RunArgs::default(), &[], None).unwrap().workload_label, Naming::Id);
    assert_eq!(of("name").unwrap().workload_label, Naming::Name);
    assert_eq!(of("id").unwrap().workload_label, Naming::Id);
    assert_eq!(
        of("pod").unwrap_err().to_string(),
        "TCPWARDEN_WORKLOAD_LABEL is 'pod': expected id or name"
    );
    let file = Some(("label", "workload-label = 7"));
    assert!(load(&RunArgs::default(), &[], file).is_err());
}
