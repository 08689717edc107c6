//! `tcpwarden leaks`, `/api/v1/leaks`: who is suspected to leak connections, in sentences.
//!
//! [`crate::leaks`] finds and ranks the suspects; this module reads the parameters, `prose` and
//! `rows` write the text.

mod next;
mod prose;
pub(super) mod rows;

use super::columns::{self, Naming};
use super::parameter::Parameter;
use super::view::{Format, View};
use super::{Query, Source, value};
use crate::exit;
use crate::leaks::{Certainty, Leaks};
use crate::listing::filter::Filter;
use rows::SUSPECTS;

/// The parameters: those on which all connections of a suspect agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeaksQuery {
    /// Which connections are looked at. Its `min_age` applies to the oldest of a suspect.
    pub(crate) filter: Filter,
    /// The most suspects in the answer.
    pub(crate) limit: usize,
    /// How sure a suspect must be to fail the command; none does without.
    pub(crate) fail_on: Option<Certainty>,
}

impl Default for LeaksQuery {
    fn default() -> Self {
        Self { filter: Filter::ALL, limit: 20, fail_on: None }
    }
}

const WHICH: &str = "Which suspects";

impl Query for LeaksQuery {
    const NAME: &'static str = "leaks";
    const ABOUT: &'static str = "who is suspected to leak connections, the worst first";
    const NOTES: &'static str = "\
A suspect is a process with connections that have been in a transient state for more than ten
seconds: close_wait (the peer closed, the process never did), syn_sent (nobody answers), fin_wait2
with a descriptor (half-closed), fin_wait1, last_ack and closing (the peer does not acknowledge);
or with established ones that only grow and are not used, are not accepted, not read or not
acknowledged, or whose MPTCP connection the peer closed. A suspect is possible or likely. Notes
accuse nobody: idle connections without keepalive, idle pools that the server closed, and what
[[expected]] of the configuration names.
The exit code is 0 with and without suspects, unless --fail-on says otherwise; .matched of --json
is their number.

Examples:
  tcpwarden leaks
  tcpwarden leaks --min-age 1h
  tcpwarden leaks -o wide --watch
  tcpwarden leaks --fail-on likely || mail -s leak root
  tcpwarden leaks --json | jq -r '.suspects[].sentence'
";
    const PARAMETERS: &'static [Parameter<Self>] = &[
        Parameter::list("state", "STATES", |query: &mut Self, text| {
            value::add_state(&mut query.filter, text)
        })
        .under(WHICH)
        .help(
            "In one of these states: close_wait, syn_sent, fin_wait1, fin_wait2, last_ack, closing",
        ),
        Parameter::repeated("process", "NAME", |query: &mut Self, text| {
            query.filter.processes.push(value::pattern(text)?);
            Ok(())
        })
        .under(WHICH)
        .help("Of a process with this name; NAME* for names that begin so"),
        Parameter::repeated("workload", "NAME", |query: &mut Self, text| {
            query.filter.workloads.push(value::pattern(text)?);
            Ok(())
        })
        .under(WHICH)
        .help("Of a workload with this name; NAME* for names that begin so"),
        Parameter::list("service-port", "PORTS", |query: &mut Self, text| {
            query.filter.service_ports.push(value::port(text)?);
            Ok(())
        })
        .under(WHICH)
        .help("With this service port: the local port of a server, the remote port of a client"),
        Parameter::list("role", "ROLES", |query: &mut Self, text| {
            query.filter.roles.push(value::role(text)?);
            Ok(())
        })
        .under(WHICH)
        .help("With this role: client, server, unknown"),
        Parameter::one("min-age", "DURATION", |query: &mut Self, text| {
            query.filter.min_age = value::duration(text)?;
            Ok(())
        })
        .under(WHICH)
        .help(
            "Whose oldest connection has been in its state for at least this long: 90s, 5m, \
             1h30m, 2d [default: 10s]",
        ),
        Parameter::one("limit", "N", |query: &mut Self, text| {
            query.limit = value::limit(text)?;
            Ok(())
        })
        .under(WHICH)
        .short('n')
        .help("At most this many, 1 to 1000 [default: 20]"),
        Parameter::one("fail-on", "CERTAINTY", |query: &mut Self, text| {
            let known = [("possible", Certainty::Possible), ("likely", Certainty::Likely)];
            query.fail_on = Some(value::choice(text, &known)?);
            Ok(())
        })
        .help("End with exit code 8 if a suspect is at least this sure: possible, likely"),
    ];
    type Answer = Leaks;

    fn answer(&self, source: &Source, now: u64) -> Leaks {
        let Self { filter, limit, fail_on } = self;
        source.leaks.leaks(&source.table, filter, *limit, *fail_on, now)
    }

    fn exit_code(answer: &Leaks) -> u8 {
        if answer.failing > 0 { exit::FOUND } else { exit::OK }
    }

    fn columns(&self) -> Vec<Naming> {
        columns::names(SUSPECTS)
    }

    fn write(answer: &Leaks, view: &View, page: &mut String) {
        if view.is_prose() {
            prose::write(answer, view, page);
        } else {
            rows::write(answer, view, page);
        }
        if view.format != Format::Csv {
            prose::write_end(answer, view, page);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaks::LookedAt;
    use crate::leaks::suspect::Suspect;

    #[test]
    fn a_healthy_machine_is_told_what_was_looked_at() {
        let looked_at = LookedAt { connections: 123, in_leak_states: 4, ..LookedAt::default() };
        let mut page = String::new();
        LeaksQuery::write(&Leaks { looked_at, ..Leaks::default() }, &View::default(), &mut page);
        assert_eq!(
            page,
            "no suspects: looked at 123 connections; 4 are in a transient state, \
             0 for more than 10s\n"
        );
    }

    #[test]
    fn a_suspect_is_a_sentence_with_its_evidence_below() {
        let suspect = Suspect {
            sentence: "process x\u{1b}[2J holds".into(),
            kind: "never_closed".into(),
            certainty: "likely".into(),
            older_than_60: 7,
            ..Suspect::default()
        };
        let answer = Leaks {
            matched: 3,
            returned: 1,
            truncated: true,
            suspects: vec![suspect],
            ..Leaks::default()
        };
        let mut page = String::new();
        LeaksQuery::write(&answer, &View::default(), &mut page);
        assert!(
            page.starts_with("1. process x\\u{1b}[2J holds\n   never_closed (likely): "),
            "{page}"
        );
        assert!(
            page.contains("older than 1m: 7,") && page.contains("1 of 3 suspects shown"),
            "{page}"
        );
    }
}
