//! The places of open connections, and who gives up one when there is none left.
//!
//! Used by `serve`. Guarantees: there are at most as many connections as places. For a new
//! connection one yields: of the address with the most, that which has waited longest for its next
//! request, or for its answer to be read. A connection whose request is being answered does not
//! yield. An address of another machine has at most [`MOST_OF_PEER`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The most connections of one address of another machine.
pub(super) const MOST_OF_PEER: usize = 64;

/// An address that connections come from; all of a socket file are from one.
pub(super) type Peer = Option<IpAddr>;

/// The connections that have a place.
#[derive(Debug)]
pub(super) struct Places {
    taken: Mutex<Taken>,
    most: usize,
}

#[derive(Debug, Default)]
struct Taken {
    connections: HashMap<u64, Connection>,
    /// Grows with each connection and each answer: what is smaller has waited longer.
    clock: u64,
}

#[derive(Debug)]
struct Connection {
    peer: Peer,
    /// When its last answer was given, or it came; `None` while a request is being answered.
    idle: Option<u64>,
    yields: Arc<Notify>,
}

/// The place of one connection; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    peer: Peer,
    places: Arc<Places>,
    yields: Arc<Notify>,
}

impl Places {
    /// Creates places for `most` connections.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), most })
    }

    /// Gives a place to a new connection, for which another may have to yield. Returns `None` if
    /// all of the others, or all of its address where that has its share, are being answered.
    pub(super) fn take(self: &Arc<Self>, peer: Peer) -> Option<Place> {
        let mut taken = self.lock();
        let is_far = peer.is_some_and(|address| !address.is_loopback());
        if is_far && taken.of(peer).count() >= MOST_OF_PEER {
            let idle = taken.of(peer).filter_map(|(number, one)| Some((one.idle?, *number)));
            let (_, number) = idle.min()?;
            taken.connections.remove(&number)?.yields.notify_one();
        } else if taken.connections.len() >= self.most {
            let number = taken.who_yields()?;
            taken.connections.remove(&number)?.yields.notify_one();
        }
        let (number, yields) = (taken.tick(), Arc::new(Notify::new()));
        let connection = Connection { peer, idle: Some(number), yields: Arc::clone(&yields) };
        taken.connections.insert(number, connection);
        Some(Place { number, peer, places: Arc::clone(self), yields })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Returns the connections of an address.
    fn of(&self, peer: Peer) -> impl Iterator<Item = (&u64, &Connection)> {
        self.connections.iter().filter(move |(_, one)| one.peer == peer)
    }

    /// Returns the connection that yields to a new one, if one can.
    fn who_yields(&self) -> Option<u64> {
        let mut peers: HashMap<Peer, usize> = HashMap::new();
        for connection in self.connections.values() {
            *peers.entry(connection.peer).or_default() += 1;
        }
        let rank = |connection: &Connection| {
            let of_peer = peers.get(&connection.peer).copied().unwrap_or_default();
            connection.idle.map(|idle| (std::cmp::Reverse(of_peer), idle))
        };
        let idle = |(number, connection): (&u64, &Connection)| Some((rank(connection)?, *number));
        self.connections.iter().filter_map(idle).min().map(|(_, number)| number)
    }
}

impl Place {
    /// Returns the address that it is for.
    pub(super) const fn peer(&self) -> Peer {
        self.peer
    }

    /// Notes that a request is being answered.
    pub(super) fn begin(&self) {
        self.note(|_clock| None);
    }

    /// Notes that the answer was given.
    pub(super) fn finish(&self) {
        self.note(Some);
    }

    /// Waits until the connection has to yield.
    pub(super) async fn yielded(&self) {
        self.yields.notified().await;
    }

    fn note(&self, idle: impl FnOnce(u64) -> Option<u64>) {
        let mut taken = self.places.lock();
        let now = taken.tick();
        if let Some(connection) = taken.connections.get_mut(&self.number) {
            connection.idle = idle(now);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().connections.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn from(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    async fn has_yielded(place: &Place) -> bool {
        timeout(Duration::from_millis(1), place.yielded()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_of_the_busiest_address_yields() {
        let places = Places::new(4);
        let scraper = places.take(Some(from(1))).unwrap();
        let many: Vec<_> = (0..3).map(|_| places.take(Some(from(2))).unwrap()).collect();
        many[0].begin();
        many[0].finish();
        let _new = places.take(Some(from(2))).unwrap();
        assert!(has_yielded(&many[1]).await);
        assert!(!has_yielded(&scraper).await, "it has waited longest, but is alone");
        assert!(!has_yielded(&many[0]).await && !has_yielded(&many[2]).await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_being_answered_does_not_yield() {
        let places = Places::new(2);
        let both = [(); 2].map(|()| places.take(Some(from(1))).unwrap());
        both.iter().for_each(Place::begin);
        assert!(places.take(Some(from(1))).is_none());
        both[1].finish();
        assert!(places.take(Some(from(1))).is_some());
        assert!(has_yielded(&both[1]).await && !has_yielded(&both[0]).await);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_of_another_machine_has_its_share_and_no_more() {
        let places = Places::new(4 * MOST_OF_PEER);
        let far: Vec<_> = (0..MOST_OF_PEER).map(|_| places.take(Some(from(1))).unwrap()).collect();
        let here = Some(std::net::Ipv4Addr::LOCALHOST.into());
        let near: Vec<_> = (0..=MOST_OF_PEER).map(|_| places.take(here).unwrap()).collect();
        far[1..].iter().for_each(Place::begin);
        let more = places.take(Some(from(1))).unwrap();
        assert!(has_yielded(&far[0]).await && !has_yielded(&far[1]).await);
        more.begin();
        assert!(places.take(Some(from(1))).is_none(), "all of its own are being answered");
        assert!(places.take(Some(from(2))).is_some());
        assert!(!has_yielded(&near[0]).await, "no other yields for it");
    }

    #[test]
    fn a_place_is_given_back_once() {
        let places = Places::new(1);
        let first = places.take(None).unwrap();
        let second = places.take(None).unwrap();
        drop(first);
        assert_eq!(places.lock().connections.len(), 1, "the second has it");
        drop(second);
        assert_eq!(places.lock().connections.len(), 0);
    }
}
