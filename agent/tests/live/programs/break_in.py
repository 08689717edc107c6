"""Does in a process what one does who has broken into it: calls that a parser of HTTP never needs.

Prints `CALL RESULT`, a line each: what the kernel answered, a negative error number if it refused.
Arguments are zero, so that a call that is let through fails in another way, or does no harm.
"""

import sys

from inject import call

CALLS = {
    "read": 0,  # allowed: it shows that a call does get through
    "open": 2,
    "socket": 41,
    "connect": 42,
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

pid = int(sys.argv[1])
for name, number in CALLS.items():
    # A descriptor that is not open: reading from it is EBADF.
    print(name, call(pid, number, 10_000 if name == "read" else 0), flush=True)
# Memory that can be written and executed: mmap of a page with PROT_READ | WRITE | EXEC.
print("mmap", call(pid, 9, 0, 4096, 7), flush=True)
