//! TCP spoken by hand over a raw socket, from an address that nobody has: half-open connections at
//! a listener, and a peer that answers the SYN and then nothing more.
//!
//! This takes no packet filter, so it also works in the smallest guest. Packets to [`NOWHERE`] go
//! through loopback, where a raw socket sees them, and end there: the kernel sends no reset for an
//! address that is not local (`tcp_v4_send_reset`).

use std::fs::File;
use std::io::Read as _;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4};

use nix::sched::{CloneFlags, setns};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{NOWHERE, begin};

/// `IPPROTO_RAW`: the packets that are sent come with their IP header.
const RAW: i32 = 255;
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
/// The first sequence number of everything that is sent here.
const FIRST: u32 = 0x1122_3344;

/// Sends a SYN from [`NOWHERE`] to a listener of the calling thread's namespace. The answer is
/// lost, so the listener keeps a request socket (SYN_RECV) and goes on sending its SYN-ACK.
pub(crate) fn half_open(listener: SocketAddr, source_port: u16) {
    let SocketAddr::V4(listener) = listener else {
        panic!("half-open connections are made over IPv4 only")
    };
    send(SocketAddrV4::new(NOWHERE, source_port), listener, [FIRST, 0], SYN);
}

/// Sends an acknowledgement that belongs to no connection, from loopback to an address of the
/// calling thread's namespace. It is answered with a reset, by a listener and where nobody listens:
/// so is the last delayed acknowledgement of a connection that comes after its end.
pub(crate) fn stray(to: SocketAddr) {
    let SocketAddr::V4(to) = to else { panic!("stray segments are sent over IPv4 only") };
    send(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 20_100), to, [FIRST, FIRST], ACK);
}

/// A connection of this host with a peer that has stopped to answer.
pub(crate) struct Silent {
    /// The kernel's end.
    pub(crate) socket: Option<Socket>,
    /// The namespace of both, for the peer's last word.
    netns: File,
    peer: SocketAddrV4,
    local: SocketAddrV4,
    /// What the peer sends next, and what it has seen.
    numbers: [u32; 2],
}

impl Silent {
    /// Connects, from the calling thread's namespace, to a port of [`NOWHERE`]; the handshake is
    /// the last that the peer answers.
    pub(crate) fn connect(port: u16) -> Self {
        let mut ear = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::TCP))
            .expect("make a raw socket to listen with");
        ear.set_read_timeout(Some(crate::harness::PATIENCE)).expect("set a time limit");
        let peer = SocketAddrV4::new(NOWHERE, port);
        let socket = begin(peer.into());
        let local =
            socket.local_addr().expect("its address").as_socket_ipv4().expect("an IPv4 address");
        let mut packet = [0; 256];
        let seen = loop {
            let length = ear.read(&mut packet).expect("wait for the SYN");
            let tcp = &packet[usize::from(packet[0] & 15) * 4..length];
            if tcp[0..2] == local.port().to_be_bytes()
                && tcp[2..4] == port.to_be_bytes()
                && tcp[13] & SYN != 0
            {
                break u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]).wrapping_add(1);
            }
        };
        send(peer, local, [FIRST, seen], SYN | ACK);
        socket.set_nonblocking(false).expect("make it blocking");
        let connected = || socket.peer_addr().ok();
        crate::harness::wait_for("the handshake by hand", crate::harness::PATIENCE, connected);
        let netns = File::open("/proc/thread-self/ns/net").expect("the namespace of this thread");
        Self { socket: Some(socket), netns, peer, local, numbers: [FIRST + 1, seen] }
    }

    /// The peer closes, without acknowledging anything that came after the handshake.
    pub(crate) fn peer_closes(&mut self) {
        send(self.peer, self.local, self.numbers, FIN | ACK);
        self.numbers[0] += 1;
    }

    /// Half-closes the kernel's end.
    pub(crate) fn half_close(&self) {
        self.socket.as_ref().expect("an open end").shutdown(Shutdown::Write).expect("half-close");
    }

    /// Closes the kernel's end; it goes on as an orphan.
    pub(crate) fn forget(&mut self) {
        self.socket = None;
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // An orphan would outlive the test by minutes, keep its namespace alive and send its FIN
        // again and again, where nobody counts. So the peer ends it.
        self.socket = None;
        let (netns, peer, local, numbers) = (&self.netns, self.peer, self.local, self.numbers);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                if setns(netns, CloneFlags::CLONE_NEWNET).is_ok() {
                    send(peer, local, numbers, RST | ACK);
                }
            });
        });
    }
}

/// Sends one segment without data; `numbers` are its sequence and acknowledgement numbers.
fn send(from: SocketAddrV4, to: SocketAddrV4, numbers: [u32; 2], flags: u8) {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(RAW)))
        .expect("make a raw socket to send with");
    let mut tcp = Vec::new();
    tcp.extend(from.port().to_be_bytes());
    tcp.extend(to.port().to_be_bytes());
    tcp.extend(numbers.map(u32::to_be_bytes).as_flattened());
    // A header of five words, the flags, a window; checksum and urgent pointer follow.
    tcp.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    let sum = checksum(&[pseudo_header(*from.ip(), *to.ip(), tcp.len()).as_slice(), &tcp].concat());
    tcp[16..18].copy_from_slice(&sum.to_be_bytes());
    // The kernel fills in length, identification and checksum of the IP header.
    let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0];
    packet.extend(from.ip().octets());
    packet.extend(to.ip().octets());
    packet.extend(tcp);
    socket.send_to(&packet, &SockAddr::from(to)).expect("send a segment");
}

fn pseudo_header(from: Ipv4Addr, to: Ipv4Addr, length: usize) -> Vec<u8> {
    let length = u16::try_from(length).expect("a short segment");
    let mut header = Vec::new();
    header.extend(from.octets());
    header.extend(to.octets());
    header.extend([0, 6]);
    header.extend(length.to_be_bytes());
    header
}

/// The Internet checksum (RFC 1071) of an even number of bytes.
fn checksum(bytes: &[u8]) -> u16 {
    let sum: u32 =
        bytes.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !u16::try_from((folded & 0xffff) + (folded >> 16)).expect("sixteen bits")
}
