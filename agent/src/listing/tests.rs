//! Tests of the walk, the selection and the filter; and the table that other tests read.

use std::sync::{Arc, Mutex};

use agent_common::record::{Endpoints, State, flag};
use agent_common::tcp;
use proptest::prelude::{any, proptest};

use super::filter::End;
use super::order::{Order, Sort};
use super::select::Select;
use super::walk;
use crate::conn::{Limits, Table};
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
