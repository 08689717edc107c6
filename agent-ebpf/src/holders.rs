//! Which process holds which socket, from the descriptor tables.
//!
//! Hooks: `iter/task_file` (5.8): every open descriptor of every task, in all network namespaces.
//! Guarantees: one record for each descriptor of a process that refers to a TCP socket, or to an
//! MPTCP socket, which stands for its subflows; of an MPTCP socket the state is in the record.
//! Cost: runs only while user space reads the iterator; one record a TCP descriptor, nothing for
//! others. Feeds: the owners of sockets that are older than the agent, and the states of MPTCP
//! connections.

use agent_common::btf::{Access, BpfIterMeta, File, KernelPtr, Sock, Socket, TaskStruct};
use agent_common::layout::{
    FileInode, FilePrivate, HelperSockFromFile, InodeSuper, IterSeq, SkFamily, SkProtocol, SkState,
    SocketSk, SuperMagic, TaskComm, TaskLeader, TaskStart, TaskTgid,
};
use agent_common::record::{Holder, kind};
use agent_common::task::comm_bytes;
use agent_common::tcp;
use aya_ebpf::helpers::generated::bpf_sock_from_file;

use crate::access::{self, BtfPtr, has};
use crate::out;

/// `SOCKFS_MAGIC`, `include/uapi/linux/magic.h`.
const SOCKFS_MAGIC: u64 = 0x534f_434b;

/// The iterator's context, `struct bpf_iter__task_file`: members padded to eight bytes each.
#[repr(C)]
pub(crate) struct TaskFileContext {
    meta: *const BpfIterMeta,
    task: *const TaskStruct,
    fd: u32,
    pad: u32,
    file: *const File,
}

/// Reports one descriptor.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/task_file")]
pub(crate) extern "C" fn iter_task_file(ctx: *const TaskFileContext) -> i32 {
    // SAFETY: the kernel passes a context of the iterator's type, which lives as long as the run
    // and which nothing writes meanwhile.
    let context = unsafe { &*ctx };
    let (task, file) = (BtfPtr::new(context.task), BtfPtr::new(context.file));
    if task.is_null() || file.is_null() {
        return 0;
    }
    let (sk, state) = tcp_sock_of(file);
    if sk == 0 {
        return 0;
    }
    let tgid = task.load(TaskTgid);
    let leader = task.follow(TaskLeader);
    let started = if has(TaskStart) { leader.load(TaskStart) } else { 0 };
    let comm = access::by_copy(leader).load(TaskComm);
    let record = Holder {
        kind: kind::HOLDER,
        state,
        pad1: 0,
        tgid,
        sk,
        started,
        fd: context.fd,
        pad2: 0,
        comm: comm_bytes(comm),
    };
    out::entry(BtfPtr::new(context.meta).follow(IterSeq), &record);
    0
}

/// Returns the address of the TCP or MPTCP socket behind a file and its state if it is MPTCP, else
/// 0; two zeros for any other file.
#[inline(always)]
fn tcp_sock_of(file: BtfPtr<File>) -> (u64, u8) {
    if has(HelperSockFromFile) {
        // SAFETY: the helper checks the file itself and returns null if it is no socket's.
        let socket = unsafe { bpf_sock_from_file(file.as_ptr().cast_mut().cast()) };
        let socket = BtfPtr::<Socket>::new(socket.cast_const().cast());
        if socket.is_null() {
            return (0, 0);
        }
        return if_tcp(socket.follow(SocketSk));
    }
    if file.follow(FileInode).follow(InodeSuper).load(SuperMagic) != SOCKFS_MAGIC {
        return (0, 0);
    }
    if_tcp(access::by_copy(file).follow(FilePrivate).follow(SocketSk))
}

/// Returns the same of a socket of any protocol.
#[inline(always)]
fn if_tcp<A>(sk: KernelPtr<Sock, A>) -> (u64, u8)
where
    A: Access<u16> + Access<u8>,
{
    if sk.is_null() {
        return (0, 0);
    }
    let protocol = sk.load(SkProtocol);
    if !tcp::is_tcp_or_mptcp(sk.load(SkFamily), protocol) {
        return (0, 0);
    }
    (sk.address(), if protocol == tcp::IPPROTO_MPTCP { sk.load(SkState) } else { 0 })
}
