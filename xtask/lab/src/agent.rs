//! Asks a running agent over HTTP, on a TCP address or a socket file.
//!
//! Whoever answers there: it takes at most [`PATIENCE`] and [`MOST`] bytes, and what it says
//! reaches no terminal before [`plain`] has seen it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

/// How long an answer may take.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// The most bytes of an answer.
pub const MOST: u64 = 16 << 20;

/// Where an agent answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// At an address.
    Tcp(SocketAddr),
    /// At a socket file.
    Unix(PathBuf),
}

impl FromStr for Agent {
    type Err = anyhow::Error;

    /// `127.0.0.1:10793`, the same with `http://` before it, or `unix:/path`.
    fn from_str(text: &str) -> Result<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(path.into()));
        }
        let address = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let mut found = address
            .to_socket_addrs()
            .with_context(|| format!("{text:?}: expected http://ADDRESS:PORT or unix:/path"))?;
        found.next().map(Self::Tcp).with_context(|| format!("{text:?} has no address"))
    }
}

impl std::fmt::Display for Agent {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => write!(out, "http://{address}"),
            Self::Unix(path) => write!(out, "unix:{}", path.display()),
        }
    }
}

impl Agent {
    /// The body of what it answers to a path with its query.
    ///
    /// # Errors
    /// Where nobody answers, or not with 200.
    pub fn get(&self, target: &str) -> Result<String> {
        let answer = match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect_timeout(address, PATIENCE).context("connect")?;
                stream.set_read_timeout(Some(PATIENCE)).context("set a time limit")?;
                exchange(stream, &address.to_string(), target)
            }
            Self::Unix(path) => {
                let stream = UnixStream::connect(path).context("connect")?;
                stream.set_read_timeout(Some(PATIENCE)).context("set a time limit")?;
                exchange(stream, "localhost", target)
            }
        };
        let answer = answer?;
        let (head, body) =
            answer.split_once("\r\n\r\n").context("what answers there does not speak HTTP")?;
        ensure!(
            head.split(' ').nth(1) == Some("200"),
            "it answers {:?}",
            head.lines().next().unwrap_or_default()
        );
        Ok(body.to_owned())
    }
}

/// One request of HTTP 1.0, whose answer ends with the connection.
fn exchange(mut stream: impl Read + Write, host: &str, target: &str) -> Result<String> {
    let request = format!("GET {target} HTTP/1.0\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).context("ask")?;
    let (start, mut answer, mut part) = (Instant::now(), Vec::new(), vec![0; 64 << 10]);
    loop {
        let length = stream.read(&mut part).context("read the answer")?;
        if length == 0 {
            return String::from_utf8(answer).context("read the answer as text");
        }
        answer.extend_from_slice(&part[..length]);
        if answer.len() as u64 > MOST || start.elapsed() > PATIENCE {
            bail!("the answer is longer than {MOST} bytes or took more than {PATIENCE:?}");
        }
    }
}

/// Text that cannot steer a terminal.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).take(500).collect()
}

/// One series of a page of metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// The series of a page in the text format; lines that are none are passed over.
#[must_use]
pub fn series(page: &str) -> Vec<Series> {
    page.lines().filter(|line| !line.starts_with('#')).filter_map(one).collect()
}

/// The sum over the series of a metric that have these labels; none where there is no such series.
#[must_use]
pub fn sum(page: &[Series], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let has = |series: &&Series| {
        labels
            .iter()
            .all(|(label, value)| series.labels.get(*label).is_some_and(|found| found == value))
    };
    let mut values = page
        .iter()
        .filter(|series| series.name == name)
        .filter(has)
        .map(|series| series.value)
        .peekable();
    values.peek()?;
    Some(values.sum())
}

/// `name{label="value",...} number`.
fn one(line: &str) -> Option<Series> {
    let (head, value) = line.rsplit_once(' ')?;
    let (name, labels) = head.split_once('{').unwrap_or((head, "}"));
    let (mut labels, mut rest) = (BTreeMap::new(), labels);
    while let Some((label, after)) = rest.split_once("=\"") {
        let mut text = String::new();
        let mut letters = after.char_indices();
        let end = loop {
            match letters.next()? {
                (at, '"') => break at,
                (_, '\\') => text.push(match letters.next()?.1 {
                    'n' => '\n',
                    letter => letter,
                }),
                (_, letter) => text.push(letter),
            }
        };
        labels.insert(label.trim_start_matches(',').to_owned(), text);
        rest = &after[end + 1..];
    }
    Some(Series { name: name.to_owned(), labels, value: value.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_and_summed_by_labels_and_hostile_lines_are_passed_over() {
        let page = "# HELP a b\na{x=\"1\",y=\"q\\\"}{\\\\\"} 2\na{x=\"1\",y=\"\"} 3.5\na{x=\"2\"} 1e2\nplain 7\na{x=\"1\na{x=\"1\\\n= {\n\u{0}\n";
        let page = series(page);
        assert_eq!(sum(&page, "a", &[("x", "1")]), Some(5.5));
        assert_eq!(sum(&page, "a", &[("y", "q\"}{\\")]), Some(2.0));
        assert_eq!((sum(&page, "a", &[]), sum(&page, "plain", &[])), (Some(105.5), Some(7.0)));
        assert_eq!((sum(&page, "a", &[("x", "3")]), sum(&page, "b", &[])), (None, None));
    }

    #[test]
    fn an_address_is_taken_with_and_without_a_scheme_and_nonsense_is_refused() {
        let tcp = Agent::Tcp("127.0.0.1:10793".parse().unwrap());
        for text in ["127.0.0.1:10793", "http://127.0.0.1:10793", "http://127.0.0.1:10793/"] {
            assert_eq!(text.parse::<Agent>().unwrap(), tcp, "{text}");
        }
        assert_eq!("unix:/run/x".parse::<Agent>().unwrap(), Agent::Unix("/run/x".into()));
        for text in ["", "10793", "http://", "127.0.0.1"] {
            assert!(text.parse::<Agent>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_answer_that_is_no_http_or_no_200_is_an_error() {
        for answer in ["SSH-2.0\r\n", "HTTP/1.0 403 Forbidden\r\n\r\nno", "", "\r\n\r\n"] {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let agent = Agent::Tcp(listener.local_addr().unwrap());
            let thread = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 1000]);
                stream.write_all(answer.as_bytes()).unwrap();
            });
            assert!(agent.get("/metrics").is_err(), "{answer:?}");
            thread.join().unwrap();
        }
        assert_eq!(plain("a\u{1b}[2J\nb"), "a?[2J?b");
    }
}
