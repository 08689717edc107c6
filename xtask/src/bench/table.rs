//! The report for the person at the terminal.

use super::figures::KernelFigures;
use super::names::{self, WITHOUT};
use super::report::{ArmState, LoadReport, Memory, Report, Summary};
use super::stats::Spread;

/// A load: a line for each arm.
pub(super) fn load(load: &LoadReport) {
    println!("\n{}: {}", load.name, load.about);
    let unit = &load.unit;
    println!(
        "  {:13} {:>11}  {:29} {:29} {:>20} {:>20} {:>9} {:>9} {:>9}",
        "",
        format!("{unit}/s"),
        "throughput, over without",
        "undisturbed, over without",
        "load's CPU added, us",
        "undisturbed added, us",
        "calmest",
        "own, us",
        "RSS, MiB"
    );
    for summary in &load.summaries {
        println!("  {}", line(summary));
    }
    for summary in &load.summaries {
        if let Some(line) = records(summary) {
            println!("  {line}");
        }
    }
    let resent = load.summaries.iter().map(|summary| {
        format!("{} {:.0}", summary.arm, summary.retransmitted_segments_per_second.median)
    });
    if load.summaries.iter().any(|summary| summary.retransmitted_segments_per_second.median > 0.0) {
        println!(
            "  retransmitted segments a second, median: {}",
            resent.collect::<Vec<_>>().join(", ")
        );
    }
    if let (Some(agent), Some(yardstick)) = (load.summary("agent"), load.summary(names::YARDSTICK))
    {
        let added =
            |summary: &Summary| summary.calmest_added_microseconds_per_unit.unwrap_or(f64::NAN);
        println!(
            "  added in the calmest slots, ns each: agent {:.0}, yardstick {:.0}, ratio {:.2}; \
            empty program {:.0}",
            added(agent) * 1e3,
            added(yardstick) * 1e3,
            added(agent) / added(yardstick),
            load.summary(names::EMPTY).map_or(f64::NAN, added) * 1e3
        );
    }
}

/// One arm.
fn line(summary: &Summary) -> String {
    let name = if summary.arm == WITHOUT { "without *" } else { &summary.arm };
    let ratio = |spread: Option<Spread>| {
        spread.map_or("-".to_owned(), |s| format!("{:.3} [{:.3} {:.3}]", s.median, s.q1, s.q3))
    };
    let added = |spread: Option<Spread>| {
        spread.map_or("-".to_owned(), |s| format!("{:.2} [{:.2} {:.2}]", s.median, s.q1, s.q3))
    };
    #[expect(clippy::cast_precision_loss, reason = "there is less memory than 2^53 bytes")]
    let resident = summary.watcher_resident_bytes_max as f64 / f64::from(1 << 20);
    format!(
        "{name:13} {:>11.0}  {:29} {:29} {:>20} {:>20} {:>9.3} {:>9.2} {:>9.1}",
        summary.units_per_second.median,
        ratio(summary.throughput_ratio),
        ratio(summary.undisturbed_ratio),
        added(summary.load_cpu_added_microseconds_per_unit),
        added(summary.undisturbed_added_microseconds_per_unit),
        summary.calmest_ratio.unwrap_or(f64::NAN),
        summary.watcher_cpu_microseconds_per_unit.median,
        resident,
    )
}

/// What became of the records, where that is known.
fn records(summary: &Summary) -> Option<String> {
    let (rate, lost) = (summary.records_per_second?, summary.records_lost?);
    let each = summary.watcher_cpu_nanoseconds_per_record.map(|each| {
        format!(", own CPU {:.0} ns a record [{:.0} {:.0}]", each.median, each.q1, each.q3)
    });
    Some(format!(
        "{}: {} records, {:.0} a second (at most {:.0}), {lost} lost{}, woken {:.0} times a second",
        summary.arm,
        summary.records.unwrap_or(0),
        rate.median,
        rate.max,
        each.unwrap_or_default(),
        summary.watcher_wakeups_per_second.median
    ))
}

/// What is not about a load, and how to read all of it.
pub(super) fn rest(report: &Report) {
    if let Some(figures) = &report.kernel {
        kernel(figures);
    }
    if let Some(figures) = &report.memory {
        memory(figures);
    }
    arms(&report.arms);
    let machine = &report.machine;
    println!(
        "Linux {}, {} CPUs ({}), {} rounds of {} s slots, {:.0} s in all",
        machine.kernel,
        machine.cpus,
        machine.cpu_model,
        report.rounds,
        report.slot_seconds,
        report.elapsed_seconds
    );
    if let Some((others, stolen)) = report.disturbance() {
        println!(
            "meanwhile others on this machine took {others:.2} CPUs, and the hypervisor \
            {stolen:.2} (medians of the slots)"
        );
    }
    println!("calmest: undisturbed, from the calmer slots of each arm");
    println!(
        "median [quartiles]. * compared with each other: the noise floor. undisturbed: the 10th \
        percentile of the batches of a slot"
    );
}

fn kernel(kernel: &KernelFigures) {
    println!(
        "\nthe kernel's own figures in storms, kernel.bpf_stats_enabled=1 (its measuring is in \
        them), median of the turns"
    );
    for program in kernel.counted() {
        println!(
            "  {:28} {:>10} runs, {:.0} ns each",
            program.program, program.runs, program.nanoseconds_per_run
        );
    }
    if let (Some(state), Some(both)) =
        (kernel.state_over_yardstick_ratio, kernel.both_over_yardstick_ratio)
    {
        println!(
            "  a transition over the yardstick: the program that reports it {state:.2}, with \
            the second one {both:.2}"
        );
    }
    if let (Some(state), Some(both)) =
        (kernel.state_over_yardstick_net_ratio, kernel.both_over_yardstick_net_ratio)
    {
        println!(
            "  the same after the empty program's figure, the measuring, was taken off every \
            run: {state:.2}, {both:.2}"
        );
    }
}

fn memory(memory: &Memory) {
    #[expect(clippy::cast_precision_loss, reason = "there is less memory than 2^53 bytes")]
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!(
        "\nmemory: {:.1} MiB resident with {} sockets",
        mib(memory.idle_resident_bytes),
        memory.idle_sockets
    );
    println!(
        "memory: {:.1} MiB resident with {} sockets, {:.0} bytes each",
        mib(memory.crowd_resident_bytes),
        memory.crowd_sockets,
        memory.bytes_per_socket
    );
}

fn arms(states: &[ArmState]) {
    println!();
    for arm in states {
        match (&arm.error, &arm.check) {
            (Some(error), _) => println!("{}: NOT MEASURED: {error}", arm.name),
            (None, Some(check)) => {
                let seen = check
                    .reported_ratio
                    .map(|share| format!("printed {:.1} % of the lines of a storm", share * 100.0));
                let shown =
                    check.sockets_shown.map(|sockets| format!("showed {sockets:.0} sockets"));
                println!(
                    "{}: seen at work beforehand: {}",
                    arm.name,
                    seen.or(shown).unwrap_or_default()
                );
            }
            (None, None) => {}
        }
    }
}
