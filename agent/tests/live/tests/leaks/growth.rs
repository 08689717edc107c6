//! How fast leaks grow, and when they reach a limit, as an agent that was there before and one that
//! comes with them tell it.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::process::Process;

use crate::harness::agent::Agent;
use crate::harness::netns::Netns;
use crate::roles;

/// How long the first agent runs before anything leaks.
const BEFORE: Duration = Duration::from_mins(11);
/// How long the leaks are watched: longer than the trend test looks back.
const WATCHED: Duration = Duration::from_mins(24);
/// From when on the growth is told within [`NEAR`], and the trend, which looks back for twenty
/// minutes over samples that are two and a half apart.
const TOLD: Duration = Duration::from_mins(6);
const TREND: Duration = Duration::from_mins(23);
const LOOK: Duration = Duration::from_secs(30);
/// How far the growth may be from the truth, as a share of it.
const NEAR: f64 = 0.1;
/// The limit of descriptors of the leak that is to reach it.
const LIMIT: u32 = 400;

/// A leak: its process, role, state, and how many connections a minute.
const LEAKS: &[(&str, &str, &str, f64)] = &[
    ("gr-one", "leak", "established", 1.0),
    ("gr-ten", "leak", "established", 10.0),
    ("gr-sixty", "leak", "established", 60.0),
    ("gr-closed", "leak-closed", "close_wait", 10.0),
];
/// The process that reaches its limit, and one that holds as many connections all the time.
const LIMITED: &str = "gr-ten";
const FLAT: &str = "gr-flat";

/// Starts a server in the namespace, and returns its address.
fn server(netns: &Netns, role: &str, name: &str, all: &mut Vec<Process>) -> String {
    let process = roles::start(netns, role, name);
    let address = roles::line(&process);
    roles::ready(&process, 1);
    all.push(process);
    address
}

/// Starts a client in the namespace, and returns its process id.
fn client(netns: &Netns, role: &str, name: &str, all: &mut Vec<Process>) -> u32 {
    let process = roles::start(netns, role, name);
    roles::ready(&process, 1);
    let pid = process.id();
    all.push(process);
    pid
}

fn limit(pid: u32) {
    let words = ["--pid", &pid.to_string(), &format!("--nofile={LIMIT}")].map(str::to_owned);
    let status = Command::new("prlimit").args(words).status().expect("run prlimit");
    assert!(status.success(), "set the limit of descriptors");
}

/// The suspect of a process, if it is one.
fn suspect(agent: &Agent, process: &str) -> Option<Value> {
    let (status, body) = agent.get(&format!("/api/v1/leaks?process={process}"));
    assert_eq!(status, 200, "the status of the leaks: {body}");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    answer["suspects"].as_array().expect("a list").first().cloned()
}

pub(super) fn growth() {
    let (old, netns, mut all) = (Agent::start(&[]), Netns::new(), Vec::new());
    let database = server(&netns, "answer", "gr-database", &mut all);
    let closer = server(&netns, "answer-once", "gr-closer", &mut all);
    client(&netns, &format!("pool {database} 20 idle"), FLAT, &mut all);
    eprintln!("growth: nothing leaks for {BEFORE:?}");
    std::thread::sleep(BEFORE);
    let mut limited = 0;
    for (name, role, _, rate) in LEAKS {
        let address = if *role == "leak" { &database } else { &closer };
        let role = format!("{role} {address} {:.0}", 60_000.0 / rate);
        let pid = client(&netns, &role, name, &mut all);
        if *name == LIMITED {
            limit(pid);
            limited = pid;
        }
    }
    let (young, start) = (Agent::start(&[]), Instant::now());
    let agents = [("old", &old), ("young", &young)];
    let mut worst = [[0.0_f64; LEAKS.len()]; 2];
    while start.elapsed() < WATCHED {
        std::thread::sleep(LOOK);
        if start.elapsed() < TOLD {
            continue;
        }
        for ((which, agent), worst) in agents.iter().zip(&mut worst) {
            for ((name, _, state, rate), worst) in LEAKS.iter().zip(worst.iter_mut()) {
                let found = suspect(agent, name);
                let found = found.unwrap_or_else(|| panic!("{which} agent: {name} is no suspect"));
                assert_eq!(found["state"], *state, "{which} agent: the state of {name}");
                let told = found["growth_per_minute"].as_f64().unwrap_or(f64::NAN);
                *worst = worst.max((told / rate - 1.0).abs());
                assert!((told / rate - 1.0).abs() <= NEAR, "{which} agent: {name}: {found}");
                let is_due = start.elapsed() >= TREND;
                assert!(!is_due || found["trend"] == true, "{which} agent: {name}: {found}");
            }
            let flat = suspect(agent, FLAT);
            assert!(flat.is_none(), "{which} agent: a pool is accused: {flat:?}");
        }
        eprintln!("growth: after {:.0?} the worst errors are {worst:.3?}", start.elapsed());
    }
    for (which, agent) in agents {
        runs_out(which, agent, limited);
    }
}

/// The time to the limit is a range that has the truth in it, and the metric says the same.
fn runs_out(which: &str, agent: &Agent, pid: u32) {
    let found = suspect(agent, LIMITED).expect("the suspect");
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").count();
    let open = u32::try_from(open).expect("a small number");
    let truth = f64::from(LIMIT - open) * 60.0 / 10.0;
    let when = &found["descriptors_exhausted"];
    let [from, about, to] =
        ["from", "about", "to"].map(|end| when[end].as_f64().unwrap_or(f64::NAN));
    eprintln!(
        "growth: {which} agent: at the limit in {truth} s; it says {when}: {}",
        found["sentence"]
    );
    assert!(from <= truth && truth <= to, "{which} agent: {truth} s is the truth: {found}");
    assert!((about / truth - 1.0).abs() <= 0.2, "{which} agent: {truth} s is the truth: {found}");
    assert_eq!(found["trend"], true, "{which} agent: the trend test: {found}");
    let page = agent.scrape();
    let metric = page.value("process_fds_exhausted_seconds", &[("process", LIMITED)]);
    assert!(
        metric.is_some_and(|metric| (metric - about).abs() <= 0.1 * about + 20.0),
        "{which} agent: the metric says {metric:?}, the answer {about}"
    );
    let flat = page.value("process_fds_exhausted_seconds", &[("process", FLAT)]);
    assert_eq!(flat, None, "{which} agent: a pool runs out of nothing");
}
