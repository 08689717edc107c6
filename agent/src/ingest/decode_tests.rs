//! What decoding promises: every record comes back as it went in, everything else is named.

use proptest::prelude::*;

use super::*;

/// Lays a record's words out as the kernel side does.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn endpoints(self, ends: &Endpoints) -> Self {
        let mut all = Vec::new();
        for word in [ends.sk, ends.cgroup, ends.local[0], ends.local[1], ends.peer[0], ends.peer[1]]
        {
            all.extend_from_slice(&word.to_ne_bytes());
        }
        all.extend_from_slice(&ends.netns.to_ne_bytes());
        all.extend_from_slice(&ends.local_port.to_ne_bytes());
        all.extend_from_slice(&ends.peer_port.to_ne_bytes());
        self.bytes(&all)
    }
}

fn state_bytes(state: &State) -> Vec<u8> {
    Writer::default()
        .bytes(&[state.kind, state.old, state.new, state.flags])
        .bytes(&state.err.to_ne_bytes())
        .bytes(&state.family.to_ne_bytes())
        .bytes(&state.time.to_ne_bytes())
        .endpoints(&state.ends)
        .bytes(&state.tgid.to_ne_bytes())
        .bytes(&state.uid.to_ne_bytes())
        .bytes(&state.comm)
        .0
}

prop_compose! {
    fn endpoints()(
        sk: u64, cgroup: u64, local: [u64; 2], peer: [u64; 2], netns: u32, local_port: u16,
        peer_port: u16,
    ) -> Endpoints {
        Endpoints { sk, cgroup, local, peer, netns, local_port, peer_port }
    }
}

prop_compose! {
    fn state(new: u8, kind: u8)(
        old in 1u8..=12, flags: u8, err: u16, family: u16, time: u64, ends in endpoints(),
        tgid: u32, uid: u32, comm: [u8; 16],
    ) -> State {
        State { kind, old, new, flags, err, family, time, ends, tgid, uid, comm }
    }
}

