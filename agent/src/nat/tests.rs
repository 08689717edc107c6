//! Questions, answers and translations, without a kernel.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use super::message::{Answer, Entry};
use super::worker::{NAMESPACES, concerned, namespaces, step};
use super::*;
use crate::conn::States;
use crate::listing::{tests::shared, walk};

/// Attributes of one message that a kernel (Linux 6.18) has answered with: 10.77.0.1:40000 to
/// 10.96.0.10:80, translated to 10.77.0.2:8080.
const OF_KERNEL: &[u8] = include_bytes!("../../fuzz/corpus/conntrack/dnat");

fn v4(last: u8, port: u16) -> End {
    (Ipv4Addr::new(10, 77, 0, last).to_ipv6_mapped(), port)
}

fn v6(last: u16, port: u16) -> End {
    (Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, last), port)
}

fn service() -> End {
    (Ipv4Addr::new(10, 96, 0, 10).to_ipv6_mapped(), 80)
}

/// A client that dials a service, whose backend is `v4(2, 8080)`.
fn dnat() -> Entry {
    Entry { original: [v4(1, 40_000), service()], reply: [v4(2, 8080), v4(1, 40_000)] }
}

#[test]
fn a_question_has_the_attributes_that_the_kernel_reads() {
    let ends = Ends { local: v4(1, 40_000), peer: service() };
    let question = message::question(ends, 7).unwrap();
    let head = [
        &72_u32.to_ne_bytes()[..],
        &0x101_u16.to_ne_bytes(),
        &1_u16.to_ne_bytes(),
        &7_u32.to_ne_bytes(),
        &[0, 0, 0, 0, 2, 0, 0, 0],
    ]
    .concat();
    assert_eq!(question[..20], head);
    let attribute = |length: u16, kind: u16, contents: &[u8]| {
        [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), contents].concat()
    };
    let ip = [attribute(8, 1, &[10, 77, 0, 1]), attribute(8, 2, &[10, 96, 0, 10])].concat();
    let protocol = [
        attribute(5, 1, &[6, 0, 0, 0]),
        attribute(6, 2, &[0x9c, 0x40, 0, 0]),
        attribute(6, 3, &[0, 80, 0, 0]),
    ]
    .concat();
    let both = [attribute(20, 0x8001, &ip), attribute(28, 0x8002, &protocol)].concat();
    assert_eq!(question[20..], attribute(52, 0x8001, &both));
}

#[test]
fn an_entry_is_read_as_it_was_written() {
    let v6 = Entry { original: [v6(1, 1), v6(2, 80)], reply: [v6(3, 8080), v6(1, 1)] };
    for entry in [dnat(), v6] {
        let bytes = message::entry(&entry, 9).unwrap();
        assert_eq!(message::answer(&bytes), Some((9, Answer::Entry(entry))));
        let mut longer = bytes.clone();
        longer.extend([0; 8]);
        assert_eq!(message::answer(&longer), Some((9, Answer::Entry(entry))), "what is behind it");
    }
    let (_, answer) = message::answer(OF_KERNEL).unwrap();
    assert_eq!(answer, Answer::Entry(dnat()), "as the kernel writes it");
}

#[test]
fn an_error_is_its_number() {
    let error = |number: i32| {
        let kind = [2_u16.to_ne_bytes(), [0; 2]].concat();
        let sequence = 5_u32.to_ne_bytes();
        let head = [&36_u32.to_ne_bytes()[..], &kind, &sequence, &[0; 4]].concat();
        message::answer(&[&head[..], &number.to_ne_bytes(), &[0; 16]].concat())
    };
    assert_eq!(error(-2), Some((5, Answer::Error(2))));
    assert_eq!(error(i32::MIN), None);
}

#[test]
fn what_is_cut_or_not_of_tcp_is_no_answer() {
    let whole = message::entry(&dnat(), 1).unwrap();
    for length in 0..whole.len() {
        assert_eq!(message::answer(&whole[..length]), None, "{length} bytes");
        let mut cut = whole[..length].to_vec();
        if let Some(head) = cut.get_mut(..4) {
            head.copy_from_slice(&u32::try_from(length).unwrap().to_ne_bytes());
        }
        assert_eq!(message::answer(&cut), None, "{length} bytes that say so");
    }
    let mut udp = whole.clone();
    let at = udp.windows(5).position(|five| five[4] == 6 && five[..2] == 5_u16.to_ne_bytes());
    udp[at.unwrap() + 4] = 17;
    assert_eq!(message::answer(&udp), None);
    let mut empty = whole.clone();
    empty[20..24].fill(0);
    assert_eq!(message::answer(&empty), None, "an attribute without a head");
    assert_eq!(message::answer(&[]), None);
}

#[test]
fn ends_of_two_families_are_no_question() {
    assert_eq!(message::question(Ends { local: v4(1, 1), peer: v6(2, 2) }, 1), None);
    assert!(message::question(Ends { local: v6(1, 1), peer: v6(2, 2) }, 1).is_some());
}

#[test]
fn each_side_of_a_translation_sees_the_other() {
    let beyond = |entry: Entry, local, peer| entry.beyond(Ends { local, peer });
    let (client, backend) = (v4(1, 40_000), v4(2, 8080));
    assert_eq!(
        beyond(dnat(), client, service()),
        Some(Ends { local: client, peer: backend }),
        "the client has the backend as its peer"
    );
    assert_eq!(
        beyond(dnat(), backend, client),
        Some(Ends { local: service(), peer: client }),
        "the backend is the service to its client"
    );
    let outside = v4(9, 50_000);
    let masquerade = Entry { original: [client, backend], reply: [backend, outside] };
    assert_eq!(
        beyond(masquerade, client, backend),
        Some(Ends { local: outside, peer: backend }),
        "the client is the outside address to the server"
    );
    assert_eq!(
        beyond(masquerade, backend, outside),
        Some(Ends { local: backend, peer: client }),
        "the server has the client behind it as its peer"
    );
    let plain = Entry { original: [client, backend], reply: [backend, client] };
    for (local, peer) in [(client, backend), (backend, client)] {
        assert_eq!(beyond(plain, local, peer), Some(Ends { local, peer }), "no translation");
    }
    assert_eq!(beyond(dnat(), client, backend), None, "another connection");
}

