//! The figures in `docs/overhead.md`: tables between marks, which a run replaces, so that nobody
//! copies a number by hand. All of them or none: the page names the one run that they are of.
//!
//! A mark is `<!-- figures: NAME -->` on a line of its own; what follows up to `<!-- end -->` is
//! the table.

use agent_common::record;
use anyhow::{Context as _, Result};

use super::loads::{self, Spec};
use super::names::{self, WITHOUT};
use super::report::{LoadReport, Memory, Report, Summary};
use super::stats::Spread;

/// The default of `--ring-bytes`, the share of it at which the reader is woken, and what the ring
/// adds to each record.
const RING: f64 = 8_388_608.0;
const WOKEN_AT: f64 = 0.25;
const HEADER: usize = 8;
/// Connections a second, both ends on this machine, for which the cost is told.
const RATES: [u32; 4] = [10, 100, 1000, 10_000];

/// A text with every table replaced; an error where the report has no figures for one of them.
pub(super) fn replace(text: &str, report: &Report) -> Result<String> {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!-- figures: ") {
        let (name, after) = after.split_once(" -->").context("a mark of figures does not end")?;
        let (_, after) = after
            .split_once("<!-- end -->")
            .with_context(|| format!("the figures {name:?} have no end"))?;
        let table = table(name, report)?
            .with_context(|| format!("the run has no figures for {name:?}: measure all loads"))?;
        replaced.extend([before, "<!-- figures: ", name, " -->\n", &table, "\n<!-- end -->"]);
        rest = after;
    }
    replaced.push_str(rest);
    Ok(replaced)
}

/// An error where a run of these loads would not bring all figures that a text has marks for.
pub(super) fn check(text: &str, loads: &[&str]) -> Result<()> {
    for after in text.split("<!-- figures: ").skip(1) {
        let (name, _) = after.split_once(" -->").context("a mark of figures does not end")?;
        let needed: &[&str] = match name {
            "rates" => &["storm", "kept"],
            "run" | "records" | "probes" | "memory" => &[],
            load => &[loads::find(load).context("a mark names no figures")?.name],
        };
        let missing = needed.iter().find(|load| !loads.contains(load));
        missing.map_or(Ok(()), |load| {
            Err(anyhow::anyhow!("its figures {name:?} need the load {load}: measure all loads"))
        })?;
    }
    Ok(())
}

/// The figures of a name, where there are any; an unknown one is an error.
fn table(name: &str, report: &Report) -> Result<Option<String>> {
    Ok(match name {
        "run" => Some(run(report)),
        "rates" => rates(report),
        "records" => (!report.loads.is_empty()).then(|| records(report)),
        "probes" => report.kernel.is_some().then(|| probes(report)),
        "memory" => report.memory.as_ref().map(memory),
        load => {
            let load = loads::find(load).context("a mark names no figures")?.name;
            report.loads.iter().find(|report| report.name == load).map(|load| arms(load, report))
        }
    })
}

fn run(report: &Report) -> String {
    let machine = &report.machine;
    let (others, stolen) = report.disturbance().unwrap_or_default();
    format!(
        "`{}`: Linux {}, {} CPUs ({}), {} rounds, slots of {} s, {:.0} s in all. Meanwhile others \
        on the machine took {:.2} CPUs, and the \
         hypervisor {:.2} (medians).",
        shared(&report.command),
        machine.kernel,
        machine.cpus,
        machine.cpu_model,
        report.rounds,
        report.slot_seconds,
        report.elapsed_seconds,
        others,
        stolen
    )
}

/// The command line without the files that it names, which are nobody else's.
fn shared(command: &[String]) -> String {
    const WITH_FILES: [&str; 4] = ["--json", "--update", "--from", "--yardstick"];
    let mut words = command.iter();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        if WITH_FILES.contains(&word.as_str()) {
            words.next();
        } else if !WITH_FILES.iter().any(|option| word.starts_with(&format!("{option}="))) {
            kept.push(word.as_str());
        }
    }
    kept.join(" ")
}

