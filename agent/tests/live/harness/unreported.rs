//! Resets that a kernel before 6.10 sends and does not report: a second count of them, so that
//! `OutRsts` stays an equality there.
//!
//! Until Linux 6.10 `tcp_v4_send_reset` and `tcp_v6_send_reset` call the tracepoint
//! `tcp_send_reset` only where the segment that they answer belongs to a full socket
//! (`sk_fullsock`). An answer to a segment of no socket, or of one in TIME_WAIT, counts in
//! `OutRsts` and nowhere else. The workload does not know how many there are: a delayed
//! acknowledgement or a repeated segment that comes after the end of its connection makes one more,
//! and on a slow machine some do.
//!
//! A packet socket in each network namespace counts every answer that leaves; the kernel's trace
//! buffer counts those of them that the tracepoint reports. The difference is exactly what no agent
//! can see. Neither count uses `OutRsts` or the agent.

use nix::sys::socket::getsockopt;
use nix::{getsockopt_impl, sockopt_impl};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::kernel;
use super::ledger::{Terms, terms};
use super::netns::Netns;
use super::trace::TraceBuffer;

sockopt_impl!(
    /// Frames that passed the filter since the last call, with those for which the queue had no
    /// room (`packet_getsockopt` adds the two up).
    PacketStatistics,
    GetOnly,
    libc::SOL_PACKET,
    libc::PACKET_STATISTICS,
    libc::tpacket_stats
);

/// The tracepoint that reports resets.
const EVENT: &str = "tcp/tcp_send_reset";
/// The condition for an answer: `skbaddr` is the segment that is answered, and 0 in a reset that
/// the socket itself sends (`tcp_send_active_reset`).
const ANSWER: &str = "skbaddr != 0";

/// Counts unreported resets from its birth on; counts nothing where the kernel reports all.
pub(crate) struct Unreported(Option<Watch>);

struct Watch {
    wires: Vec<Socket>,
    reported: TraceBuffer,
}

impl Unreported {
    /// Begins to count in these network namespaces and in that of the calling thread.
    pub(crate) fn watch(namespaces: &[&Netns]) -> Self {
        if kernel::version() >= (6, 10) {
            return Self(None);
        }
        let reported = TraceBuffer::new().expect("a trace buffer");
        assert!(reported.filter(EVENT, ANSWER), "the trace buffer took no filter {ANSWER:?}");
        assert!(reported.enable(EVENT), "the kernel has no event {EVENT}");
        let mut wires = vec![wire()];
        wires.extend(namespaces.iter().map(|netns| netns.enter(wire)));
        Self(Some(Watch { wires, reported }))
    }

    /// What has to be added to the agent's count to make `OutRsts`. To be called at a moment at
    /// which nothing moves, once.
    pub(crate) fn terms(self) -> Terms {
        let Some(Watch { wires, reported }) = self.0 else { return Terms::new() };
        let answers: i64 = wires.iter().map(passed).sum();
        let reported = reported.events().expect("the statistics of the trace buffer");
        terms!("answers" => answers, "of them reported" => -reported)
    }
}

/// A packet socket of the calling thread's network namespace that takes in the answers which leave.
fn wire() -> Socket {
    // The frames of all protocols: only these are shown on departure (`dev_queue_xmit_nit`).
    let all = i32::from(u16::try_from(libc::ETH_P_ALL).expect("sixteen bits").to_be());
    // A datagram starts with its IP header.
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(all)))
        .expect("make a packet socket");
    socket.attach_filter(&answers_leaving()).expect("attach a filter");
    // What came before the filter was there.
    passed(&socket);
    socket
}

/// How many frames passed the filter since the last call.
fn passed(socket: &Socket) -> i64 {
    let statistics = getsockopt(socket, PacketStatistics).expect("a packet socket's statistics");
    statistics.tp_packets.into()
}

/// A filter of classic BPF that lets a reset pass which leaves and answers a segment.
///
/// An answer to a segment with ACK has the RST flag and no ACK; an answer to one without has both
/// and the sequence number 0 (RFC 9293, 3.10.7.1). A reset that a socket sends of itself has ACK
/// and the number of the next byte, which is 0 once in 2^32.
fn answers_leaving() -> Vec<SockFilter> {
    const BYTE: u32 = libc::BPF_LD | libc::BPF_B;
    const EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const TCP: u32 = libc::IPPROTO_TCP.cast_unsigned();
    const RST_ACK: u32 = 0x14;
    let kind = (libc::SKF_AD_OFF + libc::SKF_AD_PKTTYPE).cast_unsigned();
    let code = |code: u32| u16::try_from(code).expect("an instruction");
    let step = |operation, value| SockFilter::new(code(operation), 0, 0, value);
    let jump = |test, value, yes, no| SockFilter::new(code(test), yes, no, value);
    let (pass, drop) = (19, 20);
    let to = |here: u8, there: u8| there - here - 1;
    vec![
        /* 0 */ step(BYTE | libc::BPF_ABS, kind),
        /* 1 */ jump(EQUAL, libc::PACKET_OUTGOING.into(), 0, to(1, drop)),
        /* 2 */ step(BYTE | libc::BPF_ABS, 0),
        /* 3 */ step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0xf0),
        /* 4 */ jump(EQUAL, 0x60, to(4, 10), 0),
        /* 5 */ jump(EQUAL, 0x40, 0, to(5, drop)),
        // IPv4: the protocol, and the length of the header.
        /* 6 */
        step(BYTE | libc::BPF_ABS, 9),
        /* 7 */ jump(EQUAL, TCP, 0, to(7, drop)),
        /* 8 */ step(libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH, 0),
        /* 9 */ step(libc::BPF_JMP | libc::BPF_JA, to(9, 13).into()),
        // IPv6: the next header; a reset has no extension headers.
        /* 10 */
        step(BYTE | libc::BPF_ABS, 6),
        /* 11 */ jump(EQUAL, TCP, 0, to(11, drop)),
        /* 12 */ step(libc::BPF_LDX | libc::BPF_IMM, 40),
        // TCP: the flags.
        /* 13 */ step(BYTE | libc::BPF_IND, 13),
        /* 14 */ step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, RST_ACK),
        /* 15 */ jump(EQUAL, 0x04, to(15, pass), 0),
        /* 16 */ jump(EQUAL, RST_ACK, 0, to(16, drop)),
        // TCP: the sequence number.
        /* 17 */
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_IND, 4),
        /* 18 */ jump(EQUAL, 0, 0, to(18, drop)),
        /* 19 */ step(libc::BPF_RET | libc::BPF_K, u32::MAX),
        /* 20 */ step(libc::BPF_RET | libc::BPF_K, 0),
    ]
}
