//! TCP's numbers in the kernel: state codes (`include/net/tcp_states.h`, unchanged since 2.6), the
//! families, and what is calculated from a socket's members.

/// The protocol number of TCP; SCTP, DCCP and MPTCP fire the same tracepoints with other numbers.
pub const IPPROTO_TCP: u16 = 6;
/// The protocol number of MPTCP, whose sockets descriptors refer to instead of their subflows.
pub const IPPROTO_MPTCP: u16 = 262;
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

/// The side of the transition matrix: one more than the highest state code, rounded up to a power
/// of two.
pub const STATE_CODES: usize = 16;
/// The cells of the transition matrix.
pub const CELLS: usize = STATE_CODES * STATE_CODES;

/// Returns the cell of the transition matrix for two state codes, of which four bits count.
#[inline(always)]
#[must_use]
pub const fn cell(old: u32, new: u32) -> usize {
    ((old & 15) << 4 | new & 15) as usize
}

/// Returns an IPv4 address (network order, as it lies in memory) as `::ffff:a.b.c.d`, as it lies in
/// memory.
#[inline(always)]
#[must_use]
pub const fn mapped(address: u32) -> [u64; 2] {
    if cfg!(target_endian = "little") {
        [0, ((address as u64) << 32) | 0xffff_0000]
    } else {
        [0, 0x0000_ffff_0000_0000 | address as u64]
    }
}

/// Returns how many bytes lie between two sequence numbers; 0 if `end` is behind `start`.
#[inline(always)]
#[must_use]
pub const fn distance(end: u32, start: u32) -> u32 {
    let bytes = end.wrapping_sub(start);
    if bytes.cast_signed() > 0 { bytes } else { 0 }
}

/// Returns whether `sk_cgrp_data.val` is a pointer to a cgroup: its two low bits are clear then
/// (`sock_cgroup_ptr`, 5.10).
#[inline(always)]
#[must_use]
pub const fn is_cgroup_pointer(val: u64) -> bool {
    val != 0 && val.is_multiple_of(4)
}

/// Returns the error of the first half of a `sock_extended_err` as it lies in memory, if it came by
/// ICMP (`SO_EE_ORIGIN_ICMP`); else 0: what waits in an error queue can be a timestamp.
#[inline(always)]
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "the halves of the word, and an error number")]
pub const fn icmp_error(first_half: u64) -> u16 {
    let (number, origin) = if cfg!(target_endian = "little") {
        (first_half as u32, (first_half >> 32) as u8)
    } else {
        ((first_half >> 32) as u32, (first_half >> 24) as u8)
    };
    if origin == 2 { number as u16 } else { 0 }
}

/// Returns whether a socket of this family and protocol is a TCP socket over IP.
#[inline(always)]
#[must_use]
pub const fn is_tcp(family: u16, protocol: u16) -> bool {
    (family == AF_INET || family == AF_INET6) && protocol == IPPROTO_TCP
}

/// Returns whether a descriptor of a socket of this family and protocol may refer to TCP sockets.
#[inline(always)]
#[must_use]
pub const fn is_tcp_or_mptcp(family: u16, protocol: u16) -> bool {
    is_tcp(family, protocol)
        || ((family == AF_INET || family == AF_INET6) && protocol == IPPROTO_MPTCP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_mptcp_socket_holds_tcp_sockets_and_is_none() {
        assert!(is_tcp_or_mptcp(AF_INET6, IPPROTO_MPTCP) && !is_tcp(AF_INET6, IPPROTO_MPTCP));
        assert!(is_tcp_or_mptcp(AF_INET, IPPROTO_TCP) && !is_tcp_or_mptcp(AF_INET, 132));
    }

    #[test]
    fn an_ipv4_address_is_mapped_as_it_lies_in_memory() {
        let [high, low] = mapped(u32::from_ne_bytes([192, 0, 2, 1])).map(u64::to_ne_bytes);
        assert_eq!(high, [0; 8]);
        assert_eq!(low, [0, 0, 0xff, 0xff, 192, 0, 2, 1]);
    }

    #[test]
    fn a_distance_wraps_and_is_never_negative() {
        assert_eq!(distance(10, 3), 7);
        assert_eq!(distance(3, 10), 0);
        assert_eq!(distance(2, u32::MAX), 3);
        assert_eq!(distance(5, 5), 0);
    }

    #[test]
    fn a_cgroup_pointer_has_two_clear_low_bits() {
        assert!(is_cgroup_pointer(0xffff_8880_0123_4560));
        assert!(!is_cgroup_pointer(0) && !is_cgroup_pointer(1) && !is_cgroup_pointer(2));
    }

    #[test]
    fn a_queued_error_counts_if_it_came_by_icmp() {
        let word = |number: u32, origin: u8| {
            let [a, b, c, d] = number.to_ne_bytes();
            u64::from_ne_bytes([a, b, c, d, origin, 3, 1, 0])
        };
        assert_eq!((icmp_error(word(113, 2)), icmp_error(word(111, 2))), (113, 111));
        // A timestamp, an IPv6 error, an empty queue.
        assert_eq!((icmp_error(word(42, 4)), icmp_error(word(113, 3)), icmp_error(0)), (0, 0, 0));
    }

    #[test]
    fn only_tcp_over_ip_is_tcp() {
        assert!(is_tcp(AF_INET, 6) && is_tcp(AF_INET6, 6));
        assert!(!is_tcp(AF_INET, 17) && !is_tcp(1, 6));
    }

    #[test]
    fn every_pair_of_states_has_a_cell_inside_the_matrix() {
        assert_eq!(cell(1, 8), 0x18);
        assert_eq!(cell(u32::MAX, u32::MAX), CELLS - 1);
    }
}
