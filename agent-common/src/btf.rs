//! Typed pointers into the kernel, and the traits by which the table in `layout` declares members.
//!
//! The kernel side reads every structure through [`KernelPtr`]; the loader finds the members by the
//! names and sizes that stand here. Guarantees, at compile time: a member is read only through a
//! pointer to a structure that has it, and only with the width that the loader compares with the
//! kernel's BTF.

use core::marker::PhantomData;

/// A structure of the kernel.
pub trait Structure {
    /// Its name in the kernel's BTF.
    const NAME: &'static str;
}

/// A structure whose first member is a `T`, so that a pointer to it is a pointer to a `T` too.
pub trait StartsWith<T> {}

impl<S: Structure> StartsWith<S> for S {}

/// Whether the agent can do without an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The state probe cannot work without it.
    Required,
    /// Something degrades without it.
    Optional,
}

/// An entry of the table in [`crate::layout`].
pub trait Entry: Copy {
    /// Its position in the table.
    const INDEX: usize;
    /// Whether the agent can do without it.
    const NEED: Need;
}

/// An entry that is the byte offset of a member.
pub trait Member: Entry {
    /// The structure that has the member.
    type Of: Structure;
    /// The member's value; it has the member's size.
    type Value;
}

/// An entry that is a number: an enumerator, a mask, a count.
pub trait Constant: Entry {}

/// An entry that is the number of a bit in `sk_flags` (`enum sock_flags`).
pub trait SockFlag: Constant {}

/// A way to read values of type `V` from kernel memory.
pub trait Access<V> {
    /// Returns member `M` of the structure at `base`, or zero if it cannot be read.
    fn read<M: Member<Value = V>>(base: *const u8) -> V;
}

/// A pointer to the kernel structure `S`, read by way of `A`.
///
/// A member of the structure, or of one that it starts with, is read with the member's own type:
///
/// ```
/// use agent_common::btf::{Access, KernelPtr, Member, Sock, TaskStruct};
/// use agent_common::layout::{SkErr, SkNum, TaskTgid};
///
/// struct Zero;
/// impl<V: Default> Access<V> for Zero {
///     fn read<M: Member<Value = V>>(_: *const u8) -> V {
///         V::default()
///     }
/// }
/// let sk = KernelPtr::<Sock, Zero>::new(core::ptr::null());
/// let task = KernelPtr::<TaskStruct, Zero>::new(core::ptr::null());
/// let port: u16 = sk.load(SkNum);
/// let err: i32 = sk.load(SkErr);
/// let tgid: u32 = task.load(TaskTgid);
/// assert_eq!((port, err, tgid), (0, 0, 0));
/// ```
///
/// A member of another structure does not compile:
///
/// ```compile_fail,E0277
/// # use agent_common::btf::{Access, KernelPtr, Member, Sock, TaskStruct};
/// # use agent_common::layout::TaskTgid;
/// # struct Zero;
/// # impl<V: Default> Access<V> for Zero {
/// #     fn read<M: Member<Value = V>>(_: *const u8) -> V {
/// #         V::default()
/// #     }
/// # }
/// let sk = KernelPtr::<Sock, Zero>::new(core::ptr::null());
/// let tgid: u32 = sk.load(TaskTgid);
/// ```
///
/// Nor does another width:
///
/// ```compile_fail,E0308
/// # use agent_common::btf::{Access, KernelPtr, Member, Sock};
/// # use agent_common::layout::SkNum;
/// # struct Zero;
/// # impl<V: Default> Access<V> for Zero {
/// #     fn read<M: Member<Value = V>>(_: *const u8) -> V {
/// #         V::default()
/// #     }
/// # }
/// let sk = KernelPtr::<Sock, Zero>::new(core::ptr::null());
/// let port: u32 = sk.load(SkNum);
/// ```
///
/// Nor does a member of the full socket through a pointer that may be a small socket:
///
/// ```compile_fail,E0277
/// # use agent_common::btf::{Access, KernelPtr, Member, SockCommon};
/// # use agent_common::layout::SkErr;
/// # struct Zero;
/// # impl<V: Default> Access<V> for Zero {
/// #     fn read<M: Member<Value = V>>(_: *const u8) -> V {
/// #         V::default()
/// #     }
/// # }
/// let sk = KernelPtr::<SockCommon, Zero>::new(core::ptr::null());
/// let err: i32 = sk.load(SkErr);
/// ```
pub struct KernelPtr<S, A> {
    pointer: *const S,
    access: PhantomData<A>,
}

