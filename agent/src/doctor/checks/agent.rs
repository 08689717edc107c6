//! The agent's own health: what it lost, refused, folded, and does not see.

use super::{Finding, NEAR, Readings};
use crate::doctor::finding::{Severity, percent, reaches};
use crate::doctor::page::Page;
use crate::version::{Build, VERSION};

/// What the findings are about.
const SUBJECT: &str = "the agent";
/// A pass that ended so many seconds ago is late, as for the alert.
const STALLED: u64 = 600;
/// One record of so many that is lost is a warning, as for the alert.
const LOST_OF: u64 = 1000;

/// A counter, or a gauge, that is 0 while all is well.
struct Count {
    check: &'static str,
    metric: &'static str,
    severity: Severity,
    unit: &'static str,
    says: &'static str,
    costs: &'static str,
    change: &'static str,
}

const COUNTS: [Count; 6] = [
    Count {
        check: "agent_refused",
        metric: "connections_refused_total",
        severity: Severity::Warning,
        unit: "connections",
        says: "connections were refused a row since its start: its table was full",
        costs: "they are in no gauge and in no answer",
        change: "--max-connections with a higher number, and memory for it: 192 bytes a row",
    },
    Count {
        check: "agent_labels",
        metric: "label_overflow_total",
        severity: Severity::Note,
        unit: "label sets",
        says: "label sets were folded into ~other since its start: their budget was used up",
        costs: "metrics do not name those processes; tcpwarden connections does",
        change: "--max-series with a higher number",
    },
    Count {
        check: "agent_records",
        metric: "decode_errors_total",
        severity: Severity::Warning,
        unit: "records",
        says: "records could not be decoded since its start",
        costs: "kernel side and agent are of different builds: its numbers are wrong",
        change: "systemctl restart tcpwarden",
    },
    Count {
        check: "agent_errors",
        metric: "internal_errors_total",
        severity: Severity::Warning,
        unit: "errors",
        says: "rules of its own data were found broken since its start",
        costs: "numbers of the connection table may be wrong until a restart",
        change: "journalctl -u tcpwarden names the rule; then systemctl restart tcpwarden",
    },
    Count {
        check: "agent_log",
        metric: "log_lines_dropped_total",
        severity: Severity::Note,
        unit: "lines",
        says: "lines of its log were not taken since its start",
        costs: "what it had to say there is lost",
        change: "look at what reads its standard error: a full pipe or disk",
    },
    Count {
        check: "agent_unverified",
        metric: "connections_unverified",
        severity: Severity::Note,
        unit: "connections",
        says: "connections are in network namespaces whose sockets the last pass could not list",
        costs: "what was missed of them is not corrected",
        change: "sudo tcpwarden check says which capability is missing, if one is",
    },
];

/// All checks of the agent.
pub(super) fn health(readings: &Readings<'_>, found: &mut Vec<Finding>) {
    let page = match &readings.told.page {
        Ok(page) => page,
        Err(why) => return found.push(Finding::unknown("agent", SUBJECT, why)),
    };
    lost(page, found);
    passes(page, readings.now, found);
    probes(page, found);
    sight(page, found);
    table(page, found);
    counts(page, found);
    web(page, found);
    build(page, found);
}

fn counts(page: &Page, found: &mut Vec<Finding>) {
    for Count { check, metric, severity, unit, says, costs, change } in &COUNTS {
        found.push(match page.sum(metric) {
            None => Finding::unknown(check, SUBJECT, &format!("its page has no {metric}")),
            Some(0) => {
                // Behind the colon stands why there are some.
                let what = says.split(':').next().unwrap_or(says);
                Finding::ok(check, SUBJECT, &format!("0 {what}"))
            }
            Some(count) => Finding::new(check, *severity, SUBJECT, &format!("{count} {says}"))
                .value(count, Some(0), unit)
                .costs(costs, change),
        });
    }
}

fn lost(page: &Page, found: &mut Vec<Finding>) {
    const CHECK: &str = "agent_lost";
    let counted = page.sum("events_lost_total").zip(page.sum("events_total"));
    let Some((lost, applied)) = counted else {
        return found.push(Finding::unknown(CHECK, SUBJECT, "its page has no events_lost_total"));
    };
    let says = format!("{lost} records were lost since its start, beside {applied} that were not");
    if lost == 0 {
        return found.push(Finding::ok(CHECK, SUBJECT, &says));
    }
    let all = lost.saturating_add(applied);
    let is_much = lost.saturating_mul(LOST_OF) >= all;
    let severity = if is_much { Severity::Warning } else { Severity::Note };
    found.push(
        Finding::new(CHECK, severity, SUBJECT, &says)
            .value(lost, Some(all / LOST_OF), "records")
            .costs(
                "gauges are right again after a pass; counters of opens and closes stay short",
                "--ring-bytes 32M, or --retransmit-ring-bytes 8M for the ring `retransmit`",
            ),
    );
}

fn passes(page: &Page, now: u64, found: &mut Vec<Finding>) {
    const CHECK: &str = "agent_passes";
    let Some(last) = page.sum("reconcile_last_completed_timestamp_seconds") else {
        return found.push(Finding::unknown(CHECK, SUBJECT, "its page has no time of a pass"));
    };
    let age = now.saturating_sub(last);
    if last == 0 {
        return found.push(Finding::unknown(CHECK, SUBJECT, "it has not ended its first pass yet"));
    }
    let says = format!("its last pass ended {age} s ago");
    if age < STALLED {
        return found.push(Finding::ok(CHECK, SUBJECT, &says));
    }
    found.push(
        Finding::new(CHECK, Severity::Warning, SUBJECT, &says)
            .value(age, Some(STALLED), "seconds")
            .costs(
                "queues, ports, listeners and owners are as old as that",
                "journalctl -u tcpwarden says what keeps it; then systemctl restart tcpwarden",
            ),
    );
}

