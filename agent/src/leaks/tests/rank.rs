//! The order of suspects, and whom they name as the cause.

use super::*;
use crate::leaks::target::Target;

/// A group of so many connections in ESTABLISHED that a process holds as a client.
pub(in crate::leaks) fn growing(pid: u32, role: Role, count: u64) -> (Key, Group) {
    let table = shared(3);
    let row = table.lock().unwrap().view().rows().next().unwrap();
    let state = SocketState::Established;
    let (process, workload) = (format!("p{pid}").into(), "host".into());
    let key = Key { process, workload, role, state, service_port: Some(80), has_data_fin: false };
    let peers = vec![Target::new(&row, count)];
    (key, Group { peers, ..group(&[(pid, count)], 0, row) })
}

/// A verdict on all of a group.
pub(in crate::leaks) fn verdict_on(of: &(Key, Group), kind: Kind, trend: bool) -> Candidate<'_> {
    Candidate::new(&of.0, &of.1, verdict(kind, of.1.tally.count, trend), None)
}

/// A verdict of so many connections of a process, which grow by the trend test if `trend`.
fn verdict(kind: Kind, connections: u64, trend: bool) -> Verdict {
    let (certainty, accuses, growth, closed) = (Certainty::Likely, true, None, None);
    Verdict { kind, certainty, accuses, connections, growth, trend, closed }
}

#[test]
fn what_grows_to_a_limit_comes_first_and_what_follows_from_a_peer_comes_last() {
    let table = shared(3);
    let row = table.lock().unwrap().view().rows().next().unwrap();
    let made = |process: &str, count: u64| {
        let workload = "host".into();
        let (role, state) = (Role::Client, SocketState::CloseWait);
        let process = process.into();
        let key =
            Key { process, workload, role, state, service_port: Some(80), has_data_fin: false };
        (key, group(&[(7, count)], 0, row.clone()))
    };
    let [few, many, effect, flat] = [("few", 5), ("many", 500), ("effect", 900), ("flat", 700)]
        .map(|(name, count)| made(name, count));
    let mut all = [
        Candidate::new(&many.0, &many.1, verdict(Kind::NeverClosed, 500, false), None),
        Candidate::new(&effect.0, &effect.1, verdict(Kind::HalfClosed, 900, false), None),
        Candidate::new(&flat.0, &flat.1, verdict(Kind::NeverClosed, 700, false), None),
        Candidate::new(&few.0, &few.1, verdict(Kind::NeverClosed, 5, true), None),
    ];
    all[1].follows = 1;
    all[2].runs_out = true;
    all[3].runs_out = true;
    all.sort_by(Candidate::rank);
    assert_eq!(all.map(|one| one.process().0.to_string()), ["few", "flat", "many", "effect"]);
}

#[test]
fn a_note_and_what_is_expected_have_no_score() {
    let table = shared(3);
    let row = table.lock().unwrap().view().rows().next().unwrap();
    let group = group(&[(7, 9)], 0, row);
    let (role, state) = (Role::Client, SocketState::CloseWait);
    let key = Key {
        process: "app".into(),
        workload: "host".into(),
        role,
        state,
        service_port: Some(80),
        has_data_fin: false,
    };
    let accused = verdict(Kind::PoolStale, 9, false);
    let note = Verdict { accuses: false, ..accused };
    let score = |verdict, expected| Candidate::new(&key, &group, verdict, expected).score;
    assert!(score(accused, None) > 0);
    assert_eq!([score(note, None), score(accused, Some("known"))], [0, 0]);
}

#[test]
fn a_listener_of_this_host_that_does_not_answer_is_named_with_its_queue() {
    let of = growing(7, Role::Client, 9);
    let silent = verdict_on(&of, Kind::NoAnswer, false);
    let listener = |waiting: u32| {
        let mut row = of.1.sample[0].clone();
        (row.process, row.tgid, row.state) = ("postgres".into(), 1119, SocketState::Listen);
        (row.waiting.receive_queue, row.waiting.send_queue) = (waiting, 200);
        Suspect::of(&silent, Some(&row), MINUTE)
    };
    let full = listener(201);
    assert_eq!(
        (full.meaning.as_str(), full.next_step.as_str()),
        (
            "the accept queue of process postgres (pid 1119) on this host is full (201 of 200), so \
             the kernel drops the SYN",
            "find out why process postgres (pid 1119) does not accept"
        )
    );
    // A queue takes one more than its limit.
    let free = listener(200);
    assert!(free.meaning.ends_with("is not full (200 of 200): a firewall may drop the SYN"));
    assert!(!free.next_step.contains("postgres"), "{}", free.next_step);
}
