//! The answer of `leaks` in sentences.

use std::fmt::Write as _;

use super::next;
use crate::duration_text;
use crate::leaks::suspect::Suspect;
use crate::leaks::{Leaks, LookedAt};
use crate::query::text::{age, end, printable};
use crate::query::view::View;
use crate::table::Tone;

/// Appends the suspects with their evidence, and the notes.
pub(super) fn write(answer: &Leaks, view: &View, page: &mut String) {
    for (number, suspect) in answer.suspects.iter().enumerate() {
        write_suspect(page, number + 1, suspect, view);
    }
    // Writing to a String cannot fail.
    if !answer.notes.is_empty() {
        let _ = writeln!(page, "notes, which accuse nobody:");
    }
    for note in &answer.notes {
        let _ = writeln!(page, "-  {}", printable(&note.sentence));
        let why = note.expected.as_deref().map(|why| format!("expected: {}", printable(why)));
        let _ = writeln!(page, "   {}", why.unwrap_or_else(|| printable(&note.meaning)));
    }
}

/// Appends what is left out, what was looked at, and what to do next.
pub(super) fn write_end(answer: &Leaks, view: &View, page: &mut String) {
    if answer.notes_matched > answer.notes.len() {
        let more = answer.notes_matched - answer.notes.len();
        let _ = writeln!(page, "   and {more} more");
    }
    let LookedAt { connections, in_leak_states, past_grace, .. } = answer.looked_at;
    if answer.truncated {
        let (returned, matched) = (answer.returned, answer.matched);
        let _ = writeln!(
            page,
            "{returned} of {matched} suspects shown; --limit and filters show others"
        );
    }
    let none = if answer.suspects.is_empty() { "no suspects: " } else { "" };
    let _ = writeln!(
        page,
        "{none}looked at {connections} connections; {in_leak_states} are in a transient state, \
         {past_grace} for more than 10s"
    );
    if let Some(first) = answer.suspects.first() {
        let _ = writeln!(page, "{}", next::line(first, &view.again));
    }
}

/// Returns the tone of a suspect: what it may be taken for at a glance.
pub(super) fn tone(suspect: &Suspect) -> Tone {
    match suspect.certainty.as_str() {
        _ if suspect.expected.is_some() => Tone::Plain,
        "likely" => Tone::Bad,
        _ => Tone::Unsure,
    }
}

fn write_suspect(page: &mut String, number: usize, suspect: &Suspect, view: &View) {
    let Suspect { older_than_60, older_than_300, older_than_3600, .. } = suspect;
    let sentence = format!("{number}. {}", printable(&suspect.sentence));
    let _ = writeln!(page, "{}", view.paint(tone(suspect), &sentence));
    let _ = writeln!(
        page,
        "   {} ({}): {}",
        printable(&suspect.kind),
        printable(&suspect.certainty),
        printable(&suspect.meaning)
    );
    let _ = writeln!(
        page,
        "   older than 1m: {older_than_60}, than 5m: {older_than_300}, \
         than 1h: {older_than_3600}"
    );
    for one in &suspect.sample {
        let local = end(one.local_address, one.local_port);
        let peer = end(one.peer_address, one.peer_port);
        let bound = if one.age_at_least { "at least " } else { "" };
        let age = age(one.age_seconds, duration_text::short);
        let pid = one.pid.map(|pid| format!(", pid {pid}")).unwrap_or_default();
        let line = format!("   {local} -> {peer}, {bound}{age}{pid}");
        let _ = writeln!(page, "{}", view.paint(Tone::Dim, &line));
    }
    write_context(page, suspect);
    if !suspect.next_step.is_empty() {
        let _ = writeln!(
            page,
            "   next: {}; docs/runbooks/{}.md",
            printable(&suspect.next_step),
            printable(&suspect.runbook)
        );
    }
    let _ = writeln!(page);
}

/// Appends what is known beside the connections.
fn write_context(page: &mut String, suspect: &Suspect) {
    if !suspect.command_line.is_empty() {
        let started = suspect.started_at.as_deref().map(|at| format!(", since {}", printable(at)));
        let started = started.unwrap_or_default();
        let (name, line) = (printable(&suspect.name), printable(&suspect.command_line));
        let _ = writeln!(page, "   {name}: {line}{started}");
    }
    if let (Some(open), Some(limit)) = (suspect.descriptors, suspect.descriptor_limit) {
        let _ = writeln!(page, "   descriptors: {open} of {limit}, when last read");
    }
    let peers: Vec<_> = suspect
        .peers
        .iter()
        .map(|peer| match peer.port {
            0 => format!("{} ({})", peer.address, peer.connections),
            port => format!("{} ({})", end(peer.address, port), peer.connections),
        })
        .collect();
    if !peers.is_empty() {
        let _ = writeln!(page, "   peers: {}", peers.join(", "));
    }
    if !suspect.other_holders.is_empty() {
        let pids: Vec<_> = suspect.other_holders.iter().map(u32::to_string).collect();
        let _ = writeln!(page, "   the listener is also held by pid {}", pids.join(", "));
    }
}
