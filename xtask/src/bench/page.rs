//! Metrics pages: where they are asked for, and sums of their series.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::inside;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where something is scraped.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// A socket file.
    Unix(PathBuf),
    /// A port of loopback in the network namespace of a process.
    Inside(u32, u16),
}

impl Source {
    /// Asks for a path.
    pub(super) fn get(&self, path: &str) -> Result<Page> {
        match self {
            Self::Unix(file) => {
                let stream = UnixStream::connect(file).context("connect to the socket file")?;
                stream.set_read_timeout(Some(PATIENCE)).context("set a time limit")?;
                ask(stream, path)
            }
            Self::Inside(pid, port) => inside(*pid, || {
                let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).context("connect")?;
                stream.set_read_timeout(Some(PATIENCE)).context("set a time limit")?;
                ask(stream, path)
            })?,
        }
    }
}

fn ask(mut stream: impl Read + Write, path: &str) -> Result<Page> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).context("ask")?;
    let mut text = String::new();
    stream.read_to_string(&mut text).context("read the answer")?;
    let status = text.lines().next().unwrap_or_default();
    anyhow::ensure!(status.contains(" 200 "), "{path} answered {status:?}");
    Ok(Page(text))
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Page(String);

impl Page {
    /// The sum of all series of a family, or one series where `name` carries its labels.
    pub(super) fn sum(&self, name: &str) -> f64 {
        let value = |line: &str| {
            let rest = line.strip_prefix(name)?;
            let value = if rest.starts_with('{') {
                rest.rsplit_once(' ')?.1
            } else {
                rest.strip_prefix(' ')?
            };
            value.parse::<f64>().ok()
        };
        self.0.lines().filter_map(value).sum()
    }

    /// The same as a count.
    pub(super) fn count(&self, name: &str) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a counter of events"
        )]
        let count = self.sum(name) as u64;
        count
    }

    /// The values of a label of a family, in order.
    pub(super) fn labels(&self, family: &str, label: &str) -> Vec<String> {
        let start = format!("{family}{{{label}=\"");
        self.0
            .lines()
            .filter_map(|line| Some(line.strip_prefix(&start)?.split_once('"')?.0.to_owned()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_a_family_are_added_up_and_no_others() {
        let page =
            Page("# HELP a x\na{r=\"1\"} 2\na{r=\"2\"} 3.5\na_total{r=\"1\"} 100\nb 7\n".into());
        assert_eq!(
            ["a", "b", "a{r=\"2\"}"].map(|name| page.sum(name).to_string()),
            ["5.5", "7", "3.5"]
        );
        assert_eq!((page.count("a_total"), page.count("c")), (100, 0));
        assert_eq!(page.labels("a", "r"), ["1", "2"]);
    }
}
