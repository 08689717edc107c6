//! Tests of the walk, the selection and the filter; and the table that other tests read.

use std::sync::{Arc, Mutex};

use agent_common::record::{Endpoints, Holder, Socket, State, flag, kind};
use agent_common::tcp;
use catalogue::labels::SocketState;
use proptest::prelude::{any, proptest};

use super::answer::Connection;
use super::filter::{End, Filter};
use super::order::{Order, Sort};
use super::select::Select;
use super::walk;
use crate::conn::{Covered, Limits, Nanos, Table};
use crate::ingest::SharedTable;

/// Returns a table with the clients `1..=count`, one a millisecond, each of process
/// `app<number % 7>`. The peer has closed every third.
pub(crate) fn shared(count: u32) -> SharedTable {
    let mut table = Table::new(Limits::default());
    for number in 1..=count {
        let time = u64::from(number) * 1_000_000;
        let local = [0, u64::from_ne_bytes([0, 0, 0xff, 0xff, 10, 0, 0, 1])];
        let [a, b, c, d] = number.to_be_bytes();
        let peer = [0, u64::from_ne_bytes([0, 0, 0xff, 0xff, 10 + a, b, c, d])];
        let port = u16::try_from(number % 5).unwrap() + 5430;
        let ends = Endpoints {
            sk: number.into(),
            cgroup: 1,
            local,
            peer,
            netns: 1 + number % 2,
            local_port: 40_000,
            peer_port: port,
        };
        let mut comm = [0; 16];
        comm[..4].copy_from_slice(format!("app{}", number % 7).as_bytes());
        let record = State {
            kind: 1,
            time,
            ends,
            flags: flag::LOCKED,
            tgid: 100 + number % 7,
            comm,
            ..State::default()
        };
        table.transition(&State { old: tcp::CLOSE, new: tcp::SYN_SENT, ..record });
        table.transition(&State { old: tcp::SYN_SENT, new: tcp::ESTABLISHED, flags: 0, ..record });
        if number % 3 == 0 {
            table.transition(&State {
                old: tcp::ESTABLISHED,
                new: tcp::CLOSE_WAIT,
                flags: flag::ATTACHED,
                ..record
            });
        }
    }
    Arc::new(Mutex::new(table))
}

#[test]
fn a_large_table_is_read_in_slices_and_only_the_first_rows_are_kept() {
    const ROWS: u32 = 100_000;
    let table = shared(ROWS);
    let mut select = Select::new(Sort::Age, Order::Descending, 10);
    let mut free = 0;
    let walked = walk::rows(&table, crate::conn::States::ALL, |row| {
        // Other threads can lock the table between any two visited rows.
        free += u32::from(table.try_lock().is_ok());
        select.offer(row);
        assert!(select.kept() <= 10, "memory follows the limit");
    });
    assert_eq!(
        (walked.seen, free),
        (u64::from(ROWS), ROWS),
        "the table is not held while rows are looked at"
    );
    assert_eq!(walked.slices, u64::from(ROWS.div_ceil(walk::PLACES)));
    assert_eq!(select.offered(), u64::from(ROWS));
    assert_eq!(
        select.finish().0.iter().map(|row| row.sk).collect::<Vec<_>>(),
        (1..=10).collect::<Vec<_>>()
    );
}

/// A subflow of an MPTCP connection in CLOSE_WAIT, and a connection of plain TCP.
fn multipath() -> Table {
    let (mut table, now) = (Table::new(Limits::default()), Nanos::from_secs(10));
    table.begin_pass(now);
    for (sk, outer) in [(1, 900), (2, 0)] {
        let ends = Endpoints { sk, netns: 7, local_port: 80, ..Endpoints::default() };
        let (kind, state, time) = (kind::SOCKET, tcp::ESTABLISHED, now.get());
        let flags = flag::ATTACHED;
        table.pass_socket(&Socket { kind, state, flags, time, ends, outer, ..Socket::default() });
    }
    let (kind, state) = (kind::HOLDER, tcp::CLOSE_WAIT);
    table.pass_holder(&Holder { kind, state, sk: 900, tgid: 9, ..Holder::default() });
    let namespaces = [7].into();
    table.end_pass(now, &Covered { namespaces, holders: Some(now), ..Covered::default() });
    table
}

#[test]
fn the_state_of_an_mptcp_connection_is_shown_and_chosen_by_beside_that_of_tcp() {
    let (table, now) = (multipath(), 35_000_000_000);
    let chosen = |multipath: &[SocketState]| {
        let filter = Filter { multipath: multipath.to_vec(), ..Filter::ALL };
        let rows = table.view().rows().filter(|row| filter.matches(row, now));
        let mut rows: Vec<_> = rows.map(|row| (row.sk, Connection::of(&row, now))).collect();
        rows.sort_by_key(|(sk, _)| *sk);
        rows
    };
    let all = chosen(&[]);
    let told = |one: &Connection| (one.state.clone(), one.mptcp_state.clone());
    let (state, multipath) = ("established".to_owned(), Some("close_wait".to_owned()));
    assert_eq!(told(&all[0].1), (state.clone(), multipath));
    assert_eq!(told(&all[1].1), (state, None), "plain TCP has none");
    let ages = all.iter().map(|(_, one)| one.mptcp_state_seconds).collect::<Vec<_>>();
    assert_eq!(ages, [Some(25.0), None]);
    assert_eq!(chosen(&[SocketState::FinWait2, SocketState::CloseWait]), all[..1]);
    assert_eq!(chosen(&[SocketState::Established]), []);
}

proptest! {
    #[test]
    fn an_address_lies_in_its_own_blocks_only(
        bits in any::<u128>(),
        other in any::<u128>(),
        prefix in 0_u32..=128,
        port in any::<u16>(),
    ) {
        // Not v4-mapped: those are IPv4 addresses, see above.
        let address = std::net::Ipv6Addr::from_bits(bits | 1 << 127);
        let end: End = format!("{address}/{prefix}").parse().unwrap();
        assert!(end.holds(address.into(), port));
        let other = std::net::Ipv6Addr::from_bits(other);
        let same = prefix == 0 || (address.to_bits() ^ other.to_bits()) >> (128 - prefix) == 0;
        assert_eq!(end.holds(other.into(), port), same);
        let exact: End = format!("[{address}]:{port}").parse().unwrap();
        assert!(exact.holds(address.into(), port));
        assert!(!exact.holds(address.into(), port.wrapping_add(1)));
    }
}
