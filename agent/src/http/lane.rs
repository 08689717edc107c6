//! The HTTP process asks the agent: one question at a time on each lane.
//!
//! Used by `routes`, `api`, `flight` and `render`. Guarantees: what one lane asks delays no other;
//! a client that hangs up leaves no answer half read; a lane that breaks ends the process, which
//! the agent starts again.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use axum::body::Bytes;
use axum::response::Response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Mutex, Notify};

use super::failure::{failed, stands_still};
use super::question::{HEAD, Outcome, Question};

/// A socket to one thread of the agent.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    stream: Arc<Mutex<tokio::net::UnixStream>>,
    broken: Arc<Notify>,
}

/// The lanes of the process.
#[derive(Clone, Debug)]
pub(crate) struct Lanes {
    pub(super) state: Lane,
    pub(super) metrics: Lane,
    pub(super) overview: Lane,
    pub(super) queries: Lane,
    broken: Arc<Notify>,
}

impl Lanes {
    /// How many there are.
    pub(super) const COUNT: usize = 4;
    /// The place of the one for queries.
    pub(super) const QUERIES: usize = 3;

    /// Takes over sockets that do not block. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// What the runtime says.
    pub(super) fn new(sockets: [UnixStream; Self::COUNT]) -> io::Result<Self> {
        let broken = Arc::new(Notify::new());
        let lane = |socket| {
            let stream = tokio::net::UnixStream::from_std(socket)?;
            Ok::<_, io::Error>(Lane {
                stream: Arc::new(Mutex::new(stream)),
                broken: Arc::clone(&broken),
            })
        };
        let [state, metrics, overview, queries] = sockets;
        Ok(Self {
            state: lane(state)?,
            metrics: lane(metrics)?,
            overview: lane(overview)?,
            queries: lane(queries)?,
            broken: Arc::clone(&broken),
        })
    }

    /// Waits until one of them is of no use any more.
    pub(super) async fn broken(&self) {
        self.broken.notified().await;
    }
}

impl Lane {
    /// Asks, and returns the answer or the error for the client. `hold` is dropped when the answer
    /// is there, which may be later than the client waits.
    pub(super) async fn ask(
        &self,
        question: &Question,
        hold: impl Send + 'static,
    ) -> Result<Bytes, Response> {
        let Some(question) = question.to_bytes() else {
            return Err(failed("the question is too long"));
        };
        let lane = self.clone();
        let work = tokio::spawn(async move {
            let mut stream = lane.stream.lock().await;
            let answer = exchange(&mut stream, &question).await;
            drop(hold);
            answer.inspect_err(|_error| lane.broken.notify_one())
        });
        match work.await {
            Ok(Ok((Outcome::Done, text))) => Ok(text),
            Ok(Ok((Outcome::StandsStill, _))) => Err(stands_still()),
            Ok(Ok((Outcome::Failed, _))) => Err(failed("see the line before")),
            Ok(Err(error)) => Err(failed(&error.to_string())),
            Err(error) => Err(failed(&error.to_string())),
        }
    }
}

async fn exchange(
    stream: &mut tokio::net::UnixStream,
    question: &[u8],
) -> io::Result<(Outcome, Bytes)> {
    stream.write_all(question).await?;
    let mut head = [0; HEAD];
    stream.read_exact(&mut head).await?;
    let (outcome, length) = Outcome::of_head(head);
    let mut text = Vec::with_capacity(length);
    let most = u64::try_from(length).unwrap_or(u64::MAX);
    if stream.take(most).read_to_end(&mut text).await? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((outcome, Bytes::from(text)))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_client_that_hangs_up_leaves_no_answer_half_read() {
        let (agent, far) = UnixStream::pair().unwrap();
        far.set_nonblocking(true).unwrap();
        let stream = tokio::net::UnixStream::from_std(far).unwrap();
        let lane = Lane { stream: Arc::new(Mutex::new(stream)), broken: Arc::default() };
        let (hung_up, wait) = channel::<()>();
        // An agent that answers with the parameters, the first time when the client has gone.
        std::thread::spawn(move || {
            while let Ok(Some(Question::Query(_, text))) = Question::read(&agent) {
                let _ = wait.recv();
                Outcome::Done.write(text.as_bytes(), &agent).unwrap();
            }
        });
        let query = |text: &str| Question::Query(0, text.to_owned());
        let asked = query("first");
        let first = timeout(Duration::from_millis(50), lane.ask(&asked, ())).await;
        assert!(first.is_err(), "there is no answer yet");
        drop(hung_up);
        let second = lane.ask(&query("second"), ()).await.unwrap();
        assert_eq!(second, "second");
    }
}
