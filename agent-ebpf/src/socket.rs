//! Reading kernel structures, at offsets that user space resolved from the running kernel's BTF.
//!
//! Every offset is a constant of its instruction (`words`): a direct load is checked against the
//! structure's type when the program is loaded, and a branch on an absent word is pruned. A direct
//! load through a pointer that is null or stale at run time reads zero: the kernel handles the
//! fault. That is why the functions here are safe to call.

use core::mem::transmute;

use agent_common::layout::Word;
use agent_common::record::{Endpoints, flag};
use agent_common::tcp;
use aya_ebpf::helpers::{self, generated};

use crate::words::{self, Field};

/// `PF_KTHREAD`, `include/linux/sched.h`, unchanged since 2.6.
const PF_KTHREAD: u32 = 0x0020_0000;
/// `SOCKFS_MAGIC`, `include/uapi/linux/magic.h`.
const SOCKFS_MAGIC: u64 = 0x534f_434b;

/// The value of a word that the running kernel has.
#[inline(always)]
pub(crate) fn word(which: Word) -> u32 {
    words::value(which) as u32
}

/// Whether the running kernel has what a word names.
#[inline(always)]
pub(crate) fn has(which: Word) -> bool {
    words::value(which) != u64::MAX
}

/// A pointer to a kernel structure whose type the verifier knows.
#[derive(Clone, Copy)]
pub(crate) struct Typed(*const u8);

impl Typed {
    /// Wraps a pointer that the kernel gave.
    #[inline(always)]
    pub(crate) fn new<T>(pointer: *const T) -> Self {
        Self(pointer.cast())
    }

    /// Whether there is nothing behind it.
    #[inline(always)]
    pub(crate) fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// The pointer as a number: a socket's key.
    #[inline(always)]
    pub(crate) fn address(self) -> u64 {
        self.0 as u64
    }

    /// The pointer itself, for a helper.
    #[inline(always)]
    pub(crate) fn as_ptr<T>(self) -> *mut T {
        self.0.cast_mut().cast()
    }

    /// Loads the member that a word names; `T` has the member's size.
    #[inline(always)]
    pub(crate) fn load<T: Field>(self, which: Word) -> T {
        words::load(self.0, which)
    }

    /// Loads a member of four bytes; 0 where this kernel does not have it.
    #[inline(always)]
    pub(crate) fn load_known(self, which: Word) -> u32 {
        if has(which) { self.load(which) } else { 0 }
    }

    /// Loads a part of the member that a word names, `more` bytes into it.
    #[inline(always)]
    pub(crate) fn load_at<T: Field>(self, which: Word, more: usize) -> T {
        words::load(self.0.wrapping_add(more), which)
    }

    /// Loads a member that is a pointer.
    #[inline(always)]
    pub(crate) fn follow(self, which: Word) -> Self {
        Self(self.load(which))
    }

    /// Reads a member by copying, for pointers and members that no direct load may touch.
    #[inline(always)]
    pub(crate) fn copy<T: Copy + Default>(self, which: Word) -> T {
        self.copy_at(which, 0)
    }

    /// The same, `more` bytes beyond the member's start.
    #[inline(always)]
    pub(crate) fn copy_at<T: Copy + Default>(self, which: Word, more: usize) -> T {
        let member = self.0.wrapping_add(words::value(which) as usize + more).cast::<T>();
        // SAFETY: `bpf_probe_read_kernel` may be given any address; a fault is an error.
        unsafe { helpers::bpf_probe_read_kernel(member) }.unwrap_or_default()
    }
}

/// The socket as a `tcp_sock`, whose members lie beyond `struct sock`; null for a small socket.
#[inline(always)]
pub(crate) fn tcp_sock(sk: Typed) -> Typed {
    // SAFETY: the helper checks the socket itself and returns null where it is no full TCP socket.
    Typed::new(unsafe { generated::bpf_skc_to_tcp_sock(sk.as_ptr()) })
}

/// Nanoseconds of `CLOCK_MONOTONIC`.
#[inline(always)]
pub(crate) fn now() -> u64 {
    // SAFETY: the helper takes nothing and cannot fail.
    unsafe { generated::bpf_ktime_get_ns() }
}

/// Who and where a socket is. `sk` may be any member of the `sock_common` family; `sock` is the
/// same as a full socket, or null for a small one, which has no cgroup; `local_port` is used where
/// it is not 0.
#[inline(always)]
pub(crate) fn endpoints(sk: Typed, sock: Typed, local_port: u16) -> Endpoints {
    let (local, peer) = addresses(sk);
    let cgroup = if sock.is_null() { 0 } else { cgroup_id(sock) };
    let local_port = if local_port == 0 { sk.load(Word::SkNum) } else { local_port };
    let mut netns = 0;
    if has(Word::SkNet) && has(Word::NetInum) {
        netns = sk.follow(Word::SkNet).load(Word::NetInum);
    }
    Endpoints {
        sk: sk.address(),
        cgroup,
        local,
        peer,
        netns,
        local_port,
        peer_port: u16::from_be(sk.load(Word::SkPeerPort)),
    }
}

/// The local port of a full socket, still known when the socket has given it back; null tells none.
#[inline(always)]
pub(crate) fn source_port(full: Typed) -> u16 {
    if full.is_null() { 0 } else { u16::from_be(full.load(Word::InetSport)) }
}