fn probes(page: &Page, found: &mut Vec<Finding>) {
    const CHECK: &str = "agent_probes";
    if page.sum("probe_attached").is_none() {
        return found.push(Finding::unknown(CHECK, SUBJECT, "its page has no probe_attached"));
    }
    let before = found.len();
    for probe in page.all("probe_attached").filter(|probe| probe.number() == 0) {
        let name = probe.label("probe");
        let mut states = page.all("probe_info").filter(|info| info.label("probe") == name);
        let state = states.next().map_or("not attached", |info| info.label("state"));
        let severity = if state == "unsupported" { Severity::Note } else { Severity::Warning };
        found.push(
            Finding::new(CHECK, severity, &format!("probe {name}"), &format!("it is {state}"))
                .costs(
                    "what it reports is missing; docs/kernels.md says what",
                    "sudo tcpwarden check says why",
                ),
        );
    }
    if found.len() == before {
        let says = format!("{} probes are attached", page.all("probe_attached").count());
        found.push(Finding::ok(CHECK, SUBJECT, &says));
    }
}

/// What `tcpwarden check` calls hidden.
fn sight(page: &Page, found: &mut Vec<Finding>) {
    const CHECK: &str = "agent_sight";
    if page.sum("visibility_limited").is_none() {
        return found.push(Finding::unknown(CHECK, SUBJECT, "its page has no visibility_limited"));
    }
    let before = found.len();
    for limit in page.all("visibility_limited").filter(|limit| limit.number() > 0) {
        let name = limit.label("limit");
        let change = match name {
            "pid_namespace" => "run it in the pid namespace of the host: hostPID, --pid=host",
            "cap_sys_admin" => "AmbientCapabilities=CAP_SYS_ADMIN in its unit, or --cap-add",
            "cap_sys_ptrace" => "AmbientCapabilities=CAP_SYS_PTRACE in its unit, or --cap-add",
            _ => "sudo tcpwarden check says what is missing; the kernel's log has denials",
        };
        let says = format!("a part of the machine is hidden from it: {name}");
        found.push(
            Finding::new(CHECK, Severity::Warning, SUBJECT, &says)
                .costs("sockets or their owners are missing from every answer", change),
        );
    }
    if found.len() == before {
        found.push(Finding::ok(CHECK, SUBJECT, "nothing is hidden from it"));
    }
}

fn table(page: &Page, found: &mut Vec<Finding>) {
    const CHECK: &str = "agent_table";
    let counted = page.sum("connections_tracked").zip(page.sum("connections_limit"));
    let Some((rows, most)) = counted else {
        return found.push(Finding::unknown(CHECK, SUBJECT, "its page has no connections_limit"));
    };
    let says = format!("{rows} of {most} rows are in use ({} %)", percent(rows, most));
    if !reaches(rows, most, NEAR) {
        return found.push(Finding::ok(CHECK, SUBJECT, &says));
    }
    found.push(
        Finding::new(CHECK, Severity::Warning, SUBJECT, &says)
            .value(rows, Some(most), "rows")
            .costs(
                "beyond it connections are refused a row: they are in no gauge and in no answer",
                &format!("--max-connections {}", most.saturating_mul(2)),
            ),
    );
}

/// A page has the series only with a web configuration. Where a family that every page has is left
/// out as well, its absence says nothing.
fn web(page: &Page, found: &mut Vec<Finding>) {
    const CHECK: &str = "agent_web_config";
    const ALWAYS: [&str; 3] = ["build_info", "probe_attached", "visibility_limited"];
    match page.sum("web_config_last_reload_successful") {
        None if ALWAYS.iter().any(|family| page.sum(family).is_none()) => {
            let why = "its page has no web_config_last_reload_successful, and is not whole";
            found.push(Finding::unknown(CHECK, SUBJECT, why));
        }
        None => found.push(Finding::ok(CHECK, SUBJECT, "it has no web configuration")),
        Some(0) => found.push(
            Finding::new(
                CHECK,
                Severity::Warning,
                SUBJECT,
                "its web configuration is not in force",
            )
            .costs(
                "what was in force before stays so, an expired certificate too",
                "journalctl -u tcpwarden says what is wrong with the file",
            ),
        ),
        Some(_) => found.push(Finding::ok(CHECK, SUBJECT, "its web configuration is in force")),
    }
}

fn build(page: &Page, found: &mut Vec<Finding>) {
    const CHECK: &str = "agent_version";
    let Some(info) = page.all("build_info").next() else {
        return found.push(Finding::unknown(CHECK, SUBJECT, "its page has no build_info"));
    };
    let (version, id) = (info.label("version"), info.label("build_id"));
    let own = Build::own().id;
    if version == VERSION && (id == own || [id, own].contains(&Build::default().id)) {
        return found.push(Finding::ok(CHECK, SUBJECT, &format!("it is of version {version}")));
    }
    let says = format!(
        "it is of version {version} (build {id}), and this program of {VERSION} (build {own})"
    );
    found.push(Finding::new(CHECK, Severity::Note, SUBJECT, &says).costs(
        "it was not restarted after an upgrade, or another file is run: fields can be missing",
        "systemctl restart tcpwarden",
    ));
}

#[cfg(test)]
mod tests;
