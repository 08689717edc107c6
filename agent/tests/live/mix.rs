//! Helper processes of a healthy mix: thousands of connections in one process, each a task.
//!
//! A server does what the first byte of each request says, so that one program serves all parts. A
//! client that fails ends its process, which the test notices.

use std::io::Read as _;
use std::net::SocketAddr;
use std::time::Duration;

use nix::sys::resource::{Resource, setrlimit};
use socket2::SockRef;
use testkit::traffic::REQUEST;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, interval, sleep, sleep_until};

use crate::roles::say;

/// Descriptors that a process may have.
const FILES: u64 = 16_384;
/// How long a long poll is held open.
pub(crate) const HELD: Duration = Duration::from_secs(30);
/// Bytes that a slow reader reads each second.
const SIP: usize = 2048;

/// What a request asks for: an answer, none, one after [`HELD`], one now and then from here on, or
/// bytes without an end.
const ANSWER: u8 = b'?';
const NOTHING: u8 = b'.';
const LATER: u8 = b'l';
const PUSH: u8 = b'p';
const STREAM: u8 = b's';

type Done = std::io::Result<()>;

/// Tells the process that one of its tasks has failed.
static FAILED: Notify = Notify::const_new();

/// Plays a role; false where there is none of that name.
///
/// `mix-serve ADDRESS` serves and says its address. `mix PART ADDRESS COUNT SECONDS` is a client:
/// `used` asks each so many seconds, `idle` once, `ramp` grows for as long, `trickle` writes about
/// as often, and says `ready` when all its connections are open; the others need no time.
pub(crate) fn play(words: &[&str]) -> bool {
    let (part, address) = match *words {
        ["mix-serve", address] => (None, address),
        ["mix", part, address, count, seconds] => (Some((part, count, seconds)), address),
        _ => return false,
    };
    setrlimit(Resource::RLIMIT_NOFILE, FILES, FILES).expect("have many descriptors");
    let address: SocketAddr = address.parse().expect("an address");
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().expect("start a runtime");
    let (end, ended) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(end);
    });
    runtime.block_on(async {
        match part {
            None => spawn(serve(address)),
            Some((part, count, seconds)) => {
                let count = count.parse().expect("a count");
                let seconds = Duration::from_secs_f64(seconds.parse().expect("seconds"));
                spawn(client(part.to_owned(), address, count, seconds));
            }
        }
        tokio::select! {
            _ = ended => {}
            () = FAILED.notified() => panic!("a task failed"),
        }
    });
    true
}

/// Starts a task; its failure is that of the process.
fn spawn(work: impl Future<Output = Done> + Send + 'static) {
    tokio::spawn(async {
        if let Err(error) = work.await {
            eprintln!("a task of the mix: {error}");
            FAILED.notify_one();
        }
    });
}

/// A number below `most` that depends on nothing but the two others (the finalizer of splitmix64).
fn chosen(connection: u64, turn: u64, most: u64) -> u64 {
    let mut bits = (connection << 20 | turn).wrapping_add(0x9e37_79b9_7f4a_7c15);
    for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9), (27, 0x94d0_49bb_1331_11eb)] {
        bits = (bits ^ bits >> shift).wrapping_mul(factor);
    }
    (bits ^ bits >> 31) % most
}

/// Between half and one and a half of a time.
fn about(time: Duration, connection: u64, turn: u64) -> Duration {
    let thousand = u32::try_from(500 + chosen(connection, turn, 1000)).expect("below 1500");
    time / 1000 * thousand
}

async fn serve(address: SocketAddr) -> Done {
    let listener = TcpListener::bind(address).await?;
    say(&listener.local_addr()?.to_string());
    say("ready");
    for number in 0.. {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            // A client that goes away is no error of the server.
            let _ = attend(stream, number).await;
        });
    }
    Ok(())
}

async fn attend(mut stream: TcpStream, number: u64) -> Done {
    let mut request = [0; REQUEST];
    loop {
        if stream.read_exact(&mut request).await.is_err() {
            return Ok(());
        }
        match request[0] {
            ANSWER => stream.write_all(&request).await?,
            LATER => {
                sleep(HELD).await;
                stream.write_all(&request).await?;
            }
            PUSH => return push(stream, number).await,
            STREAM => loop {
                stream.write_all(&[STREAM; 4096]).await?;
            },
            _ => {}
        }
    }
}

