//! Asks a running agent over HTTP, on a TCP address or a socket file.
//!
//! Used by the commands `connections`, `leaks` and `ports`. Guarantees: whoever answers there, it
//! takes at most [`PATIENCE`] and [`MOST`] bytes of memory and ends in a body or in a [`Failure`]
//! that says what to do.

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

/// How long an answer may take: an agent lets a query wait for nine seconds and work for nine more.
pub(crate) const PATIENCE: Duration = Duration::from_secs(25);
/// The most bytes of an answer; a thousand connections take some 600,000.
pub(crate) const MOST: usize = 8 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Nobody can be reached there.
    #[error("{0}; is `tcpwarden run` running there? --agent names another address or unix:/path")]
    Unreachable(io::Error),
    /// It took too long.
    #[error("no answer within {} seconds; the agent is busy, or something else listens there", PATIENCE.as_secs())]
    Slow,
    /// Whatever answers does not speak HTTP.
    #[error(
        "what answers there does not speak HTTP as an agent does ({0}); --agent names another address"
    )]
    Foreign(String),
    /// The answer has no end.
    #[error(
        "the answer is larger than {MOST} bytes; that is no agent, --agent names another address"
    )]
    TooLarge,
    /// The agent says no.
    #[error("it answers {status}: {text}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The body.
        text: String,
    },
}

/// The body of what the agent answers to a path with its query.
///
/// # Errors
/// See [`Failure`].
pub(crate) fn fetch(agent: &Listen, target: &str) -> Result<Bytes, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::Unreachable)?;
    let answer = runtime.block_on(ask_for(agent, target, PATIENCE));
    // What is left of the connection ends with the process.
    runtime.shutdown_background();
    answer
}

/// The same for as long as `patience` lasts.
pub(crate) async fn ask_for(
    agent: &Listen,
    target: &str,
    patience: Duration,
) -> Result<Bytes, Failure> {
    timeout(patience, ask(agent, target)).await.unwrap_or(Err(Failure::Slow))
}

async fn ask(agent: &Listen, target: &str) -> Result<Bytes, Failure> {
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

/// One request, one answer.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    host: &str,
    target: &str,
) -> Result<Bytes, Failure> {
    let foreign = |error: &dyn std::error::Error| Failure::Foreign(error.to_string());
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| foreign(&error))?;
    // Its errors come to the request too.
    tokio::spawn(async { drop(connection.await) });
    let request = Request::get(target)
        .header(header::HOST, host)
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| foreign(&error))?;
    let answer = sender.send_request(request).await.map_err(|error| foreign(&error))?;
    let status = answer.status();
    let body = match Limited::new(answer.into_body(), MOST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(Failure::TooLarge),
        Err(error) => return Err(Failure::Foreign(error.to_string())),
    };
    if status == StatusCode::OK {
        return Ok(body);
    }
    Err(Failure::Refused { status, text: reason(&body) })
}

/// What a refusal says: the `error` of a JSON body, else the beginning of the text.
fn reason(body: &[u8]) -> String {
    let error = serde_json::from_slice::<serde_json::Value>(body).ok();
    let error = error
        .and_then(|body| body.get("error").and_then(|error| error.as_str().map(ToOwned::to_owned)));
    let text = error.unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned());
    text.chars().take(500).collect()
}
