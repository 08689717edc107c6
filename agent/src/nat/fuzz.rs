//! What holds for any bytes from the kernel's connection tracking.

use super::Ends;
use super::message::{self, Answer};

/// Bytes are an answer or nothing. An entry comes out as it went in, its ends lead to each other,
/// and a question after them is no answer.
pub(crate) fn conntrack(data: &[u8]) {
    let Some((sequence, answer)) = message::answer(data) else { return };
    let Answer::Entry(entry) = answer else { return };
    let again = message::entry(&entry, sequence);
    let again = again.and_then(|again| message::answer(&again));
    assert_eq!(again, Some((sequence, answer)), "{entry:?}");
    let [local, peer] = entry.original;
    let asked = Ends { local, peer };
    let beyond = entry.beyond(asked);
    let [source, destination] = entry.reply;
    assert_eq!(beyond, Some(Ends { local: destination, peer: source }), "{entry:?}");
    if entry.original != entry.reply {
        let back = entry.beyond(Ends { local: source, peer: destination });
        assert_eq!(back, Some(Ends { local: peer, peer: local }), "{entry:?}");
    }
    let question = message::question(asked, sequence);
    assert!(question.is_some_and(|question| message::answer(&question).is_none()), "{entry:?}");
}
