//! What the view asks the agent: its page and the suspects at each refresh, and what the list on
//! the screen needs.
//!
//! A thread asks, so that keys are taken while an agent is slow. Guarantees: one refresh is under
//! way at a time, and a wish that a newer one follows is not carried out.

use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::page::Page;
use super::readings::Reading;
use super::table::MOST;
use crate::client::{self, Address, Agent, AgentOptions, Failure};
use crate::leaks::Leaks;
use crate::query::connections::Connections;
use crate::query::trouble::Troubles;

/// The most wishes that wait. The thread takes them all at once.
const WISHES: usize = 64;
/// How many troubles of each kind are asked for.
const TROUBLES: usize = 250;

/// What is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The page and the suspects.
    pub(crate) base: bool,
    /// Trouble, and connections by peer.
    pub(crate) destinations: bool,
    /// The parameters of the query for sockets.
    pub(crate) sockets: Option<String>,
}

/// What came of a wish. What was not wanted is `None`.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// The page.
    pub(crate) page: Option<Result<Reading, String>>,
    /// The suspects.
    pub(crate) leaks: Option<Result<Leaks, String>>,
    /// The troubles.
    pub(crate) troubles: Option<Result<Troubles, String>>,
    /// Connections by peer.
    pub(crate) peers: Option<Result<Connections, String>>,
    /// The parameters, and the sockets.
    pub(crate) sockets: Option<(String, Result<Connections, String>)>,
    /// The time since the view began.
    pub(crate) at: Duration,
}

/// The agent that is asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Where it may be.
    pub(crate) addresses: Vec<Address>,
    /// How it is asked.
    pub(crate) options: AgentOptions,
    /// When the view began.
    pub(crate) start: Instant,
}

impl Asked {
    /// Returns the agent as the client takes it.
    pub(crate) fn agent(&self) -> Agent<'_> {
        Agent { addresses: &self.addresses, options: &self.options }
    }

    /// Carries out a wish.
    ///
    /// # Errors
    /// There is no connection to the agent: nothing else can be asked either.
    pub(crate) fn ask(&self, wish: &Wish) -> Result<Answers, Failure> {
        answers(wish, self.start, |target| self.fetch(target))
    }

    /// Returns the text of an answer, or why the agent gives none.
    fn fetch(&self, target: &str) -> Result<Result<String, String>, Failure> {
        match client::fetch(&self.agent(), target) {
            Ok(body) => Ok(Ok(String::from_utf8_lossy(&body).into_owned())),
            Err(failure) if is_of_one_question(&failure) => Ok(Err(failure.to_string())),
            Err(failure) => Err(failure),
        }
    }
}

/// Returns what comes of a wish of a view that began at `start`. `fetch` returns the text of an
/// answer, or why the agent gives none.
///
/// # Errors
/// As `fetch`.
pub(crate) fn answers<E>(
    wish: &Wish,
    start: Instant,
    mut fetch: impl FnMut(&str) -> Result<Result<String, String>, E>,
) -> Result<Answers, E> {
    let mut answers = Answers::default();
    if wish.base {
        answers.leaks =
            Some(fetch(&format!("/api/v1/leaks?limit={MOST}"))?.and_then(|body| read(&body)));
        let at = start.elapsed();
        let page = fetch("/metrics")?.map(|body| Page::read(&body));
        answers.page = Some(page.map(|page| Reading { at, page }));
    }
    if wish.destinations {
        let troubles = fetch(&format!("/api/v1/trouble?limit={TROUBLES}"))?;
        answers.troubles = Some(troubles.and_then(|body| read(&body)));
        let groups = format!("/api/v1/connections?group_by=peer&limit={MOST}");
        answers.peers = Some(fetch(&groups)?.and_then(|body| read(&body)));
    }
    if let Some(sockets) = &wish.sockets {
        let answer = fetch(&format!("/api/v1/connections?{sockets}"))?;
        answers.sockets = Some((sockets.clone(), answer.and_then(|body| read(&body))));
    }
    answers.at = start.elapsed();
    Ok(answers)
}

fn read<T: DeserializeOwned>(body: &str) -> Result<T, String> {
    serde_json::from_str(body)
        .map_err(|error| format!("its answer is not what an agent of this version sends: {error}"))
}

/// Whether another question may be answered all the same.
fn is_of_one_question(failure: &Failure) -> bool {
    match failure {
        Failure::Refused { .. } | Failure::TooLarge => true,
        Failure::At(_, inner) => is_of_one_question(inner),
        _ => false,
    }
}

