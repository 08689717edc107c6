//! A small HTTP client for a running agent, on a TCP address or a socket file, with TLS or without.
//! Of several addresses the first that takes a connection is asked.
//!
//! Used by the queries. Guarantees: whatever program answers, a request takes at most [`TIMEOUT`]
//! and [`MAX_BODY`] bytes of memory, and returns a body or a [`Failure`] that says what to do.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::config::Listen;
use crate::duration_text;

mod address;
mod options;
pub(crate) mod sample;
#[cfg(test)]
mod tests;

pub(crate) use address::Address;
pub(crate) use options::AgentOptions;
use options::Secrets;

/// The longest time for an answer: a query may wait for nine seconds in the agent and run for nine
/// more.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(25);
/// The most bytes of an answer; a thousand connections take about 600,000.
pub(crate) const MAX_BODY: usize = 8 << 20;

/// Why no password goes to an address that nobody named: any user can listen there while no agent
/// runs.
const UNNAMED: &str = "\
    --user, --ca and --cert are for an agent that --agent names: any program may listen at the \
    usual addresses, and would get the password; on its socket file an agent asks for none";

/// Which agent to ask, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Agent<'a> {
    /// Where it may be: at least one address.
    pub(crate) addresses: &'a [Address],
    /// How it is asked.
    pub(crate) options: &'a AgentOptions,
}

/// The reason why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// No connection to any address.
    #[error("{0}; is `tcpwarden run` running there? --agent names another address or unix:/path")]
    Unreachable(Unreachable),
    /// One of several addresses took the connection, and what failed there.
    #[error("at {0}: {1}")]
    At(String, Box<Self>),
    /// What is needed to ask cannot be had.
    #[error("{0}")]
    Options(String),
    /// There is no connection over TLS.
    #[error("{0}")]
    Tls(String),
    /// The answer took too long.
    #[error("no answer within {}; the agent is busy, or something else listens there",
        duration_text::short(*.0))]
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

/// Why there is no connection, for each address that was tried.
#[derive(Debug)]
pub(crate) struct Unreachable(Vec<(String, io::Error)>);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [(_, error)] => error.fmt(f),
            all => all.iter().enumerate().try_for_each(|(place, (address, error))| {
                write!(f, "{}{address}: {error}", if place > 0 { ", " } else { "" })
            }),
        }
    }
}

impl Agent<'_> {
    /// Returns its addresses as text.
    pub(crate) fn place(&self) -> String {
        self.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
    }
}

/// Returns the body of the agent's answer to `target`, a path with its query. Blocks for at most
/// [`TIMEOUT`].
///
/// # Errors
/// Any [`Failure`].
pub(crate) fn fetch(agent: &Agent<'_>, target: &str) -> Result<Bytes, Failure> {
    fetch_for(TIMEOUT, agent, target)
}

/// As [`fetch`]. Blocks for at most `limit`.
pub(crate) fn fetch_for(
    limit: Duration,
    agent: &Agent<'_>,
    target: &str,
) -> Result<Bytes, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Unreachable(Unreachable(vec![(agent.place(), error)])))?;
    let answer = runtime.block_on(fetch_within(limit, agent, target));
    // Does not wait for the connection's task, which ends with the process.
    runtime.shutdown_background();
    answer
}

/// As [`fetch`], within a given time: connecting, sending and reading together.
pub(crate) async fn fetch_within(
    limit: Duration,
    agent: &Agent<'_>,
    target: &str,
) -> Result<Bytes, Failure> {
    timeout(limit, connect_and_ask(agent, target)).await.unwrap_or(Err(Failure::Slow(limit)))
}

async fn connect_and_ask(agent: &Agent<'_>, target: &str) -> Result<Bytes, Failure> {
    let mut tried = Vec::new();
    if agent.addresses.len() > 1 && *agent.options != AgentOptions::default() {
        return Err(Failure::Options(UNNAMED.to_owned()));
    }
    let secrets = agent.addresses.last().map(|address| agent.options.read(address));
    let Some(secrets) = secrets.transpose().map_err(Failure::Options)? else {
        return Err(Failure::Unreachable(Unreachable(tried)));
    };
    let at = |address: &Address, why| match agent.addresses {
        [_] => why,
        _ => Failure::At(address.to_string(), Box::new(why)),
    };
    for address in agent.addresses {
        match connect(address).await {
            Ok(stream) => {
                let answer = ask(stream, address, target, &secrets).await;
                return answer.map_err(|why| at(address, why));
            }
            Err(error) => tried.push((address.to_string(), error)),
        }
    }
    Err(Failure::Unreachable(Unreachable(tried)))
}

