//! The HTTP client of the agent, over TCP or a socket file.
//!
//! It also asks programs that only claim to be an agent: an answer has a bound in time and in
//! bytes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::address::Address;

/// Default limit on the time of an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most bytes of an answer.
const MOST: usize = 64 << 20;

/// Asks one address; each request has a connection of its own.
#[derive(Debug, Clone)]
pub struct Client {
    /// Where the agent listens.
    pub address: Address,
    patience: Duration,
}

impl Client {
    /// A client that waits 5 s for an answer.
    #[must_use]
    pub const fn new(address: Address) -> Self {
        Self { address, patience: PATIENCE }
    }

    /// Waits that long for an answer instead.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The body of the answer to `target`, a path with its query.
    ///
    /// # Errors
    /// If there is no answer, or its status is not 200.
    pub fn get(&self, target: &str) -> Result<String> {
        let (status, body) = self.request(target)?;
        ensure!(status == 200, "{}: {target} answered {status}: {body}", self.address);
        Ok(body)
    }

    /// Status and body of the answer to `target`.
    ///
    /// # Errors
    /// If there is no answer in time, or it is not HTTP.
    pub fn request(&self, target: &str) -> Result<(u16, String)> {
        let answer = match &self.address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect_timeout(address, self.patience);
                let stream = stream.with_context(|| format!("connect to {}", self.address))?;
                stream.set_read_timeout(Some(self.patience)).context("set a time limit")?;
                self.exchange(stream, &address.to_string(), target)
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path);
                let stream = stream.with_context(|| format!("connect to {}", self.address))?;
                stream.set_read_timeout(Some(self.patience)).context("set a time limit")?;
                self.exchange(stream, "localhost", target)
            }
        };
        let answer = answer.with_context(|| format!("ask {} for {target}", self.address))?;
        let (head, body) =
            answer.split_once("\r\n\r\n").context("what answers there does not speak HTTP")?;
        let status =
            head.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
        Ok((status.with_context(|| format!("no status in {head:?}"))?, body.to_owned()))
    }

    /// One request of HTTP 1.0, whose answer ends with the connection and is not chunked.
    fn exchange(&self, mut stream: impl Read + Write, host: &str, target: &str) -> Result<String> {
        let request = format!("GET {target} HTTP/1.0\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).context("send the request")?;
        let (start, mut answer, mut part) = (Instant::now(), Vec::new(), vec![0; 64 << 10]);
        loop {
            let length = stream.read(&mut part).context("read the answer")?;
            if length == 0 {
                return String::from_utf8(answer).context("read the answer as text");
            }
            answer.extend_from_slice(&part[..length]);
            if answer.len() > MOST || start.elapsed() > self.patience {
                bail!("it is longer than {MOST} bytes or took more than {:?}", self.patience);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_no_http_or_no_200_is_an_error() {
        for answer in ["SSH-2.0\r\n", "HTTP/1.0 403 Forbidden\r\n\r\nno", "", "\r\n\r\n"] {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let client = Client::new(Address::Tcp(listener.local_addr().unwrap()));
            let thread = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 1000]);
                stream.write_all(answer.as_bytes()).unwrap();
            });
            assert!(client.get("/metrics").is_err(), "{answer:?}");
            thread.join().unwrap();
        }
    }
}