/// A load, an arm a line.
fn arms(load: &LoadReport, report: &Report) -> String {
    let unit = &load.unit;
    let heads = [
        "",
        &format!("{unit}/s"),
        "throughput, over nothing attached",
        "undisturbed, over nothing attached",
        "the same in the calmest slots",
        "load's CPU added, µs each",
    ];
    let heads = heads.into_iter().chain([
        "undisturbed time added, µs each",
        "its own CPU, µs each",
        "RSS, MiB",
    ]);
    let head = format!("| {} |\n|---|", heads.collect::<Vec<_>>().join(" | "));
    let mut lines = vec![format!("{head}{}", "---:|".repeat(8))];
    let seen = |name: &str| {
        report.arms.iter().find(|arm| arm.name == name)?.check.as_ref()?.reported_ratio
    };
    lines.extend(load.summaries.iter().map(|summary| arm(summary, seen(&summary.arm))));
    if load
        .summaries
        .iter()
        .any(|summary| report.arms.iter().any(|arm| arm.name == summary.arm && arm.check.is_some()))
    {
        let failed = report.arms.iter().filter_map(|arm| Some((&arm.name, arm.error.as_ref()?)));
        lines.extend(failed.map(|(name, error)| {
            format!("| {name} | not measured: {} ||||||||", error.replace(['|', '\n'], " "))
        }));
    }
    lines.join("\n")
}

/// One arm, with the share of what happened that it was seen to report.
fn arm(summary: &Summary, seen: Option<f64>) -> String {
    let name = match seen {
        Some(share) => format!("{} (printed {:.0} % of its lines)", summary.arm, share * 100.0),
        None if summary.arm == WITHOUT => "nothing attached (the noise floor)".to_owned(),
        None => summary.arm.clone(),
    };
    #[expect(clippy::cast_precision_loss, reason = "there is less memory than 2^53 bytes")]
    let resident = summary.watcher_resident_bytes_max as f64 / f64::from(1 << 20);
    format!(
        "| {name} | {:.0} | {} | {} | {:.3} | {} | {} | {:.2} | {resident:.1} |",
        summary.units_per_second.median,
        spread(summary.throughput_ratio.as_ref(), 3),
        spread(summary.undisturbed_ratio.as_ref(), 3),
        summary.calmest_ratio.unwrap_or(f64::NAN),
        spread(summary.load_cpu_added_microseconds_per_unit.as_ref(), 2),
        spread(summary.undisturbed_added_microseconds_per_unit.as_ref(), 2),
        summary.watcher_cpu_microseconds_per_unit.median,
    )
}

/// Median and quartiles.
fn spread(spread: Option<&Spread>, digits: usize) -> String {
    spread.map_or("-".to_owned(), |s| {
        format!("{:.digits$} ({:.digits$} to {:.digits$})", s.median, s.q1, s.q3)
    })
}

/// Percent of one CPU at some rates of connections: what the load spends more, and what watches.
/// Exporters are left out, because theirs goes with their scrapes and with the sockets there are;
/// yardsticks are no tools.
fn rates(report: &Report) -> Option<String> {
    let storm = report.loads.iter().find(|load| load.name == "storm")?;
    let kept = report.loads.iter().find(|load| load.name == "kept")?;
    // What the agent takes while nothing is opened or closed, scrapes included.
    let idle = kept.summary("agent")?.watcher_cpus.median;
    let no_tool = [WITHOUT, "node-exporter", names::YARDSTICK, names::EMPTY];
    let heads = RATES.map(|rate| format!("{rate}/s"));
    let mut lines = vec![format!(
        "| CPU, percent of one, at so many connections | {} |\n|---|{}",
        heads.join(" | "),
        "---:|".repeat(RATES.len())
    )];
    for summary in storm.summaries.iter().filter(|summary| !no_tool.contains(&summary.arm.as_str()))
    {
        let Some(added) = summary.undisturbed_added_microseconds_per_unit else { continue };
        let each = (added.median + summary.watcher_cpu_microseconds_per_unit.median) / 1e6;
        let idle = if summary.arm == "agent" { idle } else { 0.0 };
        let cells = RATES.map(|rate| format!("{:.2}", (idle + f64::from(rate) * each) * 100.0));
        lines.push(format!("| {} | {} |", summary.arm, cells.join(" | ")));
    }
    Some(lines.join("\n"))
}

