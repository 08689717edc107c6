//! Verifies passwords, which takes a tenth of a second each, on a thread of its own.
//!
//! Used by `auth`. Guarantees: one password is verified at a time; a pair of user and password that
//! was good is remembered, as a keyed hash, and costs nothing while the user's hash is the same; at
//! most [`MOST`] passwords wait, and [`MOST_OF_PEER`] of one address.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::oneshot;

use super::places::Peer;

/// The most passwords that wait, the one that is being verified included.
const MOST: usize = 64;
/// The most of them from one address.
pub(super) const MOST_OF_PEER: usize = 8;
/// The most pairs that are remembered; the oldest is forgotten for a new one.
const MOST_KNOWN: usize = 64;

/// Verifies passwords.
#[derive(Clone)]
pub(super) struct Passwords {
    shared: Arc<Shared>,
    /// For the one that verifies now: those that wait are served in order.
    turn: Arc<tokio::sync::Mutex<Sender<Task>>>,
}

struct Shared {
    key: hmac::Key,
    known: Mutex<VecDeque<[u8; 32]>>,
    waiting: Mutex<HashMap<Peer, usize>>,
}

/// A password and the hash that it should have.
struct Task {
    password: Vec<u8>,
    hash: String,
    answer: oneshot::Sender<bool>,
}

/// The thread's side.
pub(super) struct Worker(Receiver<Task>);

/// Why there is no answer: too many wait already.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Crowded;

/// A place among those that wait; given back when dropped.
struct Waiting {
    shared: Arc<Shared>,
    peer: Peer,
}

impl Passwords {
    /// Returns both sides.
    ///
    /// # Errors
    /// If the kernel has no random numbers.
    pub(super) fn new() -> io::Result<(Self, Worker)> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|error| io::Error::other(format!("no random numbers: {error}")))?;
        let shared = Shared { key, known: Mutex::default(), waiting: Mutex::default() };
        let (tasks, taken) = channel();
        let turn = Arc::new(tokio::sync::Mutex::new(tasks));
        Ok((Self { shared: Arc::new(shared), turn }, Worker(taken)))
    }

    /// Returns whether a user's password has a hash.
    ///
    /// # Errors
    /// If too many wait.
    pub(super) async fn verify(
        &self,
        peer: Peer,
        user: &str,
        password: &[u8],
        hash: &str,
    ) -> Result<bool, Crowded> {
        let tag = self.shared.tag(user, password, hash);
        if self.shared.knows(tag) {
            return Ok(true);
        }
        let waiting = Waiting::take(&self.shared, peer).ok_or(Crowded)?;
        let turn = Arc::clone(&self.turn).lock_owned().await;
        // One that waited before may have brought the same.
        if self.shared.knows(tag) {
            return Ok(true);
        }
        let (answer, answered) = oneshot::channel();
        let task = Task { password: password.to_vec(), hash: hash.to_owned(), answer };
        let shared = Arc::clone(&self.shared);
        // A client that hangs up keeps its place until the thread is done.
        let work = tokio::spawn(async move {
            let _waiting = waiting;
            let is_good = turn.send(task).is_ok() && answered.await.unwrap_or(false);
            if is_good {
                shared.remember(tag);
            }
            is_good
        });
        Ok(work.await.unwrap_or(false))
    }
}

impl Shared {
    /// Returns what stands for a pair and the hash that it was verified against.
    fn tag(&self, user: &str, password: &[u8], hash: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [user.as_bytes(), hash.as_bytes(), password] {
            context.update(&part.len().to_le_bytes());
            context.update(part);
        }
        let mut tag = [0; 32];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }

    fn knows(&self, tag: [u8; 32]) -> bool {
        lock(&self.known).contains(&tag)
    }

    fn remember(&self, tag: [u8; 32]) {
        let mut known = lock(&self.known);
        if known.len() >= MOST_KNOWN {
            known.pop_front();
        }
        known.push_back(tag);
    }
}

