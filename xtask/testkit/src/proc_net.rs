//! What the kernel reports below `/proc/PID/net`: the counters of TCP and the list of its sockets.
//!
//! The live tests and those of the lab compare with it; the benchmark counts retransmits.
//!
//! A process is named by its id, or `self` or `thread-self`; its network namespace is read.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context as _, Result};

/// The names of the states by their numbers (`include/net/tcp_states.h`), from 1.
const STATES: [&str; 11] = [
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
];

/// One line of `tcp` or `tcp6`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// Its own end, IPv4 as IPv4.
    pub local: SocketAddr,
    /// The other end, IPv4 as IPv4.
    pub peer: SocketAddr,
    /// Its state, as the agent's metrics name it.
    pub state: &'static str,
    /// Bytes that wait to be sent or acknowledged.
    pub send_queue: u64,
    /// Bytes that wait to be read; of a listener, connections that wait to be accepted.
    pub receive_queue: u64,
    /// The timer that runs: 3 is that of a small socket of TIME_WAIT, whose state is its substate
    /// (`get_timewait4_sock`), 4 the probe of a closed window.
    pub timer: u64,
    /// How often the first segment of the send queue has been retransmitted.
    pub retransmits: u64,
    /// 0 where no process holds it, also in an accept queue, and for a request socket
    /// (`get_openreq4`).
    pub inode: u64,
}

/// Lists the TCP sockets of a network namespace.
///
/// # Errors
/// The process has gone, or a line is not of the known form.
pub fn sockets(process: impl Display) -> Result<Vec<Socket>> {
    let ipv4 = read(&process, "tcp")?;
    // A kernel without IPv6 has no such file.
    let ipv6 = read(&process, "tcp6").unwrap_or_default();
    let lines = ipv4.lines().skip(1).chain(ipv6.lines().skip(1));
    lines.map(|line| socket(line).with_context(|| format!("an unknown socket: {line:?}"))).collect()
}

/// Reads the counters of TCP, those behind `Tcp:` and `TcpExt:` in `snmp` and `netstat`.
///
/// # Errors
/// The process has gone.
pub fn counters(process: impl Display) -> Result<BTreeMap<String, i64>> {
    let mut found = BTreeMap::new();
    for file in ["snmp", "netstat"] {
        let text = read(&process, file)?;
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.chunks_exact(2).filter(|pair| pair[0].starts_with("Tcp")) {
            let values = pair[0].split_whitespace().zip(pair[1].split_whitespace());
            found.extend(
                values.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))),
            );
        }
    }
    Ok(found)
}

/// Reads one counter of [`counters`].
///
/// # Errors
/// The process has gone, or this kernel has no such counter.
pub fn counter(process: impl Display, name: &str) -> Result<i64> {
    let found = counters(process)?.get(name).copied();
    found.with_context(|| format!("the kernel has no counter {name}"))
}

fn read(process: impl Display, file: &str) -> Result<String> {
    let path = format!("/proc/{process}/net/{file}");
    fs::read_to_string(&path).with_context(|| format!("read {path}"))
}

/// `sl local peer st tx:rx timer:when retransmits uid timeout inode …`.
fn socket(line: &str) -> Option<Socket> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    let (send_queue, receive_queue) = columns.get(4)?.split_once(':')?;
    let state = usize::from_str_radix(columns.get(3)?, 16).ok()?;
    Some(Socket {
        local: end(columns.get(1)?)?,
        peer: end(columns.get(2)?)?,
        state: STATES.get(state.checked_sub(1)?)?,
        send_queue: hex(send_queue)?,
        receive_queue: hex(receive_queue)?,
        timer: hex(columns.get(5)?.split_once(':')?.0)?,
        retransmits: hex(columns.get(6)?)?,
        inode: columns.get(9)?.parse().ok()?,
    })
}

/// `0100007F:1F90`: each group of eight digits is a word in the machine's order.
fn end(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let mut bytes = Vec::new();
    for at in (0..address.len()).step_by(8) {
        let word = u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(bytes) => IpAddr::V4(Ipv4Addr::from(bytes)),
        Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)).to_canonical(),
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_connection_of_this_process_is_listed_with_both_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let listed = sockets("thread-self").unwrap();
        let ours = listed.iter().find(|one| one.local == client.local_addr().unwrap()).unwrap();
        assert_eq!((ours.peer, ours.state), (listener.local_addr().unwrap(), "established"));
        assert!(ours.inode != 0 && ours.send_queue == 0, "{ours:?}");
        assert!(counter("self", "ActiveOpens").unwrap() > 0);
        assert!(counter("self", "NoSuchCounter").is_err());
        assert!(sockets(0).is_err());
    }

    #[test]
    fn an_ipv6_end_that_carries_ipv4_is_ipv4() {
        let mapped = "0000000000000000FFFF00000100007F:1F90";
        assert_eq!(end(mapped), Some("127.0.0.1:8080".parse().unwrap()));
        let loopback = "00000000000000000000000001000000:0016";
        assert_eq!(end(loopback), Some("[::1]:22".parse().unwrap()));
        assert_eq!(end("0100007:1F90"), None);
    }
}
