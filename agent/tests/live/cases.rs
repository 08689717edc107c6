//! Helper processes that play one side of a case: servers, clients in order, clients that leak.
//!
//! Each keeps what it holds until its input ends; a server says its address first.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use testkit::traffic::{self, answer, ask, begin, connect, echo};

use crate::roles::{hold, say};

/// How long a server waits before it closes, so that its answer is read first.
const MOMENT: Duration = Duration::from_millis(10);

/// Plays a role; false where there is none of that name.
///
/// Servers: `answer` echoes for as long as the client wants, `answer-once` closes after an answer,
/// `multipath` answers a byte, reads up to the end and never closes. Clients: `leak` opens a
/// connection each so many milliseconds, asks, and keeps it; `leak-closed` also reads up to the
/// end; `forget` does that with a number at once; `visit` closes. `pool` keeps a number and uses
/// each every second, or asks once. `knock` does not wait for an answer to its connects, `defer`
/// writes nothing after them, so that fast open sends no SYN.
pub(crate) fn play(words: &[&str]) -> bool {
    match *words {
        ["answer"] => serve(Protocol::TCP, |mut stream| drop(echo(&mut stream))),
        ["answer-once"] => serve(Protocol::TCP, |mut stream| {
            let _ = answer(&mut stream);
            std::thread::sleep(MOMENT);
        }),
        ["multipath"] => serve(Protocol::MPTCP, |mut stream| {
            let mut byte = [0];
            if stream.read_exact(&mut byte).is_ok() {
                let _ = stream.write_all(&byte);
            }
            let _ = stream.read_to_end(&mut Vec::new());
            traffic::stay();
        }),
        ["leak", address, pause] => leak(pause, || asked(address)),
        ["leak-closed", address, pause] => leak(pause, || ended(address)),
        ["forget", address, count] => hold(many(count, || ended(address))),
        ["visit", address] => drop(ended(address)),
        ["pool", address, count, "idle"] => hold(many(count, || asked(address))),
        ["pool", address, count, "used"] => {
            let mut pool = many(count, || asked(address));
            every_second(move || {
                for stream in &mut pool {
                    ask(stream).expect("ask again");
                }
            });
        }
        ["knock", address, count] => {
            hold(many(count, || begin(to(address)).expect("begin to connect")));
        }
        ["defer", address, count] => hold(many(count, || deferred(address))),
        _ => return false,
    }
    true
}

fn to(address: &str) -> SocketAddr {
    address.parse().expect("an address")
}

fn many<T>(count: &str, make: impl Fn() -> T) -> Vec<T> {
    (0..count.parse().expect("a count")).map(|_: usize| make()).collect()
}

/// Listens on a port that is free and serves each connection on a thread.
fn serve(protocol: Protocol, work: impl Fn(TcpStream) + Clone + Send + 'static) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(protocol)).expect("make a socket");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).and_then(|()| socket.listen(512)).expect("listen");
    let listener = std::net::TcpListener::from(socket);
    say(&listener.local_addr().expect("its address").to_string());
    std::thread::spawn(move || {
        traffic::serve(&listener, move |stream| {
            work(stream);
            Ok(())
        })
        .expect("serve");
    });
    hold(());
}

/// Connects and gets an answer.
fn asked(address: &str) -> TcpStream {
    let mut stream = connect(to(address)).expect("connect");
    ask(&mut stream).expect("ask");
    stream
}

/// Connects, gets an answer, and reads on until the server has closed.
fn ended(address: &str) -> TcpStream {
    let mut stream = asked(address);
    stream.read_to_end(&mut Vec::new()).expect("read up to the end");
    stream
}

/// A socket that connects with its first data only (`tcp_fastopen_defer_connect`).
fn deferred(address: &str) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("make a socket");
    setsockopt(&socket, sockopt::TcpFastOpenConnect, &true).expect("put the connect off");
    socket.connect(&to(address).into()).expect("connect");
    socket
}

/// Opens a connection each `pause` milliseconds and keeps it.
fn leak(pause: &str, open: impl Fn() -> TcpStream) {
    let pause = Duration::from_millis(pause.parse().expect("milliseconds"));
    say("ready");
    let mut kept = Vec::new();
    for turn in ticks(pause) {
        kept.push(open());
        debug_assert!(kept.len() > turn);
    }
}

/// Does something each second.
fn every_second(mut work: impl FnMut()) {
    say("ready");
    ticks(Duration::from_secs(1)).for_each(|_| work());
}

/// Numbers, one each `pause`, until the input ends.
fn ticks(pause: Duration) -> impl Iterator<Item = usize> {
    let (end, ended) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(end);
    });
    let start = std::time::Instant::now();
    (0..).take_while(move |number| {
        let due = pause * u32::try_from(*number).unwrap_or(u32::MAX);
        let wait = due.saturating_sub(start.elapsed());
        ended.recv_timeout(wait) == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
    })
}