impl<S, A> Clone for KernelPtr<S, A> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, A> Copy for KernelPtr<S, A> {}

impl<S, A> KernelPtr<S, A> {
    /// Wraps a pointer that the kernel gave; it may be null.
    #[inline(always)]
    #[must_use]
    pub const fn new(pointer: *const S) -> Self {
        Self { pointer, access: PhantomData }
    }

    /// Returns whether the pointer is null.
    #[inline(always)]
    #[must_use]
    pub fn is_null(self) -> bool {
        self.pointer.is_null()
    }

    /// Returns the address: a socket's key while the socket lives.
    #[inline(always)]
    #[must_use]
    pub fn address(self) -> u64 {
        self.pointer as u64
    }

    /// Returns the pointer itself.
    #[inline(always)]
    #[must_use]
    pub const fn as_ptr(self) -> *const S {
        self.pointer
    }

    /// Returns the same pointer as one to the structure that `S` starts with.
    #[inline(always)]
    #[must_use]
    pub const fn upcast<T>(self) -> KernelPtr<T, A>
    where
        S: StartsWith<T>,
    {
        KernelPtr::new(self.pointer.cast())
    }

    /// Returns the member's value, or zero if it cannot be read.
    #[inline(always)]
    #[must_use]
    pub fn load<M>(self, _: M) -> M::Value
    where
        M: Member,
        S: StartsWith<M::Of>,
        A: Access<M::Value>,
    {
        A::read::<M>(self.pointer.cast())
    }

    /// Returns the pointer that the member holds.
    #[inline(always)]
    #[must_use]
    pub fn follow<M, T>(self, member: M) -> KernelPtr<T, A>
    where
        M: Member<Value = *const T>,
        S: StartsWith<M::Of>,
        A: Access<*const T>,
    {
        KernelPtr::new(self.load(member))
    }
}

/// Declares structures: the type, the name in the BTF, the structures that it starts with.
macro_rules! structures {
    ($($(#[$doc:meta])* $name:ident = $kernel:literal $(: $($first:ident)+)?;)+) => { $(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl Structure for $name {
            const NAME: &'static str = $kernel;
        }

        $($(impl StartsWith<$first> for $name {})+)?
    )+ };
}

structures! {
    /// What full sockets and small ones (TIME_WAIT, request sockets) have in common.
    SockCommon = "sock_common";
    /// A full socket.
    Sock = "sock": SockCommon;
    /// A full socket of IPv4 or IPv6.
    InetSock = "inet_sock": Sock SockCommon;
    /// A full socket with connections.
    InetConnectionSock = "inet_connection_sock": InetSock Sock SockCommon;
    /// A full TCP socket.
    TcpSock = "tcp_sock": InetConnectionSock InetSock Sock SockCommon;
    /// A small socket in TIME_WAIT.
    InetTimewaitSock = "inet_timewait_sock": SockCommon;
    /// A local port in use, and the sockets that share it.
    InetBindBucket = "inet_bind_bucket";
    /// A handshake; one that is over holds the child that waits to be accepted.
    RequestSock = "request_sock": SockCommon;
    /// A network namespace.
    Net = "net";
    /// A cgroup.
    Cgroup = "cgroup";
    /// A node of a file system that the kernel makes up, here a cgroup's directory.
    KernfsNode = "kernfs_node";
    /// A packet.
    SkBuff = "sk_buff";
    /// What the control block of a packet in an error queue has.
    SockExterrSkb = "sock_exterr_skb";
    /// What TCP keeps in a packet's control block.
    TcpSkbCb = "tcp_skb_cb";
    /// A thread.
    TaskStruct = "task_struct";
    /// An open file.
    File = "file";
    /// An inode.
    Inode = "inode";
    /// A mounted file system.
    SuperBlock = "super_block";
    /// What a descriptor of a socket refers to.
    Socket = "socket";
    /// What an iterator's program is told of the iteration.
    BpfIterMeta = "bpf_iter_meta";
    /// The output of an iterator.
    SeqFile = "seq_file";
}
