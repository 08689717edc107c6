//! What a kernel does not report although every probe attached.
//!
//! Shown at start-up and by `tcpwarden check`. Guarantees: each sentence stands for an entry of the
//! table of members that this kernel does not have, or has in an older form; an optional entry that
//! does not say what its absence means does not compile.

use agent_common::btf::Need;
use agent_common::layout::{Name, TABLE};

use super::layout::Layout;
use Absence::{Older, Replaced, Silent, SilentWithout, Unattached};

/// What follows if a kernel does not have an optional entry.
enum Absence {
    /// A program does not load or attach; the state of its probe says so.
    Unattached,
    /// The programs take another way to the same number.
    Replaced,
    /// This is not reported.
    Silent(&'static str),
    /// This is not reported unless the kernel has the other entry.
    SilentWithout(Name, &'static str),
    /// A tracepoint with fewer arguments than this does not report this. Without the tracepoint
    /// its probe does not attach.
    Older(u32, &'static str),
}

const IPV6: &str = "there is no IPv6 in this kernel";
const NAMESPACES: &str = "network namespaces are not told apart";
const NOTED: &str = "connects that are given up after an ICMP error can count as canceled";
const CGROUPS: &str = "there are no cgroups in this kernel: sockets have no cgroup";
const BYTES_SENT: &str = "the bytes that a connection has sent count as 0";
const RECEIVE_QUEUES: &str =
    "receive queues are not reported: what waits in close_wait counts as read";
const SEND_QUEUES: &str = "send queues are not reported";
const ACCEPT_QUEUES: &str = "accept queues are not reported";
const CAUSES: &str = "the cause of a retransmit is not reported: its kind is other";
const ACCEPTED: &str = "of listeners that share an address it is not known whose queue a \
                        connection is in";
const BINDS: &str = "whether bind or connect chose a local port is not known";
const SIDES: &str = "of some connections that are older than the agent it is not known which side \
                     connected";
const TIMES: &str = "the last use of connections is not reported, nor the age of those that are \
                     older than the agent";
const UNACKNOWLEDGED: &str = "connections whose peer does not acknowledge are not reported";
const STARTS: &str = "when processes were started is not known: one that was forked for a \
                      connection can be taken for the one that accepts at its listener";
const SEGMENTS: &str = "a retransmit of several segments counts as one segment";

/// The optional entries, in the order of the table, and what their absence means.
const ABSENCES: &[(Name, Absence)] = &[
    (Name::SkLocal6, Silent(IPV6)),
    (Name::SkPeer6, Silent(IPV6)),
    (Name::SkNet, Silent(NAMESPACES)),
    (Name::NetInum, Silent(NAMESPACES)),
    (Name::SkErrSoft, Silent(NOTED)),
    (Name::ErrorQueueLength, Silent(NOTED)),
    (Name::ErrorQueueNext, Silent(NOTED)),
    (Name::QueuedError, Silent(NOTED)),
    (Name::SockDone, Silent("the FIN of a peer counts as a byte received")),
    (Name::SkCgroup, SilentWithout(Name::SkCgroupVal, CGROUPS)),
    (Name::SkCgroupVal, SilentWithout(Name::SkCgroup, CGROUPS)),
    (Name::CgroupKn, Silent(CGROUPS)),
    (Name::KnId, Silent(CGROUPS)),
    (Name::TcpBytesSent, Silent(BYTES_SENT)),
    (Name::TcpBytesAcked, Silent(SIDES)),
    (Name::TcpBytesRetrans, Silent(BYTES_SENT)),
    (Name::TcpBytesReceived, Silent("the bytes that a connection has received count as 0")),
    (Name::TcpSrtt, Silent("round-trip times are not reported")),
    (Name::TcpTotalRetrans, Silent("events tell 0 retransmitted segments of a connection")),
    (Name::TcpRcvNxt, Silent(RECEIVE_QUEUES)),
    (Name::TcpCopiedSeq, Silent(RECEIVE_QUEUES)),
    (Name::TcpWriteSeq, Silent(SEND_QUEUES)),
    (Name::TcpSndUna, Silent(SEND_QUEUES)),
    (Name::TcpSndWnd, Silent("a closed window is reported only once it is probed")),
    (Name::SkAckBacklog, Silent(ACCEPT_QUEUES)),
    (Name::SkMaxAckBacklog, Silent(ACCEPT_QUEUES)),
    (Name::SkDrops, Silent("what a listener drops is not reported")),
    (Name::SynQueue, Silent("handshakes that wait at a listener are not reported")),
    (Name::AcceptHead, Silent(ACCEPTED)),
    (Name::AcceptNext, Silent(ACCEPTED)),
    (Name::AcceptChild, Silent(ACCEPTED)),
    (Name::BindBucket, Silent(BINDS)),
    (Name::BindReuse, Silent(BINDS)),
    (Name::TcpLastSent, Silent(TIMES)),
    (Name::LastReceived, Silent(TIMES)),
    (Name::TcpLastAcked, Silent(TIMES)),
    (Name::TcpPacketsOut, Silent(UNACKNOWLEDGED)),
    (Name::Retransmits, Silent(UNACKNOWLEDGED)),
    (Name::Backoff, Silent("the back-off of connections counts as 0")),
    (Name::ProbesOut, Silent("unanswered probes count as 0")),
    (Name::SockKeepOpen, Silent("keepalive of connections is not reported")),
    (Name::HelperJiffies, Silent(TIMES)),
    (Name::CaStateByte, Silent(CAUSES)),
    (Name::CaStateMask, Silent(CAUSES)),
    (Name::CaStateShift, Silent(CAUSES)),
    (Name::Pending, Silent(CAUSES)),
    (Name::SkbCb, Silent(SEGMENTS)),
    (Name::CbSegments, Silent(SEGMENTS)),
    (
        Name::RetransmitArguments,
        Older(3, "failed retransmits are not reported (they are since Linux 6.17)"),
    ),
    (
        Name::SendResetArguments,
        Older(
            3,
            "resets that answer a segment of no socket, or of one in TIME_WAIT, are not counted \
             (they are since Linux 6.10)",
        ),
    ),
    (Name::TaskStart, Silent(STARTS)),
    (Name::HelperCurrentTask, Replaced),
    (Name::HelperSockFromFile, Replaced),
    // The verifier refuses an iterator that loads one of these where no member is.
    (Name::IterSeq, Unattached),
    (Name::SocketSk, Unattached),
    (Name::TwSubstate, Silent("small sockets in FIN_WAIT2 count as TIME_WAIT")),
    // A kernel with `bpf_sock_from_file` does not need these.
    (Name::FileInode, Unattached),
    (Name::FilePrivate, Unattached),
    (Name::InodeSuper, Unattached),
    (Name::SuperMagic, Unattached),
];

const _: () = {
    let (mut position, mut known) = (0, 0);
    while position < TABLE.len() {
        if matches!(TABLE[position].0, Need::Optional) {
            assert!(
                known < ABSENCES.len() && ABSENCES[known].0 as usize == position,
                "an optional entry does not say what its absence means",
            );
            known += 1;
        }
        position += 1;
    }
    assert!(known == ABSENCES.len(), "an entry is not optional, or stands out of order");
};

/// Returns a sentence for each thing that a kernel with this layout does not report.
pub(super) fn silences(layout: &Layout) -> Vec<&'static str> {
    let lacks = |entry| layout.named(entry).is_none();
    let mut sentences = Vec::new();
    for (entry, absence) in ABSENCES {
        let (silent, sentence) = match *absence {
            Unattached | Replaced => continue,
            Silent(sentence) => (lacks(*entry), sentence),
            SilentWithout(other, sentence) => (lacks(*entry) && lacks(other), sentence),
            Older(needed, sentence) => {
                (layout.named(*entry).is_some_and(|count| count < needed), sentence)
            }
        };
        if silent && !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences
}

#[cfg(test)]
mod tests {
    use agent_common::layout::{ABSENT, COUNT};

    use super::*;

    /// What a kernel with everything, but for these entries, does not report.
    fn with(changed: &[(Name, u32)]) -> Vec<&'static str> {
        let mut values = [3; COUNT];
        for (entry, value) in changed {
            values[*entry as usize] = *value;
        }
        silences(&Layout::of(&values))
    }

    #[test]
    fn every_optional_entry_that_is_missing_is_told_once_or_by_its_probe_or_replaced() {
        assert_eq!(with(&[]), [""; 0]);
        for (entry, absence) in ABSENCES {
            let expected = match absence {
                Silent(sentence) => vec![*sentence],
                Unattached | Replaced | SilentWithout(..) | Older(..) => vec![],
            };
            assert_eq!(with(&[(*entry, ABSENT)]), expected, "{entry:?}");
        }
        let missing: Vec<_> = ABSENCES.iter().map(|(entry, _)| (*entry, ABSENT)).collect();
        let told = with(&missing);
        for sentence in [
            IPV6,
            NAMESPACES,
            NOTED,
            CGROUPS,
            BYTES_SENT,
            RECEIVE_QUEUES,
            SEND_QUEUES,
            ACCEPT_QUEUES,
            CAUSES,
            SEGMENTS,
            ACCEPTED,
            BINDS,
            TIMES,
            UNACKNOWLEDGED,
        ] {
            assert_eq!(told.iter().filter(|one| **one == sentence).count(), 1, "{sentence}");
        }
    }

    #[test]
    fn cgroups_need_one_of_two_members() {
        let both = [(Name::SkCgroup, ABSENT), (Name::SkCgroupVal, ABSENT)];
        assert_eq!(with(&both), [CGROUPS]);
        assert_eq!((with(&both[..1]), with(&both[1..])), (vec![], vec![]));
    }

    #[test]
    fn a_tracepoint_of_an_older_kernel_is_told() {
        for entry in [Name::RetransmitArguments, Name::SendResetArguments] {
            let told = with(&[(entry, 2)]);
            assert!(matches!(*told, [one] if one.contains("since Linux 6.1")), "{told:?}");
            assert_eq!((with(&[(entry, 3)]), with(&[(entry, ABSENT)])), (vec![], vec![]));
        }
    }
}
