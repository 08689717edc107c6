//! Findings as text, the worst first, two or three lines each.

use super::finding::{Finding, Severity};

/// The width of the severity, and of the name of a check.
const SEVERITY: usize = 8;
const CHECK: usize = 22;

/// Returns the findings, which are in order, as text; those of nothing only with `all`.
pub(super) fn written(found: &[Finding], all: bool) -> String {
    let mut text = summary(found);
    let of = |severity| move |one: &&Finding| one.severity == severity;
    found
        .iter()
        .filter(|one| one.severity <= Severity::Note)
        .for_each(|one| advice(one, &mut text));
    unknown(&found.iter().filter(of(Severity::Unknown)).collect::<Vec<_>>(), &mut text);
    for one in found.iter().filter(of(Severity::Ok)).filter(|_| all) {
        line(&mut text, "OK", one.check, &format!("{}: {}", one.subject, one.says));
    }
    if found.iter().any(|one| one.change.contains("sysctl -w ")) {
        text.push_str(
            "\nA `sysctl -w NAME=VALUE` lasts until the next boot; a line `NAME = VALUE` in \
             /etc/sysctl.d/90-tcp.conf keeps it.\n",
        );
    }
    text
}

fn summary(found: &[Finding]) -> String {
    let count = |severity| found.iter().filter(|one| one.severity == severity).count();
    format!(
        "critical {}, warning {}, note {}, unknown {}, ok {}\n",
        count(Severity::Critical),
        count(Severity::Warning),
        count(Severity::Note),
        count(Severity::Unknown),
        count(Severity::Ok)
    )
}

fn line(text: &mut String, first: &str, second: &str, third: &str) {
    let line = format!("{first:<SEVERITY$}  {second:<CHECK$}  {third}");
    text.push_str(line.trim_end());
    text.push('\n');
}

fn advice(one: &Finding, text: &mut String) {
    text.push('\n');
    line(text, one.severity.as_str(), one.check, &format!("{}: {}", one.subject, one.says));
    line(text, "", "costs", &one.costs);
    line(text, "", "change", &one.change);
}

/// Writes what could not be checked, each reason once.
fn unknown(found: &[&Finding], text: &mut String) {
    let mut told: Vec<&str> = Vec::new();
    for one in found {
        if told.contains(&one.says.as_str()) {
            continue;
        }
        told.push(&one.says);
        let checks = found.iter().filter(|other| other.says == one.says);
        let checks: Vec<_> = checks.map(|other| other.check).collect();
        text.push('\n');
        line(text, Severity::Unknown.as_str(), &checks.join(", "), "");
        line(text, "", "why", &one.says);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_comes_first_with_its_cost_and_its_change_aligned() {
        let found = [
            Finding::new("accept_queue", Severity::Critical, "web (pid 9) at *:80", "it is full")
                .costs("SYNs are dropped", "sysctl -w net.core.somaxconn=4096"),
            Finding::unknown("ephemeral_ports", "destinations", "no agent"),
            Finding::unknown("somaxconn", "net.core.somaxconn", "Permission denied"),
            Finding::unknown("keepalive", "servers", "no agent"),
            Finding::ok("orphans", "net.ipv4.tcp_max_orphans", "0 orphans"),
        ];
        let written_all = written(&found, true);
        let lines: Vec<_> = written_all.lines().collect();
        assert_eq!(
            lines,
            [
                "critical 1, warning 0, note 0, unknown 3, ok 1",
                "",
                "CRITICAL  accept_queue            web (pid 9) at *:80: it is full",
                "          costs                   SYNs are dropped",
                "          change                  sysctl -w net.core.somaxconn=4096",
                "",
                "UNKNOWN   ephemeral_ports, keepalive",
                "          why                     no agent",
                "",
                "UNKNOWN   somaxconn",
                "          why                     Permission denied",
                "OK        orphans                 net.ipv4.tcp_max_orphans: 0 orphans",
                "",
                "A `sysctl -w NAME=VALUE` lasts until the next boot; a line `NAME = VALUE` in \
                 /etc/sysctl.d/90-tcp.conf keeps it.",
            ]
        );
        assert!(!written(&found, false).contains("orphans"));
    }
}
