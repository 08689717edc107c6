//! What the kernel says of the network namespace of a process: testkit's, with a panic where that
//! has an error.

use testkit::proc_net::{self, Socket};

/// The sockets of the network namespace of a process.
pub(crate) fn sockets(pid: u32) -> Vec<Socket> {
    proc_net::sockets(pid).unwrap_or_else(|error| panic!("the sockets of {pid}: {error:#}"))
}

/// How many sockets of the namespace are in a state.
pub(crate) fn count(pid: u32, state: &str) -> usize {
    sockets(pid).iter().filter(|socket| socket.state == state).count()
}

/// A counter of TCP in the namespace.
pub(crate) fn counter(pid: u32, name: &str) -> i64 {
    proc_net::counter(pid, name).unwrap()
}
