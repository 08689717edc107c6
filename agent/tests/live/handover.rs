//! Helper processes whose sockets change hands: fork, exec, accept, a descriptor passed on.
//!
//! A child gets its socket as standard error, so that it needs to know no number; it ends, as its
//! parent does, when the standard input that they share does.

use std::io::IoSlice;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use socket2::{Domain, SockRef, Socket, Type};

use crate::roles::{command, hold, say};

/// The name of a process that gets a socket from another.
pub(crate) const RECEIVER: &str = "live-receiver";

/// Plays a role; false where there is none of that name.
///
/// `connect-and DEED ADDRESS` connects once, then does what [`after`] says. `prefork ADDRESS
/// WORKERS` listens and has its workers accept; so does `activate`, whose workers accept one each,
/// and `activate-later`, which starts one only when connections wait.
/// `fork-each ADDRESS CONNECTIONS` accepts, gives each connection to a child that inherits the
/// listener too, and then hangs.
/// `leave-behind` and `serve-beside` open listeners that share an address: the first leaves its own
/// to a child, the second serves. `keep`, `receive`, `serve` and `accept-one` are children.
pub(crate) fn play(words: &[&str]) -> bool {
    match *words {
        ["connect-and", deed, address] => {
            after(deed, TcpStream::connect(address).expect("connect"));
        }
        ["keep"] => hold(()),
        ["receive"] => {
            let end = UnixStream::from(given());
            receive(&end);
            hold(end);
        }
        ["prefork", address, workers] => {
            let listener = TcpListener::bind(address).expect("listen");
            say(&listener.local_addr().expect("its address").to_string());
            for _ in 0..workers.parse().expect("a count") {
                child("serve", listener.try_clone().expect("another descriptor").into());
            }
            hold(listener);
        }
        ["serve"] => {
            let listener = TcpListener::from(given());
            std::thread::spawn(move || {
                let _streams: Vec<_> = listener.incoming().collect();
            });
            hold(());
        }
        ["activate", address, workers] => activate(address, workers, Duration::ZERO),
        ["activate-later", address] => activate(address, "1", Duration::from_secs(1)),
        ["accept-one"] => {
            let listener = TcpListener::from(given());
            say("accepting");
            let stream = listener.accept().expect("accept");
            hold((listener, stream));
        }
        ["fork-each", address, connections] => fork_each(address, connections),
        ["leave-behind", address] => child("keep", sharing(address).into()),
        ["serve-beside", address] => {
            let listener = sharing(address);
            std::thread::spawn(move || {
                for mut stream in listener.incoming().flatten() {
                    std::thread::spawn(move || std::io::copy(&mut stream, &mut std::io::sink()));
                }
            });
            hold(());
        }
        _ => return false,
    }
    true
}

/// Listens, and after a while starts workers that accept one connection each.
fn activate(address: &str, workers: &str, after: Duration) {
    let listener = TcpListener::bind(address).expect("listen");
    say(&listener.local_addr().expect("its address").to_string());
    std::thread::sleep(after);
    for _ in 0..workers.parse().expect("a count") {
        child("accept-one", listener.try_clone().expect("another descriptor").into());
    }
    hold(listener);
}

/// Accepts, and gives each connection to a child that inherits the listener too.
fn fork_each(address: &str, connections: &str) {
    let listener = TcpListener::bind(address).expect("listen");
    SockRef::from(&listener).set_cloexec(false).expect("let children inherit it");
    say(&listener.local_addr().expect("its address").to_string());
    for _ in 0..connections.parse().expect("a count") {
        let (stream, _) = listener.accept().expect("accept");
        child("keep", stream.into());
    }
    hold(listener);
}

/// A listener at an address that it shares with others; says the address.
fn sharing(address: &str) -> TcpListener {
    let address: SocketAddr = address.parse().expect("an address");
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None);
    let socket = socket.expect("make a socket");
    socket.set_reuse_port(true).expect("share the address");
    socket.bind(&address.into()).and_then(|()| socket.listen(128)).expect("listen");
    let listener = TcpListener::from(socket);
    say(&listener.local_addr().expect("its address").to_string());
    listener
}

/// What becomes of a connected socket.
fn after(deed: &str, stream: TcpStream) {
    match deed {
        "stays" => hold(stream),
        "forks" => {
            child("keep", stream.try_clone().expect("another descriptor").into());
            hold(stream);
        }
        "leaves" => child("keep", stream.into()),
        "execs" => panic!("exec: {}", receiver("keep", stream.into()).exec()),
        "passes" => {
            let (here, there) = UnixStream::pair().expect("make a pair");
            child("receive", there.into());
            send(&here, stream);
            hold(here);
        }
        "sends" => {
            let pair = UnixStream::pair().expect("make a pair");
            send(&pair.0, stream);
            hold(pair);
        }
        "registers" => {
            let ring = io_uring::IoUring::new(8).expect("an io_uring");
            ring.submitter().register_files(&[stream.as_raw_fd()]).expect("register the socket");
            drop(stream);
            hold(ring);
        }
        "threads" => {
            keep_in_a_thread();
            drop(stream);
            hold(());
        }
        "nests" => {
            unshare(CloneFlags::CLONE_NEWPID).expect("make a pid namespace");
            child("keep", stream.into());
        }
        _ => panic!("nobody knows how to connect and {deed}"),
    }
}

/// Copies the table of descriptors for a thread, which keeps what is open now; `/proc/PID/fd` does
/// not show it.
fn keep_in_a_thread() {
    let (copied, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_FILES).expect("a table of its own");
        copied.send(()).expect("say so");
        loop {
            std::thread::park();
        }
    });
    wait.recv().expect("the thread");
}

/// A command for a child that gets a descriptor.
fn receiver(role: &str, socket: OwnedFd) -> Command {
    let mut command = command(role, RECEIVER);
    command.stderr(Stdio::from(socket));
    command
}

#[expect(
    clippy::zombie_processes,
    reason = "it ends with the input, or outlives this process on purpose"
)]
fn child(role: &str, socket: OwnedFd) {
    receiver(role, socket).spawn().expect("start the child");
}

/// The descriptor that the parent gave.
fn given() -> OwnedFd {
    std::io::stderr().as_fd().try_clone_to_owned().expect("the descriptor that was given")
}

/// Sends a descriptor and closes it here.
fn send(end: &UnixStream, stream: TcpStream) {
    let descriptors = [stream.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&descriptors)];
    sendmsg::<()>(end.as_raw_fd(), &[IoSlice::new(b"x")], &rights, MsgFlags::empty(), None)
        .expect("send the descriptor");
    drop(stream);
}

/// Receives a descriptor and keeps it for as long as the process lives.
fn receive(end: &UnixStream) {
    let mut room = nix::cmsg_space!(i32);
    let mut byte = [0];
    let mut parts = [std::io::IoSliceMut::new(&mut byte)];
    let message = recvmsg::<()>(end.as_raw_fd(), &mut parts, Some(&mut room), MsgFlags::empty())
        .expect("receive the descriptor");
    let got = message
        .cmsgs()
        .expect("its descriptors")
        .any(|part| matches!(part, ControlMessageOwned::ScmRights(_)));
    assert!(got, "no descriptor came");
}
