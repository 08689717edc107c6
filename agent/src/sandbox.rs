//! What a child of the agent locks itself into before it meets anything from outside.
//!
//! Used by `http::child` and `lister::child`. Guarantees: after [`enter`] this thread and all that
//! it starts have no capability and cannot get one, open no file, start no program, make no socket,
//! connect none, and call nothing of the kernel that is not listed here. After [`set_apart`] the
//! process ends with the agent, whatever it does itself, and only root may trace it.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use anyhow::Context as _;
use caps::CapSet;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetStatus, Scope,
};
use libc::c_long;
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// Calls for memory, time and the end, which every child needs.
const BASE: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_gettimeofday,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_read,
    libc::SYS_restart_syscall,
    // The standard library's handler of a fault gives the signal its default action back, which
    // ends the process: without that call the fault would come again for ever.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_yield,
    libc::SYS_sigaltstack,
    libc::SYS_write,
    // The log asks whether there is room before it writes.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_ppoll,
];

/// Calls that take a list over.
pub(crate) const LISTER: &[c_long] = &[libc::SYS_recvmsg];

/// Calls that serve connections of a listener that is open already.
pub(crate) const HTTP: &[c_long] = &[
    libc::SYS_accept4,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    // Which of this machine's addresses a client has asked.
    libc::SYS_getsockname,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_shutdown,
    libc::SYS_writev,
];

/// Calls that map memory, and the argument that says for what: never to execute it.
const MAPPING: [(c_long, u8); 2] = [(libc::SYS_mmap, 2), (libc::SYS_mprotect, 2)];

/// The argument of `sendto` with an address. With `MSG_FASTOPEN` it would connect, which Landlock
/// does not see (`tcp_sendmsg_fastopen`, 6.18).
const SENDTO_ADDRESS: u8 = 4;

/// Signals that are for the agent, also where all processes of a service get them, and those by
/// which a terminal stops who writes in the background.
const NOT_FOR_CHILDREN: [Signal; 6] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
];

/// Sets this process apart: it ends when the thread ends that has started it, hears none of
/// [`NOT_FOR_CHILDREN`], and cannot be traced by others of its user.
///
/// # Errors
/// What the kernel says, which does not refuse these.
pub(crate) fn set_apart() -> Result<(), Errno> {
    SigSet::from_iter(NOT_FOR_CHILDREN).thread_block()?;
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    prctl::set_dumpable(false)
}

/// Gives up every capability, then locks this thread in: `calls` are allowed besides [`BASE`], and
/// each other fails with `EPERM`. `shared` are descriptors that others use too, so it cannot shut
/// them down. Returns what the kernel does not have of it.
///
/// # Errors
/// If the filter of calls cannot be had. The thread has no capability then, and Landlock's rules.
pub(crate) fn enter(
    calls: &[c_long],
    shared: &[BorrowedFd<'_>],
) -> anyhow::Result<Option<&'static str>> {
    for set in [CapSet::Ambient, CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
        // Sets can only shrink, which the kernel allows.
        let _ = caps::clear(None, set);
    }
    prctl::set_no_new_privs().context("forbid new privileges")?;
    let lacks = forbid_files().unwrap_or(Some(NO_LANDLOCK));
    let program = filter(calls, shared).context("make the filter of system calls")?;
    seccompiler::apply_filter(&program).context("install the filter of system calls")?;
    Ok(lacks)
}

const NO_LANDLOCK: &str = "the kernel has no Landlock, or it is off: the filter of calls is alone";

/// Forbids every use of the file system, of new TCP ports, and of others' abstract sockets and
/// signals, as far as this kernel's Landlock goes (Linux 5.13, 6.7, 6.12).
fn forbid_files() -> anyhow::Result<Option<&'static str>> {
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V5))?
        .handle_access(AccessNet::from_all(ABI::V4))?
        .scope(Scope::from_all(ABI::V6))?
        .create()?
        .restrict_self()?;
    Ok((status.ruleset == RulesetStatus::NotEnforced).then_some(NO_LANDLOCK))
}

