//! Tests of many clients at once: who is served, who waits, who is turned away.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::serve::HEADER_TIMEOUT;
use super::tests::{Server, address, any_port, ask, get, start};

#[tokio::test]
async fn scrapes_are_rendered_one_at_a_time() {
    let server = start(&any_port());
    let answers = futures(&server, 5, "/metrics").await;
    assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 200")));
    assert_eq!(server.most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_crowd_of_scrapes_shares_a_few_pages_and_nobody_is_turned_away() {
    let server = start(&any_port());
    let answers = futures(&server, 30, "/metrics").await;
    let good = answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 200")).count();
    assert_eq!((good, server.most.load(Ordering::SeqCst)), (30, 1));
    let made = server.made.load(Ordering::SeqCst);
    assert!(made < 6, "{made} pages");
    // What is asked later is rendered later.
    get(&server, "/metrics").await;
    assert_eq!(server.made.load(Ordering::SeqCst), made + 1);
}

#[tokio::test]
async fn a_crowd_at_the_page_is_turned_away_with_503() {
    let server = start(&any_port());
    let answers = futures(&server, 60, "/").await;
    let turned_away = answers
        .iter()
        .filter(|answer| answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 5"))
        .count();
    let good = answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 200")).count();
    assert_eq!(turned_away + good, 60);
    assert!(turned_away > 0 && good >= 9, "{turned_away} turned away, {good} served");
}

async fn futures(server: &Server, count: usize, path: &'static str) -> Vec<String> {
    let address = address(server);
    let start = || {
        let address = address.clone();
        tokio::task::spawn_blocking(move || ask(TcpStream::connect(address).unwrap(), path))
    };
    let asked: Vec<_> = (0..count).map(|_| start()).collect();
    let mut answers = Vec::new();
    for answer in asked {
        answers.push(answer.await.unwrap());
    }
    answers
}

/// Connects and asks once, and keeps the connection.
fn poller(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    stream
}

#[tokio::test]
async fn more_connections_than_places_do_not_keep_a_scrape_out() {
    let server = start(&any_port());
    let address = address(&server);
    let held = tokio::task::spawn_blocking(move || {
        let silent: Vec<_> = (0..300).map(|_| TcpStream::connect(&address).unwrap()).collect();
        (silent, (0..300).map(|_| poller(&address)).collect::<Vec<_>>())
    });
    let held = held.await.unwrap();
    let start = Instant::now();
    let answer = get(&server, "/metrics").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        start.elapsed() < HEADER_TIMEOUT,
        "{:?}: no place became free by time",
        start.elapsed()
    );
    drop(held);
}
