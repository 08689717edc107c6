//! Who holds which socket, by the descriptor tables in `/proc`: the judge over the agent's owners.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::kernel::listed_state;

/// The two ends of a socket, IPv4 as IPv4.
pub(crate) type Ends = (SocketAddr, SocketAddr);

/// A socket that processes hold.
pub(crate) struct Held {
    pub(crate) ends: Ends,
    pub(crate) state: &'static str,
    /// Its holders' names by their process ids.
    pub(crate) holders: BTreeMap<u32, String>,
}

/// The sockets of a process's network namespace that some process holds.
pub(crate) fn of(namespace: u32) -> Vec<Held> {
    let mut sockets = BTreeMap::new();
    for file in ["tcp", "tcp6"] {
        let text = fs::read_to_string(format!("/proc/{namespace}/net/{file}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let Some(state) = listed_state(line) {
                let held =
                    Held { ends: (end(words[1]), end(words[2])), state, holders: BTreeMap::new() };
                sockets.insert(format!("socket:[{}]", words[9]), held);
            }
        }
    }
    for process in fs::read_dir("/proc").expect("read /proc").flatten() {
        let Ok(pid) = process.file_name().to_string_lossy().parse::<u32>() else { continue };
        let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        for descriptor in fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten() {
            let target = fs::read_link(descriptor.path()).unwrap_or_default();
            if let Some(held) = sockets.get_mut(target.to_string_lossy().as_ref()) {
                held.holders.insert(pid, name.trim().to_owned());
            }
        }
    }
    sockets.into_values().filter(|held| !held.holders.is_empty()).collect()
}

/// `0100007F:1F90`: each group of eight digits is a word in the machine's order.
fn end(text: &str) -> SocketAddr {
    let (address, port) = text.split_once(':').expect("an address and a port");
    let words: Vec<u8> = (0..address.len() / 8)
        .flat_map(|word| {
            u32::from_str_radix(&address[word * 8..word * 8 + 8], 16).expect("a word").to_ne_bytes()
        })
        .collect();
    let ip = match <[u8; 4]>::try_from(words.as_slice()) {
        Ok(bytes) => IpAddr::V4(Ipv4Addr::from(bytes)),
        Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(words).expect("16 bytes")))
            .to_canonical(),
    };
    SocketAddr::new(ip, u16::from_str_radix(port, 16).expect("a port"))
}
