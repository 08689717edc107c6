//! `tcpwarden leaks`: the suspects of a running agent, in sentences.

use std::fmt::Write as _;
use std::io::Write;

use super::ask::{age, ask, printable, usage};
use super::connections::end;
use crate::cli::LeaksArgs;
use crate::duration_text;
use crate::exit::Error;
use crate::leaks::suspect::Suspect;
use crate::leaks::{Leaks, LookedAt};
use crate::listing::query::Query;

/// Prints the suspects, the worst first.
///
/// # Errors
/// An option is wrong, no agent answers, the output cannot be written.
pub fn leaks(arguments: &LeaksArgs, out: &mut impl Write) -> Result<u8, Error> {
    Query::leaks(arguments.pairs()).map_err(|refusal| usage(&refusal))?;
    ask(&arguments.from, "/api/v1/leaks", &arguments.pairs(), out, report)
}

fn report(answer: &Leaks, page: &mut String) {
    for (number, suspect) in answer.suspects.iter().enumerate() {
        describe(page, number + 1, suspect);
    }
    let LookedAt { connections, in_leak_states, past_grace, .. } = answer.looked_at;
    // Writing to a String cannot fail.
    if answer.truncated {
        let _ = writeln!(
            page,
            "{} of {} suspects shown; --limit and filters show others",
            answer.returned, answer.matched
        );
    }
    let verdict = if answer.suspects.is_empty() { "no suspects: " } else { "" };
    let _ = writeln!(
        page,
        "{verdict}looked at {connections} connections; {in_leak_states} are in a state that should pass, {past_grace} for more than 10 s"
    );
}

fn describe(page: &mut String, number: usize, suspect: &Suspect) {
    let Suspect { older_than_60, older_than_300, older_than_3600, .. } = suspect;
    let _ = writeln!(page, "{number}. {}", printable(&suspect.sentence));
    let _ = writeln!(page, "   {}: {}", printable(&suspect.kind), printable(&suspect.meaning));
    let _ = writeln!(
        page,
        "   older than 1 min: {older_than_60}, than 5 min: {older_than_300}, than 1 h: {older_than_3600}"
    );
    for one in &suspect.sample {
        let (local, peer) =
            (end(one.local_address, one.local_port), end(one.peer_address, one.peer_port));
        let bound = if one.age_at_least { "at least " } else { "" };
        let pid = one.pid.map(|pid| format!(", pid {pid}")).unwrap_or_default();
        let _ = writeln!(
            page,
            "   {local} -> {peer}, {bound}{}{pid}",
            age(one.age_seconds, duration_text::long)
        );
    }
    let _ = writeln!(page);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_healthy_machine_is_told_what_was_looked_at() {
        let mut page = String::new();
        report(
            &Leaks {
                looked_at: LookedAt { connections: 123, in_leak_states: 4, ..LookedAt::default() },
                ..Leaks::default()
            },
            &mut page,
        );
        assert_eq!(
            page,
            "no suspects: looked at 123 connections; 4 are in a state that should pass, 0 for more than 10 s\n"
        );
    }

    #[test]
    fn a_suspect_is_a_sentence_with_its_evidence_below() {
        let suspect = Suspect {
            sentence: "process x\u{1b}[2J holds".into(),
            kind: "never_closed".into(),
            older_than_60: 7,
            ..Suspect::default()
        };
        let mut page = String::new();
        report(
            &Leaks {
                matched: 3,
                returned: 1,
                truncated: true,
                suspects: vec![suspect],
                ..Leaks::default()
            },
            &mut page,
        );
        assert!(page.starts_with("1. process x\\u{1b}[2J holds\n   never_closed: "), "{page}");
        assert!(
            page.contains("older than 1 min: 7,") && page.contains("1 of 3 suspects shown"),
            "{page}"
        );
    }
}