/// A connection without TLS yet.
enum Connection {
    Tcp(TcpStream),
    Unix(UnixStream),
}

async fn connect(address: &Address) -> io::Result<Connection> {
    Ok(match address {
        Address::Listen(Listen::Tcp(address)) => {
            Connection::Tcp(TcpStream::connect(address).await?)
        }
        Address::Listen(Listen::Unix(path)) => Connection::Unix(UnixStream::connect(path).await?),
        Address::Url { host, port, .. } => {
            Connection::Tcp(TcpStream::connect((host.as_str(), *port)).await?)
        }
    })
}

async fn ask(
    connection: Connection,
    address: &Address,
    target: &str,
    secrets: &Secrets,
) -> Result<Bytes, Failure> {
    let stream = match connection {
        Connection::Unix(stream) => return exchange(stream, "localhost", target, secrets).await,
        Connection::Tcp(stream) => stream,
    };
    let authority = address.authority();
    let (Some(tls), Address::Url { host, .. }) = (&secrets.tls, address) else {
        return exchange(stream, &authority, target, secrets).await;
    };
    let server = ServerName::try_from(host.clone())
        .map_err(|error| Failure::Tls(format!("{host} is no name: {error}")))?;
    let stream = TlsConnector::from(Arc::clone(tls)).connect(server, stream).await;
    let stream = stream.map_err(|error| Failure::Tls(hinted(&chain(&error))))?;
    exchange(stream, &authority, target, secrets).await
}

/// Returns an error of TLS with what to do about it.
fn hinted(error: &str) -> String {
    let hints = [
        ("UnknownIssuer", "--ca names the file with the authority of its certificate"),
        ("CaUsedAsEndEntity", "its certificate is that of an authority"),
        ("NotValidForName", "--agent must name it as its certificate does"),
        ("not valid for name", "--agent must name it as its certificate does"),
        ("xpired", "its certificate is too old"),
        ("InvalidContentType", "it does not speak TLS: ask with http://"),
        ("fatal alert", "it refuses this client: --cert and --key show it a certificate"),
    ];
    match hints.iter().find(|(sign, _)| error.contains(sign)) {
        Some((_, hint)) => format!("no connection over TLS: {error}; {hint}"),
        None => format!("no connection over TLS: {error}"),
    }
}

/// Returns an error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    })
}

/// Sends one request and reads its answer.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    host: &str,
    target: &str,
    secrets: &Secrets,
) -> Result<Bytes, Failure> {
    let foreign = |error: &dyn std::error::Error| match chain(error) {
        // With TLS 1.3 a refusal comes with the answer.
        text if text.contains("fatal alert") => Failure::Tls(hinted(&text)),
        _ => Failure::Foreign(error.to_string()),
    };
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| foreign(&error))?;
    // The request below returns the errors of this task, too.
    tokio::spawn(async { drop(connection.await) });
    let mut request =
        Request::get(target).header(header::HOST, host).header(header::CONNECTION, "close");
    if let Some(authorization) = &secrets.authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| foreign(&error))?;
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
    let hint = match (status, &secrets.authorization) {
        (StatusCode::UNAUTHORIZED, None) => "; --user and --password-file give them",
        (StatusCode::UNAUTHORIZED, Some(_)) => "; those of --user and --password-file are wrong",
        _ => "",
    };
    Err(Failure::Refused { status, text: format!("{}{hint}", reason(&body)) })
}

/// Returns the reason of a refusal: the `error` of a JSON body, or the beginning of any other body.
fn reason(body: &[u8]) -> String {
    let error = serde_json::from_slice::<serde_json::Value>(body).ok();
    let error = error
        .and_then(|body| body.get("error").and_then(|error| error.as_str().map(ToOwned::to_owned)));
    let text = error.unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned());
    text.chars().take(500).collect()
}
