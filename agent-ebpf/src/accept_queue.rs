//! Which connections wait in the accept queue of which listener.
//!
//! Called for each listener of the kernel's list. Guarantees: at most [`MOST`] connections of a
//! listener are reported, so that what one listener writes fits the iterator's buffer (32 KiB;
//! `bpf_seq_read`, 5.10 to 6.18, gives up the whole list otherwise). The kernel holds the
//! listener's lock since 5.15; before, the queue may change meanwhile, and an address that is
//! reported may be of no socket any more. Cost: three loads a connection that waits.

use agent_common::btf::{SeqFile, TcpSock};
use agent_common::layout::{AcceptChild, AcceptHead, AcceptNext};
use agent_common::record::{Child, kind};

use crate::access::{BtfPtr, has};
use crate::out;

/// The most connections of a listener that are reported, those that have waited longest.
const MOST: usize = 512;

/// Reports the connections that wait at a listener.
#[inline(always)]
pub(crate) fn report(seq: BtfPtr<SeqFile>, listener: BtfPtr<TcpSock>) {
    if !(has(AcceptHead) && has(AcceptNext) && has(AcceptChild)) {
        return;
    }
    let mut request = listener.follow(AcceptHead);
    for _ in 0..MOST {
        if request.is_null() {
            return;
        }
        let sk = request.follow(AcceptChild).address();
        out::entry(
            seq,
            &Child {
                kind: kind::CHILD,
                pad: 0,
                pad2: 0,
                pad3: 0,
                listener: listener.address(),
                sk,
            },
        );
        request = request.follow(AcceptNext);
    }
}
