//! Makes the recording that benchmarks replay: loads the probes, makes traffic in a network
//! namespace of its own, and writes what the two rings give. As root: `cargo run --release
//! --package cost --bin record`.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "its output is for the person at the terminal")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use cost::records::recording::Recording;
use tcpwarden::ingest::decode::{Record, decode};
use tcpwarden::kernel::load::{Kernel, Maps, Sizes};

/// Where the recording goes.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/records.bin");
/// Records that go on coming after the traffic has ended.
const SETTLE: Duration = Duration::from_secs(2);
/// Loopback of a fresh namespace that loses some of what is sent.
const INSIDE: &str = "ip link set lo up && printf '%s\n' 'table inet lossy {' 'chain input {' \
    'type filter hook input priority 0;' \
    'meta l4proto tcp meta length > 1000 numgen random mod 25 == 0 drop' '}' '}' | nft -f - && \
    exec \"$0\" traffic";

fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some("traffic") {
        return traffic();
    }
    let (kernel, mut maps) = Kernel::load(Sizes { state_ring: 8 << 20, retransmit_ring: 1 << 20 })
        .context("load the probes; this needs root")?;
    let mut child = Command::new("unshare")
        .args(["--net", "sh", "-c", INSIDE])
        .arg(std::env::current_exe()?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let netns = ready(&mut child)
        .context("the traffic did not begin; it needs root, `unshare`, `ip` and `nft`")?;
    let mut records = Vec::new();
    drop(child.stdin.take());
    while child.try_wait()?.is_none() {
        take(&mut maps, netns, &mut records);
        std::thread::sleep(Duration::from_millis(10));
    }
    let end = Instant::now() + SETTLE;
    while Instant::now() < end {
        take(&mut maps, netns, &mut records);
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(kernel);
    ensure!(child.wait()?.success(), "the traffic failed");
    let file = Recording::write(&records)?;
    std::fs::write(FILE, &file).with_context(|| format!("write {FILE}"))?;
    println!("{FILE}: {} records, {} bytes", records.len(), file.len());
    Ok(())
}

/// Takes what the rings have of one namespace.
fn take(maps: &mut Maps, netns: u32, records: &mut Vec<Vec<u8>>) {
    let mut keep = |bytes: &[u8]| {
        let of = match decode(bytes) {
            Ok(Record::State(state)) => state.ends.netns,
            Ok(Record::Close(close)) => close.state.ends.netns,
            Ok(Record::Retransmit(resent) | Record::SynAck(resent)) => resent.ends.netns,
            Ok(Record::Socket(_) | Record::Holder(_) | Record::Child(_)) | Err(_) => return,
        };
        if of == netns {
            records.push(bytes.to_vec());
        }
    };
    while let Some(item) = maps.states.next() {
        keep(&item);
    }
    while let Some(item) = maps.retransmits.next() {
        keep(&item);
    }
}

/// Waits until the traffic is about to begin; its namespace.
fn ready(child: &mut Child) -> Result<u32> {
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
    ensure!(line.trim() == "ready", "it said {line:?}");
    let inode = std::fs::metadata(format!("/proc/{}/ns/net", child.id()))?.ino();
    u32::try_from(inode).context("an inode of more than 32 bits")
}

/// Some of everything, once standard input is closed.
fn traffic() -> Result<()> {
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    let listeners = [TcpListener::bind("127.0.0.1:8080")?, TcpListener::bind("[::1]:8081")?];
    let mut kept = Vec::new();
    for number in 0..150 {
        let listener = &listeners[usize::from(number % 5 == 0)];
        let mut client = TcpStream::connect(listener.local_addr()?)?;
        let (mut server, _) = listener.accept()?;
        match number % 10 {
            // Reset: closed with something unread.
            1 => {
                server.write_all(b"nobody reads this")?;
                std::thread::sleep(Duration::from_millis(1));
                drop(client);
            }
            // The server closes first.
            2 | 6 => {
                drop(server);
                client.read_to_end(&mut Vec::new())?;
            }
            // Request and response, kept to the end.
            3 => {
                client.write_all(b"request")?;
                server.read_exact(&mut [0; 7])?;
                server.write_all(b"response")?;
                kept.push((client, server));
            }
            // Enough that some of it is lost.
            4 => {
                let reader = std::thread::spawn(move || server.read_to_end(&mut Vec::new()));
                client.write_all(&vec![0; 1 << 20])?;
                drop(client);
                reader.join().map_err(|_panic| anyhow::anyhow!("the reader failed"))??;
            }
            _ => {
                drop(client);
                drop(server);
            }
        }
        if number % 8 == 0 {
            ensure!(TcpStream::connect("127.0.0.1:8099").is_err(), "somebody listens on port 8099");
        }
    }
    Ok(())
}
