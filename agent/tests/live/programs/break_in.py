"""Does in a process what one does who has broken into it: calls that a parser of HTTP never needs.

Prints `CALL RESULT`, a line each: what the kernel answered, a negative error number if it refused.
Arguments are zero, so that a call that is let through fails in another way, or does no harm.
"""

import os
import sys

from inject import call

CALLS = {
    "read": 0,  # allowed: it shows that a call does get through
    "open": 2,
    "socket": 41,
    "connect": 42,
    "setsockopt": 54,
    "clone": 56,
    "execve": 59,
    "kill": 62,
    "ptrace": 101,
    "setuid": 105,
    "prctl": 157,
    "mount": 165,
    "openat": 257,
    "unshare": 272,
    "setns": 308,
    "process_vm_readv": 310,
    "finit_module": 313,
    "memfd_create": 319,
    "bpf": 321,
    "execveat": 322,
    "io_uring_setup": 425,
    "pidfd_open": 434,
    "clone3": 435,
}



def listeners(pid):
    """Its descriptors of Unix sockets that accept connections (`__SO_ACCEPTCON`)."""
    with open("/proc/net/unix") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    accepting = {f"socket:[{row[6]}]" for row in rows if int(row[3], 16) & 0x10000}
    folder = f"/proc/{pid}/fd"
    return [int(fd) for fd in os.listdir(folder) if os.readlink(f"{folder}/{fd}") in accepting]


pid = int(sys.argv[1])
for name, number in CALLS.items():
    # A descriptor that is not open: reading from it is EBADF.
    print(name, call(pid, number, 10_000 if name == "read" else 0), flush=True)
# Memory that can be written and executed: mmap of a page with PROT_READ | WRITE | EXEC.
print("mmap", call(pid, 9, 0, 4096, 7), flush=True)
# A connection by sending with MSG_FASTOPEN; the address only has to be there.
print("sendto", call(pid, 44, 10_000, 0, 0, 0x20000000, 4096, 16), flush=True)
# The end of what it shares with the agent: the listener, and the log.
for shared in [*listeners(pid), 2]:
    print("shutdown", call(pid, 48, shared, 2), flush=True)
