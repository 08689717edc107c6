//! What `bench` takes on its command line, and the shape of what it writes.

mod documentation;

use clap::Parser;
use serde_json::Value;

use super::cli::{Args, LoadName};
use super::figures::{KernelFigures, ProgramRuns};
use super::loads::run::Sample;
use super::report::{ArmState, LoadReport, Memory, Report, Slot};
use super::stats::Quantiles;
use super::{loads, machine, names};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn parse(line: &str) -> Result<Args, String> {
    let words = std::iter::once("bench").chain(line.split_whitespace());
    Cli::try_parse_from(words).map(|cli| cli.args).map_err(|error| error.to_string())
}

#[test]
fn by_default_there_are_seven_rounds_of_every_load_with_every_peer() {
    let args = parse("").unwrap();
    assert_eq!((args.rounds, args.peers.0.len(), args.quick), (7, 4, false));
    assert!(matches!(args.loads[..], [LoadName::All]));
}

#[test]
fn a_wrong_argument_is_an_error_that_says_what_is_possible() {
    for (line, hint) in [
        ("--rounds 0", "1..=1000"),
        ("--seconds 0.01", "from 0.1 to 60 seconds"),
        ("--seconds soon", "no number of seconds"),
        ("--loads storm,tempest", "storm-veth"),
        ("--peers tcptop", "tcplife"),
        ("--connections 0", "1..=1000000"),
        ("--quick --rounds 9", "cannot be used with"),
        ("--json", "FILE"),
    ] {
        let Err(error) = parse(line) else { panic!("{line} was taken") };
        assert!(error.contains(hint), "{line}: {error}");
    }
}

#[test]
fn the_help_names_every_load_and_peer() {
    let help = <Cli as clap::CommandFactory>::command()
        .render_long_help()
        .to_string()
        .replace(char::is_whitespace, "");
    let loads = loads::ALL.iter().map(|spec| spec.name).collect::<Vec<_>>().join(",");
    let peers = super::peers::ALL.iter().map(|peer| peer.name).collect::<Vec<_>>().join(",");
    assert!(help.contains(&loads) && help.contains(&peers), "{help}");
}

fn slot(arm: &str, units: u64, batch_microseconds: f64) -> Slot {
    let quantiles = Quantiles { p10: batch_microseconds * 1e3, ..Quantiles::default() };
    let sample = Sample {
        units,
        elapsed_seconds: 1.0,
        load_cpu_seconds: 0.5,
        batch_units: 10,
        batch_nanoseconds: quantiles,
        ..Default::default()
    };
    let is_agent = arm == "agent";
    Slot {
        round: 1,
        arm: arm.to_owned(),
        sample,
        watcher_cpu_seconds: if is_agent { 0.1 } else { 0.0 },
        watcher_resident_bytes: 0,
        watcher_wakeups: 30,
        watched_seconds: 1.25,
        others_cpus: 0.0,
        stolen_cpus: 0.0,
        scrapes: 0,
        records: is_agent.then_some(1_000_000),
        records_lost: is_agent.then_some(2),
    }
}

fn report() -> Report {
    let slots = || {
        vec![slot("without", 1000, 100.0), slot("agent", 900, 120.0), slot("without", 1000, 100.0)]
    };
    let programs = |programs: [(&str, f64); 2]| {
        programs.map(|(name, each)| ProgramRuns::new(name.to_owned(), 10, each)).into()
    };
    let own = programs([("inet_sock_set_state", 150.0), ("inet_sock_set_state_second", 30.0)]);
    let yards = programs([(names::YARDSTICK, 120.0), (names::EMPTY, 20.0)]);
    Report {
        version: "0.0.0".to_owned(),
        command: vec!["cargo xtask".to_owned(), "bench".to_owned()],
        started_unix_seconds: 1,
        elapsed_seconds: 3.0,
        machine: machine::look(),
        rounds: 1,
        slot_seconds: 1.0,
        arms: vec![ArmState {
            name: "tcplife".to_owned(),
            error: Some("no such kernel".to_owned()),
            check: None,
        }],
        loads: loads::ALL.iter().map(|spec| LoadReport::new(spec, slots())).collect(),
        kernel: Some(KernelFigures::new(own, yards)),
        memory: Some(Memory {
            idle_resident_bytes: 1 << 20,
            idle_sockets: 2,
            crowd_resident_bytes: 2 << 20,
            crowd_sockets: 10_002,
            bytes_per_socket: 104.9,
        }),
    }
}