/// Both addresses as 16 bytes each, IPv4 as v4-mapped IPv6, so that every reader sees one form.
#[inline(always)]
fn addresses(sk: Typed) -> ([u64; 2], [u64; 2]) {
    if sk.load::<u16>(Word::SkFamily) == tcp::AF_INET6 && has(Word::SkLocal6) && has(Word::SkPeer6)
    {
        let local = [sk.load(Word::SkLocal6), sk.load_at(Word::SkLocal6, 8)];
        let peer = [sk.load(Word::SkPeer6), sk.load_at(Word::SkPeer6, 8)];
        return (local, peer);
    }
    (mapped(sk.load(Word::SkLocal4)), mapped(sk.load(Word::SkPeer4)))
}

/// An IPv4 address (network order, as it lies in memory) as `::ffff:a.b.c.d`, as it lies in memory.
#[inline(always)]
fn mapped(address: u32) -> [u64; 2] {
    if cfg!(target_endian = "little") {
        [0, (u64::from(address) << 32) | 0xffff_0000]
    } else {
        [0, 0x0000_ffff_0000_0000 | u64::from(address)]
    }
}

/// Id of the socket's cgroup, which accepted sockets inherit and no later move of a task changes.
#[inline(always)]
fn cgroup_id(sk: Typed) -> u64 {
    if !has(Word::CgroupKn) || !has(Word::KnId) {
        return 0;
    }
    if has(Word::SkCgroup) {
        return sk.follow(Word::SkCgroup).follow(Word::CgroupKn).load(Word::KnId);
    }
    if has(Word::SkCgroupVal) {
        // Up to 5.14 the member is a number that is a pointer only where the two low bits are clear
        // (`sock_cgroup_ptr`, 5.10): no typed load can follow it.
        let val: u64 = sk.load(Word::SkCgroupVal);
        if val != 0 && val & 3 == 0 {
            let kn: u64 = Typed::new(val as *const u8).copy(Word::CgroupKn);
            return Typed::new(kn as *const u8).copy(Word::KnId);
        }
    }
    0
}

/// Flags of a full socket that hold whoever runs: orphaned, attached to a `struct socket`.
#[inline(always)]
pub(crate) fn socket_flags(sk: Typed) -> u8 {
    let mut flags = 0;
    if has_flag(sk, Word::SockDead) {
        flags |= flag::ORPHAN;
    }
    if sk.load::<u64>(Word::SkSocket) != 0 {
        flags |= flag::ATTACHED;
    }
    flags
}

/// Whether a bit of `sk_flags` is set, by the word that holds its number.
#[inline(always)]
pub(crate) fn has_flag(sk: Typed, bit: Word) -> bool {
    has(bit) && sk.load::<u64>(Word::SkFlags) & (1 << (word(bit) & 63)) != 0
}

/// The task that runs.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    /// Whether it is a thread of the kernel's.
    pub(crate) kthread: bool,
    /// Its process.
    pub(crate) tgid: u32,
    /// That process's name: a thread may carry any name, so it is the leader's.
    name: (u64, u64),
}

impl Task {
    /// Nobody.
    pub(crate) const NONE: Self = Self { kthread: false, tgid: 0, name: (0, 0) };

    /// The name of its process; what follows the first 0 means nothing.
    #[inline(always)]
    pub(crate) fn comm(self) -> [u8; 16] {
        // SAFETY: as many bytes, any of which will do.
        unsafe { transmute::<[u64; 2], [u8; 16]>([self.name.0, self.name.1]) }
    }

    /// The current one.
    #[inline(always)]
    pub(crate) fn current() -> Self {
        if has(Word::HelperCurrentTask) && has(Word::TaskTgid) {
            // SAFETY: the helper takes nothing and returns the running task.
            let task = Typed::new(unsafe { generated::bpf_get_current_task_btf() });
            let leader = task.follow(Word::TaskLeader);
            let name = (leader.load(Word::TaskComm), leader.load_at(Word::TaskComm, 8));
            return Self {
                kthread: is_kernel_thread(task.load(Word::TaskFlags)),
                tgid: task.load(Word::TaskTgid),
                name,
            };
        }
        // SAFETY: as above; the pointer has no type for the verifier, so it is only copied from.
        let task = Typed::new(unsafe { generated::bpf_get_current_task() } as *const u8);
        let leader = Typed::new(task.copy::<u64>(Word::TaskLeader) as *const u8);
        let tgid = (helpers::bpf_get_current_pid_tgid() >> 32) as u32;
        let name = (leader.copy(Word::TaskComm), leader.copy_at(Word::TaskComm, 8));
        Self { kthread: is_kernel_thread(task.copy(Word::TaskFlags)), tgid, name }
    }
}

#[inline(always)]
const fn is_kernel_thread(flags: u32) -> bool {
    flags & PF_KTHREAD != 0
}

/// The TCP-capable socket behind a file, null for any other file. Not yet told whether it is TCP.
#[inline(always)]
pub(crate) fn sock_of_file(file: Typed) -> Typed {
    if has(Word::HelperSockFromFile) {
        // SAFETY: the helper checks the file itself and returns null where it is no socket.
        let socket = Typed::new(unsafe { generated::bpf_sock_from_file(file.as_ptr()) });
        if socket.is_null() {
            return socket;
        }
        return socket.follow(Word::SocketSk);
    }
    let magic: u64 = file.follow(Word::FileInode).follow(Word::InodeSuper).load(Word::SuperMagic);
    if magic != SOCKFS_MAGIC {
        return Typed::new(core::ptr::null::<u8>());
    }
    let socket: u64 = file.copy(Word::FilePrivate);
    let sk: u64 = Typed::new(socket as *const u8).copy(Word::SocketSk);
    Typed::new(sk as *const u8)
}
