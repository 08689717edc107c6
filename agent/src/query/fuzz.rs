//! What holds for any query, and for any answer that the command line reads.

use std::sync::{Arc, Mutex, OnceLock};

use agent_common::record::{Endpoints, State, flag};
use agent_common::tcp;

use super::view::{Format, View};
use super::{ALL, Entry, Source};
use crate::conn::{Limits, Table};
use crate::events::names::controls_terminal;
use crate::leaks::Watch;
use crate::nat::Nat;

/// When the queries are asked, nanoseconds.
const NOW: u64 = 60_000_000_000;
/// The most letters of a refused name or value that a refusal repeats.
const MOST_SHOWN: usize = 100;

/// A query is refused with a text, or has an answer that the command line can read and show. The
/// first byte says which query, the rest is what stands behind the `?`.
pub(crate) fn query(data: &[u8]) {
    let Some((which, parameters)) = data.split_first() else { return };
    let entry = &ALL[usize::from(*which) % ALL.len()];
    match entry.prepare(&String::from_utf8_lossy(parameters)) {
        Ok(prepared) => {
            let line = prepared(source()).unwrap_or_default();
            assert!(line.ends_with('\n'), "{entry:?}: {line}");
            assert!((entry.code)(line.as_bytes()).is_ok(), "{entry:?}: {line}");
            for view in views() {
                let shown = (entry.text)(line.as_bytes(), &view);
                assert!(shown.is_ok_and(|text| is_plain(&text)), "{entry:?}: {line}");
            }
        }
        Err(refusal) => {
            assert!(!refusal.allowed.is_empty(), "{refusal}");
            let texts = [&refusal.parameter, &refusal.value];
            assert!(texts.iter().all(|text| text.chars().count() <= MOST_SHOWN), "{refusal}");
        }
    }
}

/// An answer from the wire is refused or shown, and then nothing in it controls the terminal. The
/// first byte says to which query.
pub(crate) fn answer(data: &[u8]) {
    let Some((which, answer)) = data.split_first() else { return };
    let entry: &Entry = &ALL[usize::from(*which) % ALL.len()];
    for view in views() {
        let (shown, code) = ((entry.text)(answer, &view), (entry.code)(answer));
        assert_eq!(shown.is_ok(), code.is_ok(), "{entry:?}");
        assert!(shown.is_err() || shown.is_ok_and(|text| is_plain(&text)), "{entry:?}");
    }
}

/// Returns each form of an answer without colours.
fn views() -> [View; 4] {
    let of = |format, width| View { format, width, ..View::default() };
    [
        of(Format::Text, None),
        of(Format::Text, Some(40)),
        of(Format::Wide, None),
        of(Format::Csv, None),
    ]
}

fn is_plain(text: &str) -> bool {
    !text.replace("\r\n", "\n").chars().any(|letter| letter != '\n' && controls_terminal(letter))
}

/// Returns a table with a few connections in different states, the same for every query.
fn source() -> &'static Source {
    static SOURCE: OnceLock<Source> = OnceLock::new();
    SOURCE.get_or_init(|| {
        let mut table = Table::new(Limits::default());
        for number in 1..=12 {
            let ends = Endpoints {
                sk: number,
                netns: 1,
                local: [0, u64::from_be(0x0000_ffff_0a00_0001)],
                peer: [0, u64::from_be(0x0000_ffff_0a00_0002)],
                local_port: 40_000,
                peer_port: if number % 2 == 0 { 443 } else { 5432 },
                ..Endpoints::default()
            };
            let syn = State {
                old: tcp::CLOSE,
                new: tcp::SYN_SENT,
                flags: flag::LOCKED,
                family: tcp::AF_INET,
                time: number * 1_000_000_000,
                ends,
                // No process has this id.
                tgid: u32::MAX - 1,
                comm: *b"orders\0\0\0\0\0\0\0\0\0\0",
                ..State::default()
            };
            table.transition(&syn);
            for (old, new) in
                [(tcp::SYN_SENT, tcp::ESTABLISHED), (tcp::ESTABLISHED, tcp::CLOSE_WAIT)]
                    .into_iter()
                    .take(usize::from(number % 3 > 0) + usize::from(number % 3 > 1))
            {
                table.transition(&State { old, new, flags: 0, ..syn });
            }
        }
        Source {
            table: Arc::new(Mutex::new(table)),
            leaks: Watch::default(),
            nat: Nat::default(),
            clock: || NOW,
        }
    })
}
