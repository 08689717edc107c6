//! A small HTTP client for a running agent, on a TCP address or a socket file.
//!
//! Used by the queries. Guarantees: whatever program answers, a request takes at most [`TIMEOUT`]
//! and [`MAX_BODY`] bytes of memory, and returns a body or a [`Failure`] that says what to do.

use std::io;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::config::Listen;

/// The longest time for an answer: a query may wait for nine seconds in the agent and run for nine
/// more.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(25);
/// The most bytes of an answer; a thousand connections take about 600,000.
pub(crate) const MAX_BODY: usize = 8 << 20;

/// The reason why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// No connection to the address.
    #[error("{0}; is `tcpwarden run` running there? --agent names another address or unix:/path")]
    Unreachable(io::Error),
    /// The answer took too long.
    #[error("no answer within {} seconds; the agent is busy, or something else listens there",
        .0.as_secs_f32())]
    Slow(Duration),
    /// The program that answers does not speak HTTP.
    #[error(
        "what answers there does not speak HTTP as an agent does ({0}); \
         --agent names another address"
    )]
    Foreign(String),
    /// The answer exceeds [`MAX_BODY`].
    #[error(
        "the answer is larger than {MAX_BODY} bytes; that is no agent, \
         --agent names another address"
    )]
    TooLarge,
    /// The agent answers with an error status.
    #[error("it answers {status}: {text}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The reason from the body; at most 500 letters.
        text: String,
    },
}

/// Returns the body of the agent's answer to `target`, a path with its query. Blocks for at most
/// [`TIMEOUT`].
///
/// # Errors
/// Any [`Failure`].
pub(crate) fn fetch(agent: &Listen, target: &str) -> Result<Bytes, Failure> {
    fetch_for(TIMEOUT, agent, target)
}

/// As [`fetch`]. Blocks for at most `limit`.
pub(crate) fn fetch_for(limit: Duration, agent: &Listen, target: &str) -> Result<Bytes, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::Unreachable)?;
    let answer = runtime.block_on(fetch_within(limit, agent, target));
    // Does not wait for the connection's task, which ends with the process.
    runtime.shutdown_background();
    answer
}

/// As [`fetch`], within a given time: connecting, sending and reading together.
pub(crate) async fn fetch_within(
    limit: Duration,
    agent: &Listen,
    target: &str,
) -> Result<Bytes, Failure> {
    timeout(limit, connect_and_ask(agent, target)).await.unwrap_or(Err(Failure::Slow(limit)))
}

async fn connect_and_ask(agent: &Listen, target: &str) -> Result<Bytes, Failure> {
    match agent {
        Listen::Tcp(address) => {
            let stream = TcpStream::connect(address).await.map_err(Failure::Unreachable)?;
            exchange(stream, &address.to_string(), target).await
        }
        Listen::Unix(path) => {
            let stream = UnixStream::connect(path).await.map_err(Failure::Unreachable)?;
            exchange(stream, "localhost", target).await
        }
    }
}

/// Sends one request and reads its answer.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    host: &str,
    target: &str,
) -> Result<Bytes, Failure> {
    let foreign = |error: &dyn std::error::Error| Failure::Foreign(error.to_string());
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| foreign(&error))?;
    // The request below returns the errors of this task, too.
    tokio::spawn(async { drop(connection.await) });
    let request = Request::get(target)
        .header(header::HOST, host)
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| foreign(&error))?;
    let answer = sender.send_request(request).await.map_err(|error| foreign(&error))?;
    let status = answer.status();
    let body = match Limited::new(answer.into_body(), MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(Failure::TooLarge),
        Err(error) => return Err(Failure::Foreign(error.to_string())),
    };
    if status == StatusCode::OK {
        return Ok(body);
    }
    Err(Failure::Refused { status, text: reason(&body) })
}

/// Returns the reason of a refusal: the `error` of a JSON body, or the beginning of any other body.
fn reason(body: &[u8]) -> String {
    let error = serde_json::from_slice::<serde_json::Value>(body).ok();
    let error = error
        .and_then(|body| body.get("error").and_then(|error| error.as_str().map(ToOwned::to_owned)));
    let text = error.unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned());
    text.chars().take(500).collect()
}
