//! Where an answer ends, so that the next one goes on there: the sort key of its last row as text.
//!
//! Guarantees: a cursor holds whatever opens or closes between two answers, because it names a
//! place in the order, not a number of rows. It is read from outside, so any text is a cursor or
//! refused. It does not carry the kernel's address of a socket, only a keyed hash of it.

use std::cmp::Reverse;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::net::Ipv6Addr;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use catalogue::labels::SocketState;

use super::order::{Order, Sort};
use crate::conn::RowView;

/// Hides the kernel's address of a socket; the same for the life of the agent.
static HIDDEN: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A sort key. One query compares keys of one variant only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Number(u64),
    Text(Arc<str>),
    Name(&'static str),
    End(Ipv6Addr, u16),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Ascending(Value),
    Descending(Reverse<Value>),
}

/// The place of a row in an order. Equal keys are ordered by the time in the state, then by socket,
/// so that the same table gives the same answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    rank: Rank,
    entered: u64,
    socket: u64,
}

impl Place {
    /// Returns the place of a row.
    #[must_use]
    pub(crate) fn of(row: &RowView, sort: Sort, order: Order) -> Self {
        Self::new(value(sort, row), order, row.entered, HIDDEN.hash_one(row.sk))
    }

    fn new(value: Value, order: Order, entered: u64, socket: u64) -> Self {
        let rank = match order {
            Order::Ascending => Rank::Ascending(value),
            Order::Descending => Rank::Descending(Reverse(value)),
        };
        Self { rank, entered, socket }
    }

    fn value(&self) -> &Value {
        match &self.rank {
            Rank::Ascending(value) | Rank::Descending(Reverse(value)) => value,
        }
    }
}

/// A place with the order that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) sort: Sort,
    pub(crate) order: Order,
    pub(crate) place: Place,
}

/// Returns the sort key of a row. An age is the inverted start time: the oldest row has the largest
/// key.
fn value(sort: Sort, row: &RowView) -> Value {
    match sort {
        Sort::Age => Value::Number(u64::MAX - row.entered),
        Sort::ConnectionAge => Value::Number(u64::MAX - row.born),
        // What the kernel does not tell counts as used just now.
        Sort::Idle => Value::Number(row.activity.used().map_or(0, |used| u64::MAX - used)),
        Sort::Process => Value::Text(Arc::clone(&row.process)),
        Sort::Pid => Value::Number(row.tgid.into()),
        Sort::State => Value::Name(row.state.as_str()),
        Sort::Port => Value::Number(row.service_port.into()),
        Sort::Retransmitted => Value::Number(row.retransmitted.into()),
        Sort::ReceiveQueue => Value::Number(row.waiting.receive_queue.into()),
        Sort::Local => Value::End(row.local_address, row.local_port),
        Sort::Peer => Value::End(row.peer_address, row.peer_port),
    }
}

fn name<T: Copy + PartialEq>(of: T, known: &[(&'static str, T)]) -> &'static str {
    known.iter().find(|(_, one)| *one == of).map_or("", |(name, _)| name)
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sort, order, place } = self;
        write!(f, "{}.{}.", name(*sort, Sort::ALL), name(*order, Order::ALL))?;
        match place.value() {
            Value::Number(number) => write!(f, "{number:x}")?,
            Value::Text(text) => {
                text.bytes().try_for_each(|byte| write!(f, "{byte:02x}"))?;
            }
            Value::Name(name) => f.write_str(name)?,
            Value::End(address, port) => write!(f, "{:x}-{port:x}", address.to_bits())?,
        }
        write!(f, ".{:x}.{:x}", place.entered, place.socket)
    }
}

/// The text is not a [`Cursor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotACursor;

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        read(text).ok_or(NotACursor)
    }
}

fn read(text: &str) -> Option<Cursor> {
    let parts: Vec<&str> = text.splitn(6, '.').collect();
    let [sort, order, value, entered, socket] = parts[..] else { return None };
    let sort = Sort::ALL.iter().find(|(name, _)| *name == sort)?.1;
    let order = Order::ALL.iter().find(|(name, _)| *name == order)?.1;
    let value = match sort {
        Sort::Process => Value::Text(letters(value)?.into()),
        Sort::State => {
            let mut names = SocketState::ALL.iter().map(|state| state.as_str());
            Value::Name(names.find(|name| *name == value)?)
        }
        Sort::Local | Sort::Peer => {
            let (address, port) = value.split_once('-')?;
            let address = u128::from_str_radix(address, 16).ok()?;
            Value::End(Ipv6Addr::from_bits(address), u16::from_str_radix(port, 16).ok()?)
        }
        _ => Value::Number(hex(value)?),
    };
    let place = Place::new(value, order, hex(entered)?, hex(socket)?);
    Some(Cursor { sort, order, place })
}

fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

fn letters(text: &str) -> Option<String> {
    let pair = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
    String::from_utf8(bytes?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::*;
    use crate::conn::States;
    use crate::listing::tests::shared;
    use crate::listing::walk;

    #[test]
    fn a_cursor_is_read_back_in_every_order() {
        let table = shared(3);
        walk::rows(&table, States::ALL, |row| {
            for (_, sort) in Sort::ALL {
                for (_, order) in Order::ALL {
                    let place = Place::of(&row, *sort, *order);
                    let cursor = Cursor { sort: *sort, order: *order, place };
                    let text = cursor.to_string();
                    assert_eq!(text.parse(), Ok(cursor), "{text}");
                    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
                    assert!(text.chars().all(plain), "{text} stands in a URL as it is");
                }
            }
        });
    }

    #[test]
    fn the_address_of_a_socket_is_not_in_a_cursor() {
        let table = shared(1);
        let mut row = None;
        walk::rows(&table, States::ALL, |one| row = Some(one));
        let row = RowView { sk: 0xffff_8880_1234_5678, ..row.unwrap() };
        let (sort, order) = (Sort::Pid, Order::Ascending);
        let text = Cursor { sort, order, place: Place::of(&row, sort, order) }.to_string();
        assert!(!text.contains("ffff888012345678"), "{text}");
    }

    proptest! {
        #[test]
        fn any_text_is_a_cursor_or_refused(text in ".{0,60}", hex in "[0-9a-f.-]{0,40}") {
            let _ = text.parse::<Cursor>();
            for (name, _) in Sort::ALL {
                let _ = format!("{name}.asc.{hex}").parse::<Cursor>();
            }
        }
    }
}