/// Entries of one namespace; beyond the end of the list nothing answers.
struct Known(Vec<Entry>, usize);

impl Look for Known {
    fn beyond(&mut self, ends: Ends) -> io::Result<Option<Ends>> {
        self.1 = self.1.checked_sub(1).ok_or(io::ErrorKind::TimedOut)?;
        Ok(self.0.iter().find_map(|entry| entry.beyond(ends)))
    }
}

#[test]
fn one_translation_begins_where_the_other_has_led() {
    let later = || Instant::now() + Duration::from_mins(1);
    // A proxy of the pod takes its traffic: 8080 is its port, 80 that of the pod.
    let (client, proxy, pod) = (v4(1, 40_000), v4(2, 8080), v4(2, 80));
    let mut inner = Known(vec![Entry { original: [client, pod], reply: [proxy, client] }], 9);
    let mut outer = Known(vec![Entry { original: [client, service()], reply: [pod, client] }], 9);
    let mut ends = [Ends { local: proxy, peer: client }, Ends { local: v4(7, 7), peer: client }];
    step(&mut inner, &[0, 1], &mut ends, later()).unwrap();
    assert_eq!(ends[0], Ends { local: pod, peer: client });
    step(&mut outer, &[0, 1], &mut ends, later()).unwrap();
    assert_eq!(ends[0], Ends { local: service(), peer: client });
    assert_eq!(ends[1], Ends { local: v4(7, 7), peer: client }, "that is not tracked");
}

#[test]
fn an_error_ends_a_namespace_and_the_end_of_the_time_all() {
    let (client, backend) = (v4(1, 40_000), v4(2, 8080));
    let one = Ends { local: client, peer: service() };
    let mut ends = [one, one];
    let later = Instant::now() + Duration::from_mins(1);
    assert_eq!(step(&mut Known(vec![dnat()], 1), &[0, 1], &mut ends, later), Some(()));
    assert_eq!(ends, [Ends { local: client, peer: backend }, one]);
    assert_eq!(step(&mut Known(vec![dnat()], 9), &[0, 1], &mut ends, Instant::now()), None);
    assert_eq!(step(&mut Known(Vec::new(), 9), &[5], &mut ends, later), Some(()), "no such row");
}

#[test]
fn so_many_namespaces_are_entered_and_no_more() {
    let ends = Ends { local: v4(1, 1), peer: v4(2, 2) };
    let all = u32::try_from(NAMESPACES).unwrap() + 3;
    let question = |netns| Question { netns, pid: None, ends };
    let questions = (0..all).chain([1, 7]).map(question).collect();
    let (answer, _answered) = sync_channel(1);
    let batch = Batch { questions, end: Instant::now(), answer };
    let found = namespaces(&batch, 7);
    assert_eq!(found.len(), NAMESPACES);
    assert!(!found.contains_key(&7), "the agent's own is not entered");
    assert_eq!(found[&1], [1, NAMESPACES + 3]);
}

#[test]
fn the_loopback_of_another_namespace_is_not_asked_of_the_agents() {
    let local = |port| (Ipv4Addr::LOCALHOST.to_ipv6_mapped(), port);
    let (inner, outer) =
        (Ends { local: local(1), peer: local(2) }, Ends { local: v4(1, 1), peer: v4(2, 2) });
    let question = |netns| Question { netns, pid: None, ends: inner };
    let (answer, _answered) = sync_channel(1);
    let questions = vec![question(7), question(8), question(8)];
    let batch = Batch { questions, end: Instant::now(), answer };
    assert_eq!(concerned(&batch, 7, &[inner, inner, outer]), [0, 2], "by where it has led");
}

fn rows(count: u32) -> Vec<RowView> {
    let mut rows = Vec::new();
    walk::rows(&shared(count), States::ALL, |row| rows.push(row));
    rows
}

#[test]
fn without_a_thread_that_answers_in_time_nothing_is_translated() {
    let rows = rows(3);
    assert_eq!(Nat::default().look_up(&rows), [None; 3], "nobody is asked");
    let (nat, asked) = Nat::channel();
    let begun = Instant::now();
    assert_eq!(nat.look_up(&rows), [None; 3], "nobody answers");
    assert!(begun.elapsed() >= PATIENCE);
    let begun = Instant::now();
    assert_eq!(nat.look_up(&rows), [None; 3], "the first question still waits");
    assert!(begun.elapsed() < PATIENCE);
    drop(asked);
    assert_eq!(nat.look_up(&rows), [None; 3], "nobody listens");
}

#[test]
fn each_row_gets_its_own_answer_and_a_listener_is_not_asked_for() {
    let mut rows = rows(3);
    rows[1].peer_port = 0;
    let (nat, asked) = Nat::channel();
    let thread = std::thread::spawn(move || {
        let batch = asked.recv().unwrap();
        let ends: Vec<Ends> = batch.questions.iter().map(|question| question.ends).collect();
        batch.answer.send(ends.iter().copied().map(Some).collect()).unwrap();
        ends
    });
    let found = nat.look_up(&rows);
    assert_eq!(thread.join().unwrap().len(), 2);
    assert_eq!(found, [Some(Ends::from(&rows[0])), None, Some(Ends::from(&rows[2]))]);
}
