//! Which process holds which socket, from the descriptor tables.
//!
//! Hooks: `iter/task_file` (5.8): every open descriptor of every task, in all network namespaces.
//! Guarantees: one record for each descriptor of a process that refers to a TCP socket.
//! Cost: runs only while user space reads the iterator; one record a TCP descriptor, nothing for
//! others. Feeds: the owners of sockets that are older than the agent.

use agent_common::layout::Word;
use agent_common::record::{Holder, kind};
use agent_common::tcp;

use crate::kernel::{self, Typed};
use crate::out;

/// The iterator's context, `struct bpf_iter__task_file`: members padded to eight bytes each.
#[repr(C)]
pub(crate) struct TaskFileContext {
    meta: *const u8,
    task: *const u8,
    fd: u32,
    pad: u32,
    file: *const u8,
}

/// One descriptor.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/task_file")]
pub(crate) extern "C" fn iter_task_file(ctx: *const TaskFileContext) -> i32 {
    // SAFETY: the kernel passes a valid context of the iterator's type.
    let context = unsafe { &*ctx };
    let (task, file) = (Typed::new(context.task), Typed::new(context.file));
    if task.is_null() || file.is_null() {
        return 0;
    }
    let sk = kernel::sock_of_file(file);
    if sk.is_null() || !is_tcp(sk) {
        return 0;
    }
    let tgid: u32 = task.load(Word::TaskTgid);
    let comm = task.follow(Word::TaskLeader).copy(Word::TaskComm);
    let record = Holder {
        kind: kind::HOLDER,
        pad: [0; 3],
        tgid,
        sk: sk.address(),
        fd: context.fd,
        pad2: 0,
        comm,
    };
    let seq = Typed::new(context.meta).follow(Word::IterSeq);
    out::entry(seq, &record);
    0
}

/// Whether a socket of any protocol is a TCP socket over IP.
#[inline(always)]
fn is_tcp(sk: Typed) -> bool {
    let (family, protocol): (u16, u16) = if kernel::has(Word::HelperSockFromFile) {
        (sk.load(Word::SkFamily), sk.load(Word::SkProtocol))
    } else {
        (sk.copy(Word::SkFamily), sk.copy(Word::SkProtocol))
    };
    (family == tcp::AF_INET || family == tcp::AF_INET6) && protocol == tcp::IPPROTO_TCP
}
