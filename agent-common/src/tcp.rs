//! TCP constants of the kernel: state codes (`include/net/tcp_states.h`, unchanged since 2.6) and
//! the error numbers that tell why a socket closed (`asm-generic/errno.h`).

/// The protocol number of TCP; SCTP, DCCP and MPTCP fire the same tracepoints with other numbers.
pub const IPPROTO_TCP: u16 = 6;
/// Address family of IPv4 sockets.
pub const AF_INET: u16 = 2;
/// Address family of IPv6 sockets, the v4-mapped ones included.
pub const AF_INET6: u16 = 10;

/// `TCP_ESTABLISHED`.
pub const ESTABLISHED: u8 = 1;
/// `TCP_SYN_SENT`.
pub const SYN_SENT: u8 = 2;
/// `TCP_SYN_RECV`.
pub const SYN_RECV: u8 = 3;
/// `TCP_FIN_WAIT1`.
pub const FIN_WAIT1: u8 = 4;
/// `TCP_FIN_WAIT2`.
pub const FIN_WAIT2: u8 = 5;
/// `TCP_TIME_WAIT`: only ever seen in the socket list, never in a transition.
pub const TIME_WAIT: u8 = 6;
/// `TCP_CLOSE`.
pub const CLOSE: u8 = 7;
/// `TCP_CLOSE_WAIT`.
pub const CLOSE_WAIT: u8 = 8;
/// `TCP_LAST_ACK`.
pub const LAST_ACK: u8 = 9;
/// `TCP_LISTEN`.
pub const LISTEN: u8 = 10;
/// `TCP_CLOSING`.
pub const CLOSING: u8 = 11;
/// `TCP_NEW_SYN_RECV`: a request socket; only ever seen in the socket list.
pub const NEW_SYN_RECV: u8 = 12;

/// One more than the highest state code, rounded up to a power of two: the side of the transition
/// matrix.
pub const STATE_CODES: usize = 16;