proptest! {
    #[test]
    fn a_transition_comes_back_as_it_went_in(
        state in (1u8..=12)
            .prop_filter("not close", |new| *new != tcp::CLOSE)
            .prop_flat_map(|new| state(new, kind::STATE)),
    ) {
        prop_assert_eq!(decode(&state_bytes(&state)), Ok(Record::State(state)));
    }

    #[test]
    fn a_close_comes_back_as_it_went_in(
        state in state(tcp::CLOSE, kind::CLOSE), sent: u64, received: u64, srtt_us: u32,
        retransmitted: u32,
    ) {
        let close =
            Close { state, bytes_sent: sent, bytes_received: received, srtt_us, retransmitted };
        let bytes = Writer(state_bytes(&state))
            .bytes(&sent.to_ne_bytes())
            .bytes(&received.to_ne_bytes())
            .bytes(&srtt_us.to_ne_bytes())
            .bytes(&retransmitted.to_ne_bytes())
            .0;
        prop_assert_eq!(decode(&bytes), Ok(Record::Close(close)));
    }

    #[test]
    fn a_retransmit_comes_back_as_it_went_in(
        ends in endpoints(), synack: bool, state in 1u8..=12, ca_state: u8, pending: u8, err: i16,
        time: u64, segments: u32, total: u32,
    ) {
        let kind = if synack { kind::SYNACK } else { kind::RETRANSMIT };
        let record = Retransmit {
            kind, state, ca_state, pending, err, family: 2, time, ends, segments, total,
        };
        let bytes = Writer::default()
            .bytes(&[kind, state, ca_state, pending])
            .bytes(&err.to_ne_bytes())
            .bytes(&2u16.to_ne_bytes())
            .bytes(&time.to_ne_bytes())
            .endpoints(&ends)
            .bytes(&segments.to_ne_bytes())
            .bytes(&total.to_ne_bytes())
            .0;
        let expected = if synack { Record::SynAck(record) } else { Record::Retransmit(record) };
        prop_assert_eq!(decode(&bytes), Ok(expected));
    }

    #[test]
    fn a_socket_comes_back_as_it_went_in(
        ends in endpoints(), state in 1u8..=12, substate: u8, flags: u8, reader: u32, time: u64,
        numbers: [u32; 4], outer: u64, bytes: [u64; 2], words: [u32; 5], small: [u8; 4],
    ) {
        let [bytes_received, bytes_sent] = bytes;
        let [sent_ago, received_ago, acked_ago, acknowledged, unacknowledged] = words;
        let [timeouts, backoff, probes, known] = small;
        let activity = Activity {
            bytes_received, bytes_sent, sent_ago, received_ago, acked_ago, acknowledged,
            unacknowledged, timeouts, backoff, probes, known,
        };
        let [receive_queue, send_queue, syn_queue, drops] = numbers;
        let record = Socket {
            kind: kind::SOCKET, state, substate, flags, reader, time, ends, receive_queue,
            send_queue, syn_queue, drops, outer, activity,
        };
        let bytes = Writer::default()
            .bytes(&[kind::SOCKET, state, substate, flags])
            .bytes(&reader.to_ne_bytes())
            .bytes(&time.to_ne_bytes())
            .endpoints(&ends)
            .bytes(&numbers.map(u32::to_ne_bytes).concat())
            .bytes(&outer.to_ne_bytes())
            .bytes(&bytes.map(u64::to_ne_bytes).concat())
            .bytes(&words.map(u32::to_ne_bytes).concat())
            .bytes(&small)
            .0;
        prop_assert_eq!(decode(&bytes), Ok(Record::Socket(record)));
    }

    #[test]
    fn a_holder_comes_back_as_it_went_in(
        state: u8, tgid: u32, sk: u64, started: u64, fd: u32, comm: [u8; 16],
    ) {
        let (pad1, pad2) = (0, 0);
        let record =
            Holder { kind: kind::HOLDER, state, pad1, tgid, sk, started, fd, pad2, comm };
        let bytes = Writer::default()
            .bytes(&[kind::HOLDER, state, 0, 0])
            .bytes(&tgid.to_ne_bytes())
            .bytes(&sk.to_ne_bytes())
            .bytes(&started.to_ne_bytes())
            .bytes(&fd.to_ne_bytes())
            .bytes(&[0; 4])
            .bytes(&comm)
            .0;
        prop_assert_eq!(decode(&bytes), Ok(Record::Holder(record)));
    }

    #[test]
    fn a_child_comes_back_as_it_went_in(listener: u64, sk: u64) {
        let record = Child { kind: kind::CHILD, pad: 0, pad2: 0, pad3: 0, listener, sk };
        let bytes = Writer::default()
            .bytes(&[kind::CHILD, 0, 0, 0, 0, 0, 0, 0])
            .bytes(&listener.to_ne_bytes())
            .bytes(&sk.to_ne_bytes())
            .0;
        prop_assert_eq!(decode(&bytes), Ok(Record::Child(record)));
    }

    #[test]
    fn random_bytes_are_a_record_or_a_named_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..256),
    ) {
        if let Ok(record) = decode(&bytes) {
            prop_assert!(has_known_states(&record));
            prop_assert_eq!(length_of(bytes[0]), Some(bytes.len()));
        }
    }

    #[test]
    fn a_length_that_is_off_is_truncated_or_oversized(first in 1u8..=7, length in 1usize..256) {
        let mut bytes = vec![0; length];
        bytes[0] = first;
        let expected = length_of(first).unwrap();
        let result = decode(&bytes);
        match length.cmp(&expected) {
            std::cmp::Ordering::Less => prop_assert_eq!(result, Err(DecodeError::Truncated)),
            std::cmp::Ordering::Greater => prop_assert_eq!(result, Err(DecodeError::Oversized)),
            std::cmp::Ordering::Equal if matches!(first, kind::HOLDER | kind::CHILD) => {
                prop_assert!(result.is_ok());
            }
            std::cmp::Ordering::Equal => prop_assert_eq!(result, Err(DecodeError::BadState)),
        }
    }
}

/// A bounded fuzzer: valid records with bytes flipped, cut and appended, from a fixed seed.
#[test]
fn a_million_mangled_records_never_panic_and_are_all_accounted_for() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut outcomes = [0u64; DecodeError::ALL.len() + 1];
    for _ in 0..1_000_000 {
        let first = u8::try_from(next() % 9).unwrap();
        let mut bytes = vec![u8::try_from(next() % 14).unwrap(); length_of(first).unwrap_or(64)];
        bytes[0] = first;
        for _ in 0..next() % 4 {
            let at = usize::try_from(next() % bytes.len() as u64).unwrap();
            bytes[at] = next().to_le_bytes()[0];
        }
        match next() % 4 {
            0 => bytes.truncate(usize::try_from(next() % (bytes.len() as u64 + 1)).unwrap()),
            1 => bytes.extend_from_slice(&next().to_le_bytes()),
            _ => {}
        }
        outcomes[decode(&bytes).err().map_or(DecodeError::ALL.len(), DecodeError::index)] += 1;
    }
    assert_eq!(outcomes.iter().sum::<u64>(), 1_000_000);
    assert!(outcomes.iter().all(|count| *count > 1000), "every outcome occurs: {outcomes:?}");
}
