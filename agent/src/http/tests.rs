//! Tests of the routes, the bounds and the listener, over real sockets.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::lane::Lanes;
use super::listener::Incoming;
use super::routes::router;
use super::serve::serve;
use super::*;
use crate::config::Listen;
use crate::conn::snapshot::Snapshot;
use crate::conn::{Limits, Nanos, Table};
use crate::history::{Moment, Rings};
use crate::kernel::probe::ProbeState;
use crate::leaks::Watch;
use crate::listing;
use crate::metrics::Page;
use crate::metrics::stats::{Probe, SelfStats};
use crate::nat::Nat;
use crate::query::Source;

/// Returns a page after 50 ms, and records how many are rendered at once.
fn slow(now: &AtomicUsize, most: &AtomicUsize) -> Page {
    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(50));
    now.fetch_sub(1, Ordering::SeqCst);
    Page::from(b"slow 0\n".to_vec())
}

pub(super) struct Server {
    pub(super) url: String,
    ready: Arc<AtomicBool>,
    alive: Arc<AtomicBool>,
    pub(super) most: Arc<AtomicUsize>,
    pub(super) made: Arc<AtomicUsize>,
    pub(super) bound: Vec<Bound>,
    pub(super) stop: oneshot::Sender<()>,
    pub(super) done: tokio::task::JoinHandle<()>,
}

pub(super) fn start(listen: &Listen) -> Server {
    start_with(listen, if listen.is_file() { Access::File } else { Access::Local })
}

pub(super) fn start_with(listen: &Listen, access: Access) -> Server {
    start_at(&[(listen.clone(), access)], None)
}

/// Starts it at several addresses, by the rules of a web configuration.
pub(super) fn start_at(listen: &[(Listen, Access)], web: Option<Arc<web::Web>>) -> Server {
    let (ready, most) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (now, seen) = (AtomicUsize::new(0), Arc::clone(&most));
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let overview = || {
        // So long that a crowd meets.
        std::thread::sleep(Duration::from_millis(50));
        overview()
    };
    let is_ready = Arc::clone(&ready);
    let alive = Arc::new(AtomicBool::new(true));
    let is_alive = Arc::clone(&alive);
    let source = Source {
        table: listing::tests::shared(10),
        leaks: Watch::default(),
        nat: Nat::default(),
        clock: || 60_000_000_000,
    };
    let views = Views {
        metrics: Arc::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
            slow(&now, &seen)
        }),
        overview: Arc::new(overview),
        alive: Arc::new(move || is_alive.load(Ordering::SeqCst)),
        ready: Arc::new(move || is_ready.load(Ordering::SeqCst)),
        source: listen.iter().any(|(_, access)| *access != Access::Nobody).then_some(source),
    };
    let take = |(listen, access): &(Listen, Access)| Bound::take(listen, None, *access).unwrap();
    let bound: Vec<Bound> = listen.iter().map(take).collect();
    let url = bound[0].url().to_owned();
    let (stop, stopped) = oneshot::channel();
    let given = bound.iter().map(|one| (one.listener().unwrap(), one.access()));
    let incoming = Incoming::new(given).unwrap();
    let done = tokio::spawn(serve(incoming, router(lanes(&views)), web, async {
        let _ = stopped.await;
    }));
    Server { url, ready, alive, most, made, bound, stop, done }
}

/// Returns what the page at `/` shows of an agent whose probe did not attach.
fn overview() -> Overview {
    let state = ProbeState::Failed("<no & never>".into());
    let probes = vec![Probe { name: "p", state, runs: None, misses: 0 }];
    Overview {
        uptime: Duration::from_secs(3700),
        alive: true,
        snapshot: Snapshot {
            tracked: 17,
            ..Table::new(Limits::default()).snapshot(Nanos::new(60_000_000_000))
        },
        stats: SelfStats { probes, ..SelfStats::default() },
        rings: Rings::default(),
        moment: Moment::default(),
    }
}

/// Returns lanes on which the views are answered, each by a thread.
fn lanes(views: &Views) -> Lanes {
    let pairs = [(); Lanes::COUNT].map(|()| UnixStream::pair().unwrap());
    let far = pairs.map(|(lane, far)| {
        let views = views.clone();
        std::thread::spawn(move || views.answer(&lane));
        far.set_nonblocking(true).unwrap();
        far
    });
    Lanes::new(far).unwrap()
}

pub(super) fn any_port() -> Listen {
    Listen::Tcp("127.0.0.1:0".parse().unwrap())
}

pub(super) fn address(server: &Server) -> String {
    server.url.trim_start_matches("http://").trim_end_matches("/metrics").to_owned()
}

/// Sends one request and returns the whole answer.
pub(super) fn ask(mut stream: impl std::io::Read + std::io::Write, path: &str) -> String {
    stream
        .write_all(
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub(super) async fn get(server: &Server, path: &'static str) -> String {
    let address = address(server);
    tokio::task::spawn_blocking(move || ask(TcpStream::connect(address).unwrap(), path))
        .await
        .unwrap()
}

pub(super) fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("tcpwarden-{}-{name}", std::process::id()))
}

#[tokio::test]
async fn every_route_answers_what_it_promises() {
    let server = start(&any_port());
    let metrics = get(&server, "/metrics").await;
    assert!(
        metrics.starts_with("HTTP/1.1 200")
            && metrics.contains("content-type: text/plain; version=0.0.4\r\n"),
        "{metrics}"
    );
    assert!(metrics.ends_with("slow 0\n"));
    let page = get(&server, "/").await;
    assert!(
        page.contains(">17</data>")
            && page.contains("1h1m")
            && page.contains("failed: &lt;no &amp; never&gt;"),
        "{page}"
    );
    assert!(get(&server, "/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(get(&server, "/readyz").await.starts_with("HTTP/1.1 503"));
    server.ready.store(true, Ordering::SeqCst);
    assert!(get(&server, "/readyz").await.starts_with("HTTP/1.1 200"));
    server.alive.store(false, Ordering::SeqCst);
    for path in ["/metrics", "/healthz", "/readyz"] {
        let answer = get(&server, path).await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{path}: {answer}");
        assert!(answer.ends_with("the numbers stand still\n"), "{path}: {answer}");
    }
    assert!(get(&server, "/other").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn a_header_without_end_is_refused() {
    let server = start(&any_port());
    let address = address(&server);
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let _ =
            stream.write_all(format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(100_000)).as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    });
    let answer = answer.await.unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert!(get(&server, "/healthz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn stopping_takes_less_than_a_second_even_with_clients_that_hang() {
    let server = start(&any_port());
    let address = address(&server);
    let mut hanging = TcpStream::connect(&address).unwrap();
    hanging.write_all(b"GET /metrics HTTP/1.1\r\n").unwrap();
    assert!(get(&server, "/healthz").await.starts_with("HTTP/1.1 200"));
    let start = Instant::now();
    drop(server.bound);
    server.stop.send(()).unwrap();
    server.done.await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(TcpStream::connect(&address).is_err());
}

#[tokio::test]
async fn a_port_that_is_taken_ends_with_5_and_says_what_to_do() {
    let server = start(&any_port());
    let address = address(&server);
    let listen = Listen::Tcp(address.parse().unwrap());
    let error = Bound::take(&listen, None, Access::Local).unwrap_err();
    assert_eq!(error.code(), 5);
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("cannot listen on {address}: ")) && text.contains("--listen"),
        "{text}"
    );
}