fn number(json: &Value, pointer: &str) -> f64 {
    json.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer} in {json}"))
}

#[test]
fn the_json_has_every_slot_every_summary_and_the_error_of_what_could_not_be_measured() {
    let json: Value = serde_json::from_str(&report().json().unwrap()).unwrap();
    assert_eq!(json["arms"][0]["error"], "no such kernel");
    assert_eq!(json["loads"][0]["slots"].as_array().unwrap().len(), 3);
    assert_eq!(json["loads"][0]["summaries"][1]["arm"], "agent");
    assert_eq!(json["loads"][0]["summaries"][1]["records_lost"], 2);
    for (pointer, expected) in [
        ("/loads/0/slots/1/batch_nanoseconds/p10", 120_000.0),
        ("/loads/0/summaries/0/throughput_ratio/median", 1.0),
        ("/loads/0/summaries/1/throughput_ratio/median", 0.9),
        ("/loads/0/summaries/1/undisturbed_ratio/median", 100.0 / 120.0),
        ("/loads/0/summaries/1/undisturbed_added_microseconds_per_unit/q3", 2.0),
        ("/loads/0/summaries/1/watcher_cpu_nanoseconds_per_record/median", 100.0),
        ("/loads/0/summaries/1/records_per_second/median", 1e6),
        ("/loads/0/summaries/1/watcher_cpus/median", 0.08),
        ("/loads/0/summaries/1/watcher_wakeups_per_second/median", 24.0),
        ("/kernel/state_over_yardstick_ratio", 1.25),
        ("/kernel/state_over_yardstick_net_ratio", 1.3),
        ("/kernel/both_over_yardstick_ratio", 1.5),
        ("/kernel/both_over_yardstick_net_ratio", 1.4),
    ] {
        assert!(
            (number(&json, pointer) - expected).abs() < 1e-9,
            "{pointer}: {}",
            number(&json, pointer)
        );
    }
    assert!(
        number(&json, "/machine/cpus") >= 1.0
            && json["machine"]["kernel"].as_str().is_some_and(|kernel| !kernel.is_empty())
    );
}

#[test]
fn an_earlier_run_can_be_shown_again() {
    let json = report().json().unwrap();
    assert_eq!(Report::read(&json).unwrap().json().unwrap(), json);
    assert!(Report::read("{}").is_err());
}

#[test]
fn without_an_empty_program_below_the_yardstick_no_net_ratio_is_told() {
    let run = |name: &str, each| ProgramRuns::new(name.to_owned(), 10, each);
    for yards in [
        vec![run(names::YARDSTICK, 120.0)],
        vec![run(names::YARDSTICK, 120.0), run(names::EMPTY, 120.0)],
    ] {
        let figures = KernelFigures::new(vec![run("inet_sock_set_state", 150.0)], yards);
        assert_eq!(
            (figures.state_over_yardstick_ratio, figures.state_over_yardstick_net_ratio),
            (Some(1.25), None)
        );
        assert_eq!(
            (figures.both_over_yardstick_ratio, figures.both_over_yardstick_net_ratio),
            (Some(1.25), None)
        );
    }
}

#[test]
fn every_number_carries_its_unit_in_its_key() {
    let json: Value = serde_json::from_str(&report().json().unwrap()).unwrap();
    let times: Vec<_> = keys(&json)
        .into_iter()
        .filter(|key| key.contains("cpu_") || key.contains("added") || key.contains("elapsed"))
        .collect();
    assert!(!times.is_empty());
    for key in times {
        assert!(key.contains("seconds") || key == "cpu_model", "{key}");
    }
}

/// The names of all members.
fn keys(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, value)| std::iter::once(key.clone()).chain(keys(value)))
            .collect(),
        Value::Array(values) => values.iter().flat_map(keys).collect(),
        _ => Vec::new(),
    }
}
