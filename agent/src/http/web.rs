//! The web configuration in the HTTP process: the rules in force, and those that come later.
//!
//! Used by `child`, which starts [`Web::follow`], and `serve`. Guarantees: rules that cannot be
//! used leave those before in force; a request is held against the rules of its time, a connection
//! keeps the certificate that it began with.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::passwords::Passwords;
use crate::web::{self, Bundle};

/// The answers to a configuration.
const TAKEN: [u8; 1] = [web::TAKEN];
const REFUSED: [u8; 1] = [1];

/// What is in force.
pub(super) struct Web {
    rules: RwLock<Arc<Rules>>,
    pub(super) passwords: Passwords,
}

/// The rules of one configuration.
#[derive(Default)]
pub(super) struct Rules {
    /// The side of a server; plain HTTP if there is none.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// Whether a certificate that a client shows was verified.
    pub(super) verifies: bool,
    /// Headers of every answer that does not have its own.
    pub(super) headers: HeaderMap,
    /// Hashes by the name of the user.
    pub(super) users: HashMap<String, String>,
}

impl Rules {
    /// # Errors
    /// Why they are of no use.
    fn of(bundle: Bundle) -> Result<Self, String> {
        let tls = bundle.tls.as_ref().map(web::server).transpose();
        let verifies = bundle.tls.is_some_and(|tls| tls.rules.client_auth.verifies());
        let header = |(name, value): (String, String)| {
            let wrong = |error: &dyn std::fmt::Display| format!("the header {name:?}: {error}");
            let name_of = HeaderName::try_from(name.as_str()).map_err(|error| wrong(&error))?;
            Ok((name_of, HeaderValue::try_from(value).map_err(|error| wrong(&error))?))
        };
        Ok(Self {
            tls: tls.map_err(|(part, why)| format!("{part:?}: {why}"))?,
            verifies,
            headers: bundle.headers.into_iter().map(header).collect::<Result<_, String>>()?,
            users: bundle.users.into_iter().map(|(name, hash)| (name, hash.0)).collect(),
        })
    }
}

impl Web {
    /// Takes over the first configuration, which must come on the socket.
    ///
    /// # Errors
    /// If none comes, or it is of no use.
    pub(super) async fn first(socket: &mut UnixStream, passwords: Passwords) -> io::Result<Self> {
        let rules = Rules::of(next(socket).await?).map_err(io::Error::other)?;
        socket.write_all(&TAKEN).await?;
        Ok(Self { rules: RwLock::new(Arc::new(rules)), passwords })
    }

    /// Returns what a file says, without a process that hands it over.
    #[cfg(test)]
    pub(super) fn of_tests(file: &web::Web) -> Self {
        let bundle = Bundle::read(&file.handed().bytes()[4..]).unwrap();
        let rules = RwLock::new(Arc::new(Rules::of(bundle).unwrap()));
        Self { rules, passwords: Passwords::new().unwrap().0 }
    }

    /// Returns the rules in force.
    pub(super) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns an answer with the headers of the rules that it does not have itself.
    pub(super) fn dressed(&self, mut answer: Response) -> Response {
        for (name, value) in &self.rules().headers {
            answer.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
        answer
    }

    /// Takes over every later configuration until the other end is closed.
    pub(super) async fn follow(self: Arc<Self>, mut socket: UnixStream) {
        while let Ok(bundle) = next(&mut socket).await {
            let answer = match Rules::of(bundle) {
                Ok(rules) => {
                    *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
                    TAKEN
                }
                Err(error) => {
                    tracing::warn!(error, "a web configuration is of no use");
                    REFUSED
                }
            };
            if socket.write_all(&answer).await.is_err() {
                return;
            }
        }
    }
}

/// Reads the next configuration.
async fn next(socket: &mut UnixStream) -> io::Result<Bundle> {
    let mut head = [0; 4];
    socket.read_exact(&mut head).await?;
    let length = usize::try_from(u32::from_le_bytes(head)).unwrap_or(usize::MAX);
    if length > web::MOST {
        return Err(io::Error::other("it is too long"));
    }
    let mut bytes = vec![0; length];
    socket.read_exact(&mut bytes).await?;
    Bundle::read(&bytes)
}