/// Says something now and then, and reads what comes, until the client closes.
async fn push(stream: TcpStream, number: u64) -> Done {
    let (mut from, mut to) = stream.into_split();
    let reader = tokio::spawn(async move {
        let mut request = [0; REQUEST];
        while from.read_exact(&mut request).await.is_ok() {}
    });
    for turn in 0.. {
        sleep(about(Duration::from_secs(20), number, turn)).await;
        if reader.is_finished() {
            break;
        }
        to.write_all(&[PUSH; REQUEST]).await?;
    }
    Ok(())
}

async fn open(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn request(stream: &mut TcpStream, what: u8) -> Done {
    stream.write_all(&[what; REQUEST]).await?;
    if what != NOTHING {
        stream.read_exact(&mut [0; REQUEST]).await?;
    }
    Ok(())
}

async fn client(part: String, to: SocketAddr, count: u64, time: Duration) -> Done {
    match &*part {
        "trickle" => return trickle(to, count, time).await,
        "ramp" => {
            say("ready");
            return ramp(to, count, time).await;
        }
        "short" => {
            say("ready");
            return short(to, count).await;
        }
        _ => {}
    }
    for number in 0..count {
        let part = part.clone();
        spawn(async move {
            let mut stream = open(to).await?;
            match &*part {
                "used" => used(stream, time).await,
                "idle" => {
                    request(&mut stream, ANSWER).await?;
                    std::future::pending().await
                }
                "poll" => poll(stream, to, number).await,
                "chat" => chat(stream).await,
                "sip" => sip(stream).await,
                other => panic!("no part is called {other}"),
            }
        });
    }
    say("ready");
    Ok(())
}

/// Opens `count` connections within an eighth of `period`; each writes about every `period`, and is
/// answered or not. Every second has keepalive.
async fn trickle(to: SocketAddr, count: u64, period: Duration) -> Done {
    let pause = period / 8 / u32::try_from(count).unwrap_or(u32::MAX);
    let start = Instant::now();
    let (opened, mut all) = mpsc::unbounded_channel::<()>();
    for number in 0..count {
        let opened = opened.clone();
        sleep_until(start + pause * u32::try_from(number).unwrap_or(u32::MAX)).await;
        spawn(async move {
            let mut stream = open(to).await?;
            drop(opened);
            SockRef::from(&stream).set_keepalive(number.is_multiple_of(2))?;
            for turn in 0.. {
                sleep(about(period, number, turn)).await;
                let what = if number.is_multiple_of(3) { NOTHING } else { ANSWER };
                request(&mut stream, what).await?;
            }
            Ok(())
        });
    }
    drop(opened);
    let _ = all.recv().await;
    say("ready");
    Ok(())
}

async fn used(mut stream: TcpStream, period: Duration) -> Done {
    let mut ticks = interval(period);
    loop {
        ticks.tick().await;
        request(&mut stream, ANSWER).await?;
    }
}

/// Asks for what comes later, again and again; every second client opens a connection each time.
async fn poll(mut stream: TcpStream, to: SocketAddr, number: u64) -> Done {
    loop {
        request(&mut stream, LATER).await?;
        if number.is_multiple_of(2) {
            stream = open(to).await?;
        }
    }
}

/// Hears what the server says, and says something itself at times.
async fn chat(mut stream: TcpStream) -> Done {
    request(&mut stream, PUSH).await?;
    for turn in 1_u64.. {
        stream.read_exact(&mut [0; REQUEST]).await?;
        if turn.is_multiple_of(3) {
            request(&mut stream, NOTHING).await?;
        }
    }
    Ok(())
}

/// Reads slowly what comes quickly: the window is closed for most of the time.
async fn sip(mut stream: TcpStream) -> Done {
    stream.write_all(&[STREAM; REQUEST]).await?;
    let mut ticks = interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        stream.read_exact(&mut [0; SIP]).await?;
    }
}

/// Grows to `count` connections within `time`; each is used every few seconds.
async fn ramp(to: SocketAddr, count: u64, time: Duration) -> Done {
    let pause = time / u32::try_from(count).unwrap_or(u32::MAX);
    for number in 0..count {
        spawn(async move {
            let mut stream = open(to).await?;
            for turn in 0.. {
                request(&mut stream, ANSWER).await?;
                sleep(about(Duration::from_secs(6), number, turn)).await;
            }
            Ok(())
        });
        sleep(pause).await;
    }
    Ok(())
}

/// Opens `count` connections a second, each for one request.
async fn short(to: SocketAddr, count: u64) -> Done {
    let mut ticks = interval(Duration::from_secs(1) / u32::try_from(count).unwrap_or(u32::MAX));
    loop {
        ticks.tick().await;
        spawn(async move { request(&mut open(to).await?, ANSWER).await });
    }
}
