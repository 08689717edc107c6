//! The page of one agent under as many paths as there are nodes, with counters that grow each
//! second.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// What the page is.
const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The most lines of a request.
const MOST_LINES: usize = 100;
/// How long a connection may be silent.
const PATIENCE: Duration = Duration::from_mins(2);

/// A line of the page.
#[derive(Debug, PartialEq)]
enum Line {
    /// It stays as it is.
    Fixed(String),
    /// What stands before the value of a counter, and its first value.
    Count(String, u64),
    /// The same of a counter that is no whole number.
    Sum(String, f64),
}

/// A page whose counters grow.
#[derive(Debug)]
pub(super) struct Page(Vec<Line>);

impl Page {
    /// Reads a page in OpenMetrics.
    ///
    /// # Errors
    /// It has no counter, or a value is no number.
    pub(super) fn read(text: &str) -> Result<Self> {
        let (mut lines, mut grows) = (Vec::new(), false);
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                grows = rest.ends_with(" counter") || rest.ends_with(" histogram");
            }
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            if line.starts_with('#') || !grows || name.ends_with("_created") {
                lines.push(Line::Fixed(line.to_owned()));
                continue;
            }
            let (before, value) = line.rsplit_once(' ').context("a line without a value")?;
            let before = before.to_owned();
            lines.push(if let Ok(count) = value.parse() {
                Line::Count(before, count)
            } else {
                Line::Sum(before, value.parse().with_context(|| format!("a value in {line}"))?)
            });
        }
        let page = Self(lines);
        ensure!(page.0.iter().any(|line| !matches!(line, Line::Fixed(_))), "no counter grows");
        Ok(page)
    }

    /// How many series it has.
    pub(super) fn series(&self) -> usize {
        let is_series = |line: &&Line| !matches!(line, Line::Fixed(text) if text.starts_with('#'));
        self.0.iter().filter(is_series).count()
    }

    /// The page after so many seconds. Buckets stay cumulative: what is more grows by more, and
    /// what is equal by the same.
    #[expect(clippy::cast_precision_loss, reason = "a run lasts minutes")]
    fn after(&self, seconds: u64) -> String {
        let mut text = String::new();
        for line in &self.0 {
            match line {
                Line::Fixed(line) => text.push_str(line),
                Line::Count(before, 0) => text.extend([before, " 0"]),
                Line::Count(before, count) => {
                    let now = count + seconds * (count / 1000 + 1);
                    text.extend([before, " ", &now.to_string()]);
                }
                Line::Sum(before, sum) => {
                    let now = sum * (1.0 + seconds as f64 / 1000.0);
                    text.extend([before, " ", &now.to_string()]);
                }
            }
            text.push('\n');
        }
        text
    }
}

/// A server of the page on loopback; it takes no connection any more when it is dropped.
#[derive(Debug)]
pub(super) struct Replay {
    port: u16,
    over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

/// What all connections share.
struct Shared {
    page: Page,
    start: Instant,
    /// The page of a second.
    latest: Mutex<(u64, Arc<str>)>,
}

impl Replay {
    /// Serves the page on a port that the kernel chooses.
    ///
    /// # Errors
    /// There is no port.
    pub(super) fn start(page: Page) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen")?;
        let port = listener.local_addr().context("read the port")?.port();
        let over = Arc::new(AtomicBool::new(false));
        let latest = Mutex::new((0, page.after(0).into()));
        let shared = Arc::new(Shared { page, start: Instant::now(), latest });
        let is_over = Arc::clone(&over);
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&shared);
                if let Ok(stream) = stream {
                    // It ends with its connection: Prometheus closes it, or goes silent.
                    std::thread::spawn(move || serve(&stream, &shared));
                }
            }
        });
        Ok(Self { port, over, accepting: Some(accepting) })
    }

    /// Where it is.
    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // The thread looks when somebody comes.
        if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
            && let Some(accepting) = self.accepting.take()
        {
            let _ = accepting.join();
        }
    }
}

impl Shared {
    fn page(&self) -> Arc<str> {
        let seconds = self.start.elapsed().as_secs();
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.0 < seconds {
            *latest = (seconds, self.page.after(seconds).into());
        }
        Arc::clone(&latest.1)
    }
}

/// Answers every request of a connection with the page, whatever its path.
fn serve(stream: &TcpStream, shared: &Shared) -> Option<()> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    loop {
        let mut line = String::new();
        for number in 0.. {
            line.clear();
            if reader.read_line(&mut line).ok()? == 0 || number > MOST_LINES {
                return None;
            }
            if line.trim_end().is_empty() {
                break;
            }
        }
        let page = shared.page();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {TYPE}\r\nContent-Length: {}\r\n\r\n",
            page.len()
        );
        writer.write_all(head.as_bytes()).ok()?;
        writer.write_all(page.as_bytes()).ok()?;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    const TEXT: &str = "# TYPE a counter\na_total 5\na_created 1700000000\nb_total 0\n# TYPE h \
                        histogram\nh_bucket{le=\"1\"} 2000\nh_bucket{le=\"+Inf\"} 2001\nh_sum \
                        0.5\n# TYPE g gauge\ng 7\n# EOF\n";

    #[test]
    fn counters_grow_and_all_else_stays() {
        let page = Page::read(TEXT).unwrap();
        assert_eq!(page.series(), 7);
        assert_eq!(page.after(0), TEXT);
        let later = page.after(10);
        for line in ["a_total 15", "a_created 1700000000", "b_total 0", "g 7", "h_sum 0.505"] {
            assert!(later.lines().any(|one| one == line), "{line} is not in\n{later}");
        }
        assert!(later.contains("le=\"1\"} 2030") && later.contains("le=\"+Inf\"} 2031"));
        assert!(Page::read("# TYPE g gauge\ng 7\n").is_err());
    }

    #[test]
    fn a_connection_gets_the_page_as_often_as_it_asks() {
        let replay = Replay::start(Page::read(TEXT).unwrap()).unwrap();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, replay.port())).unwrap();
        for _ in 0..2 {
            stream.write_all(b"GET /3 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        }
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert_eq!(said.matches("200 OK").count(), 2);
        assert_eq!(said.matches("# EOF").count(), 2);
    }
}