impl Waiting {
    fn take(shared: &Arc<Shared>, peer: Peer) -> Option<Self> {
        let mut waiting = lock(&shared.waiting);
        if waiting.values().sum::<usize>() >= MOST {
            return None;
        }
        let of_peer = waiting.entry(peer).or_default();
        if *of_peer >= MOST_OF_PEER {
            return None;
        }
        *of_peer += 1;
        Some(Self { shared: Arc::clone(shared), peer })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waiting = lock(&self.shared.waiting);
        if let Some(of_peer) = waiting.get_mut(&self.peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                waiting.remove(&self.peer);
            }
        }
    }
}

impl Worker {
    /// Starts the thread, which first does `before`; returns when that is done.
    ///
    /// # Errors
    /// If there can be no thread.
    pub(super) fn start(self, before: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let (ready, is_ready) = channel();
        let work = move || {
            before();
            let _ = ready.send(());
            for task in self.0 {
                let is_good = bcrypt::verify(&task.password, &task.hash).unwrap_or(false);
                let _ = task.answer.send(is_good);
            }
        };
        thread::Builder::new().name("passwords".to_owned()).spawn(work)?;
        is_ready.recv().map_err(|_gone| io::Error::other("the thread of passwords has ended"))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn from(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn hash(password: &str) -> String {
        bcrypt::hash(password, 4).unwrap()
    }

    #[tokio::test]
    async fn a_good_pair_is_verified_once_until_its_hash_is_another() {
        let (passwords, worker) = Passwords::new().unwrap();
        let (hash, other) = (hash("right"), hash("else"));
        let verify = async |password: &str, hash: &str| {
            let asked = passwords.verify(Some(from(1)), "a", password.as_bytes(), hash);
            timeout(Duration::from_millis(500), asked).await.ok()
        };
        assert_eq!(verify("right", &hash).await, None, "nobody verifies yet");
        worker.start(|| ()).unwrap();
        assert_eq!(verify("wrong", &hash).await, Some(Ok(false)));
        assert_eq!(verify("right", &hash).await, Some(Ok(true)));
        assert_eq!(lock(&passwords.shared.known).len(), 1, "a wrong one is not remembered");
        assert_eq!(verify("right", &other).await, Some(Ok(false)));
        for number in 0..2 * MOST_KNOWN {
            passwords.shared.remember(passwords.shared.tag("b", &number.to_le_bytes(), &hash));
        }
        assert_eq!(lock(&passwords.shared.known).len(), MOST_KNOWN);
        assert!(lock(&passwords.shared.waiting).is_empty());
    }

    #[tokio::test]
    async fn too_many_that_wait_are_turned_away_by_address_and_clients_that_leave_change_nothing() {
        let (passwords, worker) = Passwords::new().unwrap();
        let hash = hash("right");
        // Nobody verifies: each of them waits. The first is in work when its client leaves.
        let ask = async |peer: Peer| {
            let asked = passwords.verify(peer, "a", b"right", &hash);
            timeout(Duration::from_millis(20), asked).await.ok()
        };
        assert_eq!(ask(Some(from(1))).await, None);
        let wait = |peer| {
            let (passwords, hash) = (passwords.clone(), hash.clone());
            tokio::spawn(async move { passwords.verify(peer, "a", b"right", &hash).await })
        };
        let mut waiting: Vec<_> = (1..MOST_OF_PEER).map(|_| wait(Some(from(1)))).collect();
        tokio::task::yield_now().await;
        assert_eq!(ask(Some(from(1))).await, Some(Err(Crowded)), "the first still has its place");
        for last in 2..=8 {
            waiting.extend((0..MOST_OF_PEER).map(|_| wait(Some(from(last)))));
        }
        tokio::task::yield_now().await;
        assert_eq!(ask(Some(from(9))).await, Some(Err(Crowded)), "there are {MOST} in all");
        worker.start(|| ()).unwrap();
        for one in waiting {
            assert_eq!(one.await.unwrap(), Ok(true));
        }
        assert_eq!(ask(Some(from(9))).await, Some(Ok(true)));
    }
}
