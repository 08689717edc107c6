//! The ways to leak: for each a program that does it, and what the agent has to say of it.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

use super::claim::{Claim, Leak};
use crate::workload::programs::{Built, Program, feed};

/// How many connections each program leaks.
const COUNT: usize = 12;

/// A way to leak.
pub(super) type Way = (&'static str, fn(&Built) -> Leak);

/// All ways that happen inside the namespace of the calling thread.
pub(super) const WAYS: &[Way] = &[
    ("never accepts", |_| served("never_accepts", "lk-accept", "127.0.0.1", "unaccepted")),
    ("accepts and never reads", |_| served("unread", "lk-unread", "127.0.0.1", "unread")),
    ("reads to the end and never closes", |_| served("read", "lk-read", "127.0.0.1", "read")),
    ("the same over IPv6", |_| served("read", "lk-read6", "::1", "read")),
    ("shuts down and forgets", |_| forgotten()),
    ("nobody answers", |_| unanswered()),
    ("reads to the end and never closes, in C", |built| {
        forked(built, "hold", "lk-hold", &["lk-hold"])
    }),
    ("forks, and both hold", |built| forked(built, "both", "lk-both", &["lk-both", "lk-both-kid"])),
    ("the parent exits, the child keeps", |built| {
        forked(built, "child", "lk-orphan", &["lk-orphan-kid"])
    }),
    ("passes the descriptors to another process", |built| {
        forked(built, "pass", "lk-pass", &["lk-pass-got"])
    }),
    ("goes on as another program", |built| executed(built)),
    ("a master that forks workers which accept", |_| preforked()),
];

/// A server in Python that gets `COUNT` connections whose peers say something and close.
fn served(way: &str, process: &str, ip: &str, stage: &'static str) -> Leak {
    let began = Instant::now();
    let mut program = Program::python(&[way, process, &COUNT.to_string(), ip], None);
    feed(program.address(ip), COUNT, b"hello");
    program.ready();
    let claim = close_wait(process, stage, COUNT, program.holders.clone());
    made(began, vec![claim], vec![program])
}

/// A server in C; the processes that may be named are those that say that they hold the
/// connections.
fn forked(built: &Built, way: &str, process: &str, names: &[&str]) -> Leak {
    let began = Instant::now();
    let mut program = Program::c(built.path(), &[way, process, &COUNT.to_string()]);
    feed(program.address("127.0.0.1"), COUNT, b"hello");
    program.ready();
    let claim = close_wait(&names.join("|"), "read", COUNT, program.holders.clone());
    made(began, vec![claim], vec![program])
}

/// The program replaces itself by a link to it of another name.
fn executed(built: &Built) -> Leak {
    let link = built.path().with_file_name(format!("lk-exec-{}", std::process::id() % 10_000));
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink(built.path(), &link).expect("make a link");
    let name = link.file_name().expect("a name").to_string_lossy().into_owned();
    let leak = forked(built, "exec", link.to_str().expect("plain letters"), &[&name]);
    std::fs::remove_file(&link).expect("remove the link");
    leak
}

/// Two workers with half of the connections each, accepted from the listener of their master.
fn preforked() -> Leak {
    let began = Instant::now();
    let mut program =
        Program::python(&["prefork", "lk-fork", &COUNT.to_string(), "127.0.0.1"], None);
    feed(program.address("127.0.0.1"), COUNT, b"hello");
    program.ready();
    let worker = |number| {
        close_wait(&format!("lk-fork-{number}"), "read", COUNT / 2, program.holders.clone())
    };
    let claims = vec![worker(0), worker(1)];
    made(began, claims, vec![program])
}

/// A client that shuts its side down; the server, this process, keeps its end open.
fn forgotten() -> Leak {
    let began = Instant::now();
    let (site, address) = site();
    let mut program = Program::python(
        &["shut", "lk-shut", &COUNT.to_string(), "127.0.0.1", &address.port().to_string()],
        None,
    );
    let streams = (0..COUNT).map(|_| site.accept().expect("accept").0).collect();
    program.ready();
    let claim = Claim {
        process: "lk-shut".to_owned(),
        state: "fin_wait2",
        stage: None,
        count: COUNT,
        holders: program.holders.clone(),
    };
    Leak { _streams: streams, _sites: vec![site], ..made(began, vec![claim], vec![program]) }
}

/// A client whose SYNs vanish.
fn unanswered() -> Leak {
    let began = Instant::now();
    let mut program =
        Program::python(&["black_hole", "lk-hole", &COUNT.to_string(), "192.0.2.1", "7"], None);
    program.ready();
    let claim = Claim {
        process: "lk-hole".to_owned(),
        state: "syn_sent",
        stage: None,
        count: COUNT,
        holders: program.holders.clone(),
    };
    made(began, vec![claim], vec![program])
}

fn site() -> (TcpListener, SocketAddr) {
    let site = TcpListener::bind("127.0.0.1:0").expect("listen");
    let address = site.local_addr().expect("its address");
    (site, address)
}

fn close_wait(process: &str, stage: &'static str, count: usize, holders: BTreeSet<u32>) -> Claim {
    Claim { process: process.to_owned(), state: "close_wait", stage: Some(stage), count, holders }
}

fn made(began: Instant, claims: Vec<Claim>, programs: Vec<Program>) -> Leak {
    Leak {
        claims,
        made: (began, Instant::now()),
        _programs: programs,
        _streams: Vec::new(),
        _sites: Vec::new(),
    }
}

/// A server and a client with `count` connections that are in order.
pub(super) fn busy(count: usize) -> [Program; 2] {
    let count = count.to_string();
    let mut server = Program::python(&["open", "ok-server", &count], None);
    let port = server.address("127.0.0.1").port().to_string();
    let mut client = Program::python(&["idle", "ok-client", &count, "127.0.0.1", &port], None);
    client.ready();
    server.ready();
    [server, client]
}
