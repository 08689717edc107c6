//! Who holds which socket, by the descriptor tables in `/proc`: the judge over the agent's owners.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;

use testkit::proc_net;

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
    let listed = proc_net::sockets(namespace).unwrap_or_default().into_iter();
    let mut sockets: BTreeMap<_, _> = listed
        .map(|socket| {
            let held = Held {
                ends: (socket.local, socket.peer),
                state: socket.state,
                holders: BTreeMap::new(),
            };
            (format!("socket:[{}]", socket.inode), held)
        })
        .collect();
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
