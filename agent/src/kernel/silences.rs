//! What a kernel does not report although every probe attached.
//!
//! Shown at start-up and by `tcpwarden check`. Guarantees: each sentence stands for an entry of the
//! table of members that this kernel does not have, or has in an older form.

use agent_common::btf::Entry;
use agent_common::layout::{
    CaStateByte, KnId, Pending, RetransmitArguments, SendResetArguments, SkAckBacklog, SkDrops,
    SkLocal6, SkMaxAckBacklog, SynQueue, TcpCopiedSeq, TcpRcvNxt, TcpSndUna, TcpWriteSeq,
};

use super::layout::Layout;

/// Returns a sentence for each thing that a kernel with this layout does not report.
pub(super) fn silences(layout: &Layout) -> Vec<&'static str> {
    let silences = [
        (
            has_fewer(layout, RetransmitArguments, 3),
            "failed retransmits are not reported (they are since Linux 6.17)",
        ),
        (
            has_fewer(layout, SendResetArguments, 3),
            "resets that answer a segment of no socket, or of one in TIME_WAIT, are not counted \
             (they are since Linux 6.10)",
        ),
        (
            lacks(layout, CaStateByte) || lacks(layout, Pending),
            "the cause of a retransmit is not reported: its kind is other",
        ),
        (
            lacks(layout, TcpRcvNxt) || lacks(layout, TcpCopiedSeq),
            "receive queues are not reported: what waits in close_wait counts as read",
        ),
        (lacks(layout, TcpWriteSeq) || lacks(layout, TcpSndUna), "send queues are not reported"),
        (
            lacks(layout, SkAckBacklog) || lacks(layout, SkMaxAckBacklog),
            "accept queues are not reported",
        ),
        (lacks(layout, SynQueue), "handshakes that wait at a listener are not reported"),
        (lacks(layout, SkDrops), "what a listener drops is not reported"),
        (lacks(layout, SkLocal6), "there is no IPv6 in this kernel"),
        (lacks(layout, KnId), "there are no cgroups in this kernel: sockets have no cgroup"),
    ];
    silences.into_iter().filter(|(silent, _)| *silent).map(|(_, sentence)| sentence).collect()
}

fn has_fewer<E: Entry>(layout: &Layout, arguments: E, needed: u32) -> bool {
    layout.get(arguments).is_some_and(|count| count < needed)
}

fn lacks<E: Entry>(layout: &Layout, entry: E) -> bool {
    layout.get(entry).is_none()
}
