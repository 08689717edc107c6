//! What a connection of the kernel's list has done: its last use, what is not acknowledged, bytes.
//!
//! Called for each full socket of the list that is no listener. Guarantees: reads members of the
//! socket and of its port only. Cost: a dozen loads an entry, while user space reads the list.

use agent_common::btf::TcpSock;
use agent_common::layout::{
    Backoff, BindBucket, BindReuse, HelperJiffies, LastReceived, ProbesOut, Retransmits,
    SockKeepOpen, TcpBytesAcked, TcpBytesReceived, TcpBytesRetrans, TcpBytesSent, TcpLastAcked,
    TcpLastSent, TcpPacketsOut, TcpSndUna,
};
use agent_common::record::{Activity, flag, known};
use agent_common::tcp;
use aya_ebpf::helpers::generated::bpf_jiffies64;

use crate::access::{BtfPtr, has, load_if_known};
use crate::socket;

/// Returns what the connection, which is in `state`, has done.
#[inline(always)]
pub(crate) fn of(full: BtfPtr<TcpSock>, state: u8) -> Activity {
    let mut activity = Activity::default();
    if has(SockKeepOpen) {
        activity.known |= known::KEEPALIVE;
    }
    times(full, &mut activity);
    if has(TcpBytesSent) && has(TcpBytesRetrans) && has(TcpBytesReceived) {
        activity.known |= known::BYTES;
        activity.bytes_received = full.load(TcpBytesReceived);
        // A window probe counts as retransmitted, but not as sent (`tcp_xmit_probe_skb`, 6.18).
        activity.bytes_sent = full.load(TcpBytesSent).saturating_sub(full.load(TcpBytesRetrans));
    }
    if has(TcpSndUna) && has(TcpPacketsOut) && has(Retransmits) {
        activity.known |= known::UNACKNOWLEDGED;
        activity.acknowledged = full.load(TcpSndUna);
        activity.unacknowledged = full.load(TcpPacketsOut);
        activity.timeouts = full.load(Retransmits);
        activity.backoff = if has(Backoff) { full.load(Backoff) } else { 0 };
        activity.probes = if has(ProbesOut) { full.load(ProbesOut) } else { 0 };
        activity.known |= side(full, state, &activity);
    }
    activity
}

/// Returns which side of the connection this is, if what was acknowledged tells. What is under way
/// is in neither count, and a window probe is in one only, so a connection that has either does not
/// tell.
#[inline(always)]
fn side(full: BtfPtr<TcpSock>, state: u8, activity: &Activity) -> u8 {
    let fin = match state {
        tcp::ESTABLISHED | tcp::CLOSE_WAIT => 0,
        tcp::FIN_WAIT2 => 1,
        _ => return 0,
    };
    let tells = activity.known & known::BYTES != 0 && has(TcpBytesAcked);
    if !tells || activity.unacknowledged != 0 || full.load(TcpBytesRetrans) != 0 {
        return 0;
    }
    match full.load(TcpBytesAcked).wrapping_sub(activity.bytes_sent).wrapping_sub(fin) {
        0 => known::ACCEPTED,
        1 => known::CONNECTED,
        _ => 0,
    }
}

/// Adds how long ago the connection was last used.
#[inline(always)]
fn times(full: BtfPtr<TcpSock>, activity: &mut Activity) {
    if !(has(HelperJiffies) && has(TcpLastSent) && has(LastReceived) && has(TcpLastAcked)) {
        return;
    }
    // SAFETY: the helper takes no argument and cannot fail.
    let now = unsafe { bpf_jiffies64() } as u32;
    activity.known |= known::TIMES;
    activity.sent_ago = now.wrapping_sub(load_if_known(full, TcpLastSent));
    activity.received_ago = now.wrapping_sub(load_if_known(full, LastReceived));
    activity.acked_ago = now.wrapping_sub(load_if_known(full, TcpLastAcked));
}

/// Returns the flags of a connection: keepalive, and how it came to its local port.
#[inline(always)]
pub(crate) fn flags(full: BtfPtr<TcpSock>) -> u8 {
    let mut flags = 0;
    if socket::has_flag(full.upcast(), SockKeepOpen) {
        flags |= flag::KEEPALIVE;
    }
    if has(BindBucket) && has(BindReuse) {
        let bucket = full.follow(BindBucket);
        if !bucket.is_null() {
            let by_connect = bucket.load(BindReuse) & 0x80 != 0;
            flags |= if by_connect { flag::PORT_BY_CONNECT } else { flag::PORT_BY_BIND };
        }
    }
    flags
}
