//! What the kernel says of the network namespace of a process.

use std::fs;

/// One line of `/proc/net/tcp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Socket {
    pub(crate) local: String,
    pub(crate) peer: String,
    pub(crate) state: String,
    pub(crate) send_queue: u64,
    pub(crate) receive_queue: u64,
    /// 4 is the probe of a window that is closed.
    pub(crate) timer: u64,
    pub(crate) retransmits: u64,
    /// 0 where no process holds it, also in an accept queue.
    pub(crate) inode: u64,
}

/// The sockets of the network namespace of a process.
pub(crate) fn sockets(pid: u32) -> Vec<Socket> {
    let text = fs::read_to_string(format!("/proc/{pid}/net/tcp"))
        .unwrap_or_else(|error| panic!("the sockets of {pid}: {error}"));
    text.lines().skip(1).map(|line| socket(line).unwrap_or_else(|| panic!("{line:?}"))).collect()
}

fn socket(line: &str) -> Option<Socket> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    let (send_queue, receive_queue) = columns.get(4)?.split_once(':')?;
    let state = match *columns.get(3)? {
        "01" => "established",
        "02" => "syn_sent",
        "03" => "syn_recv",
        "04" => "fin_wait1",
        "05" => "fin_wait2",
        "06" => "time_wait",
        "08" => "close_wait",
        "09" => "last_ack",
        "0A" => "listen",
        _ => "other",
    };
    Some(Socket {
        local: (*columns.get(1)?).to_owned(),
        peer: (*columns.get(2)?).to_owned(),
        state: state.to_owned(),
        send_queue: hex(send_queue)?,
        receive_queue: hex(receive_queue)?,
        timer: hex(columns.get(5)?.split_once(':')?.0)?,
        retransmits: hex(columns.get(6)?)?,
        inode: columns.get(9)?.parse().ok()?,
    })
}

/// How many sockets of the namespace are in a state.
pub(crate) fn count(pid: u32, state: &str) -> usize {
    sockets(pid).iter().filter(|socket| socket.state == state).count()
}

/// A counter of `/proc/net/snmp` or `/proc/net/netstat`, by its name behind `Tcp:` or `TcpExt:`.
pub(crate) fn counter(pid: u32, name: &str) -> u64 {
    for file in ["snmp", "netstat"] {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{file}")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.chunks_exact(2).filter(|pair| pair[0].starts_with("Tcp")) {
            let mut both = pair[0].split_whitespace().zip(pair[1].split_whitespace());
            if let Some((_, value)) = both.find(|(known, _)| *known == name) {
                return value.parse().unwrap();
            }
        }
    }
    panic!("the kernel has no counter {name}");
}