/// Returns the filter that allows these calls.
fn filter(calls: &[c_long], shared: &[BorrowedFd<'_>]) -> anyhow::Result<BpfProgram> {
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> =
        BASE.iter().chain(calls).map(|call| (*call, Vec::new())).collect();
    let executable = u64::try_from(libc::PROT_EXEC)?;
    for (call, argument) in MAPPING {
        let never = SeccompCmpOp::MaskedEq(executable);
        let never = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, never, 0)?;
        rules.insert(call, vec![SeccompRule::new(vec![never])?]);
    }
    let (qword, is) = (SeccompCmpArgLen::Qword, SeccompCmpOp::Eq);
    let none = SeccompCondition::new(SENDTO_ADDRESS, qword, is, 0)?;
    rules.insert(libc::SYS_sendto, vec![SeccompRule::new(vec![none])?]);
    if let Some(shutdown) = rules.get_mut(&libc::SYS_shutdown).filter(|_| !shared.is_empty()) {
        let mut others = Vec::new();
        for descriptor in shared {
            let number = u64::try_from(descriptor.as_raw_fd())?;
            let (dword, is_not) = (SeccompCmpArgLen::Dword, SeccompCmpOp::Ne);
            others.push(SeccompCondition::new(0, dword, is_not, number)?);
        }
        *shutdown = vec![SeccompRule::new(others)?];
    }
    let otherwise = SeccompAction::Errno(u32::try_from(libc::EPERM)?);
    let architecture = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(rules, otherwise, SeccompAction::Allow, architecture)?;
    Ok(filter.try_into()?)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io;
    use std::net::{Shutdown, UdpSocket};
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;
    use std::process::Command;
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    fn denied<T>(what: &str, result: io::Result<T>) {
        let error = result.err().unwrap_or_else(|| panic!("{what} is allowed"));
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{what}: {error}");
    }

    /// A filter holds for a thread: the others of this test go on.
    fn inside(work: impl FnOnce() + Send + 'static) {
        thread::spawn(work).join().unwrap();
    }

    #[test]
    fn inside_nothing_can_be_opened_started_or_connected() {
        inside(|| {
            let (mut here, _there) = UnixStream::pair().unwrap();
            enter(HTTP, &[]).unwrap();
            denied("a file", File::open("/etc/passwd"));
            denied("a directory", std::fs::read_dir("/"));
            denied("a new file", File::create("/tmp/x"));
            denied("a program", Command::new("/bin/true").spawn());
            denied("a thread", thread::Builder::new().spawn(|| ()));
            denied("a socket", std::net::TcpStream::connect("127.0.0.1:1"));
            denied("a pair of sockets", UnixStream::pair());
            denied(
                "a signal",
                nix::sys::signal::kill(nix::unistd::getppid(), None).map_err(Into::into),
            );
            io::Write::write_all(&mut here, b"x").unwrap();
        });
    }

    #[test]
    fn inside_nothing_can_be_connected_by_sending_and_nothing_shared_be_shut_down() {
        inside(|| {
            // As many as an agent can listen on, and the log.
            let all = [(); 17].map(|()| UnixStream::pair().unwrap());
            let (own, _far_too) = UnixStream::pair().unwrap();
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let own_address = socket.local_addr().unwrap();
            enter(HTTP, &all.each_ref().map(|(shared, _far)| shared.as_fd())).unwrap();
            denied("a destination", socket.send_to(b"x", own_address));
            for (shared, _far) in &all {
                denied("the end of a shared socket", shared.shutdown(Shutdown::Both));
            }
            own.shutdown(Shutdown::Both).unwrap();
        });
    }

    #[test]
    fn inside_landlock_alone_no_file_opens() {
        inside(|| {
            if forbid_files().unwrap().is_none() {
                denied("a file", File::open("/etc/passwd"));
                denied("a port", std::net::TcpListener::bind("127.0.0.1:0"));
            }
        });
    }

    #[test]
    fn inside_there_is_no_capability_and_still_memory() {
        let (told, heard) = channel();
        let (seen, wait) = channel::<()>();
        let inside = thread::spawn(move || {
            let id = nix::unistd::gettid();
            enter(LISTER, &[]).unwrap();
            let much = vec![1_u8; 8 << 20];
            told.send((id, much.len())).unwrap();
            // Until it was looked at from outside.
            let _ = wait.recv();
        });
        let (id, _length) = heard.recv().unwrap();
        let status = std::fs::read_to_string(format!("/proc/self/task/{id}/status")).unwrap();
        for line in ["CapPrm:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
            assert!(status.lines().any(|its| its == line), "{line} in\n{status}");
        }
        drop(seen);
        inside.join().unwrap();
    }
}
