//! What to do about a suspect: the command that lists its sockets, and the runbook.
//!
//! Guarantee: a command can be copied into a shell whatever the names are. A name that a shell or a
//! terminal cannot be given as it is, or that the agent would read as the beginning of others, is
//! left out; process ids stand for it where they are known.

use crate::leaks::suspect::Suspect;
use crate::query::shell::option;
use crate::query::text::printable;

/// Returns one line. `again` are the options that name the agent, each behind a blank.
pub(super) fn line(suspect: &Suspect, again: &str) -> String {
    let runbook = match suspect.runbook.as_str() {
        "" => String::new(),
        page => format!("read docs/runbooks/{}.md; ", printable(page)),
    };
    format!("next: {runbook}its sockets: {}", command(suspect, again))
}

/// Returns the command that lists the connections of a suspect.
pub(super) fn command(suspect: &Suspect, again: &str) -> String {
    let mut options = Vec::new();
    options.extend(exact("process", &suspect.process));
    let is_of_others = options.is_empty() || suspect.workload.ends_with('*');
    if is_of_others && suspect.connections_of_other_pids == 0 {
        let pids: Vec<_> = suspect.pids.iter().map(|one| one.pid.to_string()).collect();
        options.extend(option("pid", &pids.join(",")));
    }
    options.extend(exact("workload", &suspect.workload));
    options.extend(option("role", &suspect.role));
    options.extend(option("state", &suspect.state));
    if suspect.kind == "mptcp_close_wait" {
        options.push("--mptcp-state close_wait".to_owned());
    }
    let port = suspect.service_port.map(|port| port.to_string());
    options.extend(port.and_then(|port| option("service-port", &port)));
    let options = options.iter().fold(String::new(), |all, option| all + " " + option);
    format!("tcpwarden connections{options}{again}")
}

/// Returns the option that names one process or workload; `None` if no name can be given, or the
/// agent would read it as the beginning of names.
fn exact(name: &str, value: &str) -> Option<String> {
    option(name, value).filter(|_| !value.ends_with('*'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;
    use crate::leaks::suspect::Pid;

    fn suspect(process: &str) -> Suspect {
        Suspect {
            process: process.into(),
            workload: "host".into(),
            role: "client".into(),
            state: "close_wait".into(),
            service_port: Some(5432),
            runbook: "TcpCloseWaitStuck".into(),
            pids: vec![Pid { pid: 7, connections: 2 }, Pid { pid: 9, connections: 1 }],
            ..Suspect::default()
        }
    }

    #[test]
    fn the_line_names_the_runbook_and_a_command_that_parses() {
        let line = line(&suspect("orders-api"), " --agent 127.0.0.1:9");
        assert_eq!(
            line,
            "next: read docs/runbooks/TcpCloseWaitStuck.md; its sockets: tcpwarden connections \
             --process orders-api --workload host --role client --state close_wait \
             --service-port 5432 --agent 127.0.0.1:9"
        );
        let (_, command) = line.split_once("sockets: ").unwrap();
        let cli::Command::Query(request) = cli::parse(command.split(' ')).unwrap().command else {
            panic!("{command} is no query")
        };
        request.check().unwrap();
    }

    #[test]
    fn a_shell_takes_any_name_for_one_word() {
        for name in ["~other", "a b", "$(reboot)", "it's", "-x", "a;b", "* a", "名前"] {
            let command = command(&suspect(name), "");
            let script = format!("printf '%s\\n' {command}");
            let shell = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            let words = String::from_utf8(shell.stdout).unwrap();
            let cli::Command::Query(request) = cli::parse(words.lines()).unwrap().command else {
                panic!("{command} is no query")
            };
            assert!(request.asks(&[("process", name), ("service_port", "5432")]), "{command}");
        }
    }

    #[test]
    fn a_name_that_no_terminal_takes_is_asked_by_its_processes() {
        let evil = suspect("a\u{1b}[2J");
        assert!(command(&evil, "").starts_with("tcpwarden connections --pid 7,9 --workload host"));
        let more = Suspect { connections_of_other_pids: 1, ..evil };
        assert!(command(&more, "").starts_with("tcpwarden connections --workload host"));
    }

    #[test]
    fn a_name_that_would_stand_for_others_too_is_asked_by_its_processes() {
        let star = suspect("a*");
        assert!(command(&star, "").starts_with("tcpwarden connections --pid 7,9 --workload host"));
        let of_star = Suspect { workload: "w*".into(), ..suspect("a") };
        let asked = command(&of_star, "");
        assert!(asked.starts_with("tcpwarden connections --process a --pid 7,9 --role"), "{asked}");
        let more = Suspect { connections_of_other_pids: 1, ..star };
        assert!(command(&more, "").starts_with("tcpwarden connections --workload host"));
    }

    #[test]
    fn a_suspect_of_multipath_is_asked_for_by_its_state() {
        let multipath = Suspect { kind: "mptcp_close_wait".into(), ..suspect("x") };
        assert!(command(&multipath, "").contains(" --mptcp-state close_wait "));
    }
}
