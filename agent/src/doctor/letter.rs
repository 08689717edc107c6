//! Findings as text, the worst first, two or three lines each.

use std::fmt::Write as _;

use super::finding::{Finding, Severity};

/// The width of the severity, and of the name of a check.
const SEVERITY: usize = 8;
const CHECK: usize = 22;

/// Returns the findings, which are in order, as text; those of nothing only with `all`.
pub(super) fn written(found: &[Finding], all: bool) -> String {
    let mut text = summary(found);
    for finding in found {
        if all || finding.severity != Severity::Ok {
            write(finding, &mut text);
        }
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
        "{} critical, {} warnings, {} notes; {} checks could not be made, {} found nothing\n",
        count(Severity::Critical),
        count(Severity::Warning),
        count(Severity::Note),
        count(Severity::Unknown),
        count(Severity::Ok)
    )
}

fn write(finding: &Finding, text: &mut String) {
    let Finding { check, severity, subject, says, costs, change, .. } = finding;
    if *severity <= Severity::Note {
        text.push('\n');
    }
    let mut line = |first: &str, second: &str, third: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{first:<SEVERITY$}  {second:<CHECK$}  {third}");
    };
    line(severity.as_str(), check, &format!("{subject}: {says}"));
    for (name, what) in [("costs", costs), ("change", change)] {
        if !what.is_empty() {
            line("", name, what);
        }
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
            Finding::ok("orphans", "net.ipv4.tcp_max_orphans", "0 orphans"),
        ];
        let written_all = written(&found, true);
        let lines: Vec<_> = written_all.lines().collect();
        assert_eq!(
            lines,
            [
                "1 critical, 0 warnings, 0 notes; 1 checks could not be made, 1 found nothing",
                "",
                "CRITICAL  accept_queue            web (pid 9) at *:80: it is full",
                "          costs                   SYNs are dropped",
                "          change                  sysctl -w net.core.somaxconn=4096",
                "UNKNOWN   ephemeral_ports         destinations: no agent",
                "OK        orphans                 net.ipv4.tcp_max_orphans: 0 orphans",
                "",
                "A `sysctl -w NAME=VALUE` lasts until the next boot; a line `NAME = VALUE` in \
                 /etc/sysctl.d/90-tcp.conf keeps it.",
            ]
        );
        assert!(!written(&found, false).contains("orphans"));
    }
}
