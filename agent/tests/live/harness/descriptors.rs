//! The descriptor tables as the test reads them by itself: which processes hold which TCP socket.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A socket by its two ends, IPv4 as IPv4.
pub(crate) type Ends = (SocketAddr, SocketAddr);

/// The processes that hold each TCP socket of the network namespace of a process.
pub(crate) fn holders(pid: u32) -> BTreeMap<Ends, BTreeSet<u32>> {
    let mut by_inode: BTreeMap<u64, BTreeSet<u32>> = BTreeMap::new();
    for process in fs::read_dir("/proc").expect("read /proc").flatten() {
        let Ok(holder) = process.file_name().to_string_lossy().parse::<u32>() else { continue };
        for descriptor in fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten() {
            let target = fs::read_link(descriptor.path()).unwrap_or_default();
            let text = target.to_string_lossy();
            let inode = text.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')).and_then(|inode| inode.parse().ok());
            if let Some(inode) = inode {
                by_inode.entry(inode).or_default().insert(holder);
            }
        }
    }
    let mut found = BTreeMap::new();
    for table in ["tcp", "tcp6"] {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let inode: u64 = words[9].parse().expect("an inode");
            if let Some(holders) = by_inode.get(&inode) {
                found.insert((end(words[1]), end(words[2])), holders.clone());
            }
        }
    }
    found
}

/// `0100007F:1F90`: each group of eight digits is a word in the machine's order.
fn end(text: &str) -> SocketAddr {
    let (address, port) = text.split_once(':').expect("an address and a port");
    let words: Vec<u8> = (0..address.len() / 8)
        .flat_map(|word| u32::from_str_radix(&address[word * 8..word * 8 + 8], 16).expect("a word").to_ne_bytes())
        .collect();
    let ip = match <[u8; 4]>::try_from(words.as_slice()) {
        Ok(bytes) => IpAddr::V4(Ipv4Addr::from(bytes)),
        Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(words).expect("16 bytes"))).to_canonical(),
    };
    SocketAddr::new(ip, u16::from_str_radix(port, 16).expect("a port"))
}