/// What the agent did with its records, a load a line, and what that means for the ring.
fn records(report: &Report) -> String {
    let mut lines = vec![
        "| load | records/s, median | at most | lost | agent's CPU, ns a record | agent woken, \
        times/s \
         | a quarter of the ring is full after | all of it after |"
            .to_owned(),
        format!("|---|{}", "---:|".repeat(7)),
    ];
    for load in &report.loads {
        let Some(agent) = load.summary("agent") else { continue };
        let (Some(rate), Some(lost)) = (agent.records_per_second, agent.records_lost) else {
            continue;
        };
        let Ok(spec) = loads::find(&load.name) else { continue };
        let full = RING / (rate.max * bytes_in_the_ring(spec)) * 1e3;
        // Where next to nothing comes, the time is that of everything else the agent does.
        let (each, full) = if rate.max < 1000.0 {
            ("-".to_owned(), ["-".to_owned(), "-".to_owned()])
        } else {
            (
                spread(agent.watcher_cpu_nanoseconds_per_record.as_ref(), 0),
                [full * WOKEN_AT, full].map(|time| format!("{time:.0} ms")),
            )
        };
        let [quarter, all] = full;
        lines.push(format!(
            "| {} | {:.0} | {:.0} | {lost} | {each} | {:.0} | {quarter} | {all} |",
            load.name, rate.median, rate.max, agent.watcher_wakeups_per_second.median
        ));
    }
    lines.join("\n")
}

/// What a record takes in the ring, on average over the transitions of a load.
#[expect(clippy::cast_precision_loss, reason = "a record has few bytes")]
pub(super) fn bytes_in_the_ring(spec: &Spec) -> f64 {
    let [state, close] = [size_of::<record::State>(), size_of::<record::Close>()]
        .map(|bytes| (bytes + HEADER) as f64);
    state + (close - state) * spec.closing
}

/// Where the time of one transition goes.
fn probes(report: &Report) -> String {
    let mut lines = vec!["| | ns | runs |\n|---|---:|---:|".to_owned()];
    if let Some(kernel) = &report.kernel {
        for program in kernel.counted() {
            lines.push(format!(
                "| `{}`, by the kernel's own count | {:.0} | {} |",
                program.program, program.nanoseconds_per_run, program.runs
            ));
        }
        for (what, ratio) in [
            ("`inet_sock_set_state` over the yardstick", kernel.state_over_yardstick_ratio),
            (
                "the same less the empty program, which is the counting itself",
                kernel.state_over_yardstick_net_ratio,
            ),
            ("both programs of a transition over the yardstick", kernel.both_over_yardstick_ratio),
            (
                "the same less the empty program, once for each run",
                kernel.both_over_yardstick_net_ratio,
            ),
        ] {
            lines.extend(ratio.map(|ratio| format!("| {what} | {ratio:.2} × | |")));
        }
    }
    if let Some(flip) = report.loads.iter().find(|load| load.name == "flip") {
        let added = |arm: &str| Some(flip.summary(arm)?.calmest_added_microseconds_per_unit? * 1e3);
        for arm in ["agent", names::YARDSTICK, names::EMPTY] {
            lines.extend(added(arm).map(|added| {
                format!(
                    "| a transition from end to end, `flip`: what the {arm} adds | {added:.0} | |"
                )
            }));
        }
        let ratio =
            added("agent").zip(added(names::YARDSTICK)).map(|(agent, yardstick)| agent / yardstick);
        lines.extend(
            ratio.map(|ratio| format!("| the agent's over the yardstick's | {ratio:.2} × | |")),
        );
    }
    lines.join("\n")
}

fn memory(memory: &Memory) -> String {
    #[expect(clippy::cast_precision_loss, reason = "there is less memory than 2^53 bytes")]
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    format!(
        "| sockets | resident, MiB | bytes for each socket more |\n|---:|---:|---:|\n| {} | {:.1} \
        | |\n| {} | {:.1} | {:.0} |",
        memory.idle_sockets,
        mib(memory.idle_resident_bytes),
        memory.crowd_sockets,
        mib(memory.crowd_resident_bytes),
        memory.bytes_per_socket
    )
}
