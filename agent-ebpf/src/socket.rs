//! What the probes read of a socket.
//!
//! Called by the probes of transitions, retransmits and lists. Guarantees: only members of
//! `struct sock_common` are read of a socket that may be a small one.

use agent_common::btf::{Cgroup, Sock, SockCommon, SockFlag, TcpSock};
use agent_common::layout::{
    CgroupKn, InetSport, KnId, NetInum, SkCgroup, SkCgroupVal, SkFamily, SkFlags, SkLocal4,
    SkLocal6, SkNet, SkNum, SkPeer4, SkPeer6, SkPeerPort, SkSocket, SockDead,
};
use agent_common::record::{Endpoints, flag};
use agent_common::tcp;
use aya_ebpf::helpers::generated;

use crate::access::{self, BtfPtr, ProbePtr, has};

/// Returns the socket as a `tcp_sock`, whose members lie beyond `struct sock`; null if it is a
/// small socket.
#[inline(always)]
pub(crate) fn tcp_sock(sk: BtfPtr<SockCommon>) -> BtfPtr<TcpSock> {
    // SAFETY: the helper checks the socket itself and returns null if it is no full TCP socket.
    BtfPtr::new(unsafe { generated::bpf_skc_to_tcp_sock(sk.as_ptr().cast_mut().cast()) }.cast())
}

/// Returns a socket's identity, namespace, cgroup and both ends. `full` is the same as a full
/// socket, or null for a small one, which has no cgroup; `local_port` is used if it is not 0.
#[inline(always)]
pub(crate) fn endpoints(sk: BtfPtr<SockCommon>, full: BtfPtr<Sock>, local_port: u16) -> Endpoints {
    let (local, peer) = addresses(sk);
    let cgroup = if full.is_null() { 0 } else { cgroup_id(full) };
    let local_port = if local_port == 0 { sk.load(SkNum) } else { local_port };
    let mut netns = 0;
    if has(SkNet) && has(NetInum) {
        netns = sk.follow(SkNet).load(NetInum);
    }
    Endpoints {
        sk: sk.address(),
        cgroup,
        local,
        peer,
        netns,
        local_port,
        peer_port: u16::from_be(sk.load(SkPeerPort)),
    }
}

/// Returns the local port of a full socket, still known when the socket has given it back; 0 for
/// null.
#[inline(always)]
pub(crate) fn source_port(full: BtfPtr<TcpSock>) -> u16 {
    if full.is_null() { 0 } else { u16::from_be(full.load(InetSport)) }
}

/// Returns both addresses as 16 bytes each, IPv4 as v4-mapped IPv6, so that every reader sees one
/// form.
#[inline(always)]
fn addresses(sk: BtfPtr<SockCommon>) -> ([u64; 2], [u64; 2]) {
    if sk.load(SkFamily) == tcp::AF_INET6 && has(SkLocal6) && has(SkPeer6) {
        return (sk.load(SkLocal6), sk.load(SkPeer6));
    }
    (tcp::mapped(sk.load(SkLocal4)), tcp::mapped(sk.load(SkPeer4)))
}

/// Returns the id of the socket's cgroup, which accepted sockets inherit and no later move of a
/// task changes.
#[inline(always)]
fn cgroup_id(sk: BtfPtr<Sock>) -> u64 {
    if !has(CgroupKn) || !has(KnId) {
        return 0;
    }
    if has(SkCgroup) {
        return sk.follow(SkCgroup).follow(CgroupKn).load(KnId);
    }
    if has(SkCgroupVal) {
        // Up to 5.14 the member is a number that may be a pointer: no direct load can follow it.
        let val = sk.load(SkCgroupVal);
        if tcp::is_cgroup_pointer(val) {
            return ProbePtr::<Cgroup>::new(val as *const Cgroup).follow(CgroupKn).load(KnId);
        }
    }
    0
}

/// Returns the flags of a full socket that hold in every context: orphaned, attached to a
/// `struct socket`.
#[inline(always)]
pub(crate) fn socket_flags(sk: BtfPtr<Sock>) -> u8 {
    let mut flags = 0;
    if has_flag(sk, SockDead) {
        flags |= flag::ORPHAN;
    }
    if !sk.follow(SkSocket).is_null() {
        flags |= flag::ATTACHED;
    }
    flags
}

/// Returns whether a bit of `sk_flags` is set.
#[inline(always)]
pub(crate) fn has_flag<F: SockFlag>(sk: BtfPtr<Sock>, bit: F) -> bool {
    has(bit) && sk.load(SkFlags) & (1 << (access::constant(bit) & 63)) != 0
}