/// The thread that asks.
#[derive(Debug)]
pub(crate) struct Asker {
    wishes: SyncSender<Wish>,
    answers: Receiver<Result<Answers, Failure>>,
    waiting: usize,
    /// Since when nothing has come of the wishes that wait.
    since: Instant,
}

/// The thread has ended, which it does by a panic only.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended;

impl Asker {
    /// Starts the thread. It ends with the process.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(crate) fn start(asked: Asked) -> std::io::Result<Self> {
        let (wishes, inbox) = sync_channel(WISHES);
        let (outbox, answers) = channel();
        std::thread::Builder::new()
            .name("ask".to_owned())
            .spawn(move || serve(&inbox, &outbox, |wish| asked.ask(wish)))?;
        Ok(Self { wishes, answers, waiting: 0, since: Instant::now() })
    }

    /// Returns how long an answer has been waited for; `None` if no wish is under way.
    pub(crate) fn waited(&self) -> Option<Duration> {
        (self.waiting > 0).then(|| self.since.elapsed())
    }

    /// Wishes for answers. With too many wishes that wait, the next refresh brings them.
    pub(crate) fn wish(&mut self, wish: Wish) -> Result<(), Ended> {
        if self.waiting == 0 {
            self.since = Instant::now();
        }
        match self.wishes.try_send(wish) {
            Ok(()) => self.waiting += 1,
            Err(TrySendError::Full(_)) => {}
            Err(TrySendError::Disconnected(_)) => return Err(Ended),
        }
        Ok(())
    }

    /// Returns what came of a wish, if it is done; `None` inside if a newer wish took its place.
    pub(crate) fn answer(&mut self) -> Result<Option<Result<Answers, Failure>>, Ended> {
        use std::sync::mpsc::TryRecvError;
        match self.answers.try_recv() {
            Ok(answer) => {
                self.waiting = self.waiting.saturating_sub(1);
                self.since = Instant::now();
                Ok(Some(answer))
            }
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Ended),
        }
    }
}

/// Carries out wishes until nobody wishes any more. Of those that wait only the last brings
/// destinations and sockets; each has an answer.
fn serve(
    inbox: &Receiver<Wish>,
    outbox: &Sender<Result<Answers, Failure>>,
    mut ask: impl FnMut(&Wish) -> Result<Answers, Failure>,
) {
    while let Ok(mut wish) = inbox.recv() {
        while let Ok(newer) = inbox.try_recv() {
            let base = wish.base || newer.base;
            wish = Wish { base, ..newer };
            if outbox.send(Ok(Answers::default())).is_err() {
                return;
            }
        }
        if outbox.send(ask(&wish)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_wishes_that_wait_the_last_is_carried_out_and_each_has_an_answer() {
        let (wishes, inbox) = sync_channel(WISHES);
        let (outbox, answers) = channel();
        let sockets = |text: &str| Some(text.to_owned());
        wishes.send(Wish { base: true, sockets: sockets("a"), ..Wish::default() }).unwrap();
        wishes.send(Wish { sockets: sockets("b"), ..Wish::default() }).unwrap();
        drop(wishes);
        let mut carried_out = Vec::new();
        serve(&inbox, &outbox, |wish| {
            carried_out.push(wish.clone());
            Ok(Answers::default())
        });
        assert_eq!(carried_out, [Wish { base: true, sockets: sockets("b"), ..Wish::default() }]);
        assert_eq!(answers.try_iter().count(), 2);
    }

    #[test]
    fn a_thread_that_panicked_is_noticed() {
        let (wishes, inbox) = sync_channel(1);
        let (outbox, answers) = channel();
        let mut asker = Asker { wishes, answers, waiting: 0, since: Instant::now() };
        assert_eq!(asker.waited(), None);
        asker.wish(Wish::default()).unwrap();
        assert!(asker.waited().is_some());
        asker.wish(Wish::default()).unwrap();
        assert_eq!(asker.waiting, 1, "there is no room for a second");
        assert!(asker.answer().unwrap().is_none());
        drop((inbox, outbox));
        assert!(asker.answer().is_err());
        assert_eq!(asker.wish(Wish::default()), Err(Ended));
    }

    #[test]
    fn an_agent_that_is_not_there_is_one_failure() {
        let nowhere: Address = "unix:/nonexistent/tcpwarden.sock".parse().unwrap();
        let asked = Asked {
            addresses: vec![nowhere],
            options: AgentOptions::default(),
            start: Instant::now(),
        };
        let failure = asked.ask(&Wish { base: true, ..Wish::default() }).unwrap_err();
        assert!(matches!(failure, Failure::Unreachable(_)), "{failure}");
    }
}
